// From Avro to protobuf, by protobuf's reflection.
#include <limits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "processor/base/strings.h"
#include "processor/schema/avro_message.h"

namespace once::internal {

namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

absl::Status Misfit(const FieldDescriptor& field) {
  return absl::InvalidArgumentError(
      absl::StrCat("the Avro value of \"", field.name(), "\" does not fit the field's type, ", field.type_name()));
}

// Sets or adds, as the field has it.
struct Target {
  Message* message;
  const FieldDescriptor* field;

  const Reflection& reflection() const { return *message->GetReflection(); }
  template <typename Value>
  absl::Status Put(void (Reflection::*set)(Message*, const FieldDescriptor*, Value) const,
                   void (Reflection::*add)(Message*, const FieldDescriptor*, Value) const, Value value) const {
    (reflection().*(field->is_repeated() ? add : set))(message, field, std::move(value));
    return absl::OkStatus();
  }
  Message* NewMessage() const {
    return field->is_repeated() ? reflection().AddMessage(message, field) : reflection().MutableMessage(message, field);
  }
};

absl::Status PutNumber(const Target& to, int64_t number) {
  switch (to.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return to.Put(&Reflection::SetInt64, &Reflection::AddInt64, number);
    case FieldDescriptor::CPPTYPE_INT32:
      if (number < std::numeric_limits<int32_t>::min() || number > std::numeric_limits<int32_t>::max()) break;
      return to.Put(&Reflection::SetInt32, &Reflection::AddInt32, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_UINT64:
      if (number < 0) break;
      return to.Put(&Reflection::SetUInt64, &Reflection::AddUInt64, static_cast<uint64_t>(number));
    case FieldDescriptor::CPPTYPE_UINT32:
      if (number < 0 || number > std::numeric_limits<uint32_t>::max()) break;
      return to.Put(&Reflection::SetUInt32, &Reflection::AddUInt32, static_cast<uint32_t>(number));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return to.Put(&Reflection::SetDouble, &Reflection::AddDouble, static_cast<double>(number));
    default:
      break;
  }
  return Misfit(*to.field);
}

absl::Status PutReal(const Target& to, double number) {
  if (to.field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    return to.Put(&Reflection::SetDouble, &Reflection::AddDouble, number);
  }
  if (to.field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return to.Put(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(number));
  }
  return Misfit(*to.field);
}

absl::Status PutText(const Target& to, std::string text, bool is_bytes) {
  if (to.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const EnumValueDescriptor* const value = to.field->enum_type()->FindValueByName(text);
    if (value == nullptr || is_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", Printable(text), "\" is no ", to.field->enum_type()->full_name()));
    }
    return to.Put<const EnumValueDescriptor*>(&Reflection::SetEnum, &Reflection::AddEnum, value);
  }
  if (to.field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return Misfit(*to.field);
  if (to.field->type() == FieldDescriptor::TYPE_STRING && !IsValidUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat("the Avro value of \"", to.field->name(), "\" is no UTF-8"));
  }
  return to.Put<std::string>(&Reflection::SetString, &Reflection::AddString, std::move(text));
}

absl::Status Put(avro_value_t* value, const Target& to);

absl::Status PutArray(avro_value_t* value, const Target& to) {
  if (!to.field->is_repeated() || to.field->is_map()) return Misfit(*to.field);
  size_t size = 0;
  avro_value_get_size(value, &size);
  for (size_t i = 0; i < size; ++i) {
    avro_value_t item;
    if (avro_value_get_by_index(value, i, &item, nullptr) != 0) return Misfit(*to.field);
    if (absl::Status put = Put(&item, to); !put.ok()) return put;
  }
  return absl::OkStatus();
}

absl::Status PutMap(avro_value_t* value, const Target& to) {
  const FieldDescriptor& field = *to.field;
  if (!field.is_map() || field.message_type()->map_key()->type() != FieldDescriptor::TYPE_STRING) return Misfit(field);
  size_t size = 0;
  avro_value_get_size(value, &size);
  for (size_t i = 0; i < size; ++i) {
    avro_value_t item;
    const char* key = nullptr;
    if (avro_value_get_by_index(value, i, &item, &key) != 0) return Misfit(field);
    Message* const entry = to.NewMessage();
    if (absl::Status put = PutText({entry, field.message_type()->map_key()}, key, false); !put.ok()) return put;
    if (absl::Status put = Put(&item, {entry, field.message_type()->map_value()}); !put.ok()) return put;
  }
  return absl::OkStatus();
}

// The bytes of a string, without the NUL that Avro counts along, of bytes, or of a fixed.
absl::Status PutBytes(avro_value_t* value, const Target& to) {
  const void* bytes = nullptr;
  size_t size = 0;
  const avro_type_t type = avro_value_get_type(value);
  if (type == AVRO_STRING) {
    const char* text = nullptr;
    avro_value_get_string(value, &text, &size);
    bytes = text;
    if (size > 0) --size;
  } else if (type == AVRO_BYTES) {
    avro_value_get_bytes(value, &bytes, &size);
  } else {
    avro_value_get_fixed(value, &bytes, &size);
  }
  std::string copy = size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
  return PutText(to, std::move(copy), type != AVRO_STRING);
}

absl::Status Put(avro_value_t* value, const Target& to) {
  switch (avro_value_get_type(value)) {
    case AVRO_NULL:
      return to.field->is_repeated() && !to.field->is_map() ? Misfit(*to.field) : absl::OkStatus();
    case AVRO_UNION: {
      avro_value_t branch;
      if (avro_value_get_current_branch(value, &branch) != 0) return Misfit(*to.field);
      // Of a list that may be absent nothing is there.
      if (avro_value_get_type(&branch) == AVRO_NULL) return absl::OkStatus();
      return Put(&branch, to);
    }
    case AVRO_BOOLEAN: {
      int truth = 0;
      avro_value_get_boolean(value, &truth);
      if (to.field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) return Misfit(*to.field);
      return to.Put(&Reflection::SetBool, &Reflection::AddBool, truth != 0);
    }
    case AVRO_INT32: {
      int32_t number = 0;
      avro_value_get_int(value, &number);
      return PutNumber(to, number);
    }
    case AVRO_INT64: {
      int64_t number = 0;
      avro_value_get_long(value, &number);
      return PutNumber(to, number);
    }
    case AVRO_FLOAT: {
      float number = 0;
      avro_value_get_float(value, &number);
      return PutReal(to, static_cast<double>(number));
    }
    case AVRO_DOUBLE: {
      double number = 0;
      avro_value_get_double(value, &number);
      return PutReal(to, number);
    }
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED:
      return PutBytes(value, to);
    case AVRO_ENUM: {
      int index = 0;
      avro_value_get_enum(value, &index);
      const char* const name = avro_schema_enum_get(avro_value_get_schema(value), index);
      return name == nullptr ? Misfit(*to.field) : PutText(to, name, false);
    }
    case AVRO_ARRAY:
      return PutArray(value, to);
    case AVRO_MAP:
      return PutMap(value, to);
    case AVRO_RECORD:
      if (to.field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || to.field->is_map()) return Misfit(*to.field);
      return AvroToMessage(value, to.NewMessage());
    default:
      return Misfit(*to.field);
  }
}

}  // namespace

absl::Status AvroToMessage(avro_value_t* record, Message* message) {
  size_t size = 0;
  avro_value_get_size(record, &size);
  for (size_t i = 0; i < size; ++i) {
    avro_value_t value;
    const char* name = nullptr;
    if (avro_value_get_by_index(record, i, &value, &name) != 0) return absl::DataLossError("the record is broken");
    const FieldDescriptor* const field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) continue;
    const avro_type_t type = avro_value_get_type(&value);
    // One value where a list is expected is another schema's.
    const bool may_be_many = type == AVRO_ARRAY || type == AVRO_MAP || type == AVRO_UNION;
    if (field->is_repeated() && !may_be_many) return Misfit(*field);
    if (absl::Status put = Put(&value, {message, field}); !put.ok()) return put;
  }
  return absl::OkStatus();
}

}  // namespace once::internal
