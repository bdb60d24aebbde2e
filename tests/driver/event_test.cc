// Events and their IDs, sizes and frontiers (rules E1 to E7, F1).
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

// Rule E1: reserved at once, so two copies in one epoch do not both pass.
TEST(EventTest, E1TwoCopiesInOneEpoch) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

// Rule E1: released when its epoch drops, so the event is not taken for its own duplicate.
TEST(EventTest, E1AnIdIsReleasedWithItsEpoch) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.AbortNextCommit();
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1");
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

// Rule E2: the event right behind a failing one, in the same batch, does not overtake it.
TEST(EventTest, E2TheNextEventOfAFailingKeyWaits) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(-1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(5), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "");
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2");
}

// Rule E3: an ID is unique only within its source.
TEST(EventTest, E3EqualIdsOfTwoSourcesAreTwoEvents) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "shop"}}});
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "web"}}});
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "shop"}}});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:2");
}

// Rule E5: a record from the future does not empty the window.
TEST(EventTest, E5RecordTimestampsDoNotMoveTheWindow) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const int64_t in_ten_years = absl::ToUnixMillis(driver.clock().Now() + absl::Hours(24 * 3650));
  driver.Send("orders", "bob", Order(1), {.event_id = "2", .timestamp_ms = in_ten_years});
  driver.RunUntilIdle();
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1 bob:1:1");
}

// Rule E7: a record too large for its topic is a failure of its event, never of the transaction.
TEST(EventTest, E7AnOutputTooLargeFailsItsEventOnly) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", std::string(600'000, 'x'), Order(1), {.event_id = "2"});
  driver.Send("orders", "alice", Order(2), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
  ASSERT_EQ(Letters(driver), "FAILED:2");
  EXPECT_EQ(driver.dead_letters()[0].reason, "OUT_OF_RANGE");
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 0) << "no transaction was aborted for it";
}

// Rule F1: the last changelog record of an epoch is its frontier, with the offsets that the epoch stands for.
TEST(EventTest, F1TheFrontierIsTheLastRecordOfItsEpoch) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "bob", Order(1), {.event_id = "2"});
  driver.RunUntilIdle();
  const auto changelog = driver.cluster().ReadCommitted("order-totals-orders-changelog");
  ASSERT_FALSE(changelog.empty());
  EXPECT_EQ(changelog.back().key, FrontierKey());
  v1::Frontier frontier;
  ASSERT_TRUE(frontier.ParseFromString(*changelog.back().value));
  ASSERT_EQ(frontier.inputs_size(), 1);
  EXPECT_EQ(frontier.inputs(0).topic(), "orders");
  EXPECT_EQ(frontier.inputs(0).next_offset(), 2);
  EXPECT_EQ(frontier.application(), "order-totals");
  EXPECT_NE(frontier.incarnation(), 0);
  const auto& task = *driver.worker().engine().tasks().begin()->second;
  EXPECT_EQ(task.changelog_position, changelog.back().offset + 1) << "what a checkpoint would stand for";
}

}  // namespace
}  // namespace once
