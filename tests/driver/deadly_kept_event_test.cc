// X3: an event that ends its process, and whose value lies in a store that is not always there.
#include <string>

#include "tests/driver/deadly_scene.h"

namespace once {
namespace {

class ShakyValues final : public LargeValues {
 public:
  absl::StatusOr<std::string> Keep(std::string_view value) override {
    value_ = std::string(value);
    return "value";
  }
  absl::StatusOr<std::string> Fetch(std::string_view) override {
    if (is_lost_) return absl::NotFoundError("the value is gone");
    if (++fetches_ % away_each_ == 0) return absl::UnavailableError("the store is away");
    return value_;
  }
  void lose() { is_lost_ = true; }
  void set_away_each(int calls) { away_each_ = calls; }

 private:
  int away_each_ = 1'000'000;
  bool is_lost_ = false;
  int fetches_ = 0;
  std::string value_;
};

class DeadlyKeptEventsTest : public DeadlyScene {
 protected:
  // One event that is parked after its first attempt, and whose value its changelog has no room for.
  void ParkLarge() {
    script_->large_values = values_;
    script_->policy.initial_backoff = absl::Milliseconds(50);
    script_->policy.max_backoff = absl::Milliseconds(50);
    script_->handle = [this, handle = script_->handle](const OrderPlaced& order) {
      return handled_.empty() ? (handled_.push_back(0), absl::UnavailableError("later")) : handle(order);
    };
    Make(options_);
    driver_->cluster().SetTopicSetting("scripted-orders-changelog", "max.message.bytes", "20000");
    driver_->Restart(Scripted(script_));
    OrderPlaced order = Order(2);
    order.set_order_id(std::string(30'000, 'o'));
    driver_->Send("orders", "bob", order, {.event_id = "2"});
    RunUntil([this] { return driver_->Parked("bob") == 1; });
    ASSERT_EQ(driver_->Parked("bob"), 1);
  }

  // With a store that is away at one call of so many.
  void FindOut(int away_each) {
    ParkLarge();
    values_->set_away_each(away_each);
    deadly_ = {2};
    EXPECT_LE(RunThroughDeaths(40), 10);
    EXPECT_EQ(Letters(*driver_), "FAILED:2");
    EXPECT_TRUE(driver_->dead_letters().at(0).message.starts_with("the process ended 3 times"))
        << driver_->dead_letters().at(0).message;
  }

  DriverOptions options_;
  std::shared_ptr<ShakyValues> values_ = std::make_shared<ShakyValues>();
};

// Whenever the store is away: when the event would be run alone, nothing was run, and nothing of it is forgotten.
TEST_P(DeadlyKeptEventsTest, X3AnAttemptThatIsNotMadeSavesNobodyEachSecond) { FindOut(2); }
TEST_P(DeadlyKeptEventsTest, X3AnAttemptThatIsNotMadeSavesNobodyEachThird) { FindOut(3); }
TEST_P(DeadlyKeptEventsTest, X3AnAttemptThatIsNotMadeSavesNobodyEachFourth) { FindOut(4); }
TEST_P(DeadlyKeptEventsTest, X3AnAttemptThatIsNotMadeSavesNobodyEachFifth) { FindOut(5); }

// And one that does not end its process takes effect when the store is back, however often it is ended from outside.
TEST_P(DeadlyKeptEventsTest, X3AStoreThatIsAwayBlamesNobody) {
  ParkLarge();
  values_->set_away_each(1);
  for (int start = 0; start < 8; ++start) {
    int turns = 100;
    RunUntil([&] { return turns-- == 0; });
    Start();
  }
  values_->set_away_each(1'000'000);
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(Totals(*driver_), "bob:1:2");
  EXPECT_EQ(Letters(*driver_), "");
}

// Nor does it leave others suspected that came back in later transactions.
TEST_P(DeadlyKeptEventsTest, X3AStoreThatWasAwayKeepsNobodySuspected) {
  options_.engine.crash_suspects = {{.place = {{"orders", Partition(0)}, Offset(1)}}};
  ParkLarge();
  values_->set_away_each(1);
  int turns = 100;
  RunUntil([&] { return turns-- == 0; });
  values_->set_away_each(1'000'000);
  Send("alice", 3);
  RunUntil([this] { return driver_->Parked("bob") == 0; });
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_TRUE(driver_->worker().engine().tasks().begin()->second->suspects.empty());
}

// One whose value is gone for good has ended, without being run, and leaves nothing behind.
TEST_P(DeadlyKeptEventsTest, X3AValueThatIsGoneIsTheEndOfASuspect) {
  script_->policy.then = FailureAction::kSkip;
  ParkLarge();
  RunUntil([this] { return driver_->worker().engine().idle(); });
  Suspects& suspects = driver_->worker().engine().tasks().begin()->second->suspects;
  suspects.Warn({{"orders", Partition(0)}, Offset(0)}, "");
  values_->lose();
  RunUntil([this] { return !driver_->dead_letters().empty(); });
  int turns = 10;
  RunUntil([&] { return turns-- == 0; });
  EXPECT_EQ(Letters(*driver_), "FAILED:2");
  EXPECT_TRUE(suspects.empty());
}

INSTANTIATE_TEST_SUITE_P(, DeadlyKeptEventsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "AnotherInstance" : "AnotherDisk"; });

}  // namespace
}  // namespace once
