#include "processor/http/metrics.h"

#include <prometheus/metric_type.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/http/client_metrics.h"
#include "processor/http/exposition.h"
#include "processor/http/health.h"

namespace once::http {

namespace {

using prometheus::MetricType;

constexpr std::array<const char*, kTaskPhases> kPhaseNames = {"opening", "restoring", "running", "paused", "failed"};
constexpr std::array<const char*, kDispositions> kDispositionNames = {"failed",  "blocked",   "rejected",
                                                                      "skipped", "discarded", "never_processed"};
constexpr std::array<const char*, kAbortCauses> kAbortNames = {"rebalance",   "fenced", "refused",
                                                               "not_written", "call",   "local_state"};

template <typename F>
void ForEachTask(const PodStatus& pod, const F& f) {
  ForEachWorker(pod, [&](const Labels&, const WorkerStatus& worker) {
    for (const TaskStatus& task : worker.tasks) f(task);
  });
}

template <typename F>
void ForEachInput(const PodStatus& pod, const F& f) {
  ForEachTask(pod, [&](const TaskStatus& task) {
    for (const InputStatus& input : task.inputs) {
      f(Labels{{"topic", input.where.topic}, {"partition", absl::StrCat(input.where.partition.value())}}, input);
    }
  });
}

Labels LabelsOf(const TaskStatus& task) { return {{"group", task.group}, {"partition", absl::StrCat(task.partition)}}; }

void AddPod(const PodStatus& pod, Exposition* out) {
  out->Begin("once_build_info", MetricType::Gauge, "1; the labels say what runs.");
  out->Add({{"version", pod.version}, {"application", pod.application_id}, {"instance_id", pod.instance_id}}, 1.0);
  out->Begin("once_start_time_seconds", MetricType::Gauge, "When the process started, in Unix seconds.");
  out->Add({}, static_cast<double>(absl::ToUnixMillis(pod.started_at)) / 1e3);
  out->Begin("once_live", MetricType::Gauge, "1 while /livez is green.");
  out->Add({}, Livez(pod).ok ? 1.0 : 0.0);
  out->Begin("once_ready", MetricType::Gauge, "1 while /readyz is green.");
  out->Add({}, Readyz(pod).ok ? 1.0 : 0.0);
  out->Begin("once_step_seconds", MetricType::Gauge, "How long the handlers that are running now have been.");
  for (size_t i = 0; i < pod.steps.size(); ++i) {
    out->Add({{"worker", absl::StrCat(i)}}, absl::ToDoubleSeconds(pod.steps[i].lasts));
  }
  out->Begin("once_status_age_seconds", MetricType::Gauge, "Age of what is shown here of a worker.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    out->Add(labels, absl::ToDoubleSeconds(pod.now - worker.at));
  });
}

void AddEvents(const PodStatus& pod, Exposition* out) {
  out->Begin("once_events_total", MetricType::Counter,
             "Events that came to an end or were parked, by what became of them.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    const EventCounters& events = worker.events;
    for (const auto& [outcome, count] :
         std::initializer_list<std::pair<const char*, int64_t>>{{"processed", events.processed},
                                                                {"ignored", events.ignored},
                                                                {"duplicate", events.duplicates},
                                                                {"failed", events.failed},
                                                                {"blocked", events.blocked},
                                                                {"rejected", events.rejected},
                                                                {"skipped", events.skipped},
                                                                {"discarded", events.discarded},
                                                                {"never_processed", events.never_processed}}) {
      out->Add(With(labels, "outcome", outcome), count);
    }
  });
  const auto add = [&](const char* name, const char* help, int64_t EventCounters::*member) {
    out->Begin(name, MetricType::Counter, help);
    ForEachWorker(pod,
                  [&](const Labels& labels, const WorkerStatus& worker) { out->Add(labels, worker.events.*member); });
  };
  add("once_outputs_total", "Records sent to sinks and the dead-letter topic.", &EventCounters::outputs);
  add("once_retries_total", "Attempts at events after the first.", &EventCounters::retries);
  add("once_put_off_total", "Attempts that failed for a passing reason.", &EventCounters::put_off);
  add("once_misplaced_events_total", "Events in another partition than their key's.", &EventCounters::misplaced);
  add("once_redrives_total", "Dead letters sent back that were taken as events.", &EventCounters::redrives);
  add("once_released_aggregates_total", "Blocked aggregates that were released.", &EventCounters::released);
  out->Begin("once_duplicates_total", MetricType::Counter, "Suppressed duplicates, by kind.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    const EventCounters& events = worker.events;
    out->Add(With(labels, "kind", "event"), events.duplicates - events.duplicate_redrives - events.duplicate_notices);
    out->Add(With(labels, "kind", "redrive"), events.duplicate_redrives);
    out->Add(With(labels, "kind", "notice"), events.duplicate_notices);
  });
  out->Begin("once_commands_total", MetricType::Counter, "Commands of operators, by what became of them.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    out->Add(With(labels, "result", "applied"), worker.events.commands);
    out->Add(With(labels, "result", "refused"), worker.events.refused_commands);
    out->Add(With(labels, "result", "duplicate"), worker.events.duplicate_commands);
  });
}

// Those that there have been: most of the pairs never are.
void AddDeadLetters(const PodStatus& pod, Exposition* out) {
  out->Begin("once_dead_letters_total", MetricType::Counter, "Dead letters, by what became of the event, and why.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    for (size_t i = 0; i < kDispositions; ++i) {
      for (size_t j = 0; j < DeadLetterCounts::kReasons; ++j) {
        const auto reason = static_cast<absl::StatusCode>(j);
        const int64_t count = worker.events.dead_letters.of(static_cast<Disposition>(i), reason);
        if (count == 0) continue;
        out->Add(With(With(labels, "disposition", kDispositionNames[i]), "reason",
                      absl::AsciiStrToLower(absl::StatusCodeToString(reason))),
                 count);
      }
    }
  });
}

void AddEpochs(const PodStatus& pod, Exposition* out) {
  out->Begin("once_commits_total", MetricType::Counter, "Transactions that were committed.");
  ForEachWorker(pod,
                [&](const Labels& labels, const WorkerStatus& worker) { out->Add(labels, worker.epochs.committed); });
  out->Begin("once_aborts_total", MetricType::Counter,
             "Transactions that were given up, by cause; their events run again.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    for (size_t i = 0; i < kAbortCauses; ++i) {
      out->Add(With(labels, "cause", kAbortNames[i]), worker.epochs.aborted[i]);
    }
  });
  out->Begin("once_producer_rebuilds_total", MetricType::Counter, "Producers that were replaced.");
  ForEachWorker(pod,
                [&](const Labels& labels, const WorkerStatus& worker) { out->Add(labels, worker.producer_rebuilds); });
  out->Begin("once_commit_duration_seconds", MetricType::Histogram, "From the seal of a transaction to its commit.");
  ForEachWorker(
      pod, [&](const Labels& labels, const WorkerStatus& worker) { out->Add(labels, worker.epochs.commit_seconds); });
  out->Begin("once_event_latency_seconds", MetricType::Histogram,
             "From an event's timestamp to its commit; of a sample of one event in 64.");
  ForEachWorker(
      pod, [&](const Labels& labels, const WorkerStatus& worker) { out->Add(labels, worker.epochs.event_seconds); });
}

void AddTasks(const PodStatus& pod, Exposition* out) {
  out->Begin("once_tasks", MetricType::Gauge, "Tasks of this pod, by phase.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    std::array<int64_t, kTaskPhases> phases = {};
    for (const TaskStatus& task : worker.tasks) ++phases[static_cast<size_t>(task.phase)];
    for (size_t i = 0; i < kTaskPhases; ++i) out->Add(With(labels, "phase", kPhaseNames[i]), phases[i]);
  });
  out->Begin("once_lag_events", MetricType::Gauge, "Offsets between the next event and the end of its partition.");
  ForEachInput(pod, [&](Labels labels, const InputStatus& input) {
    if (input.lag().has_value()) out->Add(std::move(labels), *input.lag());
  });
  out->Begin("once_held_back_seconds", MetricType::Gauge,
             "How long an open transaction upstream has held an input back.");
  ForEachInput(pod, [&](Labels labels, const InputStatus& input) {
    out->Add(std::move(labels), absl::ToDoubleSeconds(input.held_back));
  });
  out->Begin("once_lag_seconds", MetricType::Gauge,
             "Age of the oldest event that was fetched and waits; 0 where nothing waits, also at the brokers.");
  ForEachTask(pod, [&](const TaskStatus& task) {
    const bool has_all =
        std::all_of(task.inputs.begin(), task.inputs.end(), [](const InputStatus& input) { return input.lag() == 0; });
    // Of a task that stands still nothing is fetched: how old what waits for it is, nobody knows.
    if (!task.behind.has_value() && !has_all) return;
    out->Add(LabelsOf(task), absl::ToDoubleSeconds(task.behind.value_or(absl::ZeroDuration())));
  });
  const auto add = [&](const char* name, const char* help, const auto& value_of) {
    out->Begin(name, MetricType::Gauge, help);
    ForEachTask(pod, [&](const TaskStatus& task) { out->Add(LabelsOf(task), static_cast<double>(value_of(task))); });
  };
  add("once_restore_records_done", "Of the changelog, while a task restores: what it has read.",
      [](const TaskStatus& task) { return task.restore.has_value() ? task.restore->done : 0; });
  add("once_restore_records_target", "Of the changelog, while a task restores: all that it reads.",
      [](const TaskStatus& task) { return task.restore.has_value() ? task.restore->target : 0; });
  add("once_blocked_aggregates", "Aggregates that wait, for another attempt or for an operator.",
      [](const TaskStatus& task) { return task.blocked_aggregates; });
  add("once_retrying_aggregates", "Of these, those that wait for another attempt.",
      [](const TaskStatus& task) { return task.retrying_aggregates; });
  add("once_parked_events", "Events that wait behind failed ones, these included.",
      [](const TaskStatus& task) { return task.parked_events; });
  add("once_parked_bytes", "Their bytes, in the local state and the changelog.",
      [](const TaskStatus& task) { return task.parked_bytes; });
  add("once_oldest_failure_seconds", "For how long the aggregate that failed first has been blocked.",
      [&](const TaskStatus& task) {
        return task.oldest_failure == absl::InfiniteFuture() ? 0 : absl::ToDoubleSeconds(pod.now - task.oldest_failure);
      });
  add("once_checkpoint_age_seconds", "Since when the local state has not been written.",
      [](const TaskStatus& task) { return absl::ToDoubleSeconds(task.checkpoint_age.value_or(absl::ZeroDuration())); });
}

void AddMemory(const PodStatus& pod, Exposition* out) {
  out->Begin("once_memory_bytes", MetricType::Gauge, "Memory of the workers, by what it is for.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    const MemoryStatus& memory = worker.memory;
    for (const auto& [part, bytes] :
         std::initializer_list<std::pair<const char*, size_t>>{{"clean_state", memory.clean_state},
                                                               {"dirty_state", memory.dirty_state},
                                                               {"copies_for_disk", memory.copies_for_disk},
                                                               {"event_ids", memory.event_ids},
                                                               {"parked_queues", memory.parked_queues},
                                                               {"fetched", memory.fetched},
                                                               {"open_transaction", memory.open_transaction}}) {
      out->Add(With(labels, "part", part), static_cast<double>(bytes));
    }
  });
  out->Begin("once_memory_share_bytes", MetricType::Gauge, "What a worker may use of it now.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    out->Add(labels, static_cast<double>(worker.memory.share));
  });
  out->Begin("once_memory_budget_bytes", MetricType::Gauge, "The process's budget: --memory_bytes, or its default.");
  out->Add({}, pod.memory_bytes);
  out->Begin("once_resident_memory_bytes", MetricType::Gauge, "What the process has in memory, its program included.");
  out->Add({}, pod.resident_bytes);
  out->Begin("once_waits_for_memory", MetricType::Gauge, "1 while events wait for want of memory.");
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    out->Add(labels, worker.waits_for_memory ? 1.0 : 0.0);
  });
  out->Begin("once_window_ids", MetricType::Gauge, "Event IDs that are remembered.");
  ForEachTask(pod, [&](const TaskStatus& task) { out->Add(LabelsOf(task), task.window_ids); });
  out->Begin("once_window_forgotten_early", MetricType::Gauge,
             "Groups of event IDs that were forgotten before idempotency_retention was over, since the task is ours.");
  ForEachTask(pod, [&](const TaskStatus& task) { out->Add(LabelsOf(task), task.window_forgotten_early); });
}

}  // namespace

std::string MetricsText(const PodStatus& pod) {
  Exposition out;
  AddPod(pod, &out);
  AddEvents(pod, &out);
  AddDeadLetters(pod, &out);
  AddEpochs(pod, &out);
  AddTasks(pod, &out);
  AddMemory(pod, &out);
  AddClients(pod, &out);
  return out.Text();
}

}  // namespace once::http
