// X7: the pod's memory, shared among its parts and its workers by need.
#include "processor/runtime/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"

namespace once {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

size_t Within(int64_t bytes, int64_t least, int64_t most) {
  return static_cast<size_t>(std::clamp(bytes, least, most));
}

// A limit's file holds a number, or "max"; version 1 writes "none" as nearly 2^63.
std::optional<int64_t> ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  int64_t bytes = 0;
  if (!(file >> text) || !absl::SimpleAtoi(text, &bytes)) return std::nullopt;
  if (bytes <= 0 || bytes >= (int64_t{1} << 60)) return std::nullopt;
  return bytes;
}

}  // namespace

MemoryPlan PlanMemory(int64_t memory_bytes, int workers) {
  MemoryPlan plan;
  plan.state_store = Within(memory_bytes / 8, 16 * kMiB, 1024 * kMiB);
  plan.fetch_queue = Within(memory_bytes / 16 / workers, kMiB, 64 * kMiB);
  // A worker reads by two: its inputs, and changelogs while tasks open.
  const int64_t taken = static_cast<int64_t>(plan.state_store) + 2 * workers * static_cast<int64_t>(plan.fetch_queue);
  // At least half, however little there is for all else.
  plan.workers = Within(memory_bytes - taken, memory_bytes / 2, memory_bytes);
  return plan;
}

// The process's group and all above it limit it; the group's path may lie outside what the container sees of the tree,
// which then begins with its own.
std::optional<int64_t> ContainerMemoryLimit(const std::string& root) {
  std::optional<int64_t> least;
  const auto look_at = [&](const std::string& path) {
    const std::optional<int64_t> limit = ReadLimit(path);
    if (limit.has_value()) least = std::min(least.value_or(*limit), *limit);
  };
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "<hierarchy>:<controllers>:<path>"; version 2 has no controllers.
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const bool is_version_2 = parts[1].empty();
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    if (!is_version_2 && std::find(controllers.begin(), controllers.end(), "memory") == controllers.end()) continue;
    const std::string tree = root + (is_version_2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    const std::string_view file = is_version_2 ? "/memory.max" : "/memory.limit_in_bytes";
    for (std::string path = parts[2];; path.resize(path.rfind('/'))) {
      if (path == "/") path.clear();
      look_at(absl::StrCat(tree, path, ToAbsl(file)));
      if (path.rfind('/') == std::string::npos) break;
    }
  }
  return least;
}

int64_t MemoryWithin(int64_t limit) { return std::max(limit / 4, std::min(limit / 4 * 3, limit - 200 * kMiB)); }

int64_t DefaultMemoryBytes() {
  const int64_t machine = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const std::optional<int64_t> container = ContainerMemoryLimit("");
  if (container.has_value() && *container < machine) return MemoryWithin(*container);
  // A machine is not this pod's alone, as a container is.
  return std::min(MemoryWithin(machine), 1024 * kMiB);
}

size_t MemoryBudget::Exchange(int worker, size_t used) {
  // The others may go by a figure that is some turns old.
  used_[static_cast<size_t>(worker)].store(used, std::memory_order_relaxed);
  size_t others = 0;
  for (size_t i = 0; i < used_.size(); ++i) {
    if (i != static_cast<size_t>(worker)) others += used_[i].load(std::memory_order_relaxed);
  }
  return std::max(bytes_ / used_.size(), bytes_ - std::min(bytes_, others));
}

}  // namespace once
