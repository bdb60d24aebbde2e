// The breaker (rule R5): a task that fails too much pauses, longer each time.
#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr absl::Duration kBackoff = absl::Seconds(30);

class BreakerTest : public testing::Test {
 protected:
  BreakerTest() {
    options_.engine.breaker_min_failures = 3;
    options_.engine.breaker_backoff = kBackoff;
    script_->handle = [this](const OrderPlaced& order) -> absl::Status {
      ++runs_;
      return order.cents() < 0 ? failure_ : absl::OkStatus();
    };
  }

  void Start() { driver_ = std::make_unique<TopologyTestDriver>(Scripted(script_), options_); }
  void Send(const std::string& key, int64_t cents) { driver_->Send("orders", key, Order(cents)); }
  bool paused() { return driver_->worker().engine().tasks().begin()->second->phase == TaskPhase::kPaused; }
  Offset committed() {
    return driver_->cluster().CommittedOffset("scripted", {"orders", Partition(0)}).value_or(Offset(-1));
  }

  DriverOptions options_;
  std::shared_ptr<Script> script_ = NewScript();
  absl::Status failure_ = absl::InvalidArgumentError("no");
  int runs_ = 0;
  std::unique_ptr<TopologyTestDriver> driver_;
};

// The epoch commits up to the trip, and the task goes on after the pause.
TEST_F(BreakerTest, R5WhatWasDoneUntilTheTripCommits) {
  Start();
  for (int i = 0; i < 5; ++i) Send("customer" + std::to_string(i), -1);
  driver_->RunUntilIdle();
  EXPECT_EQ(driver_->dead_letters().size(), 3);
  EXPECT_EQ(committed(), Offset(3));
  driver_->AdvanceTime(kBackoff + absl::Seconds(1));
  EXPECT_EQ(driver_->dead_letters().size(), 5);
}

// However few keys there are: what is parked behind a failure is as bad as one.
TEST_F(BreakerTest, R5BlockedEventsCount) {
  Start();
  for (int i = 0; i < 8; ++i) Send("alice", -1);
  driver_->RunUntilIdle();
  EXPECT_TRUE(paused());
  EXPECT_EQ(committed(), Offset(3)) << "one failed and two that it blocks";
}

TEST_F(BreakerTest, R5AFewOfManyDoNotTripIt) {
  Start();
  for (int i = 0; i < 40; ++i) Send("customer" + std::to_string(i), i % 4 == 0 ? -1 : 1);
  driver_->RunUntilIdle();
  EXPECT_FALSE(paused());
  EXPECT_EQ(committed(), Offset(40));
}

TEST_F(BreakerTest, R5ItBacksOffLongerEachTime) {
  Start();
  int next = 0;
  for (const int factor : {1, 2, 4, 8, 16, 16}) {
    for (int i = 0; i < 3; ++i) Send("customer" + std::to_string(next++), -1);
    driver_->RunUntilIdle();
    ASSERT_TRUE(paused()) << factor;
    driver_->AdvanceTime(factor * kBackoff - absl::Seconds(10));
    EXPECT_TRUE(paused()) << factor;
    driver_->AdvanceTime(absl::Seconds(20));
    EXPECT_FALSE(paused()) << factor;
  }
  // A window without a trip.
  driver_->AdvanceTime(absl::Minutes(2));
  for (int i = 0; i < 3; ++i) Send("customer" + std::to_string(next++), -1);
  driver_->RunUntilIdle();
  ASSERT_TRUE(paused());
  driver_->AdvanceTime(kBackoff + absl::Seconds(10));
  EXPECT_FALSE(paused());
}

// While the service is away the topic is left at the broker, and attempts at what was taken go on. When they succeed so
// does the rest, whatever is left of the pause.
TEST_F(BreakerTest, R5AnOutageStopsTheIntakeUntilItIsOver) {
  failure_ = absl::UnavailableError("down");
  options_.engine.breaker_backoff = absl::Hours(10);
  Start();
  for (int i = 0; i < 8; ++i) Send("customer" + std::to_string(i), -1);
  driver_->RunUntilIdle();
  EXPECT_TRUE(paused());
  EXPECT_EQ(committed(), Offset(3));
  runs_ = 0;
  driver_->AdvanceTime(absl::Minutes(1));
  driver_->AdvanceTime(absl::Minutes(1));
  EXPECT_GE(runs_, 6) << "attempts go on";
  EXPECT_TRUE(paused());
  failure_ = absl::OkStatus();
  driver_->AdvanceTime(absl::Minutes(1));
  EXPECT_FALSE(paused());
  EXPECT_EQ(committed(), Offset(8));
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 8u);
  EXPECT_EQ(Letters(*driver_), "");
}

}  // namespace
}  // namespace once
