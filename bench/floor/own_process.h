// Runs this very program again, so that no measurement inherits another one's heap.
#ifndef ONCE_BENCH_FLOOR_OWN_PROCESS_H_
#define ONCE_BENCH_FLOOR_OWN_PROCESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace once::bench {

struct Measurement {
  double records_per_second = 0;
  double cpu_us_per_record = 0;  // User and system time of the client's process.
  int64_t peak_memory_mb = 0;    // Its largest resident set, MiB.
};

// What the child prints for MeasureInOwnProcess; `records` is what it was to do.
void PrintMeasurement(double records_per_second, int64_t records);

// Runs /proc/self/exe with these arguments, and waits for it. Its stderr is ours.
absl::StatusOr<Measurement> MeasureInOwnProcess(const std::vector<std::string>& arguments);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_OWN_PROCESS_H_
