// Opens tasks: committed offsets, then the changelog's end, then the replay of what the memory or the checkpoint lacks,
// then the check that offsets and state tell the same story.
#ifndef ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_
#define ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"

namespace once {

// Not thread-safe; arguments must outlive this. A non-OK status from any call means: halt with it.
class TaskOpener {
 public:
  // `new_incarnation` draws the number of a changelog that is begun.
  TaskOpener(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log,
             std::function<uint64_t()> new_incarnation);

  CheckpointStore* store() const { return store_; }

  // Asks for the offsets if the task is opening and it is time.
  void Request(Task* task, absl::Time now, Actions* actions);
  absl::Status OnOffsets(Task* task, const event::TaskOffsetsFetched& fetched, absl::Time now, Actions* actions);
  // One record of the task's changelog.
  absl::Status OnReplayed(Task* task, const RecordView& record);
  // The reader stands at `position` and there is nothing more yet. Runs the task once that is far enough.
  absl::Status OnReplayEnd(Task* task, Offset position, absl::Time now, Actions* actions);

  // Forgets the task's local state, memory and disk, and opens it from the changelog's beginning.
  absl::Status Rebuild(Task* task, const std::string& why);

 private:
  absl::StatusOr<Offset> ReplayStart(Task* task, const event::TaskOffsets& offsets);
  absl::Status LoadFromCheckpoint(Task* task);
  absl::Status Finish(Task* task, absl::Time now);
  absl::Status ReadFrontier(Task* task);
  absl::Status CheckOffsets(const Task& task) const;
  absl::Status CheckStores(const Task& task) const;
  bool CheckpointTooOld(const Task& task, absl::Time now) const;

  const Plan* const plan_;
  const EngineOptions* const options_;
  CheckpointStore* const store_;
  LogSink* const log_;
  const std::function<uint64_t()> new_incarnation_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_OPENER_H_
