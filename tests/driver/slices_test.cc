// X1: between any two events of handlers the worker can seal, stop and poll, and nobody's work starves another's.
#include <algorithm>
#include <map>
#include <set>

#include "processor/base/murmur2.h"
#include "processor/runtime/worker.h"
#include "tests/driver/recording_client.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

// A driver whose handlers take the test's time, and what came of it.
class SliceTest : public testing::Test {
 protected:
  SliceTest() : script_(NewScript()) {}

  // `takes` says how long an event's handlers run.
  void Start(std::function<absl::Duration(const OrderPlaced&)> takes, DriverOptions options = {}) {
    script_->handle = [this, takes, wanted = script_->handle](const OrderPlaced& order) {
      ++calls_[order.cents()];
      driver_->clock().Advance(takes(order));
      return wanted(order);
    };
    driver_ = std::make_unique<TopologyTestDriver>(Scripted(script_), options);
    driver_->RunUntilIdle();
    driver_->cluster().OnCommit([this](const testkit::CommittedTransaction& transaction) {
      std::set<int32_t> partitions;
      for (const auto& [where, record] : transaction.records) {
        if (where.topic == "customer-totals") partitions.insert(where.partition.value());
      }
      for (const int32_t partition : partitions) commits_[partition].push_back(driver_->clock().Now());
    });
  }

  void Send(int partition, const std::string& key, int64_t cents) {
    driver_->Send("orders", key, Order(cents), {.event_id = std::to_string(cents), .partition = partition});
  }

  // The longest time without a commit of outputs to the partition, from the first to the last.
  absl::Duration LongestGap(int32_t partition) const {
    const std::vector<absl::Time>& times = commits_.at(partition);
    absl::Duration longest;
    for (size_t i = 1; i < times.size(); ++i) longest = std::max(longest, times[i] - times[i - 1]);
    return longest;
  }

  std::shared_ptr<Script> script_;
  std::unique_ptr<TopologyTestDriver> driver_;
  std::map<int64_t, int> calls_;                        // By cents.
  std::map<int32_t, std::vector<absl::Time>> commits_;  // By partition of the totals.
};

// The key that the totals of a partition come out under: input and output have equally many partitions.
std::string KeyOf(int partition, int partitions) {
  for (int i = 0;; ++i) {
    const std::string key = "key" + std::to_string(i);
    if (PartitionForKey(key, partitions).value() == partition) return key;
  }
}

TEST_F(SliceTest, X1CommitsComeBetweenSlowEvents) {
  Start([](const OrderPlaced&) { return absl::Milliseconds(50); });
  for (int i = 1; i <= 500; ++i) Send(0, "alice", i);
  driver_->RunUntilIdle();
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  for (int i = 1; i <= 500; ++i) EXPECT_EQ(calls_[i], 1) << i;
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "alice")->order_count(), 500);
  ASSERT_GT(commits_[0].size(), 100);
  EXPECT_LE(LongestGap(0), absl::Milliseconds(200));
}

TEST_F(SliceTest, X1AStopWaitsForOneEventAtMost) {
  Start([this](const OrderPlaced& order) {
    if (order.cents() == 3) driver_->worker().RequestStop();
    return absl::Milliseconds(50);
  });
  for (int i = 1; i <= 100; ++i) Send(0, "alice", i);
  driver_->RunUntilIdle();
  EXPECT_TRUE(driver_->worker().done());
  EXPECT_EQ(calls_.size(), 3);
  EXPECT_EQ(driver_->cluster().CommittedOffset("scripted", {"orders", Partition(0)}), Offset(3));
}

TEST_F(SliceTest, X1DueRetriesLeaveHalfOfTheTimeToOtherTasks) {
  constexpr int kRetries = 20;
  bool down = true;
  script_->handle = [&down](const OrderPlaced& order) {
    return down && order.cents() > 1'000'000 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  Start(
      [&down](const OrderPlaced& order) {
        if (order.cents() <= 1'000'000) return absl::Milliseconds(1);
        return down ? absl::ZeroDuration() : absl::Seconds(1);
      },
      {.partitions = 2});
  const std::string slow = KeyOf(0, 2);
  for (int i = 1; i <= kRetries; ++i) Send(0, slow + "-" + std::to_string(i), 1'000'000 + i);
  driver_->RunUntilIdle();
  down = false;
  const std::string loaded = KeyOf(1, 2);
  for (int i = 1; i <= 15'000; ++i) Send(1, loaded, i);
  commits_.clear();
  driver_->AdvanceTime(absl::Seconds(1));
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", loaded)->order_count(), 15'000);
  EXPECT_GT(commits_[1].size(), 20);
  EXPECT_LE(LongestGap(1), absl::Milliseconds(1500));
}

TEST_F(SliceTest, X1WhatIsRestoredGetsAsMuchTimeAsSlowEvents) {
  Start(
      [](const OrderPlaced& order) {
        return order.cents() > 1'000'000 ? absl::Milliseconds(150) : absl::ZeroDuration();
      },
      {.partitions = 2});
  const std::string slow = KeyOf(0, 2);
  const std::string large = KeyOf(1, 2);
  for (int i = 1; i <= 20'000; ++i) Send(1, large + "-" + std::to_string(i), i);
  Send(0, slow, 30'000);
  driver_->RunUntilIdle();
  commits_.clear();
  for (int i = 1; i <= 100; ++i) Send(0, slow, 1'000'000 + i);
  Send(1, large, 40'000);
  const absl::Time crashed = driver_->clock().Now();
  driver_->CrashAndLoseDisk();
  driver_->RunUntilIdle();
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", large)->order_count(), 1);
  ASSERT_FALSE(commits_[1].empty());
  EXPECT_LE(commits_[1].front() - crashed, absl::Seconds(4));
  EXPECT_GE(commits_[0].back() - crashed, absl::Seconds(15));
}

TEST_F(SliceTest, X1ASlowPartitionDoesNotHoldUpAQuickOne) {
  Start(
      [](const OrderPlaced& order) {
        return order.cents() > 1'000'000 ? absl::Milliseconds(50) : absl::ZeroDuration();
      },
      {.partitions = 2});
  const std::string slow = KeyOf(0, 2);
  const std::string quick = KeyOf(1, 2);
  for (int i = 1; i <= 400; ++i) Send(0, slow, 1'000'000 + i);
  for (int i = 1; i <= 5'000; ++i) Send(1, quick, i);
  driver_->RunUntilIdle();
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", slow)->order_count(), 400);
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", quick)->order_count(), 5'000);
  // The slow ones need 20 s in all; the quick ones are done long before.
  EXPECT_LE(commits_[1].back() - commits_[1].front(), absl::Seconds(5));
  EXPECT_GE(commits_[0].back() - commits_[0].front(), absl::Seconds(19));
}

TEST_F(SliceTest, X1WhatIsFetchedBeyondTheLimitIsReadAgainLater) {
  DriverOptions options{.partitions = 2};
  options.engine.max_backlog_records = 20;
  Start(
      [](const OrderPlaced& order) {
        return order.cents() > 1'000'000 ? absl::Milliseconds(50) : absl::ZeroDuration();
      },
      options);
  const std::string slow = KeyOf(0, 2);
  for (int i = 1; i <= 3'000; ++i) Send(0, slow, 1'000'000 + i);
  Send(1, KeyOf(1, 2), 1);
  driver_->RunUntilIdle();
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", slow)->order_count(), 3'000);
  for (int i = 1; i <= 3'000; ++i) EXPECT_EQ(calls_[1'000'000 + i], 1) << i;
}

TEST_F(SliceTest, X1ALongDrainTakesTurnsWithOtherKeys) {
  constexpr int kQueue = 200;
  bool down = true;
  script_->handle = [&down](const OrderPlaced& order) {
    const bool is_head = order.cents() == 1 || order.cents() == 10'000;
    return down && is_head ? absl::UnavailableError("down") : absl::OkStatus();
  };
  std::vector<int64_t> order_of_calls;
  Start([&](const OrderPlaced& order) {
    if (!down) order_of_calls.push_back(order.cents());
    return absl::Milliseconds(10);
  });
  for (int i = 1; i <= kQueue; ++i) Send(0, "alice", i);
  Send(0, "bob", 10'000);
  Send(0, "bob", 10'001);
  driver_->RunUntilIdle();
  down = false;
  driver_->AdvanceTime(absl::Seconds(60));
  ASSERT_EQ(order_of_calls.size(), kQueue + 2);
  const auto bob = std::find(order_of_calls.begin(), order_of_calls.end(), 10'001);
  EXPECT_LE(bob - order_of_calls.begin(), 10);
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "alice")->order_count(), kQueue);
}

// What a turn does beside events may take long: whoever waits for his time is due again at the next.
TEST_F(SliceTest, X1RetriesThatAreDueAtEachTurnLetNewEventsIn) {
  script_->handle = [](const OrderPlaced& order) {
    return order.cents() > 1'000'000 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  script_->policy.initial_backoff = script_->policy.max_backoff = absl::Milliseconds(10);
  Start([](const OrderPlaced&) { return absl::Milliseconds(1); }, {.partitions = 2});
  const auto run_until = [this](absl::Time end) {
    while (driver_->clock().Now() < end && commits_[1].empty()) {
      driver_->worker().RunOnce();
      driver_->clock().Advance(absl::Milliseconds(30));
    }
  };
  Send(0, KeyOf(0, 2), 1'000'001);
  run_until(driver_->clock().Now() + absl::Seconds(5));
  Send(1, KeyOf(1, 2), 1);
  const absl::Time sent = driver_->clock().Now();
  run_until(sent + absl::Seconds(30));
  ASSERT_FALSE(commits_[1].empty());
  EXPECT_LE(commits_[1].front() - sent, absl::Milliseconds(500));
}

// A task whose inputs are paused is never hungry, and with a retry due at each turn there is work at each turn's
// beginning and none at its end. Whoever looks at the group only where there is none, or still some, never hears that
// it was thrown out, and commits in vain for ever.
TEST_F(SliceTest, X1RetriesThatAreDueAtEachTurnLetTheGroupBeHeard) {
  constexpr int kTurns = 100;
  script_->handle = [](const OrderPlaced&) { return absl::UnavailableError("down"); };
  script_->policy.initial_backoff = script_->policy.max_backoff = absl::Milliseconds(10);
  CallLog calls;
  DriverOptions options = {.partitions = 1};
  options.wrap_client = [&calls](auto client) { return WrapWithRecording(std::move(client), &calls); };
  Start([](const OrderPlaced&) { return absl::Milliseconds(1); }, options);
  Send(0, "alice", 1);
  driver_->worker().RunOnce();
  ASSERT_EQ(driver_->Pause("customer", 0).outcome, "APPLIED");
  calls.TakeHearings();
  const int before = calls_[1];
  for (int i = 0; i < kTurns; ++i) {
    driver_->worker().RunOnce();
    driver_->clock().Advance(absl::Milliseconds(30));
  }
  EXPECT_GE(calls_[1] - before, kTurns / 2) << "a retry was not due at each turn";
  EXPECT_GE(calls.TakeHearings(), kTurns);
  driver_.reset();  // It writes to `calls` to its end.
}

// After a rebalance the client is not trusted to read on where it stood: see X5.
TEST_F(SliceTest, X5KeptPartitionsGoOnFromOurOwnPosition) {
  Start([](const OrderPlaced&) { return absl::ZeroDuration(); }, {.partitions = 2});
  for (int i = 1; i <= 10; ++i) Send(0, KeyOf(0, 2), i);
  driver_->RunUntilIdle();
  Engine& engine = driver_->worker().engine();
  Actions actions;
  engine.Step(event::Assigned{{}}, &actions);
  std::set<std::pair<int32_t, int64_t>> targets;
  for (const TopicPartitionOffset& each : engine.SeekTargets()) {
    if (each.where.topic != driver_->plan().input_topics[0]) continue;
    targets.insert({each.where.partition.value(), each.offset.value()});
  }
  EXPECT_EQ(targets, (std::set<std::pair<int32_t, int64_t>>{{0, 10}, {1, 0}}));
}

}  // namespace
}  // namespace once
