// From Avro to protobuf, by protobuf's reflection. The bytes are read here: avro-c's own reader loses memory over bytes
// that are wrong (1.11), and these are anybody's. Format:
// https://avro.apache.org/docs/1.11.1/specification/#binary-encoding
#include <bit>
#include <limits>
#include <string>
#include <utility>

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

absl::Status Broken() { return absl::DataLossError("the bytes are no such Avro record: they end in it, or are wrong"); }

// What is left of the bytes. Each returns false if it is not there.
struct Cursor {
  std::string_view left;

  bool Take(uint64_t size, std::string_view* bytes) {
    if (size > left.size()) return false;
    *bytes = left.substr(0, size);
    left.remove_prefix(size);
    return true;
  }
  // A zig-zag varint.
  bool TakeLong(int64_t* number) {
    uint64_t bits = 0;
    for (size_t i = 0; i < 10 && i < left.size(); ++i) {
      const auto byte = static_cast<uint8_t>(left[i]);
      bits |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      left.remove_prefix(i + 1);
      *number = static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
      return true;
    }
    return false;
  }
  bool TakeSized(std::string_view* bytes) {
    int64_t size = 0;
    return TakeLong(&size) && size >= 0 && Take(static_cast<uint64_t>(size), bytes);
  }
  // Little-endian, as IEEE 754 has it.
  template <typename Number, typename Bits>
  bool TakeReal(Number* number) {
    std::string_view bytes;
    if (!Take(sizeof(Bits), &bytes)) return false;
    Bits bits = 0;
    for (size_t i = sizeof(Bits); i > 0; --i)
      bits = static_cast<Bits>((bits << 8) | static_cast<uint8_t>(bytes[i - 1]));
    *number = std::bit_cast<Number>(bits);
    return true;
  }
};

// Reads a value of that schema into `to`, or past it if that is null.
absl::Status Read(avro_schema_t schema, Cursor* from, const Target* to);
absl::Status ReadRecord(avro_schema_t schema, Cursor* from, Message* message);

// Blocks of items, of maps with a key before each, until one that is empty. Each item takes a byte at least, so that
// there are no more of them than bytes.
template <typename ReadItem>
absl::Status ReadBlocks(Cursor* from, const ReadItem& read_item) {
  while (true) {
    int64_t count = 0, bytes = 0;
    if (!from->TakeLong(&count)) return Broken();
    if (count == 0) return absl::OkStatus();
    // A negative count has the block's size behind it.
    if (count < 0 && !from->TakeLong(&bytes)) return Broken();
    const uint64_t items = count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
    for (uint64_t i = 0; i < items; ++i) {
      if (absl::Status read = read_item(); !read.ok()) return read;
    }
  }
}

absl::Status ReadArray(avro_schema_t schema, Cursor* from, const Target* to) {
  if (to != nullptr && (!to->field->is_repeated() || to->field->is_map())) return Misfit(*to->field);
  const avro_schema_t items = avro_schema_array_items(schema);
  return ReadBlocks(from, [&] { return Read(items, from, to); });
}

absl::Status ReadMap(avro_schema_t schema, Cursor* from, const Target* to) {
  const avro_schema_t values = avro_schema_map_values(schema);
  if (to != nullptr &&
      (!to->field->is_map() || to->field->message_type()->map_key()->type() != FieldDescriptor::TYPE_STRING)) {
    return Misfit(*to->field);
  }
  return ReadBlocks(from, [&]() -> absl::Status {
    std::string_view key;
    if (!from->TakeSized(&key)) return Broken();
    if (to == nullptr) return Read(values, from, nullptr);
    Message* const entry = to->NewMessage();
    const Target to_key{entry, to->field->message_type()->map_key()};
    const Target to_value{entry, to->field->message_type()->map_value()};
    if (absl::Status put = PutText(to_key, std::string(key), false); !put.ok()) return put;
    return Read(values, from, &to_value);
  });
}

absl::Status ReadUnion(avro_schema_t schema, Cursor* from, const Target* to) {
  int64_t branch = 0;
  if (!from->TakeLong(&branch) || branch < 0 || branch >= static_cast<int64_t>(avro_schema_union_size(schema))) {
    return Broken();
  }
  const avro_schema_t chosen = avro_schema_union_branch(schema, static_cast<int>(branch));
  // Of a list, or of a message, that may be absent nothing is there.
  return is_avro_null(chosen) ? absl::OkStatus() : Read(chosen, from, to);
}

absl::Status ReadBoolean(Cursor* from, const Target* to) {
  std::string_view byte;
  if (!from->Take(1, &byte) || static_cast<uint8_t>(byte[0]) > 1) return Broken();
  if (to == nullptr) return absl::OkStatus();
  if (to->field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) return Misfit(*to->field);
  return to->Put(&Reflection::SetBool, &Reflection::AddBool, byte[0] != 0);
}

absl::Status ReadNumber(avro_schema_t schema, Cursor* from, const Target* to) {
  int64_t number = 0;
  if (!from->TakeLong(&number)) return Broken();
  if (is_avro_int32(schema) && number != static_cast<int32_t>(number)) return Broken();
  return to == nullptr ? absl::OkStatus() : PutNumber(*to, number);
}

absl::Status ReadReal(avro_schema_t schema, Cursor* from, const Target* to) {
  double number = 0;
  float small = 0;
  if (is_avro_double(schema) ? !from->TakeReal<double, uint64_t>(&number) : !from->TakeReal<float, uint32_t>(&small)) {
    return Broken();
  }
  if (is_avro_float(schema)) number = static_cast<double>(small);
  return to == nullptr ? absl::OkStatus() : PutReal(*to, number);
}

absl::Status ReadText(avro_schema_t schema, Cursor* from, const Target* to) {
  std::string_view bytes;
  if (is_avro_enum(schema)) {
    int64_t index = 0;
    if (!from->TakeLong(&index) || index < 0 || index >= avro_schema_enum_number_of_symbols(schema)) return Broken();
    bytes = avro_schema_enum_get(schema, static_cast<int>(index));
  } else if (is_avro_fixed(schema)) {
    if (!from->Take(static_cast<uint64_t>(avro_schema_fixed_size(schema)), &bytes)) return Broken();
  } else if (!from->TakeSized(&bytes)) {
    return Broken();
  }
  const bool is_bytes = is_avro_bytes(schema) || is_avro_fixed(schema);
  return to == nullptr ? absl::OkStatus() : PutText(*to, std::string(bytes), is_bytes);
}

absl::Status Read(avro_schema_t schema, Cursor* from, const Target* to) {
  switch (avro_typeof(schema)) {
    case AVRO_NULL:
      return to != nullptr && to->field->is_repeated() ? Misfit(*to->field) : absl::OkStatus();
    case AVRO_LINK:
      return Read(avro_schema_link_target(schema), from, to);
    case AVRO_UNION:
      return ReadUnion(schema, from, to);
    case AVRO_BOOLEAN:
      return ReadBoolean(from, to);
    case AVRO_INT32:
    case AVRO_INT64:
      return ReadNumber(schema, from, to);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
      return ReadReal(schema, from, to);
    case AVRO_STRING:
    case AVRO_BYTES:
    case AVRO_FIXED:
    case AVRO_ENUM:
      return ReadText(schema, from, to);
    case AVRO_ARRAY:
      return ReadArray(schema, from, to);
    case AVRO_MAP:
      return ReadMap(schema, from, to);
    case AVRO_RECORD:
      if (to == nullptr) return ReadRecord(schema, from, nullptr);
      if (to->field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || to->field->is_map()) return Misfit(*to->field);
      return ReadRecord(schema, from, to->NewMessage());
    default:
      return absl::FailedPreconditionError("the schema has a type that is not known");
  }
}

absl::Status ReadRecord(avro_schema_t schema, Cursor* from, Message* message) {
  for (size_t i = 0; i < avro_schema_record_size(schema); ++i) {
    const avro_schema_t type = avro_schema_record_field_get_by_index(schema, static_cast<int>(i));
    const char* const name = avro_schema_record_field_name(schema, static_cast<int>(i));
    const Target to{message, message == nullptr ? nullptr : message->GetDescriptor()->FindFieldByName(name)};
    const bool is_wanted = to.field != nullptr;
    // One value where a list is expected is another schema's.
    const bool may_be_many = is_avro_array(type) || is_avro_map(type) || is_avro_union(type);
    if (is_wanted && to.field->is_repeated() && !may_be_many) return Misfit(*to.field);
    if (absl::Status read = Read(type, from, is_wanted ? &to : nullptr); !read.ok()) return read;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AvroToMessage(avro_schema_t record, std::string_view bytes, Message* message) {
  Cursor cursor{bytes};
  return ReadRecord(record, &cursor, message);
}

}  // namespace once::internal
