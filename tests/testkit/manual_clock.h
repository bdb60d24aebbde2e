// A clock that stands still until a test moves it.
#ifndef ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_
#define ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "processor/base/clock.h"

namespace once::testkit {

// Thread-safe. Starts at a fixed time, so that runs repeat. The steady and the wall clock move together, but for
// StepWall, and stand at different readings, so that neither is taken for the other.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : nanos_(absl::ToUnixNanos(start)) {}

  // What a wall clock shows that nobody steps.
  absl::Time Now() { return absl::FromUnixNanos(nanos_.load()); }
  absl::Time Steady() override { return absl::UnixEpoch() + (Now() - kUpSince); }
  absl::Time Wall() override { return Now() + absl::Nanoseconds(wrong_by_nanos_.load()); }

  void Advance(absl::Duration by) { nanos_ += absl::ToInt64Nanoseconds(by); }
  void Set(absl::Time time) { nanos_ = absl::ToUnixNanos(time); }
  // The wall clock alone steps, ahead or back.
  void StepWall(absl::Duration by) { wrong_by_nanos_ += absl::ToInt64Nanoseconds(by); }

 private:
  static constexpr absl::Time kUpSince = absl::FromUnixSeconds(1'699'000'000);

  std::atomic<int64_t> nanos_;
  std::atomic<int64_t> wrong_by_nanos_{0};
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MANUAL_CLOCK_H_
