// Random numbers that are the same everywhere: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014).
#ifndef ONCE_TESTS_SIM_RANDOM_H_
#define ONCE_TESTS_SIM_RANDOM_H_

#include <cstdint>

#include "absl/time/time.h"

namespace once::sim {

inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(Mix(seed)) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }
  // Of 0 .. bound - 1; `bound` is at least 1.
  int64_t Below(int64_t bound) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(bound)); }
  // Of first .. last.
  int64_t Between(int64_t first, int64_t last) { return first + Below(last - first + 1); }
  bool Chance(int64_t percent) { return Below(100) < percent; }
  absl::Duration Between(absl::Duration first, absl::Duration last) {
    return absl::Nanoseconds(Between(absl::ToInt64Nanoseconds(first), absl::ToInt64Nanoseconds(last)));
  }

 private:
  uint64_t state_;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_RANDOM_H_
