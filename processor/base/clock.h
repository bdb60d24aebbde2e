// Where time comes from: the system's clocks in production, hand-driven ones in tests and simulation.
//
// There are two (X6). The steady clock measures: intervals, deadlines, back-offs, what is slow. The wall clock stamps
// what people and other processes read, and nothing else: it may be wrong, and step by hours either way. A stored stamp
// is bounded where it is read.
#ifndef ONCE_PROCESSOR_BASE_CLOCK_H_
#define ONCE_PROCESSOR_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace once {

// One look at both clocks.
struct ClockReading {
  // Steady. Counted from some point of no meaning: only differences mean anything. Never goes back.
  absl::Time now = absl::InfinitePast();
  absl::Time wall = absl::InfinitePast();
};

// The machine's steady clock, for those who are given no Clock.
inline absl::Time SteadyNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Steady() = 0;
  virtual absl::Time Wall() = 0;
  // Of the steady clock: nanoseconds since some fixed point, a few milliseconds coarse, and so cheap that it may be
  // read for each event.
  virtual int64_t CoarseNanos() { return absl::ToUnixNanos(Steady()); }

  ClockReading Read() { return {.now = Steady(), .wall = Wall()}; }
};

class SystemClock final : public Clock {
 public:
  absl::Time Steady() override { return SteadyNow(); }
  absl::Time Wall() override { return absl::Now(); }
  int64_t CoarseNanos() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_CLOCK_H_
