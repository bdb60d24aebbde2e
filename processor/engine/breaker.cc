// R5: rather than pour a topic into the dead letters, a task whose events fail most of the time pauses.
#include "processor/engine/breaker.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace once {

BreakerCounts BreakerWindow(const Task& task) {
  BreakerCounts window = task.breaker;
  // The epoch that is open counts, too, so that a bad batch is stopped within it.
  window += task.epoch_breaker;
  return window;
}

absl::Status JudgeBreaker(const BreakerCounts& window, const EngineOptions& options) {
  // A share says nothing of a few.
  if (window.bad() < options.breaker_min_failures) return absl::OkStatus();
  const double least = options.breaker_failure_ratio * static_cast<double>(window.finished);
  if (static_cast<double>(window.bad()) < least) return absl::OkStatus();
  const std::string waiting =
      window.waiting > 0 ? absl::StrCat(", ", window.waiting, " wait for another attempt or behind such events") : "";
  return absl::ResourceExhaustedError(
      absl::StrCat("of the last ", window.finished, " events ", window.failed, " failed for good, ", window.blocked,
                   " are blocked by such ones", waiting,
                   " (breaker_min_failures, breaker_failure_ratio); see the dead-letter topic for reasons"));
}

absl::Duration NextBreakerPause(const EngineOptions& options, absl::Time now, Task* task) {
  constexpr int kDoublings = 4;
  // It went well for a whole window: the next trip begins with a short pause.
  if (now - task->resumed_at >= options.breaker_window) task->breaker_trips = 0;
  const int doublings = std::min(task->breaker_trips, kDoublings);
  return options.breaker_backoff * (int64_t{1} << doublings);
}

}  // namespace once
