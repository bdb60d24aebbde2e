// The main example on the driver: what its users are promised.
#include "tests/driver/orders.h"

namespace once {
namespace {

TEST(OrderTotalsTest, TheTestOfTheReadme) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 4});
  driver.Send("orders", "alice", Order(100), {.event_id = "1"});
  driver.Send("orders", "bob", Order(-5), {.event_id = "2"});
  driver.Send("orders", "bob", Order(70), {.event_id = "3"});
  driver.Send("orders", "alice", Order(100), {.event_id = "1"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1);
  ASSERT_EQ(driver.dead_letters().size(), 2);
  EXPECT_EQ(driver.dead_letters()[0].disposition, "FAILED");
  EXPECT_EQ(driver.dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_EQ(driver.dead_letters()[0].attempts, 1);
  EXPECT_EQ(driver.dead_letters()[1].disposition, "BLOCKED");
  EXPECT_EQ(driver.dead_letters()[1].blocked_by, "2");
  EXPECT_EQ(driver.Parked("bob"), 2);
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->cents(), 100);
  EXPECT_FALSE(driver.State<CustomerTotal>("customer", "bob").has_value());
}

TEST(OrderTotalsTest, TotalsAddUpAcrossEpochs) {
  TopologyTestDriver driver(BuildOrderTotals);
  for (int i = 1; i <= 3; ++i) {
    driver.Send("orders", "alice", Order(100 * i), {.event_id = std::to_string(i)});
    driver.RunUntilIdle();
  }
  EXPECT_EQ(Totals(driver), "alice:1:100 alice:2:300 alice:3:600");
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals")[2].value->customer_id(), "alice");
}

TEST(OrderTotalsTest, EventsWithoutAnIdAreNeverDuplicates) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1));
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:2");
}

TEST(OrderTotalsTest, OverflowFailsAsOutOfRange) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(INT64_MAX), {.event_id = "1"});
  driver.Send("orders", "alice", Order(1), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:9223372036854775807");
  ASSERT_EQ(driver.dead_letters().size(), 1);
  EXPECT_EQ(driver.dead_letters()[0].reason, "OUT_OF_RANGE");
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 1);
}

// Rule E4: the derived event ID is the same on every replay, and another for every event.
TEST(OrderTotalsTest, EmittedEventsCarryDerivedIds) {
  const auto ids = [](bool abort) {
    TopologyTestDriver driver(BuildOrderTotals);
    driver.RunUntilIdle();
    if (abort) driver.AbortNextCommit();
    driver.Send("orders", "alice", Order(1), {.event_id = "1"});
    driver.Send("orders", "alice", Order(2), {.event_id = "2"});
    driver.RunUntilIdle();
    std::vector<std::string> found;
    for (const auto& record : driver.Read<CustomerTotal>("customer-totals")) {
      for (const auto& [name, value] : record.headers) {
        if (name == "ce_id") found.push_back(value);
        if (name == "ce_type") {
          EXPECT_EQ(value, "orders.v1.CustomerTotal");
        }
      }
    }
    return found;
  };
  const std::vector<std::string> first = ids(false);
  ASSERT_EQ(first.size(), 2);
  EXPECT_EQ(first[0].size(), 32);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(ids(true), first);
}

}  // namespace
}  // namespace once
