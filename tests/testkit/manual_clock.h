// A clock that stands still until a test moves it.
#ifndef ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_
#define ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "processor/base/clock.h"

namespace once::testkit {

// Thread-safe. Starts at a fixed time, so that runs repeat.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : nanos_(absl::ToUnixNanos(start)) {}

  absl::Time Now() override { return absl::FromUnixNanos(nanos_.load()); }
  void Advance(absl::Duration by) { nanos_ += absl::ToInt64Nanoseconds(by); }
  void Set(absl::Time time) { nanos_ = absl::ToUnixNanos(time); }

 private:
  std::atomic<int64_t> nanos_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_
