// Where time comes from: the system's clock in production, a hand-driven one in tests and simulation.
#ifndef ONCE_PROCESSOR_BASE_CLOCK_H_
#define ONCE_PROCESSOR_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace once {

// Thread-safe. Not monotonic: callers that need it keep the largest value they saw.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
  // Nanoseconds since some fixed point, a few milliseconds coarse, and so cheap that it may be read for each event.
  virtual int64_t CoarseNanos() { return absl::ToUnixNanos(Now()); }
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  // Of the steady clock: no step of the wall's makes a slice long.
  int64_t CoarseNanos() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_CLOCK_H_
