#include "processor/http/status_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/http/health.h"

namespace once::http {

namespace {

using Json = nlohmann::ordered_json;

// Of blocked aggregates, over all tasks: what a person looks through, and an answer of a size that is known.
constexpr size_t kMostShown = 200;

// What is no UTF-8 in it is replaced, so nothing throws.
std::string Dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json TimeJson(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return nullptr;
  return std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  if (!value.has_value()) return nullptr;
  return *value;
}

Json OrNull(const std::optional<absl::Duration>& value) {
  if (!value.has_value()) return nullptr;
  return absl::ToDoubleSeconds(*value);
}

const char* NameOf(PodPhase phase) {
  if (phase == PodPhase::kStarting) return "starting";
  return phase == PodPhase::kRunning ? "running" : "stopping";
}

const char* NameOf(TaskPhaseStatus phase) {
  switch (phase) {
    case TaskPhaseStatus::kOpening:
      break;
    case TaskPhaseStatus::kRestoring:
      return "restoring";
    case TaskPhaseStatus::kRunning:
      return "running";
    case TaskPhaseStatus::kPaused:
      return "paused";
    case TaskPhaseStatus::kFailed:
      return "failed";
  }
  return "opening";
}

Json HealthJson(const Health& health) { return {{"ok", health.ok}, {"why", health.text}}; }

Json EventsJson(const EventCounters& events) {
  return {{"processed", events.processed}, {"ignored", events.ignored},     {"duplicates", events.duplicates},
          {"failed", events.failed},       {"blocked", events.blocked},     {"rejected", events.rejected},
          {"skipped", events.skipped},     {"discarded", events.discarded}, {"never_processed", events.never_processed},
          {"retries", events.retries},     {"outputs", events.outputs},     {"released_aggregates", events.released},
          {"commands", events.commands}};
}

Json AbortsJson(const EpochCounters& epochs) {
  const auto of = [&](AbortCause cause) { return epochs.aborted[static_cast<size_t>(cause)]; };
  return {{"rebalance", of(AbortCause::kRebalance)}, {"fenced", of(AbortCause::kFenced)},
          {"refused", of(AbortCause::kRefused)},     {"not_written", of(AbortCause::kNotWritten)},
          {"call", of(AbortCause::kCall)},           {"local_state", of(AbortCause::kLocalState)}};
}

Json MemoryJson(const MemoryStatus& memory) {
  return {{"clean_state", memory.clean_state},           {"dirty_state", memory.dirty_state},
          {"copies_for_disk", memory.copies_for_disk},   {"event_ids", memory.event_ids},
          {"parked_queues", memory.parked_queues},       {"fetched", memory.fetched},
          {"open_transaction", memory.open_transaction}, {"share", memory.share}};
}

// In each bucket alone, the last one beyond all bounds.
Json CountsJson(const LatencyCounts& counts) {
  Json json = Json::array();
  for (size_t i = 0; i <= LatencyCounts::kBounds.size(); ++i) json.push_back(counts.count(i));
  return json;
}

Json LatencyJson(const EpochCounters& epochs) {
  return {{"bounds", LatencyCounts::kBounds},
          {"commit", CountsJson(epochs.commit_seconds)},
          {"event", CountsJson(epochs.event_seconds)}};
}

Json DeadLettersJson(const DeadLetterCounts& counts) {
  constexpr std::array<const char*, kDispositions> kNames = {"failed",  "blocked",   "rejected",
                                                             "skipped", "discarded", "never_processed"};
  Json json = Json::array();
  for (size_t i = 0; i < kDispositions; ++i) {
    for (size_t j = 0; j < DeadLetterCounts::kReasons; ++j) {
      const auto reason = static_cast<absl::StatusCode>(j);
      const int64_t count = counts.of(static_cast<Disposition>(i), reason);
      if (count == 0) continue;
      json.push_back({{"disposition", kNames[i]}, {"reason", absl::StatusCodeToString(reason)}, {"count", count}});
    }
  }
  return json;
}

template <typename Named>
size_t IndexOf(const std::vector<Named>& all, const std::string& name) {
  return static_cast<size_t>(
      std::find_if(all.begin(), all.end(), [&](const Named& each) { return each.name == name; }) - all.begin());
}

Json NodesJson(const TopologyStatus* topology, const FlowCounts& flows) {
  Json json = Json::array();
  if (topology == nullptr || flows.empty()) return json;
  for (size_t i = 0; i < topology->nodes.size(); ++i) {
    const TopologyStatus::Node& node = topology->nodes[i];
    Json in = Json::array();
    Json out = Json::array();
    for (const std::string& source : node.hears) {
      in.push_back({{"source", source}, {"events", flows.in(i, IndexOf(topology->sources, source))}});
    }
    for (const std::string& sink : node.emits_to) {
      out.push_back({{"sink", sink}, {"events", flows.out(i, IndexOf(topology->sinks, sink))}});
    }
    json.push_back({{"node", node.name}, {"in", in}, {"out", out}, {"failed", flows.failed(i)}});
  }
  return json;
}

Json WorkerJson(const WorkerStatus& worker, const StepStatus& step, const TopologyStatus* topology) {
  Json phases = {{"opening", 0}, {"restoring", 0}, {"running", 0}, {"paused", 0}, {"failed", 0}};
  Json json;
  json["at"] = TimeJson(worker.at);
  int64_t lag = 0;
  int64_t parked = 0;
  int64_t blocked = 0;
  for (const TaskStatus& task : worker.tasks) {
    phases[NameOf(task.phase)] = phases[NameOf(task.phase)].get<int>() + 1;
    parked += task.parked_events;
    blocked += task.blocked_aggregates;
    for (const InputStatus& input : task.inputs) lag += input.lag().value_or(0);
  }
  json["tasks"] = phases;
  json["lag"] = lag;
  json["blocked_aggregates"] = blocked;
  json["parked_events"] = parked;
  json["events"] = EventsJson(worker.events);
  json["commits"] = worker.epochs.committed;
  json["aborts"] = AbortsJson(worker.epochs);
  json["latency_seconds"] = LatencyJson(worker.epochs);
  json["dead_letters"] = DeadLettersJson(worker.events.dead_letters);
  json["nodes"] = NodesJson(topology, worker.flows);
  json["producer_rebuilds"] = worker.producer_rebuilds;
  json["waits_for_memory"] = worker.waits_for_memory;
  json["memory_bytes"] = MemoryJson(worker.memory);
  json["step_seconds"] = absl::ToDoubleSeconds(step.lasts);
  json["event_under_way"] =
      step.event.empty() ? Json(nullptr) : Json(absl::StrCat(step.event, ", key \"", step.key, "\""));
  json["last_error"] = worker.last_error.empty() ? Json(nullptr) : Json(worker.last_error);
  json["last_error_at"] = TimeJson(worker.last_error_at);
  return json;
}

Json InputJson(const InputStatus& input) {
  return {{"topic", input.where.topic},
          {"partition", input.where.partition.value()},
          {"next_offset", input.next_offset},
          {"end_offset", OrNull(input.end_offset)},
          {"last_stable_offset", OrNull(input.last_stable_offset)},
          {"lag", OrNull(input.lag())},
          {"held_back_seconds", absl::ToDoubleSeconds(input.held_back)}};
}

Json TaskJson(const TaskStatus& task, size_t worker, absl::Time now) {
  Json json = {{"name", task.name}, {"group", task.group}, {"partition", task.partition}, {"worker", worker}};
  json["phase"] = NameOf(task.phase);
  json["why"] = task.why.empty() ? Json(nullptr) : Json(task.why);
  json["owner_since"] = TimeJson(task.owner_since);
  json["inputs"] = Json::array();
  for (const InputStatus& input : task.inputs) json["inputs"].push_back(InputJson(input));
  json["behind_seconds"] = OrNull(task.behind);
  json["restore"] = nullptr;
  if (task.restore.has_value()) {
    json["restore"] = {
        {"done", task.restore->done}, {"target", task.restore->target}, {"seconds_left", OrNull(task.restore->left)}};
  }
  json["blocked_aggregates"] = task.blocked_aggregates;
  json["retrying_aggregates"] = task.retrying_aggregates;
  json["parked_events"] = task.parked_events;
  json["parked_bytes"] = task.parked_bytes;
  json["oldest_failure_at"] = TimeJson(task.oldest_failure);
  json["oldest_failure_seconds"] = task.oldest_failure == absl::InfiniteFuture()
                                       ? Json(nullptr)
                                       : Json(absl::ToDoubleSeconds(now - task.oldest_failure));
  json["window"] = {{"ids", task.window_ids}, {"bytes", task.window_bytes}};
  json["state_bytes"] = {{"clean", task.state_clean_bytes}, {"dirty", task.state_dirty_bytes}};
  json["checkpoint_age_seconds"] = OrNull(task.checkpoint_age);
  return json;
}

const char* NameOf(BlockedStatus::State state) {
  if (state == BlockedStatus::State::kRetrying) return "retrying";
  return state == BlockedStatus::State::kParked ? "parked" : "draining";
}

Json BlockedJson(const BlockedStatus& blocked, const TaskStatus& task, absl::Time now) {
  return {{"task", task.name},
          {"group", task.group},
          {"aggregate", blocked.aggregate},
          {"state", NameOf(blocked.state)},
          {"events", blocked.events},
          {"event_id", blocked.event_id},
          {"reason", blocked.reason},
          {"attempts", blocked.attempts},
          {"since", TimeJson(blocked.since)},
          {"seconds", absl::ToDoubleSeconds(now - blocked.since)}};
}

}  // namespace

std::string StatusJson(const PodStatus& pod) {
  Json json = {
      {"application", pod.application_id},   {"instance", pod.instance_id},    {"version", pod.version},
      {"phase", NameOf(pod.phase)},          {"now", TimeJson(pod.now)},       {"started_at", TimeJson(pod.started_at)},
      {"memory_bytes", pod.memory_bytes},    {"live", HealthJson(Livez(pod))}, {"ready", HealthJson(Readyz(pod))},
      {"started", HealthJson(Startupz(pod))}};
  json["workers"] = Json::array();
  for (size_t i = 0; i < pod.workers.size(); ++i) {
    Json worker;
    worker["worker"] = i;
    const StepStatus step = i < pod.steps.size() ? pod.steps[i] : StepStatus();
    if (pod.workers[i] != nullptr) worker.update(WorkerJson(*pod.workers[i], step, pod.topology.get()));
    json["workers"].push_back(worker);
  }
  return Dump(json);
}

std::string TasksJson(const PodStatus& pod) {
  Json json;
  json["tasks"] = Json::array();
  for (size_t i = 0; i < pod.workers.size(); ++i) {
    if (pod.workers[i] == nullptr) continue;
    for (const TaskStatus& task : pod.workers[i]->tasks) json["tasks"].push_back(TaskJson(task, i, pod.now));
  }
  return Dump(json);
}

std::string ParkedJson(const PodStatus& pod) {
  using Blocked = std::pair<const BlockedStatus*, const TaskStatus*>;
  std::vector<Blocked> all;
  int64_t not_shown = 0;
  for (const auto& worker : pod.workers) {
    if (worker == nullptr) continue;
    for (const TaskStatus& task : worker->tasks) {
      not_shown += task.blocked_aggregates;
      if (task.blocked == nullptr) continue;
      for (const BlockedStatus& blocked : *task.blocked) all.emplace_back(&blocked, &task);
    }
  }
  const size_t shown = std::min(all.size(), kMostShown);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(),
                    [](const Blocked& a, const Blocked& b) {
                      return std::tie(a.first->since, a.second->name, a.first->aggregate) <
                             std::tie(b.first->since, b.second->name, b.first->aggregate);
                    });
  all.resize(shown);
  Json json;
  json["aggregates"] = Json::array();
  for (const Blocked& each : all) json["aggregates"].push_back(BlockedJson(*each.first, *each.second, pod.now));
  not_shown -= static_cast<int64_t>(shown);
  // Counts and lists are gathered apart, so it may be off by those of a second.
  json["not_shown"] = std::max<int64_t>(not_shown, 0);
  return Dump(json);
}

std::string TopologyJson(const PodStatus& pod) {
  Json json = {{"application", pod.application_id},
               {"sources", Json::array()},
               {"nodes", Json::array()},
               {"sinks", Json::array()}};
  if (pod.topology != nullptr) {
    for (const TopologyStatus::Source& source : pod.topology->sources) {
      json["sources"].push_back({{"name", source.name}, {"topic", source.topic}, {"group", source.group}});
    }
    for (const TopologyStatus::Node& node : pod.topology->nodes) {
      json["nodes"].push_back({{"name", node.name},
                               {"kind", node.kind},
                               {"state", node.state.empty() ? Json(nullptr) : Json(node.state)},
                               {"hears", node.hears},
                               {"emits_to", node.emits_to}});
    }
    for (const TopologyStatus::Sink& sink : pod.topology->sinks) {
      json["sinks"].push_back({{"name", sink.name}, {"topic", sink.topic}, {"type", sink.type}});
    }
    json["dead_letter_topic"] = pod.topology->dead_letter_topic;
    json["changelog_topics"] = pod.topology->changelog_topics;
  }
  return Dump(json);
}

std::string ErrorJson(const std::string& what) {
  Json json;
  json["error"] = what;
  return Dump(json);
}

}  // namespace once::http
