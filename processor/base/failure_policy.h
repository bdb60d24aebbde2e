// What happens when a handler fails.
#ifndef ONCE_PROCESSOR_BASE_FAILURE_POLICY_H_
#define ONCE_PROCESSOR_BASE_FAILURE_POLICY_H_

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace once {

// After the last attempt at an event failed.
enum class FailureAction {
  kBlockAggregate,  // Dead-letter it and park later events of its key behind it, in order, until an operator decides.
  kSkip,            // Dead-letter it and go on with the next event of its key.
  kStop,            // Fail the task with the error; the event stays uncommitted, and is tried again when the task is.
};

// One policy per aggregate or transform. Permanent errors get one attempt; transient ones `max_attempts`, with a delay
// between `initial_backoff` and `max_backoff` that doubles each time. A waiting event blocks only its own key.
struct FailurePolicy {
  int max_attempts = 8;  // 1 or more.
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(30);
  std::vector<absl::StatusCode> transient_codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                                                   absl::StatusCode::kAborted, absl::StatusCode::kResourceExhausted};
  FailureAction then = FailureAction::kBlockAggregate;

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
