// The same work done by Once, on one worker.
#ifndef ONCE_BENCH_FLOOR_ONCE_LOOP_H_
#define ONCE_BENCH_FLOOR_ONCE_LOOP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/floor/loop_clock.h"

namespace once::bench {

struct OnceLoopOptions {
  std::string bootstrap_servers;
  std::string workload;  // "pass_through" or "count"
  // It publishes its status, somebody scrapes metrics every second, and librdkafka tells of itself as often, which is
  // ten times as often as in an application with --http_listen.
  bool status = false;
  std::string input;
  std::string output;
  std::string application_id;
  std::string state_dir;
  int64_t records = 0;
  absl::Duration commit_interval = absl::Milliseconds(100);
};

// Measures from the first record to the commit of the last.
absl::StatusOr<LoopFigures> RunOnceLoop(const OnceLoopOptions& options);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_ONCE_LOOP_H_
