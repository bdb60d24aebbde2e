// Whether answers are what the description says.
#ifndef ONCE_TESTS_HTTP_DESCRIBED_H_
#define ONCE_TESTS_HTTP_DESCRIBED_H_

#include <nlohmann/json.hpp>
#include <string>

#include "gtest/gtest.h"

namespace once::http {

// Whether `value` is what `schema` describes; `where` says which part is not. `all` is the whole description.
inline void CheckSchema(const nlohmann::json& all, const nlohmann::json& schema, const nlohmann::json& value,
                        const std::string& where) {
  using nlohmann::json;
  if (value.is_null()) {
    EXPECT_TRUE(schema.value("nullable", false)) << where;
    return;
  }
  if (schema.contains("allOf")) return CheckSchema(all, schema["allOf"][0], value, where);
  if (schema.contains("$ref")) {
    const std::string reference = schema["$ref"];
    return CheckSchema(all, all.at(json::json_pointer(reference.substr(1))), value, where);
  }
  // Whatever it is.
  if (!schema.contains("type")) return;
  const std::string type = schema.at("type");
  if (type == "array") {
    ASSERT_TRUE(value.is_array()) << where;
    for (const json& each : value) CheckSchema(all, schema["items"], each, where + "[]");
  } else if (type == "object") {
    ASSERT_TRUE(value.is_object()) << where;
    if (!schema.contains("properties")) return;
    for (const auto& [name, each] : value.items()) {
      ASSERT_TRUE(schema["properties"].contains(name)) << where << "." << name << " is not described";
      CheckSchema(all, schema["properties"][name], each, where + "." + name);
    }
    for (const json& name : schema.value("required", json::array())) {
      EXPECT_TRUE(value.contains(name)) << where << "." << name << " is missing";
    }
  } else if (type == "integer") {
    EXPECT_TRUE(value.is_number_integer()) << where;
  } else if (type == "number") {
    EXPECT_TRUE(value.is_number()) << where;
  } else {
    EXPECT_TRUE(type == "boolean" ? value.is_boolean() : value.is_string()) << where;
  }
}

// Whether what `method` of `path` was answered with is described, and as described.
inline void CheckAnswer(const nlohmann::json& all, const std::string& path, const std::string& method, int status,
                        const std::string& content_type, const std::string& body) {
  using nlohmann::json;
  ASSERT_TRUE(all["paths"].contains(path) && all["paths"][path].contains(method)) << method << " " << path;
  const json& responses = all["paths"][path][method]["responses"];
  ASSERT_TRUE(responses.contains(std::to_string(status))) << method << " " << path << " answers " << status << body;
  const json& content = responses[std::to_string(status)]["content"];
  const std::string type = content_type.substr(0, content_type.find(';'));
  ASSERT_TRUE(content.contains(type)) << path << " answers " << content_type;
  if (type != "application/json") return;
  const json answer = json::parse(body, nullptr, false);
  ASSERT_FALSE(answer.is_discarded()) << path << " answers " << body;
  CheckSchema(all, content[type]["schema"], answer, path);
}

}  // namespace once::http

#endif  // ONCE_TESTS_HTTP_DESCRIBED_H_
