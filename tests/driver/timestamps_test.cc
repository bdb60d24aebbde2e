// Timestamps that a topic does not take, or would delete at once (rule X3).
#include <algorithm>

#include "tests/driver/scripted.h"

namespace once {
namespace {

class TimestampsTest : public testing::Test {
 protected:
  int64_t Now() { return absl::ToUnixMillis(driver_.clock().Now()); }
  testkit::MemoryRecord Sent(const std::string& topic, size_t index) {
    return driver_.cluster().ReadCommitted(topic).at(index);
  }
  // Whether the record carries the present, and its event's time beside it.
  void ExpectPresent(const testkit::MemoryRecord& record, int64_t original) {
    EXPECT_LE(std::abs(record.timestamp_ms - Now()), 2000);
    EXPECT_EQ(record.header("once.timestamp"), std::to_string(original));
  }

  TopologyTestDriver driver_{BuildOrderTotals};
};

TEST_F(TimestampsTest, X3OutputsCarryTheEventsTimeWhereTheTopicTakesIt) {
  const int64_t event_ms = Now() - 3'600'000;
  driver_.Send("orders", "alice", Order(1), {.event_id = "1", .timestamp_ms = event_ms});
  driver_.RunUntilIdle();
  EXPECT_EQ(Sent("customer-totals", 0).timestamp_ms, event_ms);
  EXPECT_EQ(Sent("customer-totals", 0).header("once.timestamp"), std::nullopt) << "no more headers than before";
}

TEST_F(TimestampsTest, X3AnEventFromTheFutureHoldsNobodyUp) {
  const int64_t in_two_days = Now() + 2 * 86'400'000;
  for (int i = 0; i < 50; ++i) driver_.Send("orders", "alice", Order(1), {.event_id = "a" + std::to_string(i)});
  driver_.Send("orders", "bob", Order(7), {.event_id = "b", .timestamp_ms = in_two_days});
  for (int i = 0; i < 50; ++i) driver_.Send("orders", "carol", Order(1), {.event_id = "c" + std::to_string(i)});
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(Letters(driver_), "");
  ASSERT_EQ(driver_.cluster().ReadCommitted("customer-totals").size(), 101u);
  ExpectPresent(Sent("customer-totals", 50), in_two_days);
}

// The topic keeps a week: its first sweep would delete the output.
TEST_F(TimestampsTest, X3AnEventOlderThanTheOutputsRetentionIsNotLost) {
  const int64_t old = Now() - 8 * int64_t{86'400'000};
  driver_.Send("orders", "alice", Order(1), {.event_id = "1", .timestamp_ms = old});
  driver_.RunUntilIdle();
  ExpectPresent(Sent("customer-totals", 0), old);
  driver_.cluster().SetTopicSetting("customer-totals", "retention.ms", "-1");
  driver_.Restart();
  driver_.Restart(BuildOrderTotals);
  driver_.Send("orders", "alice", Order(1), {.event_id = "2", .timestamp_ms = old});
  driver_.RunUntilIdle();
  EXPECT_EQ(Sent("customer-totals", 1).timestamp_ms, old) << "one that keeps everything takes it";
}

TEST_F(TimestampsTest, X3DeadLettersCarryThePresent) {
  for (const int64_t stamp : {int64_t{0}, int64_t{12345}, Now() + 86'400'000, INT64_MAX}) {
    driver_.Send("orders", "bob" + std::to_string(stamp), Order(-1), {.timestamp_ms = stamp});
  }
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  ASSERT_EQ(driver_.dead_letters().size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const testkit::MemoryRecord event = driver_.cluster().ReadCommitted("orders")[i];
    ExpectPresent(Sent("orders.dlq", i), event.timestamp_ms);
  }
}

// An hour back, so that a pod's clock may be ahead.
TEST_F(TimestampsTest, X3TheEnginesOwnRecordsAreStampedSafely) {
  driver_.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver_.RunUntilIdle();
  for (const testkit::MemoryRecord& record : driver_.cluster().ReadCommitted("order-totals-orders-changelog")) {
    EXPECT_LE(record.timestamp_ms, Now() - 3'500'000);
    EXPECT_GE(record.timestamp_ms, Now() - 3'700'000);
  }
}

struct Narrowed {
  const char* name;
  const char* topic;
  const char* setting;
  const char* value;
  int64_t shift_ms;  // Of an event's time, which the topic takes until then.
};

class NarrowedTest : public TimestampsTest, public testing::WithParamInterface<Narrowed> {};

// It is the time of some events, or of the engine's records, that does not fit any more, and no clock of ours: nobody
// fails, and nobody's stamps move away from the present.
TEST_P(NarrowedTest, X3WhileRunningFailsNobody) {
  const Narrowed& narrowed = GetParam();
  driver_.Send("orders", "alice", Order(1));
  driver_.RunUntilIdle();
  driver_.cluster().SetTopicSetting(narrowed.topic, narrowed.setting, narrowed.value);
  for (int round = 0; round < 3; ++round) {
    const int64_t event_ms = Now() + narrowed.shift_ms;
    for (int i = 0; i < 20; ++i) driver_.Send("orders", "alice" + std::to_string(i), Order(1));
    driver_.Send("orders", "bob", Order(7), {.timestamp_ms = event_ms});
    for (int i = 0; i < 20; ++i) driver_.Send("orders", "carol" + std::to_string(i), Order(1));
    driver_.RunUntilIdle();
    ASSERT_TRUE(driver_.status().ok()) << driver_.status();
    EXPECT_EQ(Letters(driver_), "");
    const auto totals = driver_.cluster().ReadCommitted("customer-totals");
    ASSERT_EQ(totals.size(), 1u + 41 * (static_cast<size_t>(round) + 1));
    for (const testkit::MemoryRecord& total : totals) {
      if (total.key == "bob" && total.header("once.timestamp") == std::nullopt) {
        EXPECT_LE(std::abs(total.timestamp_ms - narrowed.shift_ms - Now()), 60'000);
      } else {
        EXPECT_LE(std::abs(total.timestamp_ms - Now()), 60'000) << total.key.value_or("");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, NarrowedTest,
    testing::Values(
        Narrowed{"into_the_past", "customer-totals", "message.timestamp.before.max.ms", "3600000", -2 * 3'600'000},
        Narrowed{"to_minutes", "customer-totals", "message.timestamp.before.max.ms", "60000", -10 * 60'000},
        Narrowed{"into_the_future", "customer-totals", "message.timestamp.after.max.ms", "60000", 20 * 60'000},
        Narrowed{"the_changelog", "order-totals-orders-changelog", "message.timestamp.before.max.ms", "1800000", 0}),
    [](const auto& info) { return info.param.name; });

// What a forwarded event said of its time before is the older truth.
TEST(TimestampsForwardTest, X3AForwardedEventKeepsTheOldestTime) {
  TopologyTestDriver driver([](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("forwarding");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto copies = builder.AddSink<OrderPlaced>("copies", {.topic = "copies"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(copies).On<OrderPlaced>(orders, [copies](const OrderPlaced&, auto& event) {
      event.Forward(copies);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("orders", "alice", Order(1), {.headers = {{"trace", "t"}}, .timestamp_ms = 5});
  driver.Send("orders", "alice", Order(1), {.headers = {{"once.timestamp", "3"}}, .timestamp_ms = 5});
  driver.RunUntilIdle();
  const auto copies = driver.cluster().ReadCommitted("copies");
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].header("once.timestamp"), "5");
  EXPECT_EQ(copies[0].header("trace"), "t");
  EXPECT_EQ(copies[1].header("once.timestamp"), "3");
  EXPECT_EQ(copies[1].headers.size(), 1u);
}

}  // namespace
}  // namespace once
