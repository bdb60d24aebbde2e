#include "tools/gateway/openapi.h"

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "processor/base/strings.h"
#include "tools/gateway/guard.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {

Json Ref(const char* schema) { return {{"$ref", std::string("#/components/schemas/") + schema}}; }
Json Type(const char* type) { return {{"type", type}}; }
Json ListOf(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
Json Object(Json properties, std::initializer_list<const char*> required = {}) {
  Json object = {{"type", "object"}, {"properties", std::move(properties)}};
  if (required.size() > 0) object["required"] = Json(required);
  return object;
}
Json OneOf(std::initializer_list<const char*> words) { return {{"type", "string"}, {"enum", Json(words)}}; }

Json Schemas() {
  const Json text = Type("string");
  const Json number = Type("integer");
  Json key_type = OneOf({"string", "bytes", "int32", "int64", "double"});
  Json event = Object({{"topic", text},
                       {"key", {{"description", "A string or a number; see key_type."}, {"nullable", true}}},
                       {"key_type", key_type},
                       {"type", {{"type", "string"}, {"description", "The value's protobuf type, by its full name."}}},
                       {"value", {{"description", "JSON of that type; null is a tombstone."}, {"nullable", true}}},
                       {"value_text", text},
                       {"value_base64", text},
                       {"headers", {{"type", "object"}, {"additionalProperties", text}}},
                       {"event_id", text},
                       {"source", text},
                       {"partition", number},
                       {"timestamp_ms", number}},
                      {"topic"});
  event["additionalProperties"] = false;
  const Json sent = ListOf(Object({{"topic", text}, {"event_id", text}}));
  return {
      {"Error", Object({{"error", text}, {"outcome", OneOf({"committed", "not committed", "unknown"})}}, {"error"})},
      {"Event", event},
      {"Transaction", Object({{"events", ListOf(Ref("Event"))}}, {"events"})},
      {"Begin", Object({{"timeout_ms", number}})},
      {"Begun", Object({{"transaction_id", text}, {"timeout_ms", number}})},
      {"Send", Object({{"transaction_id", text}, {"events", ListOf(Ref("Event"))}}, {"transaction_id", "events"})},
      {"Sent", Object({{"transaction_id", text}, {"events", sent}, {"events_in_transaction", number}})},
      {"End", Object({{"transaction_id", text}}, {"transaction_id"})},
      {"Ended", Object({{"outcome", OneOf({"committed", "aborted"})}, {"transaction_id", text}, {"events", sent}})},
      {"Health", Object({{"ok", Type("boolean")}, {"version", text}, {"why", text}}, {"ok"})},
      {"Types", Object({{"types", ListOf(text)}})},
      {"Status", Object({{"running", Type("boolean")},
                         {"group", {{"type", "string"}, {"nullable", true}}},
                         {"instance", text},
                         {"topics", ListOf(Type("object"))},
                         {"count", number},
                         {"last_message_ms", {{"type", "integer"}, {"nullable", true}}},
                         {"followers", number}})},
      {"Messages", Object({{"topic", text},
                           {"isolation", OneOf({"read_committed", "read_uncommitted"})},
                           {"messages", ListOf(Type("object"))},
                           {"next", {{"type", "object"}, {"additionalProperties", number}}},
                           {"complete", Type("boolean")}})}};
}

struct Described {
  Action action;
  const char* summary;
  const char* body;    // Schema of the request; null: it has none.
  const char* answer;  // Schema of the answer; null: it is no JSON.
};

constexpr Described kDescribed[] = {
    {Action::kPage, "A page to try all of this", nullptr, nullptr},
    {Action::kHealth, "Whether the brokers answer: 200, else 503", nullptr, "Health"},
    {Action::kMetrics, "Metrics in Prometheus' text format", nullptr, nullptr},
    {Action::kOpenApi, "This description", nullptr, nullptr},
    {Action::kTransaction, "Events for any topics in one transaction, all or nothing", "Transaction", "Ended"},
    {Action::kBegin, "Begins a transaction, which is aborted when its timeout passes", "Begin", "Begun"},
    {Action::kSend, "Adds events to a transaction", "Send", "Sent"},
    {Action::kCommit, "Commits it; again, it is answered the same", "End", "Ended"},
    {Action::kAbort, "Aborts it", "End", "Ended"},
    {Action::kStatus, "What is followed", nullptr, "Status"},
    {Action::kMessages, "The last, or first, records of a topic", nullptr, "Messages"},
    {Action::kFollow, "The records of a topic from now on, as server-sent events; Last-Event-ID goes on", nullptr,
     nullptr},
    {Action::kTypes, "The types that the descriptor set has", nullptr, "Types"},
};

Json Operation(const Route& route, const Described& about) {
  Json operation = {{"summary", about.summary}};
  Json parameters = Json::array();
  std::string_view left = route.query;
  while (!left.empty()) {
    const std::string_view name = left.substr(0, left.find(' '));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    parameters.push_back({{"name", name}, {"in", "query"}, {"required", name == "topic"}, {"schema", Type("string")}});
  }
  if (about.body != nullptr) {
    operation["requestBody"] = {{"required", route.action != Action::kBegin},
                                {"content", {{"application/json", {{"schema", Ref(about.body)}}}}}};
    parameters.push_back(
        {{"name", "Idempotency-Key"},
         {"in", "header"},
         {"required", false},
         {"description", "Makes a repetition safe: it gets the same answer, and nothing is sent twice."},
         {"schema", {{"type", "string"}, {"maxLength", 255}}}});
  }
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  Json answer = {{"description", "As described"}};
  if (about.answer != nullptr) answer["content"] = {{"application/json", {{"schema", Ref(about.answer)}}}};
  const Json error = {{"description", "Why not"}, {"content", {{"application/json", {{"schema", Ref("Error")}}}}}};
  operation["responses"] = {{"200", answer}, {"default", error}};
  if (!route.is_open) operation["security"] = Json::array({{{"token", Json::array()}}});
  return operation;
}

}  // namespace

std::string OpenApiJson(std::string_view version) {
  Json paths = Json::object();
  for (const Route& route : Routes()) {
    for (const Described& about : kDescribed) {
      if (about.action != route.action) continue;
      paths[std::string(route.path)][absl::AsciiStrToLower(ToAbsl(route.method))] = Operation(route, about);
    }
  }
  return Json{{"openapi", "3.0.3"},
              {"info", {{"title", "Once event gateway"}, {"version", version}}},
              {"paths", std::move(paths)},
              {"components",
               {{"schemas", Schemas()}, {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}}}
      .dump(2);
}

}  // namespace once::gateway
