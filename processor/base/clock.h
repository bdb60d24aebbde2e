// Where time comes from: the system's clock in production, a hand-driven one in tests and simulation.
#ifndef ONCE_PROCESSOR_BASE_CLOCK_H_
#define ONCE_PROCESSOR_BASE_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace once {

// Thread-safe. Not monotonic: callers that need it keep the largest value they saw.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_CLOCK_H_
