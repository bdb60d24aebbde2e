#include "processor/base/reused.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace once {
namespace {

// X7: what one event with millions of outputs has needed is given back.
TEST(ReusedTest, X7WhatOneLargeUseNeededIsGivenBack) {
  Reused reused;
  std::vector<int> elements;
  for (int use = 0; use < 100; ++use) {
    elements.resize(use == 50 ? 2'000'000 : 10);
    reused.Clear(&elements);
    EXPECT_TRUE(elements.empty());
  }
  EXPECT_GE(elements.capacity(), 2'000'000u) << "it may come again";
  for (int use = 0; use < 1'000; ++use) reused.Clear(&elements);
  EXPECT_LE(elements.capacity(), 4096u);
}

TEST(ReusedTest, WhatIsUsedNowAndThenIsKept) {
  Reused reused;
  std::vector<int> elements;
  elements.resize(100'000);
  const int* const place = elements.data();
  for (int use = 0; use < 1'000; ++use) {
    elements.resize(use % 10 == 0 ? 100'000 : 5);
    reused.Clear(&elements);
  }
  elements.resize(100'000);
  EXPECT_EQ(elements.data(), place);
}

}  // namespace
}  // namespace once
