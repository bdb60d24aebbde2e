#include "topology.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "once/testing.h"
#include "page_counter.pb.h"

namespace {

using page_counter_v1::PageTotal;
using page_counter_v1::PageViewed;

PageViewed View(int64_t milliseconds) {
  PageViewed view;
  view.set_milliseconds(milliseconds);
  return view;
}

TEST(TopologyTest, CountsViewsOfEachPageOnce) {
  once::TopologyTestDriver driver(BuildTopology, {.partitions = 4});
  driver.Send("views", "/home", View(100), {.event_id = "1"});
  driver.Send("views", "/about", View(30), {.event_id = "2"});
  driver.Send("views", "/home", View(50), {.event_id = "3"});
  driver.Send("views", "/home", View(50), {.event_id = "3"});  // A duplicate.
  driver.RunUntilIdle();
  driver.Crash();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<PageTotal>("page", "/home")->views(), 2);
  EXPECT_EQ(driver.State<PageTotal>("page", "/home")->milliseconds(), 150);
  EXPECT_EQ(driver.State<PageTotal>("page", "/about")->views(), 1);
  EXPECT_EQ(driver.Read<int64_t>("page-totals").size(), 3);
}

TEST(TopologyTest, AFailedViewHoldsUpItsPageOnly) {
  once::TopologyTestDriver driver(BuildTopology, {.partitions = 4});
  driver.Send("views", "/home", View(-1));
  driver.Send("views", "/home", View(50));
  driver.Send("views", "/about", View(30));
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 2);
  EXPECT_EQ(driver.dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_EQ(driver.dead_letters()[1].disposition, "BLOCKED");
  EXPECT_EQ(driver.State<PageTotal>("page", "/about")->views(), 1);
}

}  // namespace
