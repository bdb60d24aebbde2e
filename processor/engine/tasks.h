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
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/step.h"
#include "processor/engine/task.h"
#include "processor/engine/task_opener.h"

namespace once {

// One input partition of a task of ours.
struct InputRef {
  Task* task = nullptr;
  InputPosition* input = nullptr;
};

// Not thread-safe; arguments must outlive this.
class Tasks {
 public:
  using Map = std::map<TaskId, std::unique_ptr<Task>>;

  Tasks(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log, Step* step,
        std::function<uint64_t()> new_incarnation);

  const Map& all() const { return tasks_; }
  Task* Find(const TaskId& id) const;
  // Null if the partition is not ours.
  InputRef FindInput(uint32_t source, Partition partition) const;
  absl::Time NextDeadline() const;

  // Assignment. Tasks that are to leave do so with UnassignLeaving, once no transaction speaks for them.
  void Assign(const std::vector<TaskId>& tasks);
  void Leave(const std::vector<TaskId>& tasks);
  bool leaving() const { return !leaving_.empty(); }
  void UnassignLeaving();

  // Opening.
  void RequestOffsets();
  void OnOffsets(const event::TaskOffsetsFetched& fetched);
  void OnReplayed(const kafka::Batch& batch);
  // Reads everything of the task afresh; nothing is processed meanwhile.
  void Reopen(Task* task);
  void ReopenAll();

  // Seeks. Where inputs of tasks that wait for one are to be read from.
  std::vector<TopicPartitionOffset> SeekTargets() const;
  void OnSought(const std::vector<TopicPartitionOffset>& sought);
  // T7: what was fetched of running tasks is void; they are sought to our own positions.
  void RewindRunning();

  // Takes no new events for a while. With `retries_go_on` it goes on as soon as half of those that are RETRYING are not
  // any more.
  void Pause(Task* task, const absl::Status& why, absl::Duration length, bool retries_go_on);
  // The task is not to run before `until`, whatever it is doing now: its state, inputs and callbacks are served.
  void Hold(Task* task, absl::Time until);
  void ResumePaused();
  // The task's local state cannot be read or written.
  void StoreFailed(Task* task, const absl::Status& status);
  // What StoreFailed asked for, once nothing writes the task's state and no epoch speaks for it (F7).
  void RebuildIfFree(Task* task);

 private:
  // A task that has come to run although it is held back waits.
  void KeepHeld(Task* task);

  const Plan* const plan_;
  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  TaskOpener opener_;

  Map tasks_;
  std::vector<std::vector<InputRef>> inputs_;  // [source][partition]
  std::vector<TaskId> leaving_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASKS_H_
