#include "processor/back_office/aggregate_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"

namespace once {

namespace {

using Json = nlohmann::ordered_json;

Json Parse(const RunOutcome& outcome) {
  if (!outcome.status.ok()) return Json::object();
  Json json = Json::parse(outcome.json, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json::object();
}

Json Member(const Json& json, const char* name) { return json.contains(name) ? json[name] : Json(nullptr); }

}  // namespace

std::string AggregateJson(const std::string& aggregate, const std::string& key, const RunOutcome& state,
                          const RunOutcome& queue) {
  const Json committed = Parse(state), waiting = Parse(queue);
  Json json;
  json["aggregate"] = aggregate;
  json["key"] = key;
  json["partition"] = Member(committed, "partition");
  json["type"] = Member(committed, "type");
  json["state"] = Member(committed, "state");
  json["phase"] = waiting.contains("state") && waiting["state"].is_string()
                      ? absl::AsciiStrToLower(waiting["state"].get<std::string>())
                      : "open";
  json["blocked"] = nullptr;
  if (!waiting.empty()) {
    Json& blocked = json["blocked"];
    for (const char* name : {"task", "reason", "message", "event_id", "attempts", "failed_at", "events", "queue"}) {
      blocked[name] = Member(waiting, name);
    }
  }
  json["notes"] = Json::array();
  for (const Json* each : {&committed, &waiting}) {
    for (const Json& note : each->contains("notes") ? (*each)["notes"] : Json::array()) json["notes"].push_back(note);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace once
