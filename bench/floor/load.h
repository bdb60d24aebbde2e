// The input of the throughput comparison.
#ifndef ONCE_BENCH_FLOOR_LOAD_H_
#define ONCE_BENCH_FLOOR_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace once::bench {

struct LoadOptions {
  std::string bootstrap_servers;
  std::string topic;
  int64_t records = 0;
  int64_t keys = 100'000;      // Drawn uniformly.
  bool with_event_ids = true;  // A ce_id header, unique.
};

// Appends records of about 100 bytes in all (key, value, header): values are orders.v1.OrderPlaced. Blocks until all
// are delivered.
absl::Status Load(const LoadOptions& options);

}  // namespace once::bench

#endif  // ONCE_BENCH_FLOOR_LOAD_H_
