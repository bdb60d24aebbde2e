// The loads of bench/memory.
#ifndef ONCE_BENCH_MEMORY_CASES_H_
#define ONCE_BENCH_MEMORY_CASES_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/memory/scene.h"
#include "once/config.h"
#include "once/topology.h"

namespace once::bench {

// The application under test. An event's value says what its handler does: "s<bytes>" makes the aggregate's state so
// large, "f" fails for good, all else makes the state one byte.
absl::StatusOr<Topology> BuildUnderTest(const Config& config);

// Each prints its lines.
absl::Status RunRestore(const Settings& settings, kafka::Client* client);
absl::Status RunWindows(const Settings& settings, kafka::Client* client);
absl::Status RunFullDisk(const Settings& settings, kafka::Client* client);
absl::Status RunBlocked(const Settings& settings, kafka::Client* client);

}  // namespace once::bench

#endif  // ONCE_BENCH_MEMORY_CASES_H_
