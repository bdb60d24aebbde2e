// What a worker shows of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "processor/runtime/status_board.h"
#include "processor/runtime/status_writer.h"
#include "processor/runtime/summary.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"
#include "tests/testkit/manual_clock.h"

namespace once {
namespace {

using testing::HasSubstr;

// As soon as it is published again.
WorkerStatus Shown(TopologyTestDriver* driver) {
  driver->AdvanceTime(absl::Seconds(2));
  const PodStatus pod = driver->shown();
  return pod.workers[0] == nullptr ? WorkerStatus() : *pod.workers[0];
}

int64_t Aborts(const WorkerStatus& status, AbortCause cause) {
  return status.epochs.aborted[static_cast<size_t>(cause)];
}

TEST(StatusTest, TasksCountsAndMemory) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  for (int i = 0; i < 100; ++i)
    driver.Send("orders", "c" + std::to_string(i), Order(1), {.event_id = std::to_string(i)});
  driver.Send("orders", "c1", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const WorkerStatus status = Shown(&driver);
  ASSERT_EQ(status.tasks.size(), 2u);
  EXPECT_EQ(status.events.processed, 100);
  EXPECT_EQ(status.events.duplicates, 1);
  EXPECT_GE(status.epochs.committed, 1);
  EXPECT_EQ(status.last_error, "");
  int64_t ids = 0;
  for (const TaskStatus& task : status.tasks) {
    EXPECT_EQ(task.phase, TaskPhaseStatus::kRunning);
    EXPECT_EQ(task.name, "orders-" + std::to_string(task.partition));
    EXPECT_EQ(task.group, "orders");
    EXPECT_EQ(task.inputs[0].lag(), 0);
    EXPECT_EQ(task.why, "");
    EXPECT_GT(task.state_clean_bytes + task.state_dirty_bytes, 0u);
    EXPECT_TRUE(task.checkpoint_age.has_value());
    EXPECT_GT(task.owner_since, absl::InfinitePast());
    ids += task.window_ids;
  }
  EXPECT_EQ(ids, 100);
  EXPECT_GT(status.memory.share, 0u);
  EXPECT_GT(status.memory.clean_state, 0u);
}

// An idle worker's too: nobody else polls its producer.
TEST(StatusTest, ClientsAreAskedWhatTheySayOfThemselves) {
  TopologyTestDriver driver(
      BuildOrderTotals,
      {.kafka = {.session_timeout = absl::InfiniteDuration(), .max_batch_records = 1, .tells_statistics = true}});
  const WorkerStatus status = Shown(&driver);
  ASSERT_TRUE(status.producer != nullptr && status.consumer != nullptr);
  const auto first = status.producer->Look();
  ASSERT_NE(first, nullptr);
  EXPECT_GT(first->brokers.at(0).requests, 0);
  EXPECT_GT(status.consumer->Look()->rebalances, 0);
  EXPECT_GT(Shown(&driver).producer->Look()->at, first->at);
}

TEST(StatusTest, BlockedAggregatesAndTheirDeadLetters) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "mallory", Order(-1), {.event_id = "bad"});
  driver.Send("orders", "mallory", Order(1), {.event_id = "behind"});
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  const WorkerStatus status = Shown(&driver);
  ASSERT_EQ(status.tasks.size(), 1u);
  EXPECT_EQ(status.tasks[0].blocked_aggregates, 1);
  EXPECT_EQ(status.tasks[0].retrying_aggregates, 0);
  EXPECT_EQ(status.tasks[0].parked_events, 2);
  EXPECT_LT(status.tasks[0].oldest_failure, absl::InfiniteFuture());
  EXPECT_EQ(status.events.dead_letters.of(Disposition::kFailed, absl::StatusCode::kInvalidArgument), 1);
  EXPECT_EQ(status.events.dead_letters.of(Disposition::kBlocked, absl::StatusCode::kInvalidArgument), 1);
  ASSERT_NE(status.tasks[0].blocked, nullptr);
  ASSERT_EQ(status.tasks[0].blocked->size(), 1u);
  const BlockedStatus& blocked = status.tasks[0].blocked->front();
  EXPECT_EQ(blocked.aggregate, "mallory");
  EXPECT_EQ(blocked.state, BlockedStatus::State::kParked);
  EXPECT_EQ(blocked.events, 2);
  EXPECT_EQ(blocked.event_id, "bad");
  EXPECT_EQ(blocked.reason, "INVALID_ARGUMENT: cents must be positive");
  driver.Restart();
  const WorkerStatus after = Shown(&driver);
  EXPECT_EQ(after.tasks[0].parked_events, 2) << "what waits outlives a start, what was counted does not";
  EXPECT_EQ(after.events.failed, 0);
}

TEST(StatusTest, OfManyBlockedAggregatesTheOldestAreShown) {
  TopologyTestDriver driver(BuildOrderTotals);
  for (int i = 0; i < 150; ++i) {
    driver.Send("orders", "m" + std::to_string(i), Order(-1), {.event_id = std::to_string(i)});
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Milliseconds(10));
  }
  const WorkerStatus status = Shown(&driver);
  EXPECT_EQ(status.tasks[0].blocked_aggregates, 150);
  ASSERT_EQ(status.tasks[0].blocked->size(), TaskStatus::kMostBlocked);
  EXPECT_EQ(status.tasks[0].blocked->front().aggregate, "m0");
  EXPECT_EQ(status.tasks[0].blocked->back().aggregate, "m99");
}

TEST(StatusTest, EveryCommitAndASampleOfEventsAreMeasured) {
  TopologyTestDriver driver(BuildOrderTotals);
  for (int i = 0; i < 1000; ++i) driver.Send("orders", "c" + std::to_string(i), Order(1));
  driver.RunUntilIdle();
  const WorkerStatus status = Shown(&driver);
  int64_t commits = 0;
  int64_t events = 0;
  for (size_t i = 0; i <= LatencyCounts::kBounds.size(); ++i) {
    commits += status.epochs.commit_seconds.count(i);
    events += status.epochs.event_seconds.count(i);
  }
  EXPECT_EQ(commits, status.epochs.committed);
  EXPECT_GE(events, 1000 / 64);
  EXPECT_LE(events, 1000 / 64 + 1 + commits);
}

TEST(StatusTest, AbortsAreToldApart) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.AbortNextCommit();
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  WorkerStatus status = Shown(&driver);
  EXPECT_EQ(Aborts(status, AbortCause::kCall), 1);
  EXPECT_NE(status.last_error, "");
  driver.FailNextCommit(/*landed=*/true);
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  status = Shown(&driver);
  int64_t all = 0;
  for (const int64_t count : status.epochs.aborted) all += count;
  EXPECT_EQ(all, 2);
  EXPECT_GE(status.producer_rebuilds, 1);
}

TEST(StatusTest, AFailedTaskSaysWhy) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  driver.worker().SetTopicProblems({{.topic = "orders", .why = absl::FailedPreconditionError("it was deleted")}});
  driver.AdvanceTime(absl::Seconds(1));
  const PodStatus pod = driver.shown();
  ASSERT_EQ(pod.workers[0]->tasks.size(), 1u);
  EXPECT_EQ(pod.workers[0]->tasks[0].phase, TaskPhaseStatus::kFailed);
  EXPECT_THAT(pod.workers[0]->tasks[0].why, HasSubstr("it was deleted"));
}

// R9: also while the task has other events at hand, every time it is looked at.
TEST(StatusTest, R9AnInputIsHeldBackWhileAnotherOneFlows) {
  TopologyTestDriver* running = nullptr;
  TopologyTestDriver driver([&running](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("app");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto payments = builder.AddSource("payments", {.topic = "payments"});
    builder.DeadLetterTo("dlq");
    const auto slow = [&running](const std::string&, auto&) {
      // Longer than a slice: what is behind it is there at the next look.
      running->clock().Advance(absl::Milliseconds(20));
      return absl::OkStatus();
    };
    builder.AddAggregate<CustomerTotal>("customer").On<std::string>(orders, slow).On<std::string>(payments, slow);
    return std::move(builder).Build();
  });
  running = &driver;
  driver.RunUntilIdle();
  const OthersTransaction others = OpenByOthers(&driver, "payments");
  for (int i = 0; i < 50; ++i) {
    driver.worker().RunOnce();
    driver.clock().Advance(absl::Milliseconds(100));
  }
  for (int i = 0; i < 2000; ++i) driver.Send("orders", "alice", std::string("x"));
  const auto payments_held = [&] {
    const PodStatus pod = driver.shown();
    return pod.workers[0]->tasks[0].inputs[1].held_back;
  };
  const absl::Time began = driver.clock().Now();
  while (driver.clock().Now() - began < absl::Seconds(30)) driver.worker().RunOnce();
  EXPECT_GT(payments_held(), absl::Seconds(15));
  EXPECT_EQ(driver.shown().workers[0]->tasks[0].inputs[0].held_back, absl::ZeroDuration());
}

// A writer of its own looks at the driver's engine, by a clock of its own.
class StatusWriterTest : public testing::Test {
 protected:
  // What is shown after a call with this reading of the clock; null: nothing was ever published.
  std::shared_ptr<const WorkerStatus> Publish(const ClockReading& now) {
    writer_.Publish(now, driver_.worker().engine(), {}, summary_);
    return board_.Look().workers[0];
  }
  Task& FirstTask() { return *driver_.worker().engine().tasks().begin()->second; }

  TopologyTestDriver driver_{BuildOrderTotals, {.partitions = 5}};
  testkit::ManualClock clock_;
  StatusBoard board_{PodStatus(), /*workers=*/1, &clock_};
  NullLogSink log_;
  Summary summary_{0, &log_, nullptr};
  StatusWriter writer_{&driver_.plan(), 0, &board_, &clock_};
};

// Between a turn's reading of the clock and the look at the tasks the log may keep a worker waiting.
TEST_F(StatusWriterTest, WhatOthersTookDoesNotHoldItUp) {
  driver_.RunUntilIdle();
  const ClockReading before = clock_.Read();
  clock_.Advance(absl::Milliseconds(50));
  const auto first = Publish(before);
  ASSERT_NE(first, nullptr);
  clock_.Advance(absl::Milliseconds(300));
  EXPECT_NE(Publish(clock_.Read()), first);
}

TEST_F(StatusWriterTest, ATaskThatIsTriedAgainHasFailedUntilItRuns) {
  driver_.RunUntilIdle();
  Task& task = FirstTask();
  task.phase = TaskPhase::kReplaying;
  EXPECT_EQ(Publish(clock_.Read())->tasks[0].phase, TaskPhaseStatus::kRestoring);
  task.failure.count = 1;
  task.failure.why = absl::OutOfRangeError("gone");
  for (const TaskPhase phase : {TaskPhase::kOpening, TaskPhase::kReplaying, TaskPhase::kFailed}) {
    task.phase = phase;
    clock_.Advance(absl::Seconds(1));
    const TaskStatus shown = Publish(clock_.Read())->tasks[0];
    EXPECT_EQ(shown.phase, TaskPhaseStatus::kFailed);
    EXPECT_THAT(shown.why, HasSubstr("gone"));
    EXPECT_FALSE(shown.restore.has_value());
  }
  task.phase = TaskPhase::kRunning;
  task.failure.running_since = clock_.Steady();
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Publish(clock_.Read())->tasks[0].phase, TaskPhaseStatus::kRunning);
  // It ran since: what it does now is an opening like any other.
  task.phase = TaskPhase::kReplaying;
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Publish(clock_.Read())->tasks[0].phase, TaskPhaseStatus::kRestoring);
  task.phase = TaskPhase::kRunning;
}

// Not more in one go than takes half a millisecond or so, and each in its turn.
TEST_F(StatusWriterTest, TasksWithMuchParkedAreCountedInTurns) {
  for (int i = 0; i < 6'000; ++i) driver_.Send("orders", "m" + std::to_string(i), Order(-1));
  driver_.RunUntilIdle();
  const auto counted = [&] {
    const auto status = Publish(clock_.Read());
    return std::count_if(status->tasks.begin(), status->tasks.end(),
                         [](const TaskStatus& task) { return task.blocked != nullptr; });
  };
  for (const TaskStatus& task : Publish(clock_.Read())->tasks) ASSERT_GT(task.blocked_aggregates, 900);
  EXPECT_EQ(counted(), 2);
  for (const int64_t expected : {4, 5, 5}) {
    clock_.Advance(StatusWriter::kInterval);
    EXPECT_EQ(counted(), expected);
  }
}

// Many look while it is written: whoever looks gets all of one snapshot, and the writer never waits.
TEST(StatusBoardTest, WritersAndReadersAtOnce) {
  SystemClock clock;
  StatusBoard board(PodStatus(), /*workers=*/1, &clock);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const PodStatus pod = board.Look();
        if (pod.workers[0] == nullptr) continue;
        EXPECT_EQ(pod.workers[0]->events.processed, pod.workers[0]->epochs.committed);
      }
    });
  }
  int64_t published = 0;
  for (int64_t i = 1; i <= 20'000; ++i) {
    auto status = std::make_shared<WorkerStatus>();
    status->events.processed = i;
    status->epochs.committed = i;
    std::shared_ptr<const WorkerStatus> ready = std::move(status);
    const bool taken = board.Publish(0, &ready);
    EXPECT_EQ(ready == nullptr, taken) << "what was not taken is tried again";
    published += taken ? 1 : 0;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(published, 0);
  EXPECT_GT(board.Look().workers[0]->events.processed, 0);
}

}  // namespace
}  // namespace once
