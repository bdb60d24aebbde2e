// What /metrics shows.
#ifndef ONCE_TOOLS_GATEWAY_METRICS_H_
#define ONCE_TOOLS_GATEWAY_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace once::gateway {

struct MetricsSnapshot {
  std::map<std::pair<std::string, int>, uint64_t> requests = {};  // By path and status.
  uint64_t timed_out = 0;
  uint64_t batch_commits = 0;
  uint64_t lost_answers = 0;
  size_t queued = 0;
  size_t explicit_open = 0;
  uint64_t explicit_committed = 0;
  uint64_t explicit_aborted = 0;
  uint64_t explicit_expired = 0;
  size_t outcomes = 0;
  size_t outcome_bytes = 0;
  uint64_t outcomes_dropped = 0;
  size_t followers = 0;
  size_t connections = 0;
};

// In Prometheus' text format.
std::string MetricsText(const MetricsSnapshot& snapshot);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_METRICS_H_
