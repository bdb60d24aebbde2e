#include "processor/back_office/jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace once {

namespace {

using Json = nlohmann::ordered_json;

const char* NameOf(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "pending";
    case JobState::kDone:
      return "done";
    case JobState::kRefused:
      return "refused";
    case JobState::kUnclear:
      break;
  }
  return "unclear";
}

JobState StateOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return JobState::kDone;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
      return JobState::kUnclear;
    default:
      return JobState::kRefused;
  }
}

// The results by task that a command has shown, or the audit has.
Json ResultsOf(const std::string& shown) {
  const Json json = Json::parse(shown, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("results") || !json["results"].is_array()) return Json::array();
  Json results = Json::array();
  for (const Json& each : json["results"]) {
    Json result;
    for (const char* name : {"task", "outcome", "code", "queues", "events", "message"}) {
      if (each.contains(name)) result[name] = each[name];
    }
    results.push_back(std::move(result));
  }
  return results;
}

std::string Dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

bool Jobs::Add(const Job& job, Job* before) {
  MutexLock lock(&mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& each) { return each.id == job.id; });
  if (found != jobs_.end()) {
    *before = *found;
    return false;
  }
  if (jobs_.size() >= max_jobs_) {
    const auto over =
        std::find_if(jobs_.begin(), jobs_.end(), [](const Job& each) { return each.state != JobState::kPending; });
    if (over != jobs_.end()) jobs_.erase(over);
  }
  jobs_.push_back(job);
  return true;
}

std::optional<Job> Jobs::Find(const std::string& id) const {
  MutexLock lock(&mutex_);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& each) { return each.id == id; });
  return found == jobs_.end() ? std::nullopt : std::make_optional(*found);
}

void Jobs::Finish(const std::string& id, const RunOutcome& outcome) {
  MutexLock lock(&mutex_);
  for (Job& job : jobs_) {
    if (job.id != id) continue;
    job.state = StateOf(outcome.status);
    job.status = outcome.status;
    job.shown = outcome.json;
  }
}

void Jobs::Remove(const std::string& id) {
  MutexLock lock(&mutex_);
  std::erase_if(jobs_, [&](const Job& job) { return job.id == id; });
}

std::string JobJson(const Job& job) {
  Json json;
  json["id"] = job.id;
  json["url"] = "/v1/jobs/" + job.id;
  json["state"] = NameOf(job.state);
  json["command"] = job.order.command;
  json["issuer"] = job.issuer;
  json["asked_at"] = std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", job.asked_at, absl::UTCTimeZone()));
  json["code"] = job.status.ok() ? Json(nullptr) : Json(absl::StatusCodeToString(job.status.code()));
  json["message"] = job.status.ok() ? Json(nullptr) : Json(std::string(job.status.message()));
  json["results"] = ResultsOf(job.shown);
  return Dump(json);
}

std::string AuditedJobJson(const std::string& id, const std::string& audit) {
  const Json shown = Json::parse(audit, nullptr, /*allow_exceptions=*/false);
  Json json = {{"id", id},           {"url", "/v1/jobs/" + id}, {"state", NameOf(JobState::kDone)},
               {"command", nullptr}, {"issuer", nullptr},       {"asked_at", nullptr},
               {"code", nullptr},    {"message", nullptr}};
  json["results"] = ResultsOf(audit);
  if (shown.is_object() && shown.contains("results")) {
    for (const Json& each : shown["results"]) {
      json["command"] = each.value("command", Json(nullptr));
      json["issuer"] = each.value("issuer", Json(nullptr));
      if (each.value("outcome", "") != "REFUSED") continue;
      json["state"] = NameOf(JobState::kRefused);
      json["code"] = each.value("code", Json(nullptr));
      json["message"] = each.value("message", Json(nullptr));
    }
  }
  return Dump(json);
}

}  // namespace once
