// A start waits for its brokers, and says so (rule X5).
#ifndef ONCE_PROCESSOR_RUNTIME_START_WAIT_H_
#define ONCE_PROCESSOR_RUNTIME_START_WAIT_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"

namespace once {

// All must outlive the call that is given this.
struct StartWait {
  absl::Duration timeout = absl::Seconds(60);
  Clock* clock = nullptr;
  LogSink* log = nullptr;
  std::function<void(absl::Duration)> sleep = {};
  std::function<bool()> is_stopping = {};  // May be empty: nobody tells it to stop.
};

// Makes `attempt` until it succeeds or fails for good. While it is Unavailable or exceeds its deadline it is repeated,
// up to the timeout or until it is stopping; its last failure is returned then. After 10 s, and every 10 s, it says
// what it waits for. Blocks.
absl::Status AwaitBrokers(const StartWait& wait, const std::function<absl::Status()>& attempt);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_START_WAIT_H_
