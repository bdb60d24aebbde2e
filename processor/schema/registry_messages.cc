// Registries differ in what they leave away: a type is AVRO, references are none, a reason is not said.
#include "processor/schema/registry_messages.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::internal {

namespace {

using Json = nlohmann::json;

// An object; null if the text is none.
Json Parse(const std::string& body) {
  if (!IsShallowJson(body)) return Json();
  Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json();
}

std::optional<std::string> TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<int32_t> NumberOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  // A number above int64's is kept as unsigned, and would come out negative.
  if (found->is_number_unsigned() && found->get<uint64_t>() > std::numeric_limits<int32_t>::max()) return std::nullopt;
  const auto number = found->get<int64_t>();
  if (number < 0 || number > std::numeric_limits<int32_t>::max()) return std::nullopt;
  return static_cast<int32_t>(number);
}

absl::Status Lacks(const char* what) {
  return absl::DataLossError(absl::StrCat("the registry's answer lacks \"", what, "\""));
}

absl::StatusOr<Schema> SchemaOf(const Json& object) {
  Schema schema;
  std::optional<std::string> text = TextOf(object, "schema");
  if (!text.has_value()) return Lacks("schema");
  schema.text = *std::move(text);
  const std::string type = TextOf(object, "schemaType").value_or("AVRO");
  if (type == "PROTOBUF") {
    schema.type = SchemaType::kProtobuf;
  } else if (type == "JSON") {
    schema.type = SchemaType::kJson;
  } else if (type != "AVRO") {
    return absl::DataLossError(absl::StrCat("the registry's answer has a schema of type \"", type, "\""));
  }
  const auto references = object.find("references");
  if (references == object.end() || !references->is_array()) return schema;
  for (const Json& each : *references) {
    if (!each.is_object()) return Lacks("references");
    std::optional<std::string> name = TextOf(each, "name");
    std::optional<std::string> subject = TextOf(each, "subject");
    const std::optional<int32_t> version = NumberOf(each, "version");
    if (!name.has_value() || !subject.has_value() || !version.has_value()) return Lacks("references");
    schema.references.push_back({.name = *std::move(name), .subject = *std::move(subject), .version = *version});
  }
  return schema;
}

}  // namespace

bool IsShallowJson(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

std::string SchemaBody(const Schema& schema) {
  Json body = {{"schema", schema.text}};
  // Older registries know no other type, nor that there are types.
  if (schema.type != SchemaType::kAvro) body["schemaType"] = SchemaTypeName(schema.type);
  for (const SchemaReference& each : schema.references) {
    body["references"].push_back({{"name", each.name}, {"subject", each.subject}, {"version", each.version}});
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Schema> ReadSchema(const std::string& body) { return SchemaOf(Parse(body)); }

absl::StatusOr<SubjectVersion> ReadSubjectVersion(const std::string& body) {
  const Json object = Parse(body);
  SubjectVersion found;
  absl::StatusOr<Schema> schema = SchemaOf(object);
  if (!schema.ok()) return schema.status();
  found.schema = *std::move(schema);
  const std::optional<int32_t> id = NumberOf(object, "id");
  const std::optional<int32_t> version = NumberOf(object, "version");
  if (!id.has_value()) return Lacks("id");
  if (!version.has_value()) return Lacks("version");
  found.subject = TextOf(object, "subject").value_or("");
  found.id = *id;
  found.version = *version;
  return found;
}

absl::StatusOr<int32_t> ReadId(const std::string& body) {
  const std::optional<int32_t> id = NumberOf(Parse(body), "id");
  if (!id.has_value()) return Lacks("id");
  return *id;
}

absl::StatusOr<Compatibility> ReadCompatibility(const std::string& body) {
  const Json object = Parse(body);
  const auto found = object.find("is_compatible");
  if (found == object.end() || !found->is_boolean()) return Lacks("is_compatible");
  Compatibility answer{.is_compatible = found->get<bool>()};
  // Confluent's has a list of them, Apicurio's one or none.
  answer.why = TextOf(object, "reason").value_or("");
  if (const auto messages = object.find("messages"); messages != object.end() && messages->is_array()) {
    for (const Json& each : *messages) {
      if (each.is_string()) absl::StrAppend(&answer.why, answer.why.empty() ? "" : "; ", each.get<std::string>());
    }
  }
  return answer;
}

RegistryError ReadError(const std::string& body) {
  const Json object = Parse(body);
  RegistryError error;
  error.code = NumberOf(object, "error_code").value_or(0);
  error.message = TextOf(object, "message").value_or("");
  return error;
}

}  // namespace once::internal

namespace once {

const char* SchemaTypeName(SchemaType type) {
  switch (type) {
    case SchemaType::kAvro:
      return "AVRO";
    case SchemaType::kJson:
      return "JSON";
    case SchemaType::kProtobuf:
      return "PROTOBUF";
  }
  return "";
}

}  // namespace once
