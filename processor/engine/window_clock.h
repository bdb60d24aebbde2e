// The clock of a task's idempotency window (E5, X6): how long the task has been open, over its whole life.
//
// It starts at the wall clock's reading when the changelog is begun, and from then on passes with the steady clock
// while an instance has the task open; the frontier carries it on. So nothing that a wall clock does makes the window
// forget an ID early, or keep it for ever. What passes between two openings does not count: nobody can tell that from a
// wall clock that is wrong, and an ID that is kept for longer costs less than one that is forgotten too soon.
#ifndef ONCE_PROCESSOR_ENGINE_WINDOW_CLOCK_H_
#define ONCE_PROCESSOR_ENGINE_WINDOW_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace once {

// Not thread-safe. Readings are milliseconds.
class WindowClock {
 public:
  // The task is opened at `now`, of the steady clock; the clock stood at `reading_ms` when it was left.
  void Start(int64_t reading_ms, absl::Time now) {
    reading_ms_ = reading_ms;
    since_ = now;
  }
  int64_t ReadMs(absl::Time now) const {
    const int64_t passed_ms = now > since_ ? absl::ToInt64Milliseconds(now - since_) : 0;
    return reading_ms_ < INT64_MAX - passed_ms ? reading_ms_ + passed_ms : reading_ms_;
  }

 private:
  int64_t reading_ms_ = 0;
  absl::Time since_ = absl::InfiniteFuture();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_WINDOW_CLOCK_H_
