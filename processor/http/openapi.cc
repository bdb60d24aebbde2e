#include "processor/http/openapi.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

namespace once::http {

namespace {

using Json = nlohmann::ordered_json;

// One property of an object. `type`: "string", "integer", "number", "boolean", "time", "object" or the name of a schema
// below; "[]" before it for a list, "?" for one that may be null.
struct Field {
  std::string_view name;
  std::string_view type;
  std::string_view about = {};
};

struct Schema {
  std::string_view name;
  std::span<const Field> fields;
};

constexpr Field kHealth[] = {{"ok", "boolean"}, {"why", "string", "In words."}};
constexpr Field kStatus[] = {{"application", "string"},
                             {"instance", "string"},
                             {"version", "string"},
                             {"phase", "string", "starting, running or stopping"},
                             {"now", "time"},
                             {"started_at", "time"},
                             {"memory_bytes", "integer", "The process's budget."},
                             {"live", "Health"},
                             {"ready", "Health"},
                             {"started", "Health"},
                             {"workers", "[]Worker"}};
constexpr Field kWorker[] = {
    {"worker", "integer", "The other properties are missing until it has said something of itself."},
    {"at", "time", "When this was so."},
    {"tasks", "Phases", "How many of its tasks are in each phase."},
    {"lag", "integer", "Events that wait at the brokers, as far as known."},
    {"blocked_aggregates", "integer"},
    {"parked_events", "integer"},
    {"events", "Events", "What became of events since the start, committed."},
    {"commits", "integer"},
    {"aborts", "Aborts"},
    {"latency_seconds", "Latency"},
    {"dead_letters", "[]DeadLetterCount", "Since the start, by what became of their events and why."},
    {"nodes", "[]NodeFlows", "What went through the topology since the start, committed."},
    {"producer_rebuilds", "integer"},
    {"waits_for_memory", "boolean"},
    {"memory_bytes", "Memory"},
    {"step_seconds", "number", "How long the handlers that are running now have been."},
    {"event_under_way", "?string"},
    {"last_error", "?string", "Why the last transaction was given up that was."},
    {"last_error_at", "?time"}};
constexpr Field kPhases[] = {{"opening", "integer"},
                             {"restoring", "integer"},
                             {"running", "integer"},
                             {"paused", "integer"},
                             {"failed", "integer"}};
constexpr Field kEvents[] = {{"processed", "integer"}, {"ignored", "integer"},   {"duplicates", "integer"},
                             {"failed", "integer"},    {"blocked", "integer"},   {"rejected", "integer"},
                             {"skipped", "integer"},   {"discarded", "integer"}, {"never_processed", "integer"},
                             {"retries", "integer"},   {"outputs", "integer"},   {"released_aggregates", "integer"},
                             {"commands", "integer"}};
constexpr Field kAborts[] = {{"rebalance", "integer"},   {"fenced", "integer"}, {"refused", "integer"},
                             {"not_written", "integer"}, {"call", "integer"},   {"local_state", "integer"}};
constexpr Field kLatency[] = {
    {"bounds", "[]number", "Upper ends of buckets; one more bucket is beyond the last."},
    {"commit", "[]integer", "How many transactions took so long to commit, in each bucket alone."},
    {"event", "[]integer", "The same from an event's timestamp to its commit, of a sample."}};
constexpr Field kDeadLetterCount[] = {
    {"disposition", "string", "failed, blocked, rejected, skipped, discarded or never_processed"},
    {"reason", "string", "A status code."},
    {"count", "integer"}};
constexpr Field kNodeFlows[] = {{"node", "string"},
                                {"in", "[]InFlow"},
                                {"out", "[]OutFlow"},
                                {"failed", "integer", "Events that failed there, for good."}};
constexpr Field kInFlow[] = {{"source", "string"}, {"events", "integer"}};
constexpr Field kOutFlow[] = {{"sink", "string"}, {"events", "integer"}};
constexpr Field kMemory[] = {{"clean_state", "integer"},      {"dirty_state", "integer"},
                             {"copies_for_disk", "integer"},  {"event_ids", "integer"},
                             {"parked_queues", "integer"},    {"fetched", "integer"},
                             {"open_transaction", "integer"}, {"share", "integer", "What the worker may use in all."}};
constexpr Field kTasks[] = {{"tasks", "[]Task"}};
constexpr Field kTask[] = {{"name", "string", "Its first input: topic and partition."},
                           {"group", "string"},
                           {"partition", "integer"},
                           {"worker", "integer"},
                           {"phase", "string", "opening, restoring, running, paused or failed"},
                           {"why", "?string", "What it waits for, or why it failed."},
                           {"owner_since", "time"},
                           {"inputs", "[]Input"},
                           {"behind_seconds", "?number", "Age of the oldest event that was fetched and waits."},
                           {"restore", "?Restore"},
                           {"blocked_aggregates", "integer"},
                           {"retrying_aggregates", "integer"},
                           {"parked_events", "integer"},
                           {"parked_bytes", "integer"},
                           {"oldest_failure_at", "?time"},
                           {"oldest_failure_seconds", "?number"},
                           {"window", "Window", "Event IDs that are remembered."},
                           {"state_bytes", "StateBytes"},
                           {"checkpoint_age_seconds", "?number"}};
constexpr Field kInput[] = {
    {"topic", "string"},
    {"partition", "integer"},
    {"next_offset", "integer"},
    {"end_offset", "?integer", "One past the last record, as far as was heard."},
    {"last_stable_offset", "?integer", "Up to where it could be read, when that end was met last."},
    {"lag", "?integer"},
    {"held_back_seconds", "number", "How long an open transaction of another producer has held it back."}};
constexpr Field kRestore[] = {{"done", "integer"}, {"target", "integer"}, {"seconds_left", "?number"}};
constexpr Field kWindow[] = {{"ids", "integer"}, {"bytes", "integer"}};
constexpr Field kStateBytes[] = {{"clean", "integer"}, {"dirty", "integer", "What the checkpoint lacks."}};
constexpr Field kParked[] = {{"aggregates", "[]Blocked", "Of each task those that are blocked longest, 100 at most."},
                             {"not_shown", "integer", "How many more there are."}};
constexpr Field kBlocked[] = {
    {"task", "string"},
    {"group", "string"},
    {"aggregate", "string", "The key; empty: an event without one waits for another attempt."},
    {"state", "string", "retrying, parked (until it is released) or draining"},
    {"events", "integer", "That wait, the one that failed included."},
    {"event_id", "string", "Of the one that failed."},
    {"reason", "string"},
    {"attempts", "integer"},
    {"since", "time"},
    {"seconds", "number"}};
constexpr Field kTopology[] = {
    {"application", "string"}, {"sources", "[]Source"},         {"nodes", "[]Node"},
    {"sinks", "[]Sink"},       {"dead_letter_topic", "string"}, {"changelog_topics", "[]string"}};
constexpr Field kSource[] = {{"name", "string"}, {"topic", "string"}, {"group", "string"}};
constexpr Field kNode[] = {{"name", "string"},
                           {"kind", "string", "aggregate or transform"},
                           {"state", "?string", "The type of an aggregate's state."},
                           {"hears", "[]string", "Names of sources."},
                           {"emits_to", "[]string", "Names of sinks."}};
constexpr Field kSink[] = {{"name", "string"}, {"topic", "string"}, {"type", "string"}};
constexpr Field kError[] = {{"error", "string"}};

constexpr Schema kSchemas[] = {
    {"Health", kHealth},
    {"Status", kStatus},
    {"Worker", kWorker},
    {"Phases", kPhases},
    {"Events", kEvents},
    {"Aborts", kAborts},
    {"Latency", kLatency},
    {"DeadLetterCount", kDeadLetterCount},
    {"NodeFlows", kNodeFlows},
    {"InFlow", kInFlow},
    {"OutFlow", kOutFlow},
    {"Memory", kMemory},
    {"Tasks", kTasks},
    {"Task", kTask},
    {"Input", kInput},
    {"Restore", kRestore},
    {"Window", kWindow},
    {"StateBytes", kStateBytes},
    {"Parked", kParked},
    {"Blocked", kBlocked},
    {"Topology", kTopology},
    {"Source", kSource},
    {"Node", kNode},
    {"Sink", kSink},
    {"Error", kError},
};

struct Path {
  std::string_view path;
  std::string_view about;
  std::string_view schema = {};  // Of the answer; empty: text.
  std::string_view not_ok = {};  // What 503 says; empty: it never comes.
  bool wants_token = false;
};

constexpr Path kPaths[] = {
    {"/livez", "Whether the process works. Another start helps where it does not.", "", "A handler is stuck."},
    {"/readyz", "Whether the pod processes events.", "",
     "It does not yet, or no more; in words: it starts, restores, has no partitions, is held back, stops."},
    {"/startupz", "Whether it has started.", "", "It waits for brokers."},
    {"/metrics", "Figures in Prometheus' text format; docs/metrics.md explains them."},
    {"/openapi.json", "This description.", "object"},
    {"/v1/status", "The pod and its workers.", "Status", "", true},
    {"/v1/topology", "Sources, nodes and sinks.", "Topology", "", true},
    {"/v1/tasks", "All tasks of this pod.", "Tasks", "", true},
    {"/v1/parked", "Aggregates of this pod's tasks that are blocked, the 200 that are so longest, these first.",
     "Parked", "", true},
};

Json Reference(std::string_view schema) {
  Json json;
  json["$ref"] = "#/components/schemas/" + std::string(schema);
  return json;
}

Json TypeJson(std::string_view type) {
  Json json;
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
    json["required"].push_back(field.name);
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

Json PathJson(const Path& path) {
  Json get;
  get["summary"] = path.about;
  get["responses"]["200"] = AnswerJson("So it is.", path.schema);
  if (!path.not_ok.empty()) get["responses"]["503"] = AnswerJson(path.not_ok, "");
  if (path.wants_token) {
    get["security"] = Json::array({Json::object({{"token", Json::array()}})});
    get["responses"]["401"] = AnswerJson("The token is missing or wrong.", "Error");
    get["responses"]["403"] = AnswerJson("There is no token, and others reach the address.", "Error");
  }
  Json json;
  json["get"] = get;
  return json;
}

}  // namespace

std::string OpenApiJson(const std::string& version) {
  Json json;
  json["openapi"] = "3.0.3";
  json["info"]["title"] = "One instance (pod) of an application of Once";
  json["info"]["version"] = version;
  for (const Path& path : kPaths) json["paths"][std::string(path.path)] = PathJson(path);
  for (const Schema& schema : kSchemas) json["components"]["schemas"][std::string(schema.name)] = SchemaJson(schema);
  json["components"]["securitySchemes"]["token"]["type"] = "http";
  json["components"]["securitySchemes"]["token"]["scheme"] = "bearer";
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace once::http
