// How much of a task may be parked: at a limit it pauses (R4).
#ifndef ONCE_PROCESSOR_ENGINE_PARKING_LIMITS_H_
#define ONCE_PROCESSOR_ENGINE_PARKING_LIMITS_H_

#include "absl/status/status.h"
#include "once/v1/changelog.pb.h"
#include "processor/engine/options.h"
#include "processor/engine/task.h"

namespace once {

// ResourceExhausted, in words, if nothing more may be parked in the queue with `status`; null: in a new queue.
absl::Status CheckParkingLimits(const EngineOptions& options, const Task& task, const v1::AggregateStatus* status);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_PARKING_LIMITS_H_
