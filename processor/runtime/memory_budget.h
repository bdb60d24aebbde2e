// One pod's memory: how much there is, what it is for, and what each worker may use of it now (X7).
#ifndef ONCE_PROCESSOR_RUNTIME_MEMORY_BUDGET_H_
#define ONCE_PROCESSOR_RUNTIME_MEMORY_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace once {

// How a pod's memory is divided at the start, in bytes.
struct MemoryPlan {
  size_t state_store = 0;  // RocksDB's blocks, filters and unflushed writes.
  size_t fetch_queue = 0;  // Of each reader of Kafka: what it has fetched ahead, objects included.
  size_t workers = 0;      // The rest, which the workers' tasks share.
};

// `memory_bytes` of a pod with so many workers. Each worker reads its inputs, and changelogs when it restores.
MemoryPlan PlanMemory(int64_t memory_bytes, int workers);

// What an application uses unless it is told: of the memory that its container (cgroup) is limited to, or of the
// machine's if it is not, then 1 GiB at most.
int64_t DefaultMemoryBytes();
// How much of a limit is planned for: three quarters, and all but 200 MiB, the most that is beyond the plan, for code,
// buffers and fragments. Of a limit for which that is too much, a quarter.
int64_t MemoryWithin(int64_t limit);

// The container's limit as `root`/sys/fs/cgroup and `root`/proc/self/cgroup tell it, versions 1 and 2; nothing if there
// is none. `root` is "" but for tests.
std::optional<int64_t> ContainerMemoryLimit(const std::string& root);

// Shares `bytes` between workers by need: who takes less than an equal part leaves the rest to the others. Thread-safe,
// without locks; the figures of the others may be as old as their last call.
class MemoryBudget {
 public:
  MemoryBudget(size_t bytes, int workers) : bytes_(bytes), used_(static_cast<size_t>(workers)) {}

  // The worker uses so many bytes; answers how many it may use. Never less than an equal part, so together they may
  // exceed the budget until the others, which are told to use less, have done so.
  size_t Exchange(int worker, size_t used);

 private:
  const size_t bytes_;
  std::vector<std::atomic<size_t>> used_;  // By worker.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_MEMORY_BUDGET_H_
