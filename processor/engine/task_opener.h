// Opens tasks: committed offsets, then the changelog's end, then the replay of what the memory or the checkpoint lacks,
// then the check that offsets and state tell the same story.
#ifndef ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_
#define ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"

namespace once {

// Not thread-safe; arguments must outlive this. A non-OK status from any call means: the task fails, or is rebuilt.
class TaskOpener {
 public:
  // `clock` is the present reading; times that calls are given are of the steady clock. `new_incarnation` draws the
  // number of a changelog that is begun.
  TaskOpener(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log,
             const ClockReading* clock, std::function<uint64_t()> new_incarnation);

  CheckpointStore* store() const { return store_; }

  // Asks for the offsets of those among the tasks that are opening, if it is time.
  void Request(const std::vector<Task*>& tasks, absl::Time now, Actions* actions);
  absl::Status OnOffsets(Task* task, const event::TaskOffsetsFetched& fetched, absl::Time now, Actions* actions);
  // One record of the task's changelog.
  absl::Status OnReplayed(Task* task, const RecordView& record);
  // The reader stands at `position` and there is nothing more yet. Runs the task once that is far enough.
  absl::Status OnReplayEnd(Task* task, Offset position, absl::Time now, Actions* actions);

  // Whether `status`, an error of the task's state, is one of its local copy, so that the changelog has what is meant.
  // What cannot be read in a state that was made from the changelog itself is so there (F7).
  static bool WouldRebuildMend(const Task& task, const absl::Status& status);
  // If task.rebuild_why asks for it: forgets the task's local state, memory and disk, and opens it from the changelog's
  // beginning. Waits for a call when nothing writes its state any more (the write would come after the wipe, and pass a
  // part for all) and no epoch speaks for it; until then the task, which must be opening, does not open (F7).
  absl::Status RebuildIfFree(Task* task);
  // Forgets what the memory holds of the task's state, so that the next opening begins with the checkpoint.
  static void Forget(Task* task);

 private:
  absl::StatusOr<Offset> ReplayStart(Task* task, const event::TaskOffsets& offsets);
  absl::Status CheckHead(const Task& task, const event::TaskOffsets& offsets) const;
  absl::Status Rebuild(Task* task, const std::string& why);
  void NoteFrontier(Task* task, OptionalBytes value) const;
  absl::Status Finish(Task* task, absl::Time now);
  absl::Status AwaitFit(Task* task, const absl::Status& misfit, absl::Time now) const;
  absl::Status ForgetWhatIsOver(Task* task) const;
  absl::Status CheckGaps(Task* task) const;
  absl::Status CheckControl(Task* task) const;
  absl::Status ReadFrontier(Task* task);
  absl::Status CheckBase(Task* task, absl::Time now) const;

  const Plan* const plan_;
  const EngineOptions* const options_;
  CheckpointStore* const store_;
  LogSink* const log_;
  const ClockReading* const clock_;
  const std::function<uint64_t()> new_incarnation_;
  uint64_t last_request_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_
