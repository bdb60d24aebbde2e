#include "processor/base/allocator.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <stdlib.h>

#include <vector>

namespace once {
namespace {

TEST(ResidentBytesTest, GrowsWithWhatIsWritten) {
  constexpr size_t kBytes = 64 << 20;
  const int64_t before = ResidentBytes();
  EXPECT_GT(before, 0);
  const std::string much(kBytes, 'x');
  EXPECT_GE(ResidentBytes() - before, static_cast<int64_t>(kBytes / 2)) << much.size();
}

// Bytes in glibc's fastbins after many small pieces were freed: none once they are merged at once.
size_t BytesToSweep() {
  std::vector<void*> pieces;
  for (int i = 0; i < 1000; ++i) pieces.push_back(malloc(48));
  for (void* const piece : pieces) free(piece);
  return mallinfo2().fsmblks;
}

TEST(AllocatorTest, IsGlibcsUnlessAProgramIsLinkedWithAnother) { EXPECT_EQ(AllocatorName(), "glibc malloc"); }

TEST(AllocatorTest, SweepsNothingUnlessTheEnvironmentSaysSo) {
  setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=8", 1);
  TuneAllocator();
  unsetenv("GLIBC_TUNABLES");
  EXPECT_GT(BytesToSweep(), 0u);

  TuneAllocator();
  malloc_trim(0);  // Sweeps what was freed before.
  EXPECT_EQ(BytesToSweep(), 0u);
}

}  // namespace
}  // namespace once
