// The floor: consume, produce, commit exactly once, with nothing but librdkafka.
#ifndef ONCE_BENCH_FLOOR_RAW_LOOP_H_
#define ONCE_BENCH_FLOOR_RAW_LOOP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/floor/loop_clock.h"

namespace once::bench {

struct RawLoopOptions {
  std::string bootstrap_servers;
  std::string input;
  std::string output;
  std::string group;
  int64_t records = 0;
  absl::Duration commit_interval = absl::Milliseconds(100);
};

// Passes `records` records on, headers included, and measures from the first record to the last commit. The librdkafka
// settings are those of processor/kafka/librdkafka.
absl::StatusOr<LoopFigures> RunRawLoop(const RawLoopOptions& options);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_RAW_LOOP_H_
