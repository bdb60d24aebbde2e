// Any applications under faults: their real workers in simulated pods, on one Kafka in memory.
//
//   TrialOptions options{.seed = 17, .applications = {{.factory = BuildOrderTotals}}, .events = events};
//   TrialResult result = RunTrial(options);
//   EXPECT_EQ(result.violation, "");
//   ... result.records["customer-totals"] is what the events say ...
//
// The seed decides how many pods and partitions there are, when what is sent, which events are sent twice, and which
// faults hit which pod. The same options give the same run. Whether what came out is right is up to the caller.
#ifndef ONCE_TESTS_SIM_TRIAL_H_
#define ONCE_TESTS_SIM_TRIAL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/config.h"
#include "processor/topology.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

struct TrialApplication {
  std::function<absl::StatusOr<Topology>(const Config&)> factory;
  std::map<std::string, std::string> config = {};
  std::string application_id = {};  // Empty: the topology's.
};

struct TrialEvent {
  std::string topic;
  std::string key;
  std::optional<std::string> value = {};
  std::string id = {};    // ce_id; an event without one is sent once.
  std::string type = {};  // ce_type; empty: none.
};

struct TrialOptions {
  uint64_t seed = 0;
  // Any of their topics may be one that others read. Their aggregates' names are distinct.
  std::vector<TrialApplication> applications;
  // They are in the log in this order, but for second copies, which come later.
  std::vector<TrialEvent> events;
  // Gets one line for everything that happens.
  std::function<void(const std::string&)> trace = nullptr;
};

struct TrialResult {
  // Empty unless a pod ended by itself, or not all was consumed long after the last fault had healed. Events that wait
  // to be tried again count as consumed.
  std::string violation = {};
  // What readers of committed records see at the end, by topic; of each by partition, then offset. Without changelogs.
  std::map<std::string, std::vector<testkit::MemoryRecord>> records = {};
  // The committed state by aggregate, then key; encoded.
  std::map<std::string, std::map<std::string, std::string>> states = {};
  uint64_t trace_hash = 0;  // Of the calls that were made, and when.
  int64_t commits = 0;      // Of the applications.
  int64_t duplicates = 0;   // Events that were sent again.
  int64_t faults = 0;       // That hit something.
};

// Thread-safe: each call has a world of its own.
TrialResult RunTrial(const TrialOptions& options);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_TRIAL_H_
