// Which timestamps records are sent with (rule X3).
#include <gtest/gtest.h>

#include <memory>

#include "processor/engine/output_stamps.h"

namespace once {
namespace {

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kNow = 1'700'000'000'000;

Plan OneSink() {
  auto graph = std::make_shared<Graph>();
  graph->sinks.emplace_back().topic = "out";
  return MakePlan(graph, "app");
}

TEST(StampsTest, X3JudgesWithAMargin) {
  const Stamps stamps(OneSink());
  EXPECT_TRUE(stamps.Takes(0, kNow, kNow));
  EXPECT_TRUE(stamps.Takes(0, -1, kNow));
  EXPECT_TRUE(stamps.Takes(0, 0, kNow)) << "by default it takes, and keeps, any past";
  EXPECT_TRUE(stamps.Takes(0, kNow + kHour / 2, kNow));
  EXPECT_FALSE(stamps.Takes(0, kNow + kHour / 2 + 1, kNow)) << "half an hour for what the clocks differ by";
  EXPECT_FALSE(stamps.Takes(0, -2, kNow));
  EXPECT_FALSE(stamps.Takes(0, INT64_MAX, kNow));
  EXPECT_FALSE(stamps.Takes(0, INT64_MIN, kNow));
}

TEST(StampsTest, X3WhatWouldBeDeletedAtOnceIsNotTaken) {
  Plan plan = OneSink();
  plan.retention[0] = absl::Hours(24);
  EXPECT_TRUE(Stamps(plan).Takes(0, kNow - 23 * kHour, kNow));
  EXPECT_FALSE(Stamps(plan).Takes(0, kNow - 23 * kHour - 1, kNow));
  plan.timestamp_before_max[0] = absl::Minutes(10);
  EXPECT_FALSE(Stamps(plan).Takes(0, kNow - kHour / 10, kNow));
  EXPECT_TRUE(Stamps(plan).Takes(0, kNow - kHour / 12, kNow));
}

TEST(StampsTest, ATopicThatStampsItselfTakesAll) {
  Plan plan = OneSink();
  plan.log_append_time[0] = true;
  const Stamps stamps(plan);
  EXPECT_TRUE(stamps.Takes(0, INT64_MAX, kNow));
  EXPECT_EQ(stamps.OwnRecord(0, kNow), -1);
}

// Our clock is three hours ahead of the broker's: what we take for the present is not what it does.
TEST(StampsTest, X3RefusalsMoveTheJudgementUntilTheBrokerAgrees) {
  Stamps stamps(OneSink());
  const int64_t broker_now = kNow - 3 * kHour;
  const auto broker_takes = [&](int64_t stamp) { return stamp <= broker_now + kHour; };
  int refusals = 0;
  while (!broker_takes(stamps.Present(0, kNow))) {
    ASSERT_LT(++refusals, 5);
    stamps.Refused(0);
  }
  EXPECT_FALSE(stamps.Takes(0, kNow, kNow)) << "an event of now, by our clock";
  EXPECT_TRUE(broker_takes(stamps.OwnRecord(0, kNow)));
}

// The topic's bounds are narrower than at the start: the present is tried before our clock is doubted.
TEST(StampsTest, X3TheFirstRefusalLeavesThePresent) {
  Stamps stamps(OneSink());
  ASSERT_TRUE(stamps.Takes(0, kNow - 2 * kHour, kNow));
  EXPECT_TRUE(stamps.Refused(0));
  EXPECT_FALSE(stamps.Takes(0, kNow - 2 * kHour, kNow));
  EXPECT_EQ(stamps.Present(0, kNow), kNow);
  EXPECT_EQ(stamps.OwnRecord(0, kNow), kNow);
  for (const int64_t hours : {1, 2, 4, 8, 16, 32, 48}) {
    EXPECT_TRUE(stamps.Refused(0));
    EXPECT_EQ(stamps.Present(0, kNow), kNow - hours * kHour);
    EXPECT_TRUE(stamps.Refused(0));
    EXPECT_EQ(stamps.Present(0, kNow), kNow + hours * kHour);
  }
}

// However far the clock is off, and which way, a stamp is found that a topic with bounds on both sides takes; within as
// many tries as a pod makes in some seconds.
TEST(StampsTest, X6AClockThatIsWrongEitherWayIsFoundOut) {
  for (const int64_t bound_ms : {kHour / 2, kHour, 5 * kHour}) {
    for (const bool are_known : {false, true}) {
      Plan plan = OneSink();
      if (are_known) plan.timestamp_before_max[0] = plan.timestamp_after_max[0] = absl::Milliseconds(bound_ms);
      for (int64_t wrong_by = -48 * kHour; wrong_by <= 48 * kHour; wrong_by += kHour / 6) {
        Stamps stamps(plan);
        const int64_t broker_now = kNow - wrong_by;
        int refusals = 0;
        while (std::abs(stamps.Present(0, kNow) - broker_now) > bound_ms) {
          stamps.Refused(0);
          ASSERT_LT(++refusals, 250) << wrong_by << " " << bound_ms;
        }
      }
    }
  }
}

// A topic that takes no stamp at all is tried for as long as it is there, in rounds that say so.
TEST(StampsTest, X6WhenAllWasTriedItBeginsAnew) {
  Stamps stamps(OneSink());
  for (int round = 0; round < 20; ++round) {
    int tries = 0;
    while (stamps.Refused(0)) ASSERT_LT(++tries, 1000);
    EXPECT_EQ(stamps.Present(0, kNow), kNow) << round;
    EXPECT_GT(tries, 50);
  }
}

TEST(StampsTest, X3TheEnginesOwnRecordsAreWithinANarrowTopicToo) {
  Plan plan = OneSink();
  plan.timestamp_before_max[0] = absl::Minutes(2);
  EXPECT_EQ(Stamps(plan).OwnRecord(0, kNow), kNow - 60'000);
  EXPECT_EQ(Stamps(OneSink()).OwnRecord(0, kNow), kNow - kHour);
}

}  // namespace
}  // namespace once
