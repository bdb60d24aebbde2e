// Runs one scenario from its beginning to its healing, and judges it.
#ifndef ONCE_TESTS_SIM_WORLD_H_
#define ONCE_TESTS_SIM_WORLD_H_

#include <cstdint>
#include <functional>
#include <string>

#include "tests/sim/scenario.h"

namespace once::sim {

struct RunResult {
  std::string violation = {};  // Empty: none.
  uint64_t trace_hash = 0;
  int64_t commits = 0;  // Transactions of the application that took effect.
  int64_t events = 0;
  int64_t faults = 0;  // That hit something.
  int64_t steps = 0;
  absl::Duration healing = {};  // From the last fault's end until all was settled.
};

struct RunOptions {
  // Gets one line for everything that happens.
  std::function<void(const std::string&)> trace = nullptr;
  // Where scenarios on RocksDB have their directories.
  std::string temp_dir = "/tmp";
};

// Thread-safe: each call has a world of its own.
RunResult Run(const Scenario& scenario, const RunOptions& options);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_WORLD_H_
