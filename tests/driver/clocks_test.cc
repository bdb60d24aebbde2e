// Wall clocks that step (rule X6): nothing is held up, nothing is forgotten, nothing is rebuilt for ever.
#include <string>

#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr absl::Duration kSteps[] = {-absl::Hours(1), absl::Hours(1), absl::Hours(48), -absl::Hours(96)};

bool LogHas(const TopologyTestDriver& driver, const std::string& text) {
  for (const std::string& line : driver.log()) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

// The window's clock as it was committed last.
int64_t WindowClockMs(TopologyTestDriver* driver) {
  v1::Frontier frontier;
  for (const testkit::MemoryRecord& record : driver->cluster().ReadCommitted("order-totals-orders-changelog")) {
    if (record.key == FrontierKey()) frontier.ParseFromString(*record.value);
  }
  return frontier.window_clock_ms();
}

// Runs until `driver` has committed one epoch more, or `at_most` has passed by the steady clock.
bool CommitsWithin(TopologyTestDriver* driver, absl::Duration at_most) {
  const int64_t before = driver->worker().engine().committed_epochs();
  const absl::Time end = driver->clock().Steady() + at_most;
  while (driver->clock().Steady() < end && driver->worker().engine().committed_epochs() == before) {
    driver->worker().RunOnce();
    driver->clock().Advance(absl::Milliseconds(10));
  }
  return driver->worker().engine().committed_epochs() > before;
}

TEST(ClocksTest, X6AWallClockThatStepsHoldsNoCommitUp) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  for (const absl::Duration step : kSteps) {
    driver.Send("orders", "alice", Order(1));
    for (int i = 0; i < 3 && driver.worker().engine().open_records() == 0; ++i) driver.worker().RunOnce();
    ASSERT_EQ(driver.worker().engine().open_records(), 1) << "it steps while a transaction is open";
    driver.clock().StepWall(step);
    EXPECT_TRUE(CommitsWithin(&driver, absl::Milliseconds(200))) << absl::FormatDuration(step);
    driver.Send("orders", "alice", Order(1));
    EXPECT_TRUE(CommitsWithin(&driver, absl::Milliseconds(200))) << "the next, after " << absl::FormatDuration(step);
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 0);
  EXPECT_TRUE(LogHas(driver, "steps of the wall clock: 1, such as by -1h to 2023-11-14T21:13:20")) << "it is told";
}

// A retry that is under way goes by the steady clock.
TEST(ClocksTest, X6ARetryIsDueWhenItsBackoffIsOver) {
  for (const absl::Duration step : kSteps) {
    auto script = NewScript();
    script->policy.initial_backoff = absl::Seconds(10);
    int runs = 0;
    script->handle = [&runs](const OrderPlaced&) {
      return ++runs == 1 ? absl::UnavailableError("down") : absl::OkStatus();
    };
    TopologyTestDriver driver(Scripted(script));
    driver.Send("orders", "alice", Order(1));
    driver.RunUntilIdle();
    driver.clock().StepWall(step);
    driver.AdvanceTime(absl::Seconds(9));
    EXPECT_EQ(runs, 1) << absl::FormatDuration(step);
    driver.AdvanceTime(absl::Seconds(2));
    EXPECT_EQ(runs, 2) << absl::FormatDuration(step);
    EXPECT_EQ(Totals(driver), "alice:1:1");
  }
}

// Nor do those that come to wait behind it put it off.
TEST(ClocksTest, X6AFollowerPutsNoRetryOff) {
  auto script = NewScript();
  script->policy.initial_backoff = absl::Seconds(10);
  int runs = 0;
  script->handle = [&runs](const OrderPlaced&) {
    return ++runs == 1 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  driver.clock().StepWall(-absl::Hours(1));
  for (int i = 0; i < 6; ++i) {
    driver.Send("orders", "alice", Order(1));
    driver.AdvanceTime(absl::Seconds(2));
  }
  EXPECT_GE(runs, 2);
}

// One that was stored is bounded by the longest backoff where it is read, whichever clock it was stored by.
TEST(ClocksTest, X6AStoredRetryIsDueWithinTheLongestBackoff) {
  for (const absl::Duration step : kSteps) {
    auto script = NewScript();
    script->policy.initial_backoff = absl::Seconds(10);
    script->policy.max_backoff = absl::Seconds(20);
    bool down = true;
    script->handle = [&down](const OrderPlaced&) { return down ? absl::UnavailableError("down") : absl::OkStatus(); };
    TopologyTestDriver driver(Scripted(script));
    driver.clock().StepWall(-step);
    driver.Send("orders", "alice", Order(1));
    driver.RunUntilIdle();
    driver.clock().StepWall(step);
    driver.CrashAndLoseDisk();
    down = false;
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Seconds(20));
    EXPECT_EQ(Totals(driver), "alice:1:1") << absl::FormatDuration(step);
  }
}

// Neither early, by a clock that jumps ahead, nor never, after one that did.
TEST(ClocksTest, X6TheWindowForgetsNeitherEarlyNorNever) {
  TopologyTestDriver driver(BuildOrderTotals);
  const auto is_known = [&driver](const std::string& id) {
    const size_t before = driver.Read<CustomerTotal>("customer-totals").size();
    driver.Send("orders", "alice", Order(1), {.event_id = id});
    driver.RunUntilIdle();
    return driver.Read<CustomerTotal>("customer-totals").size() == before;
  };
  EXPECT_FALSE(is_known("old"));
  int next = 0;
  for (int reading = 0; reading < 2; ++reading) {
    driver.clock().StepWall(absl::Hours(48));
    for (int i = 0; i < 3; ++i) {
      EXPECT_FALSE(is_known(std::to_string(next++)));
      driver.AdvanceTime(absl::Minutes(10));
    }
    // What another instance makes of it that finds the clock so.
    driver.CrashAndLoseDisk();
    EXPECT_FALSE(is_known(std::to_string(next++)));
  }
  driver.clock().StepWall(-absl::Hours(96));
  EXPECT_TRUE(is_known("old"));
  EXPECT_TRUE(is_known("0"));
  for (int hour = 0; hour < 26; ++hour) {
    driver.AdvanceTime(absl::Hours(1));
    EXPECT_FALSE(is_known(std::to_string(next++)));
  }
  EXPECT_FALSE(is_known("old")) << "its time is over";
  EXPECT_TRUE(is_known(std::to_string(next - 20))) << "and that of this one is not";
}

// Time in which nobody had the task open does not count: nobody could tell it from a clock that is wrong.
TEST(ClocksTest, X6TheWindowsClockIsTheTimeThatTheTaskWasOpen) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const int64_t begun_ms = WindowClockMs(&driver);
  driver.AdvanceTime(absl::Minutes(30));
  driver.Restart();
  driver.RunUntilIdle();
  driver.clock().StepWall(absl::Hours(1000));
  driver.AdvanceTime(absl::Minutes(40));
  driver.Send("orders", "alice", Order(1), {.event_id = "2"});
  driver.RunUntilIdle();
  const int64_t clock_ms = WindowClockMs(&driver);
  EXPECT_GT(clock_ms - begun_ms, absl::ToInt64Milliseconds(absl::Minutes(39)));
  EXPECT_LT(clock_ms - begun_ms, absl::ToInt64Milliseconds(absl::Minutes(75)));
}

// Rule F6 by the steady clock, as long as the process lives.
TEST(ClocksTest, X6ATaskThatIsReadAgainIsNotRebuiltForAStep) {
  for (const absl::Duration step : kSteps) {
    TopologyTestDriver driver(BuildOrderTotals);
    driver.Send("orders", "alice", Order(1), {.event_id = "1"});
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Seconds(5));
    driver.clock().StepWall(step);
    driver.FailNextCommit(/*landed=*/true);
    driver.Send("orders", "alice", Order(1), {.event_id = "2"});
    driver.RunUntilIdle();
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:2");
    EXPECT_FALSE(LogHas(driver, "is rebuilt")) << absl::FormatDuration(step);
  }
}

// A checkpoint whose age two clocks disagree about is rebuilt, once for each step.
TEST(ClocksTest, X6ACheckpointOfDoubtfulAgeIsRebuiltOnce) {
  for (const absl::Duration step : {absl::Hours(48), -absl::Hours(48)}) {
    TopologyTestDriver driver(BuildOrderTotals);
    driver.Send("orders", "alice", Order(1), {.event_id = "1"});
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Seconds(5));
    driver.Restart();
    driver.RunUntilIdle();
    EXPECT_FALSE(LogHas(driver, "is rebuilt"));
    driver.clock().StepWall(step);
    int rebuilds = 0;
    for (int start = 0; start < 3; ++start) {
      driver.Restart();
      driver.RunUntilIdle();
      driver.AdvanceTime(absl::Seconds(5));
      rebuilds = 0;
      for (const std::string& line : driver.log()) rebuilds += line.find("is rebuilt") != std::string::npos ? 1 : 0;
      EXPECT_EQ(rebuilds, 1) << absl::FormatDuration(step);
    }
    driver.Send("orders", "alice", Order(1), {.event_id = "1"});
    driver.Send("orders", "alice", Order(1), {.event_id = "2"});
    driver.RunUntilIdle();
    EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:2");
  }
}

// A clock that is far ahead costs aborts until the stamps are such as brokers take. It is no event's fault.
TEST(ClocksTest, X6AClockAheadOfTheBrokersFailsNoEvent) {
  auto script = NewScript();
  script->handle = [](const OrderPlaced& order) {
    return order.cents() < 0 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.clock().StepWall(absl::Hours(40));
  const int64_t now_ms = absl::ToUnixMillis(driver.clock().Now());
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "bob", Order(-1), {.event_id = "2", .timestamp_ms = now_ms});
  driver.Send("orders", "carol", Order(3), {.event_id = "3", .timestamp_ms = now_ms + 86'400'000});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 carol:1:3");
  EXPECT_EQ(Letters(driver), "FAILED:2");
  EXPECT_EQ(driver.dead_letters()[0].headers.count("once.omitted"), 0) << "whole";
  // Set right again, its stamps are the present's.
  driver.clock().StepWall(-absl::Hours(40));
  driver.Send("orders", "bill", Order(-1), {.event_id = "4"});
  driver.RunUntilIdle();
  EXPECT_NEAR(driver.cluster().ReadCommitted("orders.dlq")[1].timestamp_ms, absl::ToUnixMillis(driver.clock().Now()),
              5000);
}

// Topics that bound both sides: how far the clock is off, and which way, can only be tried.
class WrongClockTest : public testing::TestWithParam<std::tuple<absl::Duration, std::string, bool>> {};

TEST_P(WrongClockTest, X6NoEventIsBlamedWhereTopicsBoundThePastToo) {
  const auto& [wrong_by, topic, known_at_start] = GetParam();
  auto script = NewScript();
  script->handle = [](const OrderPlaced& order) {
    return order.cents() < 0 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.cluster().SetTopicSetting(topic, "message.timestamp.before.max.ms", "3600000");
  if (known_at_start) driver.Restart(Scripted(script));
  const int64_t brokers_ms = absl::ToUnixMillis(driver.clock().Now());
  driver.clock().StepWall(wrong_by);
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .timestamp_ms = brokers_ms});
  driver.Send("orders", "bob", Order(-1), {.event_id = "2", .timestamp_ms = brokers_ms});
  driver.Send("orders", "carol", Order(3), {.event_id = "3", .timestamp_ms = brokers_ms - 86'400'000});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 carol:1:3");
  EXPECT_EQ(Letters(driver), "FAILED:2");
  // Where a record does not carry its event's time, that stands beside it.
  for (const testkit::MemoryRecord& total : driver.cluster().ReadCommitted("customer-totals")) {
    const int64_t event_ms = total.key == "carol" ? brokers_ms - 86'400'000 : brokers_ms;
    const std::string said = total.header("once.timestamp").value_or("");
    EXPECT_EQ(said, total.timestamp_ms == event_ms ? "" : absl::StrCat(event_ms));
  }
}

INSTANTIATE_TEST_SUITE_P(All, WrongClockTest,
                         testing::Combine(testing::Values(-absl::Hours(48), -absl::Hours(25), -absl::Minutes(181),
                                                          -absl::Minutes(50), absl::Minutes(119), absl::Hours(24),
                                                          absl::Hours(47)),
                                          testing::Values("customer-totals", "orders.dlq", "scripted-orders-changelog"),
                                          testing::Bool()));

// Stamps are the wall clock's, whatever it shows.
TEST(ClocksTest, X6TheWallClockStamps) {
  auto script = NewScript();
  script->handle = [](const OrderPlaced&) { return absl::InvalidArgumentError("no"); };
  TopologyTestDriver driver(Scripted(script));
  driver.clock().StepWall(absl::Hours(24));
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.dead_letters()[0].headers.at("once.first_failure_time").starts_with("2023-11-15T22:13:20."));
}

}  // namespace
}  // namespace once
