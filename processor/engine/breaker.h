// When a task pauses because of what becomes of its events (R5), and for how long.
#ifndef ONCE_PROCESSOR_ENGINE_BREAKER_H_
#define ONCE_PROCESSOR_ENGINE_BREAKER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/engine/options.h"
#include "processor/engine/task.h"

namespace once {

// What the task took in the window, committed or about to be.
BreakerCounts BreakerWindow(const Task& task);

// Why it trips, if too large a share of `window` failed, is blocked or waits: reading on would pour the topic into
// parking and dead letters. OK if it does not.
absl::Status JudgeBreaker(const BreakerCounts& window, const EngineOptions& options);

// The length of the pause, by the steady clock's `now`: longer each time, until a window has passed without a trip.
absl::Duration NextBreakerPause(const EngineOptions& options, absl::Time now, Task* task);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_BREAKER_H_
