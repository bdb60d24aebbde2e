// A task's checkpoint: what it says of itself when it is written, and what it is good for when it is read (F6, F7).
#ifndef ONCE_PROCESSOR_ENGINE_TASK_CHECKPOINT_H_
#define ONCE_PROCESSOR_ENGINE_TASK_CHECKPOINT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "processor/base/clock.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"
#include "state/checkpoint_store.h"

namespace once {

// Where the task's keys begin in the store.
std::string PrefixOf(const Plan& plan, const Task& task);

// What a checkpoint of the task says of itself. Until the opening has judged what the replay stands on, it has the age
// and the incarnation of that (F6). Its age is told as a time of the wall clock as that is set now.
CheckpointMeta DescribeCheckpoint(const Task& task, const ClockReading& clock);

// Makes the task, which holds nothing, stand on its checkpoint; if it has none, nothing changes. DataLoss: what is
// there is no such thing as this task could go on from, and is to be wiped.
absl::Status LoadCheckpoint(const Plan& plan, const ClockReading& clock, CheckpointStore* store, Task* task);

// One record of the idempotency window, from checkpoint or changelog.
absl::Status LoadWindowRecord(Task* task, std::string_view key, OptionalBytes value);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_CHECKPOINT_H_
