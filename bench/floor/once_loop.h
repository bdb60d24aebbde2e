// The same work done by Once, on one worker.
#ifndef ONCE_BENCH_FLOOR_ONCE_LOOP_H_
#define ONCE_BENCH_FLOOR_ONCE_LOOP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once::bench {

struct OnceLoopOptions {
  std::string bootstrap_servers;
  std::string workload;  // "pass_through" or "count"
  bool status = false;   // It publishes its status, and somebody scrapes metrics every second.
  std::string input;
  std::string output;
  std::string application_id;
  std::string state_dir;
  int64_t records = 0;
  absl::Duration commit_interval = absl::Milliseconds(100);
};

// Returns records per second between the first record and the commit of the last.
absl::StatusOr<double> RunOnceLoop(const OnceLoopOptions& options);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_ONCE_LOOP_H_
