#include "processor/back_office/helpers.h"

#include <atomic>
#include <future>

#include "gtest/gtest.h"

namespace once {
namespace {

TEST(HelpersTest, DoesSoMuchAndRefusesTheRest) {
  std::promise<void> go, begun;
  std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> done{0};
  {
    Helpers helpers(1, 2);
    ASSERT_TRUE(helpers.Submit([&] {
      begun.set_value();
      gone.wait();
      ++done;
    }));
    begun.get_future().wait();
    EXPECT_TRUE(helpers.Submit([&] { ++done; }));
    EXPECT_TRUE(helpers.Submit([&] { ++done; }));
    EXPECT_FALSE(helpers.Submit([&] { ++done; }));
    go.set_value();
  }
  EXPECT_EQ(done, 3) << "what was taken is done, also at the end";
}

}  // namespace
}  // namespace once
