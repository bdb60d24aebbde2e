// Finds handlers that do not return: warns of them, then says that the process has to end. A thread inside a handler
// cannot be stopped from outside, and what it holds (the events behind it, its partitions) waits with it.
#ifndef ONCE_PROCESSOR_RUNTIME_HANDLER_MONITOR_H_
#define ONCE_PROCESSOR_RUNTIME_HANDLER_MONITOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/runtime/handler_watch.h"

namespace once {

// Not thread-safe.
class HandlerMonitor {
 public:
  // Warns at a tenth of `timeout`. `watches`, one of each worker, and `log` must outlive this.
  HandlerMonitor(const std::vector<HandlerWatch*>& watches, absl::Duration timeout, LogSink* log);

  // How often Check is to be called.
  absl::Duration period() const { return period_; }

  // DeadlineExceeded, with the event, if a handler has been at one event for the timeout. Time in which Check was not
  // called (the process or its machine stood still) does not count.
  absl::Status Check(absl::Time now);
  // The event that Check told of last.
  const HandlerWatch::Seen& told() const { return told_; }

 private:
  struct Watched {
    HandlerWatch* watch = nullptr;
    uint64_t number = 0;
    absl::Duration lasted;
    bool warned = false;
  };

  absl::Status CheckOne(Watched* watched, absl::Duration passed);

  const absl::Duration timeout_;
  const absl::Duration period_;
  LogSink* const log_;
  std::vector<Watched> watched_;
  HandlerWatch::Seen told_;
  absl::Time last_ = absl::InfiniteFuture();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_HANDLER_MONITOR_H_
