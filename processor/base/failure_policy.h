// What happens when a handler fails.
#ifndef ONCE_PROCESSOR_BASE_FAILURE_POLICY_H_
#define ONCE_PROCESSOR_BASE_FAILURE_POLICY_H_

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace once {

// After an event has failed for good.
enum class FailureAction {
  kBlockAggregate,  // Dead-letter it and park later events of its key behind it, in order, until an operator decides.
  kSkip,            // Dead-letter it and go on with the next event of its key.
  kStop,            // Fail the task with the error; the event stays uncommitted, and is tried again when the task is.
};

// One policy per aggregate or transform. A permanent error fails its event at once. A transient one is tried again,
// with a delay that doubles from `initial_backoff` to `max_backoff`, for as long as it takes: a service that is down
// for a day costs that day, and no event. A waiting event blocks only its own key.
struct FailurePolicy {
  // An event whose attempts have failed for this long fails for good, with the last one's error. Counted from its first
  // failure, by the time that its task was open; zero: no attempt comes after the first.
  absl::Duration give_up_after = absl::InfiniteDuration();
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(30);
  std::vector<absl::StatusCode> transient_codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                                                   absl::StatusCode::kAborted, absl::StatusCode::kResourceExhausted};
  // Unless said: an aggregate blocks, since its later events build on the one that failed; a transform skips.
  std::optional<FailureAction> then = std::nullopt;

  bool IsTransient(absl::StatusCode code) const {
    return std::find(transient_codes.begin(), transient_codes.end(), code) != transient_codes.end();
  }

  // The delay after `failed_attempts` (1 or more) failures.
  absl::Duration BackoffAfter(int failed_attempts) const {
    absl::Duration delay = initial_backoff;
    for (int i = 1; i < failed_attempts && delay < max_backoff; ++i) delay *= 2;
    return std::min(delay, max_backoff);
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_FAILURE_POLICY_H_
