#include "processor/http/health.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace once::http {

namespace {

// Without a handler: a task that opens may have much to load from a slow disk.
constexpr absl::Duration kLongestStep = absl::Minutes(5);

// So long before the process ends itself at the most: until then the handlers may be merely slow.
constexpr absl::Duration kLongestWarning = absl::Seconds(10);

std::string Seconds(absl::Duration duration) { return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1))); }

// All of a pod's tasks.
struct Tally {
  size_t tasks = 0;
  std::array<size_t, kTaskPhases> phases = {};
  size_t held_back = 0;  // Of those that run: all that they read waits behind others.
  int64_t restored = 0;
  int64_t to_restore = 0;
  const TaskStatus* opening_task = nullptr;
  const TaskStatus* stopped_task = nullptr;  // One that has failed, or else is paused.
  const InputStatus* held_input = nullptr;
  absl::Duration held_for = absl::ZeroDuration();

  size_t of(TaskPhaseStatus phase) const { return phases[static_cast<size_t>(phase)]; }
  size_t opening() const { return of(TaskPhaseStatus::kOpening) + of(TaskPhaseStatus::kRestoring); }
};

void Add(const TaskStatus& task, Tally* tally) {
  ++tally->tasks;
  ++tally->phases[static_cast<size_t>(task.phase)];
  if (task.phase == TaskPhaseStatus::kRestoring && task.restore.has_value()) {
    tally->restored += task.restore->done;
    tally->to_restore += task.restore->target;
  }
  if (task.phase != TaskPhaseStatus::kRunning) {
    const TaskStatus*& example = task.phase < TaskPhaseStatus::kRunning ? tally->opening_task : tally->stopped_task;
    if (example == nullptr || task.phase > example->phase) example = &task;
    return;
  }
  const auto is_held = [](const InputStatus& input) { return input.held_back > absl::ZeroDuration(); };
  // While another input has events it works.
  const bool has_no_other = std::all_of(task.inputs.begin(), task.inputs.end(),
                                        [&](const InputStatus& input) { return is_held(input) || input.lag() == 0; });
  if (has_no_other && std::any_of(task.inputs.begin(), task.inputs.end(), is_held)) ++tally->held_back;
  for (const InputStatus& input : task.inputs) {
    if (input.held_back <= tally->held_for) continue;
    tally->held_for = input.held_back;
    tally->held_input = &input;
  }
}

std::string HeldBack(const Tally& tally) {
  return absl::StrCat("held back by an open transaction upstream: ", ToString(tally.held_input->where),
                      " cannot be read behind offset ", tally.held_input->next_offset, " since ",
                      Seconds(tally.held_for), ", before the transaction ends that another producer has begun there");
}

// Anybody may read this: what handlers, events and operators have said is not in it.
std::string OfOpening(const TaskStatus& task) {
  return task.why.empty() ? task.name : absl::StrCat(task.name, ": ", task.why);
}

std::string OfStopped(const TaskStatus& task) {
  return absl::StrCat(task.name, ", which ", task.phase == TaskPhaseStatus::kFailed ? "has failed" : "is paused",
                      " (see /v1/tasks)");
}

// Why none of its tasks runs.
std::string Standstill(const Tally& tally) {
  return absl::StrCat("none of ", tally.tasks, " tasks runs: ", tally.of(TaskPhaseStatus::kFailed), " failed, ",
                      tally.of(TaskPhaseStatus::kPaused), " paused; one is ", OfStopped(*tally.stopped_task));
}

std::string Ready(const Tally& tally) {
  const size_t running = tally.of(TaskPhaseStatus::kRunning);
  std::string text = absl::StrCat("ready: ", running, " of ", tally.tasks, " tasks run");
  if (tally.stopped_task != nullptr) absl::StrAppend(&text, "; not ", OfStopped(*tally.stopped_task));
  if (tally.held_back > 0) absl::StrAppend(&text, "; ", HeldBack(tally));
  return text;
}

}  // namespace

Health Livez(const PodStatus& pod) {
  for (size_t i = 0; i < pod.steps.size(); ++i) {
    const StepStatus& step = pod.steps[i];
    const bool is_handler = !step.event.empty();
    const absl::Duration warning = std::min(pod.handler_timeout / 4, kLongestWarning);
    if (step.lasts < (is_handler ? pod.handler_timeout - warning : kLongestStep)) continue;
    const std::string what =
        is_handler ? absl::StrCat("the handlers of event ", step.event, " have been running for ", Seconds(step.lasts),
                                  " (handler_timeout is ", absl::FormatDuration(pod.handler_timeout), ")")
                   : absl::StrCat("one step has lasted for ", Seconds(step.lasts));
    return {false, absl::StrCat("worker ", i, " is stuck: ", what)};
  }
  return {true, "alive"};
}

Health Startupz(const PodStatus& pod) {
  if (pod.phase != PodPhase::kStarting) return {true, "started"};
  return {false, absl::StrCat("starting since ", Seconds(pod.now - pod.started_at),
                              ": waits for the brokers, checks topics, takes over its producers; the log says which")};
}

Health Readyz(const PodStatus& pod) {
  if (pod.phase == PodPhase::kStarting) return Startupz(pod);
  if (pod.phase == PodPhase::kStopping) return {false, "stopping: what is open commits, then the group is left"};
  Tally tally;
  for (const auto& worker : pod.workers) {
    if (worker == nullptr) continue;
    for (const TaskStatus& task : worker->tasks) Add(task, &tally);
  }
  if (tally.tasks == 0) {
    return {false,
            "no partitions: the group has given it none, since it has just joined, or since there are more "
            "workers than partitions"};
  }
  if (tally.opening() > 0) {
    std::string text = absl::StrCat("opening ", tally.opening(), " of ", tally.tasks, " tasks");
    if (tally.to_restore > 0) absl::StrAppend(&text, ", restoring ", tally.restored * 100 / tally.to_restore, " %");
    return {false, absl::StrCat(text, "; ", OfOpening(*tally.opening_task))};
  }
  if (tally.of(TaskPhaseStatus::kRunning) == 0) return {false, Standstill(tally)};
  if (tally.held_back == tally.of(TaskPhaseStatus::kRunning)) return {false, HeldBack(tally)};
  return {true, Ready(tally)};
}

}  // namespace once::http
