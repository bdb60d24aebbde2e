// The tasks of a worker: how they come, open, wait for seeks, pause and leave.
#include "processor/engine/tasks.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

Tasks::Tasks(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log, Step* step,
             std::function<uint64_t()> new_incarnation)
    : plan_(plan),
      options_(options),
      log_(log),
      step_(step),
      opener_(plan, options, store, log, std::move(new_incarnation)),
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

void Tasks::MarkAll() {
  for (const auto& [id, task] : tasks_) due_.Mark(task.get());
}

void Tasks::Settle(const std::vector<Task*>& tasks) {
  for (Task* const task : tasks) due_.Settle(task, NextDue(*task, *options_, budget(), step_->now));
}

void Tasks::Assign(const std::vector<TaskId>& assigned) {
  for (const TaskId& id : assigned) {
    auto task = std::make_unique<Task>(id, *plan_, *options_, opener_.store());
    task->opening_at = step_->now;
    task->opening_since = step_->now;
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
  if (!assigned.empty()) MarkAll();  // Each has less memory now.
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
    due_.Remove(task);
    tasks_.erase(id);
  }
  step_->Ask(action::Unassign{std::exchange(leaving_, {})});
}

void Tasks::OnOffsets(const event::TaskOffsetsFetched& fetched) {
  Task* task = Find(fetched.task);
  if (task == nullptr) return;
  Mark(task);
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
    Mark(task);
    task->replayed_at = step_->now;
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
    Mark(task);
    const absl::Status finished = opener_.OnReplayEnd(task, end.position, step_->now, step_->actions);
    if (!finished.ok()) StoreFailed(task, finished);
    KeepHeld(task);
  }
}

void Tasks::Reopen(Task* task) {
  if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;
  task->opening_at = step_->now;
  task->opening_since = step_->now;
  task->offsets_request = 0;  // What is under way was asked for before, so its answer may be outdated.
  Mark(task);
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
  if (!WantsSeek(task)) return targets;
  // Where nothing is to be fetched for now the end is the place to wait at.
  const bool waits = task.phase == TaskPhase::kPaused || !task.awaiting_seek;
  for (const InputPosition& input : task.inputs)
    targets.push_back({input.where, waits ? kafka::kEndOffset : input.next});
  return targets;
}

}  // namespace

std::vector<TopicPartitionOffset> Tasks::SeekTargets() const {
  std::vector<TopicPartitionOffset> targets;
  for (const Task* const task : Due()) {
    if (step_->now < task->seeks.until()) continue;
    for (TopicPartitionOffset& target : SeekTargetsOf(*task)) targets.push_back(std::move(target));
  }
  return targets;
}

void Tasks::OnSought(const event::SeekDone& done) {
  std::map<TopicPartition, Offset> sought;
  for (const TopicPartitionOffset& each : done.targets) sought.insert_or_assign(each.where, each.offset);
  std::map<TopicPartition, absl::Status> failed;
  for (const kafka::SeekFailure& each : done.failures) {
    sought.erase(each.target.where);
    failed.emplace(each.target.where, each.status);
  }
  const auto was_sought = [&](const TopicPartitionOffset& target) {
    const auto found = sought.find(target.where);
    return found != sought.end() && found->second == target.offset;
  };
  for (Task* const task : Due()) {
    const std::vector<TopicPartitionOffset> wanted = SeekTargetsOf(*task);
    if (wanted.empty()) continue;
    const auto failure =
        std::find_if(wanted.begin(), wanted.end(), [&](const auto& each) { return failed.contains(each.where); });
    if (failure != wanted.end()) {
      SeekFailed(task, failed.at(failure->where));
      continue;
    }
    // A task that has come to wait since, or for another place, still does.
    if (!std::all_of(wanted.begin(), wanted.end(), was_sought)) continue;
    Mark(task);
    task->seeks.End(step_->now, absl::StrCat("task ", ToString(task->inputs.front().where), " is read again"), log_);
    if (task->awaiting_seek) {
      task->backlog.Clear();
      task->holding = Task::Holding::kNo;
      task->awaiting_seek = false;
    } else {
      task->holding = Task::Holding::kYes;
    }
  }
}

void Tasks::SeekFailed(Task* task, const absl::Status& why) {
  constexpr absl::Duration kFirstPause = absl::Milliseconds(25);
  constexpr int64_t kUsual = 4;  // What a partition that was assigned just now may take.
  Mark(task);
  task->seeks.Fail(step_->now, kFirstPause);
  if (absl::IsUnavailable(why) && task->seeks.failures() <= kUsual) return;
  task->seeks.Tell(
      step_->now, LogLevel::kWarning,
      absl::StrCat("task ", ToString(task->inputs.front().where), " waits, and others go on: ", why.ToString(),
                   "; it is tried again, at least every ", absl::FormatDuration(kLongestPause)),
      log_);
}

void Tasks::RewindRunning() {
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kRunning) continue;
    task->backlog.Clear();
    task->awaiting_seek = true;
    Mark(task.get());
  }
}

void Tasks::Pause(Task* task, const absl::Status& why, bool retries_go_on) {
  log_->Log(LogLevel::kError,
            absl::StrCat("task ", ToString(task->inputs.front().where), " pauses for ",
                         absl::FormatDuration(options_->breaker_backoff), ": ", std::string(why.message())));
  Mark(task);
  task->phase = TaskPhase::kPaused;
  task->retries_while_paused = retries_go_on;
  task->awaiting_seek = true;
  task->resume_at = step_->now + options_->breaker_backoff;
}

void Tasks::Hold(Task* task, absl::Time until) {
  task->held_until = std::max(task->held_until, until);
  Mark(task);
  if (task->phase == TaskPhase::kPaused) task->resume_at = std::max(task->resume_at, task->held_until);
  KeepHeld(task);
}

void Tasks::KeepHeld(Task* task) {
  if (task->phase != TaskPhase::kRunning || task->held_until <= step_->now) return;
  task->phase = TaskPhase::kPaused;
  task->awaiting_seek = true;
  task->resume_at = task->held_until;
}

void Tasks::ResumePaused(const std::vector<Task*>& due) {
  for (Task* const task : due) {
    if (task->phase != TaskPhase::kPaused || step_->now < task->resume_at) continue;
    task->phase = TaskPhase::kRunning;
    task->awaiting_seek = true;
  }
}

}  // namespace once
