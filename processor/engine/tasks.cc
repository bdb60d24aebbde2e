// The tasks of a worker: how they come, open, wait for seeks, pause and leave.
#include "processor/engine/tasks.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/checkpoint_store.h"

namespace once {

Tasks::Tasks(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log, Step* step,
             std::function<uint64_t()> new_incarnation)
    : plan_(plan),
      options_(options),
      log_(log),
      step_(step),
      opener_(plan, options, store, log, step, std::move(new_incarnation)),
      failures_(plan, options, log, step),
      inputs_(plan->ConsumedTopics().size()) {}

Task* Tasks::Find(const TaskId& id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second.get();
}

InputRef Tasks::FindInput(uint32_t topic, Partition partition) const {
  if (topic >= inputs_.size()) return {};
  const auto index = static_cast<size_t>(partition.value());
  return index < inputs_[topic].size() ? inputs_[topic][index] : InputRef{};
}

void Tasks::SetInput(uint32_t topic, Partition partition, const InputRef& ref) {
  auto& by_partition = inputs_[topic];
  const auto index = static_cast<size_t>(partition.value());
  // By number, since every fetched record is looked up here.
  if (by_partition.size() <= index) by_partition.resize(index + 1);
  by_partition[index] = ref;
}

void Tasks::MarkAll() {
  for (const auto& [id, task] : tasks_) due_.Mark(task.get());
}

void Tasks::Settle(const std::vector<Task*>& tasks) {
  for (Task* const task : tasks) due_.Settle(task, NextDue(*task, *options_, step_->now));
}

void Tasks::Assign(const std::vector<TaskId>& assigned) {
  for (const TaskId& id : assigned) {
    auto task = std::make_unique<Task>(id, *plan_, *options_, opener_.store(), step_);
    task->opening_at = step_->now;
    task->opening_since = step_->now;
    // X3: what the process before died of concerns the task that reads it, whoever that is.
    for (const CrashSuspect& suspect : options_->crash_suspects) {
      const bool is_ours = std::any_of(task->inputs.begin(), task->inputs.end(),
                                       [&](const InputPosition& input) { return input.where == suspect.place.where; });
      if (is_ours) task->suspects.Warn(suspect.place, suspect.blame);
    }
    for (InputPosition& input : task->inputs) {
      SetInput(input.source, id.partition, {task.get(), &input});
    }
    if (task->control.has_value()) {
      SetInput(plan_->control_index(id.group), id.partition, {task.get(), &task->control->position, true});
    }
    Task* const assigned_task = (tasks_[id] = std::move(task)).get();
    // X8: what the topics' watch has found so far holds for tasks that come later as well.
    if (absl::Status problem = failures_.TopicProblemOf(*assigned_task); !problem.ok()) Fail(assigned_task, problem);
  }
  if (!assigned.empty()) MarkAll();  // Each has less memory now.
}

void Tasks::Leave(const std::vector<TaskId>& tasks) { leaving_.insert(leaving_.end(), tasks.begin(), tasks.end()); }

void Tasks::UnassignLeaving() {
  for (const TaskId& id : leaving_) {
    Task* task = Find(id);
    if (task == nullptr) continue;
    if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
    // What is fetched of it from now on finds nobody.
    for (const InputPosition& input : task->inputs) {
      SetInput(input.source, id.partition, {});
    }
    if (task->control.has_value()) SetInput(plan_->control_index(id.group), id.partition, {});
    due_.Remove(task);
    tasks_.erase(id);
  }
  // All in one call, which answers the rebalance callback (T7).
  step_->Ask(action::Unassign{std::exchange(leaving_, {})});
}

void Tasks::OnOpened(Task* task) {
  // librdkafka has given its partition up; a seek does not bring it back.
  if (task->phase == TaskPhase::kRunning && HasBrokenInput(*task)) return AssignAnew(task);
  if (task->phase == TaskPhase::kRunning) failures_.NoteRunning(task);
  KeepHeld(task);
  FollowCommands(task);
}

void Tasks::OnOffsets(const event::TaskOffsetsFetched& fetched) {
  Task* task = Find(fetched.task);
  if (task == nullptr) return;
  Mark(task);
  if (task->control.has_value() && fetched.offsets.ok()) {
    const auto id = fetched.offsets->topic_ids.find(task->control->position.where.topic);
    // A broker that does not tell just now must not make us forget.
    if (id != fetched.offsets->topic_ids.end()) task->control->topic_id = id->second;
  }
  const absl::Status opened = opener_.OnOffsets(task, fetched, step_->now, step_->actions);
  // Not of the store alone: it tells what a rebuild mends from what it does not.
  if (!opened.ok()) StoreFailed(task, opened);
  OnOpened(task);
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
    if (!applied.ok()) Fail(task, applied);
  }
  for (const kafka::PartitionError& error : batch.errors) {
    Task* task = find(error.topic_index, error.partition);
    // An error that is late concerns a replay that is over.
    if (task == nullptr || task->phase != TaskPhase::kReplaying) continue;
    Fail(task, absl::Status(error.status.code(), absl::StrCat("reading changelog ", ToString(task->changelog),
                                                              " failed: ", std::string(error.status.message()))));
  }
  for (const kafka::EndOfPartition& end : batch.ends) {
    Task* task = find(end.topic_index, end.partition);
    if (task == nullptr) continue;
    Mark(task);
    const absl::Status finished = opener_.OnReplayEnd(task, end.position, step_->now, step_->actions);
    if (!finished.ok()) StoreFailed(task, finished);
    OnOpened(task);
  }
}

void Tasks::Reopen(Task* task) {
  if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;
  task->opening_at = step_->now;
  task->opening_since = step_->now;
  task->offsets_request = 0;  // What is under way was asked for before, so its answer may be outdated.
  Mark(task);
  // I7: void whatever it is; the committed offsets say where reading goes on.
  task->backlog.Clear();
  task->awaiting_seek = true;
}

void Tasks::LookAgainAtReplays(const std::vector<Task*>& due) {
  for (Task* const task : due) {
    if (task->phase != TaskPhase::kReplaying || step_->now < LooksAgainAt(*task)) continue;
    const absl::Time since = task->opening_since;
    Reopen(task);
    task->opening_since = since;
  }
}

void Tasks::ReopenAll() {
  for (const auto& [id, task] : tasks_) {
    // A failed one is opened by its own clock.
    if (task->phase != TaskPhase::kFailed) Reopen(task.get());
  }
}

void Tasks::Fail(Task* task, const absl::Status& why) {
  if (task->phase == TaskPhase::kFailed) return;
  Mark(task);
  // An epoch speaks for it: that ends first, by commit or abort, and EndOf comes back here (X4).
  if (task->touched) {
    if (task->failing.ok()) task->failing = why;
    return;
  }
  if (options_->exit_on_task_failure) return step_->Halt(why);
  if (task->phase == TaskPhase::kReplaying) step_->Ask(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kFailed;
  task->failing = absl::OkStatus();
  task->looks_again = false;
  task->rebuild_why = absl::OkStatus();
  task->offsets_request = 0;
  task->backlog.Clear();
  task->holding = Task::Holding::kNo;
  task->awaiting_seek = true;  // To the end, where nothing is fetched in vain.
  if (task->control.has_value()) task->control->awaiting_seek = true;
  failures_.Note(task, why);
  // The state goes as well, so that the next try trusts nothing but the brokers.
  ForgetIfFree(task);
  const bool have_all = std::all_of(tasks_.begin(), tasks_.end(),
                                    [](const auto& each) { return each.second->phase == TaskPhase::kFailed; });
  if (have_all) failures_.TellThatAllHave(tasks_.size());
}

void Tasks::EndOf(Task* task) {
  if (!task->failing.ok()) return Fail(task, std::exchange(task->failing, absl::OkStatus()));
  if (!std::exchange(task->looks_again, false) || task->phase == TaskPhase::kFailed) return;
  Reopen(task);
}

// What is written to the disk at present is of the state that memory holds.
void Tasks::ForgetIfFree(Task* task) {
  if (task->phase != TaskPhase::kFailed || task->is_forgotten || task->state.checkpoint_under_way()) return;
  opener_.Forget(task);
  task->is_forgotten = true;
}

void Tasks::RetryFailed(const std::vector<Task*>& due) {
  for (Task* const task : due) {
    if (task->phase == TaskPhase::kFailed && step_->now >= task->failure.retry_at) Retry(task->id);
  }
}

bool Tasks::Retry(const TaskId& id) {
  Task* const task = Find(id);
  if (task == nullptr || task->phase != TaskPhase::kFailed) return false;
  // If its checkpoint is being written yet, a tick does the rest.
  task->failure.retry_at = step_->now;
  Mark(task);
  ForgetIfFree(task);
  if (!task->is_forgotten) return true;  // As soon as its checkpoint is written.
  task->is_forgotten = false;
  Reopen(task);
  // X8: as far as the topics' watch knows nothing has changed: it fails again, for that reason.
  if (absl::Status problem = failures_.TopicProblemOf(*task); !problem.ok()) Fail(task, problem);
  return true;
}

namespace {

// F7: a rebuild has met it, so it is in the changelog.
absl::Status BlameChangelog(const Task& task, const absl::Status& status) {
  if (!absl::IsDataLoss(status) || !task.is_rebuilt) return status;
  return absl::DataLossError(absl::StrCat(
      std::string(status.message()), ", and so it is in ", ToString(task.changelog),
      ", which the state was just rebuilt from; was it written by another program, or by a newer version of this one?"
      " Run the version that wrote it, or start under a new application_id"));
}

}  // namespace

void Tasks::StoreFailed(Task* task, const absl::Status& status) {
  if (task->phase == TaskPhase::kFailed) return;
  // All tasks share damaged files: who runs us makes them anew.
  if (IsCorruptStore(status) && task->rebuilding) return step_->Halt(status);
  if (!TaskOpener::WouldRebuildMend(*task, status)) return Fail(task, BlameChangelog(*task, status));
  Reopen(task);
  // X5b: not at once: a write of its state may be under way, or an epoch may speak for it.
  task->rebuild_why = status;
  RebuildIfFree(task);
}

void Tasks::RebuildIfFree(Task* task) {
  ForgetIfFree(task);
  if (absl::Status rebuilt = opener_.RebuildIfFree(task); !rebuilt.ok()) StoreFailed(task, rebuilt);
}

namespace {

// Where the task's inputs are to be read next; nothing if they are read from where they should be.
std::vector<TopicPartitionOffset> SeekTargetsOf(const Task& task) {
  std::vector<TopicPartitionOffset> targets;
  if (!WantsSeek(task)) return targets;
  // Where nothing is to be fetched for now the end is the place to wait at.
  const bool waits = task.phase != TaskPhase::kRunning || !task.awaiting_seek;
  for (const InputPosition& input : task.inputs)
    targets.push_back({input.where, waits ? kafka::kEndOffset : input.next});
  return targets;
}

// Of its commands: a paused task hears them, and a failed one as well (R7): from those on that it has not carried out,
// or it would not hear what is sent while it fails. One that never got so far hears what comes from now on.
std::vector<TopicPartitionOffset> ControlSeekTargetsOf(const Task& task) {
  if (!WantsControlSeek(task)) return {};
  const InputPosition& position = task.control->position;
  return {{position.where, task.control->is_placed ? position.next : kafka::kEndOffset}};
}

}  // namespace

std::vector<TopicPartitionOffset> Tasks::SeekTargets() const {
  std::vector<TopicPartitionOffset> targets;
  for (const Task* const task : Due()) {
    // X5h: one whose seeks fail is asked for less and less often, and by itself.
    if (step_->now >= task->seeks.until()) {
      for (TopicPartitionOffset& target : SeekTargetsOf(*task)) targets.push_back(std::move(target));
    }
    if (!task->control.has_value() || step_->now < task->control->seeks.until()) continue;
    for (TopicPartitionOffset& target : ControlSeekTargetsOf(*task)) targets.push_back(std::move(target));
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
  // Whether it has been sought to all that was wanted, and nothing else.
  const auto is_done = [&](Task* task, const std::vector<TopicPartitionOffset>& wanted, RecurringFailure* seeks) {
    if (wanted.empty()) return false;
    const auto failure =
        std::find_if(wanted.begin(), wanted.end(), [&](const auto& each) { return failed.contains(each.where); });
    if (failure != wanted.end()) {
      SeekFailed(task, failed.at(failure->where), seeks);
      return false;
    }
    // A task that has come to wait since, or for another place, still does.
    if (!std::all_of(wanted.begin(), wanted.end(), was_sought)) return false;
    Mark(task);
    seeks->End(step_->now, absl::StrCat("task ", ToString(task->inputs.front().where), " is read again"), log_);
    return true;
  };
  for (Task* const task : Due()) {
    if (task->control.has_value() && is_done(task, ControlSeekTargetsOf(*task), &task->control->seeks)) {
      task->control->backlog.Clear();
      task->control->is_holding = false;
      task->control->awaiting_seek = false;
    }
    if (!is_done(task, SeekTargetsOf(*task), &task->seeks)) continue;
    // Sought to where it goes on: what was fetched before comes again. Else it was sent to the end to wait.
    if (task->awaiting_seek) {
      task->backlog.Clear();
      task->holding = Task::Holding::kNo;
      task->awaiting_seek = false;
    } else {
      task->holding = Task::Holding::kYes;
    }
  }
}

void Tasks::SeekFailed(Task* task, const absl::Status& why, RecurringFailure* seeks) {
  constexpr absl::Duration kFirstPause = absl::Milliseconds(25);
  constexpr int64_t kUsual = 4;     // What a partition that was assigned just now may take.
  constexpr int64_t kGivenUp = 11;  // Within a minute.
  Mark(task);
  seeks->Fail(step_->now, kFirstPause);
  // The client has given the partition up and said nothing of it, as when its topic was gone for a while. Where brokers
  // tell no ids the topics' watch may not see it.
  if (absl::IsFailedPrecondition(why) && seeks->failures() > kGivenUp) {
    const bool is_control = task->control.has_value() && seeks == &task->control->seeks;
    LookAgain(task, is_control ? &task->control->position : &task->inputs.front());
  }
  if (absl::IsUnavailable(why) && seeks->failures() <= kUsual) return;
  seeks->Tell(step_->now, LogLevel::kWarning, absl::StatusCodeToString(why.code()),
              absl::StrCat("task ", ToString(task->inputs.front().where), " waits, and others go on: ", why.ToString(),
                           "; it is tried again, at least every ", absl::FormatDuration(kLongestPause)),
              log_);
}

void Tasks::RewindRunning() {
  for (const auto& [id, task] : tasks_) {
    // Commands are heard in other phases as well.
    if (task->control.has_value() && (IsWritable(*task) || task->phase == TaskPhase::kFailed)) {
      task->control->backlog.Clear();
      task->control->awaiting_seek = true;
      Mark(task.get());
    }
    // Others are not read, or are sought when they come to run.
    if (task->phase != TaskPhase::kRunning) continue;
    task->backlog.Clear();
    task->awaiting_seek = true;
    Mark(task.get());
  }
}

void Tasks::ResumePaused(const std::vector<Task*>& due) {
  for (Task* const task : due) {
    if (task->phase != TaskPhase::kPaused || step_->now < ResumeAt(*task)) continue;
    task->phase = TaskPhase::kRunning;
    task->retrying_at_pause = 0;
    task->resumed_at = step_->now;
    // It has waited at the end of its inputs; now it is sought to where it stands.
    task->awaiting_seek = true;
  }
}

}  // namespace once
