// Runs this very program again, so that no measurement inherits another one's heap.
#ifndef ONCE_BENCH_FLOOR_OWN_PROCESS_H_
#define ONCE_BENCH_FLOOR_OWN_PROCESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/floor/loop_clock.h"

namespace once::bench {

struct Measurement {
  LoopFigures loop = {};
  int64_t peak_memory_mb = 0;  // The process's largest resident set, MiB.
};

// What the child prints for MeasureInOwnProcess.
void PrintMeasurement(const LoopFigures& loop);

// Runs /proc/self/exe with these arguments, and waits for it. Its stderr is ours.
absl::StatusOr<Measurement> MeasureInOwnProcess(const std::vector<std::string>& arguments);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_OWN_PROCESS_H_
