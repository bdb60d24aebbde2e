// With tcmalloc, as programs are linked.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "processor/base/allocator.h"

namespace once {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST(AllocatorReleaseTest, X7MemoryThatNobodyUsesIsGivenBack) {
  if (AllocatorName().find("tcmalloc") == std::string::npos) GTEST_SKIP() << "built with another allocator";
  {
    std::vector<std::unique_ptr<char[]>> pieces;
    for (int i = 0; i < 64 * 1024; ++i) pieces.push_back(std::make_unique<char[]>(1024));
  }
  EXPECT_EQ(ReleaseFreeMemory(1024 * kMiB), 0u) << "so little is kept";
  EXPECT_GE(ReleaseFreeMemory(16 * kMiB), 32 * kMiB);
  EXPECT_EQ(ReleaseFreeMemory(16 * kMiB), 0u) << "it was given back";
}

}  // namespace
}  // namespace once
