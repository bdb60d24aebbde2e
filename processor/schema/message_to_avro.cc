// From protobuf to Avro: what the schema has is written, and must be there.
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "processor/schema/avro_message.h"

namespace once::internal {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// One value of a message: a field's, or one of a list.
struct Origin {
  const Message* message;
  const FieldDescriptor* field;
  int index = -1;

  const Reflection& reflection() const { return *message->GetReflection(); }
  bool is_list() const { return field->is_repeated() && index < 0; }
  bool is_absent() const {
    if (index >= 0) return false;
    if (field->is_repeated()) return reflection().FieldSize(*message, field) == 0;
    return field->has_presence() && !reflection().HasField(*message, field);
  }
  template <typename Value>
  Value Get(Value (Reflection::*one)(const Message&, const FieldDescriptor*) const,
            Value (Reflection::*of_list)(const Message&, const FieldDescriptor*, int) const) const {
    return index < 0 ? (reflection().*one)(*message, field) : (reflection().*of_list)(*message, field, index);
  }
  const Message& GetMessage() const {
    return index < 0 ? reflection().GetMessage(*message, field)
                     : reflection().GetRepeatedMessage(*message, field, index);
  }
  std::string GetText() const {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      return Get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name();
    }
    return Get(&Reflection::GetString, &Reflection::GetRepeatedString);
  }
};

absl::Status Misfit(const Origin& from, const avro_value_t& to) {
  return absl::InvalidArgumentError(absl::StrCat("the field \"", from.field->name(), "\", of type ",
                                                 from.field->type_name(), ", does not fit the schema's type ",
                                                 avro_schema_type_name(avro_value_get_schema(&to))));
}

absl::Status Done(int result, const Origin& from, const avro_value_t& to) {
  return result == 0 ? absl::OkStatus() : Misfit(from, to);
}

// Whether it is a whole number that an int64 holds.
bool NumberOf(const Origin& from, int64_t* number) {
  switch (from.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      *number = from.Get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      *number = from.Get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      *number = from.Get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
      break;
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t value = from.Get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
      *number = static_cast<int64_t>(value);
      break;
    }
    default:
      return false;
  }
  return true;
}

absl::Status PutReal(const Origin& from, avro_value_t* to) {
  double number = 0;
  int64_t whole = 0;
  if (from.field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    number = from.Get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble);
  } else if (from.field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    number = static_cast<double>(from.Get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
  } else if (NumberOf(from, &whole)) {
    number = static_cast<double>(whole);
  } else {
    return Misfit(from, *to);
  }
  const bool is_double = avro_value_get_type(to) == AVRO_DOUBLE;
  return Done(is_double ? avro_value_set_double(to, number) : avro_value_set_float(to, static_cast<float>(number)),
              from, *to);
}

absl::Status PutText(const Origin& from, avro_value_t* to) {
  const bool is_enum = from.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
  if (!is_enum && from.field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return Misfit(from, *to);
  std::string text = from.GetText();
  switch (avro_value_get_type(to)) {
    case AVRO_STRING:
      return Done(avro_value_set_string_len(to, text.c_str(), text.size() + 1), from, *to);
    case AVRO_ENUM: {
      const int index = avro_schema_enum_get_by_name(avro_value_get_schema(to), text.c_str());
      if (index < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("the schema's enum for \"", from.field->name(), "\" has no ", text));
      }
      return Done(avro_value_set_enum(to, index), from, *to);
    }
    case AVRO_BYTES:
      if (is_enum) return Misfit(from, *to);
      return Done(avro_value_set_bytes(to, text.data(), text.size()), from, *to);
    default:
      if (is_enum || static_cast<int64_t>(text.size()) != avro_schema_fixed_size(avro_value_get_schema(to))) {
        return Misfit(from, *to);
      }
      return Done(avro_value_set_fixed(to, text.data(), text.size()), from, *to);
  }
}

absl::Status Put(const Origin& from, avro_value_t* to);

absl::Status PutList(const Origin& from, avro_value_t* to) {
  const bool is_map = avro_value_get_type(to) == AVRO_MAP;
  if (!from.is_list() || from.field->is_map() != is_map) return Misfit(from, *to);
  const int size = from.reflection().FieldSize(*from.message, from.field);
  for (int i = 0; i < size; ++i) {
    avro_value_t item;
    Origin value{from.message, from.field, i};
    if (is_map) {
      const Message& entry = value.GetMessage();
      const Origin key{&entry, from.field->message_type()->map_key()};
      if (key.field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return Misfit(from, *to);
      if (avro_value_add(to, key.GetText().c_str(), &item, nullptr, nullptr) != 0) return Misfit(from, *to);
      value = {&entry, from.field->message_type()->map_value()};
    } else if (avro_value_append(to, &item, nullptr) != 0) {
      return Misfit(from, *to);
    }
    if (absl::Status put = Put(value, &item); !put.ok()) return put;
  }
  return absl::OkStatus();
}

// Null if nothing is there and the union has it, else the first branch that the value fits.
absl::Status PutUnion(const Origin& from, avro_value_t* to) {
  const avro_schema_t schema = avro_value_get_schema(to);
  const auto branches = static_cast<int>(avro_schema_union_size(schema));
  absl::Status result = Misfit(from, *to);
  for (const bool wants_null : {true, false}) {
    for (int i = 0; i < branches; ++i) {
      const bool is_null = is_avro_null(avro_schema_union_branch(schema, i));
      if (is_null != wants_null || (is_null && !from.is_absent())) continue;
      avro_value_t branch;
      if (avro_value_set_branch(to, i, &branch) != 0) return Misfit(from, *to);
      if (is_null) return Done(avro_value_set_null(&branch), from, *to);
      if (result = Put(from, &branch); result.ok()) return result;
    }
  }
  return result;
}

absl::Status Put(const Origin& from, avro_value_t* to) {
  const avro_type_t type = avro_value_get_type(to);
  if (type == AVRO_UNION) return PutUnion(from, to);
  if (type == AVRO_ARRAY || type == AVRO_MAP) return PutList(from, to);
  if (from.is_list()) return Misfit(from, *to);
  switch (type) {
    case AVRO_BOOLEAN:
      if (from.field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) return Misfit(from, *to);
      return Done(avro_value_set_boolean(to, from.Get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? 1 : 0),
                  from, *to);
    case AVRO_INT32:
    case AVRO_INT64: {
      int64_t number = 0;
      if (!NumberOf(from, &number)) return Misfit(from, *to);
      if (type == AVRO_INT64) return Done(avro_value_set_long(to, number), from, *to);
      if (number != static_cast<int32_t>(number)) return Misfit(from, *to);
      return Done(avro_value_set_int(to, static_cast<int32_t>(number)), from, *to);
    }
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
      return PutReal(from, to);
    case AVRO_STRING:
    case AVRO_ENUM:
    case AVRO_BYTES:
    case AVRO_FIXED:
      return PutText(from, to);
    case AVRO_RECORD:
      if (from.field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return Misfit(from, *to);
      return MessageToAvro(from.GetMessage(), to);
    default:
      return Misfit(from, *to);
  }
}

bool MayBeNull(avro_schema_t schema) {
  if (is_avro_null(schema)) return true;
  if (!is_avro_union(schema)) return false;
  for (size_t i = 0; i < avro_schema_union_size(schema); ++i) {
    if (is_avro_null(avro_schema_union_branch(schema, static_cast<int>(i)))) return true;
  }
  return false;
}

absl::Status PutNull(avro_value_t* to) {
  if (avro_value_get_type(to) == AVRO_NULL) {
    avro_value_set_null(to);
    return absl::OkStatus();
  }
  const avro_schema_t schema = avro_value_get_schema(to);
  for (size_t i = 0; i < avro_schema_union_size(schema); ++i) {
    avro_value_t branch;
    if (!is_avro_null(avro_schema_union_branch(schema, static_cast<int>(i)))) continue;
    avro_value_set_branch(to, static_cast<int>(i), &branch);
    avro_value_set_null(&branch);
    break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MessageToAvro(const Message& message, avro_value_t* record) {
  size_t size = 0;
  avro_value_get_size(record, &size);
  for (size_t i = 0; i < size; ++i) {
    avro_value_t value;
    const char* name = nullptr;
    if (avro_value_get_by_index(record, i, &value, &name) != 0) return absl::InternalError("the record is broken");
    const FieldDescriptor* const field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) {
      if (!MayBeNull(avro_value_get_schema(&value))) {
        return absl::FailedPreconditionError(absl::StrCat("the schema's field \"", name,
                                                          "\", which may not be null, is no field of ",
                                                          message.GetDescriptor()->full_name()));
      }
      if (absl::Status put = PutNull(&value); !put.ok()) return put;
    } else if (absl::Status put = Put({&message, field}, &value); !put.ok()) {
      return put;
    }
  }
  return absl::OkStatus();
}

}  // namespace once::internal
