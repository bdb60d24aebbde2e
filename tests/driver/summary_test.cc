// What a worker says of itself, and of what is stuck.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<std::string> Lines(const TopologyTestDriver& driver, const std::string& what) {
  std::vector<std::string> found;
  std::copy_if(driver.log().begin(), driver.log().end(), std::back_inserter(found),
               [&](const std::string& line) { return line.find(what) != std::string::npos; });
  return found;
}

void LetPass(TopologyTestDriver* driver, int seconds) {
  for (int i = 0; i < seconds; ++i) driver->AdvanceTime(absl::Seconds(1));
}

TEST(SummaryTest, OncePerMinuteWithWhatWasDone) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  LetPass(&driver, 2);
  for (int i = 0; i < 600; ++i) driver.Send("orders", "c" + std::to_string(i), Order(1));
  driver.Send("orders", "mallory", Order(-1));
  LetPass(&driver, 62);
  const std::vector<std::string> told = Lines(driver, "events/s in the last");
  ASSERT_EQ(told.size(), 1u) << testing::PrintToString(driver.log());
  EXPECT_THAT(told[0], AllOf(HasSubstr(" events/s in the last 1m"), HasSubstr(", lag 0, "),
                             HasSubstr(" commits, 1 failed"), HasSubstr("1 of 1 tasks run; memory ")));
  LetPass(&driver, 61);
  EXPECT_THAT(Lines(driver, "events/s in the last").back(), HasSubstr("worker 0: 0 events/s"));
}

TEST(SummaryTest, FewEventsAreNotCalledNone) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  LetPass(&driver, 2);
  for (int i = 0; i < 30; ++i) driver.Send("orders", "alice", Order(1));
  LetPass(&driver, 62);
  EXPECT_THAT(Lines(driver, "events/s in the last").back(), HasSubstr("worker 0: 0.5 events/s"));
  driver.Send("orders", "alice", Order(1));
  LetPass(&driver, 62);
  EXPECT_THAT(Lines(driver, "events/s in the last").back(), HasSubstr("worker 0: under 0.1 events/s"));
}

// R9: else there is lag, no events, and no word of why.
TEST(SummaryTest, R9AnOpenTransactionOfOthersIsToldWithItsPlace) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  const OthersTransaction others = OpenByOthers(&driver, "orders");
  driver.Send("orders", "bob", Order(1));
  const auto turn = [&](int seconds) {
    for (int i = 0; i < seconds * 10; ++i) {
      driver.worker().RunOnce();
      driver.clock().Advance(absl::Milliseconds(100));
    }
  };
  turn(10);
  EXPECT_TRUE(Lines(driver, "open transaction since").empty()) << "many a transaction takes a few seconds";
  turn(80);
  const std::vector<std::string> told = Lines(driver, "open transaction since");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(driver.log());
  EXPECT_THAT(told[0], AllOf(HasSubstr("orders-0 waits behind an open transaction since 20"),
                             HasSubstr("its records from offset 1 up to 2 cannot be read"), HasSubstr("find-hanging")));
  ASSERT_TRUE(others.producer->Abort(absl::Seconds(1)).ok());
  driver.RunUntilIdle();
  LetPass(&driver, 180);
  EXPECT_EQ(Lines(driver, "open transaction since").size(), 2u);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 2u);
}

// R9: one cause must not be taken for the other, since what helps is another.
TEST(SummaryTest, R9NoTransactionIsBlamedForARecordThatTheClientDoesNotTake) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  driver.cluster().SetLargestResponse(1000);
  driver.cluster().Append("orders", Partition(0), "bob", std::string(2000, 'x'));
  for (int i = 0; i < 900; ++i) {
    driver.worker().RunOnce();
    driver.clock().Advance(absl::Milliseconds(100));
  }
  EXPECT_TRUE(Lines(driver, "open transaction since").empty()) << testing::PrintToString(driver.log());
  const std::vector<std::string> told = Lines(driver, "stands still since");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(driver.log());
  EXPECT_THAT(told[0],
              AllOf(HasSubstr("orders-0 stands still since 20"), HasSubstr("from offset 1 up to 1 can be read"),
                    HasSubstr("raise kafka.receive.message.max.bytes")));
  driver.cluster().SetLargestResponse(SIZE_MAX);
  driver.RunUntilIdle();
  LetPass(&driver, 180);
  EXPECT_EQ(Lines(driver, "stands still since").size(), 2u);
}

TEST(SummaryTest, BlockedAggregatesAreToldAtOnceEachMinuteAndAfterAStart) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "mallory", Order(-1), {.event_id = "bad"});
  driver.Send("orders", "mallory", Order(1), {.event_id = "behind"});
  driver.Send("orders", "trudy", Order(-2), {.event_id = "bad as well"});
  LetPass(&driver, 3);
  std::vector<std::string> told = Lines(driver, "aggregates are blocked");
  ASSERT_EQ(told.size(), 1u) << testing::PrintToString(driver.log());
  EXPECT_THAT(told[0],
              AllOf(HasSubstr("2 aggregates are blocked, with 3 parked events"), HasSubstr("the oldest, key \""),
                    HasSubstr("by event bad"), HasSubstr("cents must be positive")));
  LetPass(&driver, 61);
  EXPECT_EQ(Lines(driver, "aggregates are blocked").size(), 2u);
  driver.Restart();
  LetPass(&driver, 2);
  told = Lines(driver, "aggregates are blocked");
  EXPECT_EQ(told.size(), 3u);
}

TEST(SummaryTest, AnEventThatFailsForGoodIsToldWithItsReason) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "mallory", Order(-1), {.event_id = "bad"});
  for (int i = 0; i < 50; ++i) driver.Send("orders", "m" + std::to_string(i), Order(-1));
  driver.RunUntilIdle();
  LetPass(&driver, 61);
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  const std::vector<std::string> told = Lines(driver, "failed for good");
  ASSERT_GE(told.size(), 1u);
  EXPECT_LE(told.size(), 3u);
  EXPECT_THAT(told[0], AllOf(HasSubstr("orders-0-0"), HasSubstr("event bad"), HasSubstr("key \"mallory\""),
                             HasSubstr("INVALID_ARGUMENT: cents must be positive")));
}

}  // namespace
}  // namespace once
