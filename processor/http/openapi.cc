#include "processor/http/openapi.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "processor/http/openapi_schemas.h"
#include "processor/http/routes.h"

namespace once::http {

namespace {

using Json = nlohmann::ordered_json;

struct Path {
  std::string_view path;
  std::string_view about;
  std::string_view schema = {};  // Of the answer; empty: text.
  std::string_view not_ok = {};  // What 503 says; empty: it never comes.
};

constexpr std::string_view kAway = "Brokers do not answer, or too much is asked at once.";

constexpr Path kPaths[] = {
    {"/livez", "Whether the process works. Another start helps where it does not.", "", "A handler is stuck."},
    {"/readyz", "Whether the pod processes events.", "",
     "It does not yet, or no more; in words: it starts, restores, has no partitions, is held back, stops."},
    {"/startupz", "Whether it has started.", "", "It waits for brokers."},
    {"/metrics", "Figures in Prometheus' text format; docs/metrics.md explains them."},
    {"/openapi.json", "This description.", "object"},
    {"/v1/status", "The pod and its workers.", "Status", kAway},
    {"/v1/topology", "Sources, nodes and sinks.", "Topology"},
    {"/v1/tasks", "All tasks of this pod.", "Tasks", kAway},
    {"/v1/parked", "Aggregates of this pod's tasks that are blocked, the 200 that are so longest, these first.",
     "Parked", kAway},
    {"/v1/dead-letters", "The latest dead letters of the application, with their values.", "DeadLetters", kAway},
    {"/v1/audit", "The latest results of commands: who, what, why, and what became of it.", "Audit", kAway},
    {"/v1/aggregates/{aggregate}/{key}",
     "An aggregate: its committed state, decoded, and what waits. Read from the changelog, so any pod answers.",
     "Aggregate", kAway},
    {"/v1/commands", "Gives the application a command of an operator. With dry_run the answer is 200.", "Would", kAway},
    {"/v1/jobs/{id}", "What has become of a command, by its ID; any pod knows.", "Job", kAway},
};

Json Reference(std::string_view schema) {
  Json json;
  json["$ref"] = "#/components/schemas/" + std::string(schema);
  return json;
}

Json TypeJson(std::string_view type) {
  Json json;
  if (type == "any") return Json::object();
  if (type.substr(0, 2) == "[]") {
    json["type"] = "array";
    json["items"] = TypeJson(type.substr(2));
  } else if (type == "time") {
    json["type"] = "string";
    json["format"] = "date-time";
  } else if (type == "string" || type == "integer" || type == "number" || type == "boolean" || type == "object") {
    json["type"] = type;
  } else {
    json = Reference(type);
  }
  return json;
}

Json FieldJson(const Field& field) {
  const bool is_nullable = field.type.front() == '?';
  Json json = TypeJson(is_nullable ? field.type.substr(1) : field.type);
  if (json.contains("$ref") && (is_nullable || !field.about.empty())) {
    // What stands beside a reference does not count.
    Json around;
    around["allOf"] = Json::array({json});
    json = around;
  }
  if (is_nullable) json["nullable"] = true;
  if (!field.about.empty()) json["description"] = field.about;
  return json;
}

Json SchemaJson(const Schema& schema) {
  Json json;
  json["type"] = "object";
  for (const Field& field : schema.fields) json["properties"][std::string(field.name)] = FieldJson(field);
  // A worker that has said nothing yet has a number alone.
  for (const Field& field : schema.fields) {
    if (schema.name == "Worker" && field.name != "worker") break;
    if (!field.may_be_missing) json["required"].push_back(field.name);
  }
  json["additionalProperties"] = false;
  return json;
}

Json AnswerJson(std::string_view about, std::string_view schema) {
  Json json;
  json["description"] = about;
  const bool is_text = schema.empty();
  Json type = TypeJson(is_text ? "string" : schema);
  json["content"][is_text ? "text/plain" : "application/json"]["schema"] = type;
  return json;
}

Json ParametersJson(const Route& route) {
  Json parameters = Json::array();
  for (size_t from = route.path.find('{'); from != std::string_view::npos; from = route.path.find('{', from + 1)) {
    const std::string_view name = route.path.substr(from + 1, route.path.find('}', from) - from - 1);
    parameters.push_back({{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const Parameter& parameter : route.parameters) {
    parameters.push_back({{"name", parameter.name},
                          {"in", "query"},
                          {"description", parameter.about},
                          {"schema", {{"type", parameter.type}}}});
  }
  return parameters;
}

Json OperationJson(const Route& route, const Path& path) {
  Json operation;
  operation["summary"] = path.about;
  if (Json parameters = ParametersJson(route); !parameters.empty()) operation["parameters"] = parameters;
  Json responses;
  responses["200"] = AnswerJson("So it is.", path.schema);
  if (route.method == "POST") {
    operation["requestBody"]["required"] = true;
    operation["requestBody"]["content"]["application/json"]["schema"] = Reference("Command");
    responses["202"] = AnswerJson("It is taken; the job's URL says what becomes of it.", "Job");
    responses["409"] = AnswerJson("Another command of this ID was asked for before.", "Error");
    responses["413"] = AnswerJson("The body is too large.", "Error");
    responses["415"] = AnswerJson("The body is not of application/json.", "Error");
  }
  // Also of all pods at once.
  const bool is_asked = route.answer == nullptr || !route.parameters.empty();
  if (!path.not_ok.empty()) responses["503"] = AnswerJson(path.not_ok, is_asked ? "Error" : "");
  if (is_asked) {
    responses["400"] = AnswerJson("It is asked wrongly; in words.", "Error");
    responses["404"] = AnswerJson("There is no such thing.", "Error");
    responses["504"] = AnswerJson("It took too long, and was given up.", "Error");
  }
  if (route.access == Access::kGuarded) {
    operation["security"] = Json::array({Json::object({{"token", Json::array()}})});
    responses["401"] = AnswerJson("The token is missing, wrong, or has expired.", "Error");
    responses["403"] = AnswerJson("There is no token, and others reach the address.", "Error");
  }
  operation["responses"] = responses;
  return operation;
}

}  // namespace

std::string OpenApiJson(const std::string& version) {
  Json json;
  json["openapi"] = "3.0.3";
  json["info"]["title"] = "One instance (pod) of an application of Once";
  json["info"]["version"] = version;
  for (const Route& route : Routes()) {
    for (const Path& path : kPaths) {
      if (path.path != route.path) continue;
      json["paths"][std::string(path.path)][route.method == "POST" ? "post" : "get"] = OperationJson(route, path);
    }
  }
  for (const Schema& schema : Schemas()) json["components"]["schemas"][std::string(schema.name)] = SchemaJson(schema);
  json["components"]["securitySchemes"]["token"]["type"] = "http";
  json["components"]["securitySchemes"]["token"]["scheme"] = "bearer";
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace once::http
