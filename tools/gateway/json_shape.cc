#include "tools/gateway/json_shape.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

absl::Status Wrong(const std::string& path, const char* wanted, const Json& json) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": is to be ", wanted, ", not ", json.type_name()));
}

absl::Status CheckMessage(const Descriptor& type, const Json& json, const std::string& path);

absl::Status CheckOne(const FieldDescriptor& field, const Json& json, const std::string& path) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return CheckMessage(*field.message_type(), json, path);
    case FieldDescriptor::CPPTYPE_BOOL:
      return json.is_boolean() ? absl::OkStatus() : Wrong(path, "true or false", json);
    case FieldDescriptor::CPPTYPE_STRING:
      return json.is_string() ? absl::OkStatus() : Wrong(path, "a string", json);
    case FieldDescriptor::CPPTYPE_ENUM:
      if (json.is_string() || json.is_number_integer()) return absl::OkStatus();
      // google.protobuf.NullValue.
      return json.is_null() ? absl::OkStatus() : Wrong(path, "the name or number of an enum's value", json);
    default:
      return json.is_number() || json.is_string() ? absl::OkStatus() : Wrong(path, "a number", json);
  }
}

absl::Status CheckField(const FieldDescriptor& field, const Json& json, const std::string& path) {
  // It stands for a field that is not set.
  if (json.is_null()) return absl::OkStatus();
  if (field.is_map()) {
    if (!json.is_object()) return Wrong(path, "an object", json);
    for (const auto& entry : json.items()) {
      const std::string where = absl::StrCat(path, "[\"", Printable(entry.key()), "\"]");
      const absl::Status checked = CheckOne(*field.message_type()->field(1), entry.value(), where);
      if (!checked.ok()) return checked;
    }
    return absl::OkStatus();
  }
  if (!field.is_repeated()) return CheckOne(field, json, path);
  if (!json.is_array()) return Wrong(path, "a list", json);
  for (size_t i = 0; i < json.size(); ++i) {
    const absl::Status checked = CheckOne(field, json[i], absl::StrCat(path, "[", i, "]"));
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
  if (const FieldDescriptor* const field = type.FindFieldByName(name); field != nullptr) return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

absl::Status CheckMessage(const Descriptor& type, const Json& json, const std::string& path) {
  if (absl::StartsWith(type.full_name(), "google.protobuf.")) return absl::OkStatus();
  if (!json.is_object()) return Wrong(path.empty() ? "it" : path, "an object", json);
  for (const auto& member : json.items()) {
    const FieldDescriptor* const field = FindField(type, member.key());
    if (field == nullptr) continue;
    const std::string where = path.empty() ? member.key() : absl::StrCat(path, ".", member.key());
    if (absl::Status checked = CheckField(*field, member.value(), where); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckShape(const Descriptor& type, const Json& json) { return CheckMessage(type, json, ""); }

}  // namespace once::gateway
