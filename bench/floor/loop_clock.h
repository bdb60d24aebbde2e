// Times a loop from its first record to its last commit: its wall clock, and what processor time the process took.
#ifndef ONCE_BENCH_FLOOR_LOOP_CLOCK_H_
#define ONCE_BENCH_FLOOR_LOOP_CLOCK_H_

#include <sys/resource.h>

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace once::bench {

struct LoopFigures {
  double records_per_second = 0;
  double cpu_us_per_record = 0;  // User and system time, of all threads.
};

class LoopClock {
 public:
  // At the first record; later calls do nothing.
  void Start() {
    if (started_ != absl::InfiniteFuture()) return;
    cpu_ = CpuTime();
    started_ = absl::Now();
  }
  LoopFigures Stop(int64_t records) const {
    const absl::Duration took = absl::Now() - started_;
    const absl::Duration cpu = CpuTime() - cpu_;
    const auto count = static_cast<double>(records);
    return {.records_per_second = count / absl::ToDoubleSeconds(took),
            .cpu_us_per_record = absl::ToDoubleMicroseconds(cpu) / count};
  }

 private:
  static absl::Duration CpuTime() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
  }

  absl::Time started_ = absl::InfiniteFuture();
  absl::Duration cpu_;
};

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_LOOP_CLOCK_H_
