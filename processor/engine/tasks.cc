// The tasks of a worker: how they come, open, wait for seeks, pause and leave.
#include "processor/engine/tasks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

Tasks::Tasks(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log, Step* step,
             std::function<uint64_t()> new_incarnation)
    : plan_(plan),
      options_(options),
      log_(log),
      step_(step),
      opener_(plan, options, store, log, step, std::move(new_incarnation)),
      inputs_(plan->input_topics.size()) {}

Task* Tasks::Find(const TaskId& id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second.get();
}

InputRef Tasks::FindInput(uint32_t source, Partition partition) const {
  if (source >= inputs_.size()) return {};
  const auto index = static_cast<size_t>(partition.value());
  return index < inputs_[source].size() ? inputs_[source][index] : InputRef{};
}

absl::Time Tasks::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, task] : tasks_) {
    if (task->awaiting_seek || task->holding == Task::Holding::kToBeSought) return step_->now;
    if (task->phase == TaskPhase::kReplaying) return step_->now;
    if (task->phase == TaskPhase::kOpening) next = std::min(next, step_->now + options_->retry_interval);
    if (task->phase == TaskPhase::kPaused) next = std::min(next, task->resume_at);
    next = std::min(next, task->parking.NextRetry());
  }
  return next;
}

void Tasks::Assign(const std::vector<TaskId>& assigned) {
  for (const TaskId& id : assigned) {
    auto task = std::make_unique<Task>(id, *plan_, *options_, opener_.store(), step_);
    task->opening_at = step_->now;
    for (const CrashSuspect& suspect : options_->crash_suspects) {
      const bool is_ours = std::any_of(task->inputs.begin(), task->inputs.end(),
                                       [&](const InputPosition& input) { return input.where == suspect.place.where; });
      if (is_ours) task->suspects.Warn(suspect.place, suspect.blame);
    }
    for (InputPosition& input : task->inputs) {
      auto& by_partition = inputs_[input.source];
      const auto index = static_cast<size_t>(id.partition.value());
      if (by_partition.size() <= index) by_partition.resize(index + 1);
      by_partition[index] = {task.get(), &input};
    }
    tasks_[id] = std::move(task);
  }
}

void Tasks::Leave(const std::vector<TaskId>& tasks) { leaving_.insert(leaving_.end(), tasks.begin(), tasks.end()); }

void Tasks::UnassignLeaving() {
  for (const TaskId& id : leaving_) {
    Task* task = Find(id);
    if (task == nullptr) continue;
    if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
    for (const InputPosition& input : task->inputs) {
      inputs_[input.source][static_cast<size_t>(id.partition.value())] = InputRef{};
    }
    tasks_.erase(id);
  }
  step_->Ask(action::Unassign{std::exchange(leaving_, {})});
}

void Tasks::RequestOffsets() {
  for (const auto& [id, task] : tasks_) opener_.Request(task.get(), step_->now, step_->actions);
}

void Tasks::OnOffsets(const event::TaskOffsetsFetched& fetched) {
  Task* task = Find(fetched.task);
  if (task == nullptr) return;
  const absl::Status opened = opener_.OnOffsets(task, fetched, step_->now, step_->actions);
  if (!opened.ok()) StoreFailed(task, opened);
  KeepHeld(task);
}

void Tasks::OnReplayed(const kafka::Batch& batch) {
  const auto find = [&](uint32_t group, Partition partition) {
    return Find({static_cast<uint16_t>(group), partition});
  };
  for (const RecordView& record : batch.records) {
    Task* task = find(record.topic_index, record.partition);
    if (task == nullptr) continue;
    const absl::Status applied = opener_.OnReplayed(task, record);
    if (!applied.ok()) return step_->Halt(applied);
  }
  for (const kafka::PartitionError& error : batch.errors) {
    if (find(error.topic_index, error.partition) == nullptr) continue;
    return step_->Halt(absl::Status(
        error.status.code(), absl::StrCat("reading changelog ", plan_->changelog_topics[error.topic_index], "-",
                                          error.partition.value(), " failed: ", std::string(error.status.message()))));
  }
  for (const kafka::EndOfPartition& end : batch.ends) {
    Task* task = find(end.topic_index, end.partition);
    if (task == nullptr) continue;
    const absl::Status finished = opener_.OnReplayEnd(task, end.position, step_->now, step_->actions);
    if (!finished.ok()) StoreFailed(task, finished);
    KeepHeld(task);
  }
}

void Tasks::Reopen(Task* task) {
  if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;
  task->opening_at = step_->now;
  task->offsets_requested = false;
  task->backlog.Clear();
  task->awaiting_seek = true;
}

void Tasks::ReopenAll() {
  for (const auto& [id, task] : tasks_) Reopen(task.get());
}

void Tasks::StoreFailed(Task* task, const absl::Status& status) {
  if (!absl::IsDataLoss(status) || task->rebuilding) return step_->Halt(status);
  Reopen(task);
  task->rebuild_why = status;
  RebuildIfFree(task);
}

void Tasks::RebuildIfFree(Task* task) {
  if (absl::Status rebuilt = opener_.RebuildIfFree(task); !rebuilt.ok()) step_->Halt(rebuilt);
}

namespace {

// Where the task's inputs are to be read next; nothing if they are read from where they should be.
std::vector<TopicPartitionOffset> SeekTargetsOf(const Task& task) {
  std::vector<TopicPartitionOffset> targets;
  if (!task.awaiting_seek && task.holding != Task::Holding::kToBeSought) return targets;
  if (task.phase != TaskPhase::kRunning && task.phase != TaskPhase::kPaused) return targets;
  // Where nothing is to be fetched for now the end is the place to wait at.
  const bool waits = task.phase == TaskPhase::kPaused || !task.awaiting_seek;
  for (const InputPosition& input : task.inputs)
    targets.push_back({input.where, waits ? kafka::kEndOffset : input.next});
  return targets;
}

}  // namespace

std::vector<TopicPartitionOffset> Tasks::SeekTargets() const {
  std::vector<TopicPartitionOffset> targets;
  for (const auto& [id, task] : tasks_) {
    for (TopicPartitionOffset& target : SeekTargetsOf(*task)) targets.push_back(std::move(target));
  }
  return targets;
}

void Tasks::OnSought(const std::vector<TopicPartitionOffset>& sought) {
  const auto was_sought = [&](const TopicPartitionOffset& target) {
    return std::any_of(sought.begin(), sought.end(), [&](const TopicPartitionOffset& each) {
      return each.where == target.where && each.offset == target.offset;
    });
  };
  // A task that has come to wait since, or for another place, still does.
  for (const auto& [id, task] : tasks_) {
    const std::vector<TopicPartitionOffset> wanted = SeekTargetsOf(*task);
    if (wanted.empty() || !std::all_of(wanted.begin(), wanted.end(), was_sought)) continue;
    if (task->awaiting_seek) {
      task->backlog.Clear();
      task->holding = Task::Holding::kNo;
      task->awaiting_seek = false;
    } else {
      task->holding = Task::Holding::kYes;
    }
  }
}

void Tasks::RewindRunning() {
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kRunning) continue;
    task->backlog.Clear();
    task->awaiting_seek = true;
  }
}

void Tasks::Pause(Task* task, const absl::Status& why, absl::Duration length, bool retries_go_on) {
  log_->Log(LogLevel::kError, absl::StrCat("task ", ToString(task->inputs.front().where), " pauses for ",
                                           absl::FormatDuration(length), ": ", std::string(why.message())));
  ++task->breaker_trips;
  task->phase = TaskPhase::kPaused;
  task->retries_while_paused = retries_go_on;
  task->awaiting_seek = true;
  task->retrying_at_pause = retries_go_on ? task->parking.retrying() : 0;
  task->resume_at = step_->now + length;
}

void Tasks::Hold(Task* task, absl::Time until) {
  task->held_until = std::max(task->held_until, until);
  if (task->phase == TaskPhase::kPaused) task->resume_at = std::max(task->resume_at, task->held_until);
  KeepHeld(task);
}

void Tasks::KeepHeld(Task* task) {
  if (task->phase != TaskPhase::kRunning || task->held_until <= step_->now) return;
  task->phase = TaskPhase::kPaused;
  task->awaiting_seek = true;
  task->resume_at = task->held_until;
}

void Tasks::ResumePaused() {
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kPaused || task->held_until > step_->now) continue;
    // What its handlers need is back.
    const bool recovered = task->retrying_at_pause > 0 && 2 * task->parking.retrying() <= task->retrying_at_pause;
    if (step_->now < task->resume_at && !recovered) continue;
    task->phase = TaskPhase::kRunning;
    task->retrying_at_pause = 0;
    task->resumed_at = step_->now;
    task->awaiting_seek = true;
  }
}

}  // namespace once
