#include "processor/runtime/memory_budget.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace once {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

class ContainerMemoryLimitTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::optional<int64_t> Limit() const { return ContainerMemoryLimit(root_); }

  const std::string root_ = testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ContainerMemoryLimitTest, X7TheGroupAndAllAboveItCount) {
  Write("/proc/self/cgroup", "0::/pod/app\n");
  Write("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  EXPECT_EQ(Limit(), std::nullopt);
  Write("/sys/fs/cgroup/pod/memory.max", "1073741824\n");
  EXPECT_EQ(Limit(), 1024 * kMiB);
  Write("/sys/fs/cgroup/pod/app/memory.max", "536870912\n");
  EXPECT_EQ(Limit(), 512 * kMiB);
}

// In a container the group's own files lie at the root of what it sees.
TEST_F(ContainerMemoryLimitTest, X7AContainersOwnRootCounts) {
  Write("/proc/self/cgroup", "0::/../../kubepods/pod7\n");
  Write("/sys/fs/cgroup/memory.max", "268435456\n");
  EXPECT_EQ(Limit(), 256 * kMiB);
  Write("/proc/self/cgroup", "0::/\n");
  EXPECT_EQ(Limit(), 256 * kMiB);
}

TEST_F(ContainerMemoryLimitTest, X7VersionOne) {
  Write("/proc/self/cgroup", "9:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/docker/x\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), std::nullopt);
  Write("/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(Limit(), 128 * kMiB);
}

TEST_F(ContainerMemoryLimitTest, X7NothingIsNoLimit) {
  EXPECT_EQ(Limit(), std::nullopt);
  Write("/proc/self/cgroup", "nonsense\n0::\n");
  Write("/sys/fs/cgroup/memory.max", "much\n");
  EXPECT_EQ(Limit(), std::nullopt);
}

TEST(MemoryPlanTest, X7WhatIsBeyondThePlanFitsTheContainer) {
  EXPECT_EQ(MemoryWithin(4096 * kMiB), 3072 * kMiB);
  EXPECT_EQ(MemoryWithin(512 * kMiB), 312 * kMiB);
  EXPECT_EQ(MemoryWithin(128 * kMiB), 32 * kMiB);
}

TEST(MemoryPlanTest, X7ThePartsFitTheWhole) {
  for (const int64_t bytes : {64 * kMiB, 200 * kMiB, 1024 * kMiB, 100'000 * kMiB}) {
    for (const int workers : {1, 4, 64}) {
      const MemoryPlan plan = PlanMemory(bytes, workers);
      const auto sum = static_cast<int64_t>(plan.state_store + 2 * workers * plan.fetch_queue + plan.workers);
      EXPECT_LE(sum, bytes + 2 * workers * kMiB) << bytes << " " << workers;
      EXPECT_GE(static_cast<int64_t>(plan.workers), bytes / 2);
    }
  }
}

TEST(MemoryBudgetTest, X7WhoTakesLittleLeavesTheRest) {
  MemoryBudget budget(1'000, 2);
  EXPECT_EQ(budget.Exchange(0, 100), 1'000u);
  EXPECT_EQ(budget.Exchange(1, 200), 900u);
  EXPECT_EQ(budget.Exchange(0, 900), 800u);
  EXPECT_EQ(budget.Exchange(1, 700), 500u);  // Never less than an equal part, ...
  EXPECT_EQ(budget.Exchange(0, 900), 500u);  // ... to which the other has to come back.
}

}  // namespace
}  // namespace once
