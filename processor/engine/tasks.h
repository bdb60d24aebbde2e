// Which tasks are ours: assignment, the positions of their inputs, phases, seeks, and what follows when one fails.
#ifndef ONCE_PROCESSOR_ENGINE_TASKS_H_
#define ONCE_PROCESSOR_ENGINE_TASKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/due_tasks.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/step.h"
#include "processor/engine/task.h"
#include "processor/engine/task_failures.h"
#include "processor/engine/task_opener.h"

namespace once {

// One input partition of a task of ours.
struct InputRef {
  Task* task = nullptr;
  InputPosition* input = nullptr;
  bool is_control = false;
};

// Not thread-safe; arguments must outlive this.
class Tasks {
 public:
  using Map = std::map<TaskId, std::unique_ptr<Task>>;

  Tasks(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log, Step* step,
        std::function<uint64_t()> new_incarnation);

  const Map& all() const { return tasks_; }
  Task* Find(const TaskId& id) const;
  // By the index of Plan::ConsumedTopics. Null if the partition is not ours.
  InputRef FindInput(uint32_t topic, Partition partition) const;

  // X7. Whom a turn is for: in the order of their ids, the tasks to which something happened since they were settled,
  // and those that have something to do by now.
  std::vector<Task*> Due() const { return due_.At(step_->now); }
  // Something happened to the task, or to all.
  void Mark(Task* task) { due_.Mark(task); }
  void MarkAll();
  // They were looked at.
  void Settle(const std::vector<Task*>& tasks);
  // When there is something to do next.
  absl::Time NextDeadline() const { return due_.next(); }

  // Assignment. Tasks that are to leave do so with UnassignLeaving, once no transaction speaks for them.
  void Assign(const std::vector<TaskId>& tasks);
  void Leave(const std::vector<TaskId>& tasks);
  bool leaving() const { return !leaving_.empty(); }
  const std::vector<TaskId>& leaving_tasks() const { return leaving_; }
  void UnassignLeaving();

  // Opening.
  void RequestOffsets(const std::vector<Task*>& due) { opener_.Request(due, step_->now, step_->actions); }
  void OnOffsets(const event::TaskOffsetsFetched& fetched);
  void OnReplayed(const kafka::Batch& batch);
  // Reads everything of the task afresh; nothing is processed meanwhile.
  void Reopen(Task* task);
  void ReopenAll();

  // Seeks. Where inputs of tasks that wait for one are to be read from.
  std::vector<TopicPartitionOffset> SeekTargets() const;
  // One that could not be sought waits, longer each time.
  void OnSought(const event::SeekDone& done);
  // T7: what was fetched of running tasks is void; they are sought to our own positions.
  void RewindRunning();

  // The task fails: at once, or when the epoch that speaks for it has ended (X4).
  void Fail(Task* task, const absl::Status& why);
  // Likewise it is opened anew: the client says that the log of `input` lacks what is next.
  void LookAgain(Task* task, InputPosition* input);
  // The client has ended the reading of the input, and refuses to seek it from now on. What was fetched before is
  // processed first; where that is void, LookAtEnded has the task opened anew as soon as it is to be sought.
  void NoteEnded(Task* task, const InputRef& ref);
  void LookAtEnded();
  // What Fail and LookAgain have asked for, of a task whose epoch has ended.
  void EndOf(Task* task);
  // Failed tasks whose time has come are opened anew.
  void RetryFailed(const std::vector<Task*>& due);
  // Of those among `due` that replay and come no further.
  void LookAgainAtReplays(const std::vector<Task*>& due);
  // Does so now, whatever its time. False if the task has not failed.
  bool Retry(const TaskId& id);
  void SetTopicProblems(std::vector<TopicProblem> problems);

  // Takes no new events for a while. With `retries_go_on` it goes on as soon as half of those that are RETRYING are not
  // any more.
  void Pause(Task* task, const absl::Status& why, absl::Duration length, bool retries_go_on);
  // The task is not to run before `until`, whatever it is doing now: its state, inputs and callbacks are served.
  void Hold(Task* task, absl::Time until);
  void ResumePaused(const std::vector<Task*>& due);
  // R7: pauses or resumes it as its commands have it; no epoch speaks for it.
  void FollowCommands(Task* task);
  // The task's local state cannot be read or written.
  void StoreFailed(Task* task, const absl::Status& status);
  // What StoreFailed asked for, once nothing writes the task's state and no epoch speaks for it (F7).
  void RebuildIfFree(Task* task);

 private:
  void HearOfCommands(const TopicProblem& problem);
  // After a step of its opening. A task that has come to run although it is held back waits.
  void OnOpened(Task* task);
  void SeekFailed(Task* task, const absl::Status& why, RecurringFailure* seeks);
  void SetInput(uint32_t topic, Partition partition, const InputRef& ref);
  void KeepHeld(Task* task);
  void AssignAnew(Task* task);
  void AskToRejoin(const TopicPartition& where);
  void ForgetIfFree(Task* task);

  const Plan* const plan_;
  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  TaskOpener opener_;
  TaskFailures failures_;

  Map tasks_;
  DueTasks due_;
  std::vector<std::vector<InputRef>> inputs_;  // [topic][partition]
  std::vector<TaskId> leaving_;
  absl::Time next_rejoin_ = absl::InfinitePast();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASKS_H_
