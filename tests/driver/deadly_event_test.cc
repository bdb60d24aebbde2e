// X3: an event that ends its process, where nothing but the cluster remembers.
#include <functional>
#include <set>
#include <vector>

#include "tests/driver/deadly_scene.h"

namespace once {
namespace {

class DeadlyEventsTest : public DeadlyScene {};

TEST_P(DeadlyEventsTest, X3OneIsFoundOutAndItsNeighboursTakeEffect) {
  Make();
  deadly_ = {2};
  Send("alice", 1);
  Send("bob", 2);
  Send("carol", 3);
  Send("bob", 4);
  EXPECT_EQ(RunThroughDeaths(20), 5);
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(Totals(*driver_), "alice:1:1 carol:1:3");
  EXPECT_EQ(Letters(*driver_), "FAILED:2 BLOCKED:4");
  EXPECT_EQ(driver_->dead_letters()[0].reason, "INTERNAL");
  EXPECT_EQ(driver_->dead_letters()[0].message.find("the process ended 3 times while the handlers of event orders-0-1"),
            0);
}

// Also when a whole epoch is before it: it takes effect once.
TEST_P(DeadlyEventsTest, X3ALongWayIntoAnEpoch) {
  Make();
  deadly_ = {4000};
  for (int i = 1; i <= 4100; ++i) Send("key" + std::to_string(i), i);
  EXPECT_EQ(RunThroughDeaths(20), 5);
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 4099);
  EXPECT_EQ(Letters(*driver_), "FAILED:4000");
}

TEST_P(DeadlyEventsTest, X3SeveralAreFoundOutOneAfterTheOther) {
  Make({.partitions = 2});
  deadly_ = {2, 4, 13};
  for (int i = 1; i <= 6; ++i) Send("a" + std::to_string(i), i, 0);
  for (int i = 11; i <= 16; ++i) Send("b" + std::to_string(i), i, 1);
  EXPECT_LE(RunThroughDeaths(40), 15);
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 9);
  EXPECT_EQ(driver_->dead_letters().size(), 3);
}

// What ends processes from outside, at whatever moment before a handler is entered, is no event's fault.
TEST_P(DeadlyEventsTest, X3EndsBeforeHandlersAreEnteredBlameNobody) {
  Make();
  for (int i = 1; i <= 6; ++i) Send("key" + std::to_string(i), i);
  for (int start = 0; start < 10; ++start) {
    RunUntil([&] { return driver_->worker().engine().committed_epochs() == 1; });
    Start();
  }
  ASSERT_TRUE(handled_.empty());
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 6);
  EXPECT_EQ(Letters(*driver_), "");
}

// A slow event that is under way each time, too, as often as may be chance.
TEST_P(DeadlyEventsTest, X3AnEventThatComesBackInTheEndTakesEffect) {
  Make();
  deadly_ = {2};
  for (int i = 1; i <= 3; ++i) Send("key" + std::to_string(i), i);
  EXPECT_EQ(RunThroughDeaths(4), 4);
  deadly_.clear();
  RunThroughDeaths(1);
  EXPECT_EQ(Totals(*driver_), "key1:1:1 key2:1:2 key3:1:3");
  EXPECT_EQ(Letters(*driver_), "");
  const Task& task = *driver_->worker().engine().tasks().begin()->second;
  EXPECT_EQ(task.frontier.inputs(0).watch().starts(), 0);
  EXPECT_EQ(task.frontier.run_marks_size(), 0);
}

// An event whose handlers return is not to blame for what its transaction suffers, nor for the ends of processes then.
TEST_P(DeadlyEventsTest, X3AnEventThatCameBackIsNotToBlame) {
  Make();
  deadly_ = {1};
  Send("alice", 1);
  EXPECT_EQ(RunThroughDeaths(2), 2);
  deadly_.clear();
  for (int start = 0; start < 5; ++start) {
    handled_.clear();
    const auto handle = std::exchange(script_->handle, [this](const OrderPlaced& order) {
      handled_.push_back(order.cents());
      driver_->AbortNextCommit();
      return absl::OkStatus();
    });
    const auto is_taken_back = [&] {
      const auto& tasks = driver_->worker().engine().tasks();
      return !handled_.empty() && !tasks.empty() && tasks.begin()->second->frontier.run_marks_size() == 0;
    };
    RunUntil(is_taken_back);
    ASSERT_TRUE(is_taken_back());
    script_->handle = handle;
    driver_->cluster().ClearFaults();
    Start();
  }
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(Totals(*driver_), "alice:1:1");
  EXPECT_EQ(Letters(*driver_), "");
}

// Nor is it when its task is opened anew, and cannot say so yet: nothing else is run until then, unless that takes
// long.
TEST_P(DeadlyEventsTest, X3OthersWaitForOneThatIsOpenedAnewAndNotForLong) {
  Make();
  deadly_ = {1};
  Send("alice", 1);
  ASSERT_EQ(RunThroughDeaths(2), 2);
  deadly_.clear();
  script_->handle = [&](const OrderPlaced&) {
    driver_->FailNextCommit(/*landed=*/false);
    for (int i = 0; i < 1000; ++i) {
      driver_->cluster().FailNext({.call = testkit::Call::kStableCommittedOffsets,
                                   .result = {.error = kafka::ErrorClass::kRetriable, .code = "X", .message = "no"}});
    }
    return absl::OkStatus();
  };
  const Engine& engine = driver_->worker().engine();
  const auto task = [&]() -> const Task& { return *engine.tasks().begin()->second; };
  RunUntil(
      [&] { return !engine.tasks().empty() && task().phase == TaskPhase::kOpening && task().failed_requests > 0; });
  ASSERT_TRUE(task().crashes.may_be_named());
  const absl::Time began = driver_->clock().Read().now;
  RunUntil([&] { return !engine.needs_solitude(); });
  EXPECT_GT(driver_->clock().Read().now - began, absl::Seconds(5));
  EXPECT_FALSE(engine.needs_solitude());
  EXPECT_EQ(task().phase, TaskPhase::kOpening);
  driver_->cluster().ClearFaults();
  script_->handle = [](const OrderPlaced&) { return absl::OkStatus(); };
  RunUntil([&] { return !task().crashes.may_be_named() && task().phase == TaskPhase::kRunning; });
  EXPECT_FALSE(engine.needs_solitude());
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(Totals(*driver_), "alice:1:1");
}

// The same of other tasks of its worker, which are open again before it.
TEST_P(DeadlyEventsTest, X3NothingIsRunBeforeOneThatCameBackIsTakenBack) {
  Make({.partitions = 2});
  deadly_ = {1};
  Send("alice", 1, 0);
  ASSERT_EQ(RunThroughDeaths(2), 2);
  deadly_.clear();
  const TopicPartition changelog{"scripted-orders-changelog", Partition(0)};
  const auto is_named = [&] {
    const Task* task = driver_->worker().engine().FindTask({0, Partition(0)});
    return task != nullptr && task->crashes.may_be_named();
  };
  int others = 0;
  bool has_come_back = false;
  script_->handle = [&](const OrderPlaced& order) {
    if (order.cents() != 1) {
      EXPECT_FALSE(is_named());
      ++others;
    } else if (!std::exchange(has_come_back, true)) {
      driver_->FailNextCommit(/*landed=*/false);
      Send("bob", 11, 1);
      driver_->cluster().SetLeaderless(changelog, true);
    }
    return absl::OkStatus();
  };
  RunUntil([&] { return has_come_back; });
  int turns = 100;
  RunUntil([&] { return turns-- == 0; });
  EXPECT_TRUE(is_named());
  EXPECT_EQ(others, 0);
  EXPECT_FALSE(driver_->worker().engine().FindTask({0, Partition(1)})->backlog.empty()) << "it is open, and waits";
  driver_->cluster().SetLeaderless(changelog, false);
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(others, 1);
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "alice")->order_count(), 1);
}

// Nor are they run in the transaction that takes it back, which has not committed yet.
TEST_P(DeadlyEventsTest, X3NothingIsRunWhileOneThatCameBackIsTakenBack) {
  script_->policy.initial_backoff = absl::Milliseconds(30);
  script_->policy.max_backoff = absl::Milliseconds(30);
  Make({.partitions = 2});
  deadly_ = {1};
  Send("alice", 1, 0);
  ASSERT_EQ(RunThroughDeaths(2), 2);
  Send("bob", 11, 1);
  int comes_back = 0;
  script_->handle = [&](const OrderPlaced& order) -> absl::Status {
    if (order.cents() == 1) {
      // The other's attempt becomes due.
      driver_->clock().Advance(absl::Milliseconds(30));
      ++comes_back % 2 == 0 ? driver_->FailNextCommit(/*landed=*/false) : driver_->AbortNextCommit();
      return absl::OkStatus();
    }
    const Task* task = driver_->worker().engine().FindTask({0, Partition(0)});
    EXPECT_FALSE(task != nullptr && task->crashes.may_be_named());
    return absl::UnavailableError("away");
  };
  RunUntil([&] { return comes_back == 20; });
  EXPECT_EQ(comes_back, 20);
  script_->handle = [](const OrderPlaced&) { return absl::OkStatus(); };
  driver_->cluster().ClearFaults();
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "alice")->order_count(), 1);
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "bob")->order_count(), 1);
}

// An end that is orderly is no death, also of a task that has done nothing yet.
TEST_P(DeadlyEventsTest, X3OrderlyEndsAreNotCounted) {
  Make();
  Send("alice", 1);
  for (int start = 0; start < 6; ++start) {
    RunUntil([&] { return driver_->worker().engine().committed_epochs() == 1; });
    driver_->Restart();
  }
  ASSERT_TRUE(handled_.empty());
  RunUntil([&] { return driver_->worker().engine().committed_epochs() == 1; });
  EXPECT_EQ(driver_->worker().engine().tasks().begin()->second->frontier.inputs(0).watch().starts(), 1);
}

// Nor is one that the policy asks for.
TEST_P(DeadlyEventsTest, X3AnEventThatStopsTheApplicationKeepsItsReason) {
  script_->policy.then = FailureAction::kStop;
  script_->handle = [](const OrderPlaced&) { return absl::InvalidArgumentError("not this one"); };
  Make();
  Send("alice", 1);
  for (int start = 0; start < 8; ++start) {
    RunUntil([&] { return !driver_->status().ok(); });
    ASSERT_NE(driver_->status().message().find("not this one"), std::string::npos) << driver_->status();
    Start();
  }
}

// One that was found out under that policy is run again when the application is started again.
TEST_P(DeadlyEventsTest, X3OneThatStopsTheApplicationIsRunAgain) {
  script_->policy.then = FailureAction::kStop;
  Make();
  deadly_ = {1};
  Send("alice", 1);
  EXPECT_EQ(RunThroughDeaths(20), 5);
  EXPECT_NE(driver_->status().message().find("the process ended 3 times"), std::string::npos) << driver_->status();
  deadly_.clear();
  Start();
  EXPECT_EQ(RunThroughDeaths(1), 0);
  EXPECT_EQ(Totals(*driver_), "alice:1:1");
}

// A parked event is found out like a new one, while others are drained and retried.
TEST_P(DeadlyEventsTest, X3ARetryIsFoundOut) {
  script_->policy.initial_backoff = absl::Milliseconds(50);
  Make();
  std::set<int64_t> seen;
  const auto handle = script_->handle;
  script_->handle = [&, handle](const OrderPlaced& order) {
    if (seen.insert(order.cents()).second || order.cents() == 9) return absl::UnavailableError("later");
    return handle(order);
  };
  deadly_ = {3};
  for (int i = 1; i <= 5; ++i) Send("key" + std::to_string(i), i);
  Send("key9", 9);
  EXPECT_EQ(RunThroughDeaths(20), 5);
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(Letters(*driver_), "FAILED:3");
  EXPECT_EQ(driver_->dead_letters()[0].reason, "INTERNAL");
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 4);
  EXPECT_EQ(driver_->Parked("key9"), 1);
}

// Also one that has others before it in its queue, each of which takes effect.
TEST_P(DeadlyEventsTest, X3AFollowerIsFoundOut) {
  script_->policy.initial_backoff = absl::Milliseconds(50);
  Make();
  bool has_failed = false;
  script_->handle = [&, handle = script_->handle](const OrderPlaced& order) {
    if (!std::exchange(has_failed, true)) return absl::UnavailableError("later");
    return handle(order);
  };
  deadly_ = {30};
  for (int i = 1; i <= 40; ++i) Send("alice", i);
  EXPECT_EQ(RunThroughDeaths(20), 5);
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->Read<CustomerTotal>("customer-totals").size(), 29);
  EXPECT_EQ(driver_->Parked("alice"), 11);
}

// One input's progress says nothing of another's.
TEST_P(DeadlyEventsTest, X3WhileAnotherInputFlows) {
  const auto factory = [this](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("scripted");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto others = builder.AddSource("others", {.topic = "others"});
    auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
    builder.DeadLetterTo("orders.dlq");
    const auto handle = [totals, this](const OrderPlaced& order, auto& customer) {
      customer.mutable_state()->set_order_count(customer.state().order_count() + 1);
      customer.Emit(totals, customer.state());
      // Slow, so that each has an epoch of its own.
      driver_->clock().Advance(absl::Milliseconds(150));
      return script_->handle(order);
    };
    builder.AddAggregate<CustomerTotal>("customer")
        .EmitsTo(totals)
        .On<OrderPlaced>(orders, handle)
        .On<OrderPlaced>(others, handle);
    return std::move(builder).Build();
  };
  driver_ = std::make_unique<TopologyTestDriver>(factory);
  deadly_ = {7};
  driver_->RunUntilIdle();
  int64_t sent = 100;
  int deaths = 0;
  for (bool is_first = true; deaths < 20; is_first = false) {
    for (int i = 0; i < 3; ++i) {
      ++sent;
      driver_->Send("others", "bob", Order(sent), {.event_id = std::to_string(sent)});
    }
    if (is_first) driver_->Send("orders", "alice", Order(7), {.event_id = "7"});
    RunUntil([&] { return !driver_->dead_letters().empty(); });
    if (!has_died_) break;
    ++deaths;
    Start();
  }
  EXPECT_EQ(deaths, 5);
  EXPECT_EQ(Letters(*driver_), "FAILED:7");
  driver_->RunUntilIdle();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "bob")->order_count(), sent - 100);
}

// What healthy tasks pay: one transaction when they are opened.
TEST_P(DeadlyEventsTest, X3NothingIsPaidForEachEvent) {
  Make();
  int64_t commits = 0;
  driver_->RunUntilIdle();
  driver_->cluster().OnCommit([&](const testkit::CommittedTransaction&) { ++commits; });
  for (int i = 1; i <= 20; ++i) {
    Send("alice", i);
    driver_->RunUntilIdle();
  }
  EXPECT_EQ(commits, 21);
}

INSTANTIATE_TEST_SUITE_P(OfFreshDisksAndOtherInstances, DeadlyEventsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Travelling" : "LosingItsDisk"; });

}  // namespace
}  // namespace once
