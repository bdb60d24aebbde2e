// What a start waits for, what an opening tells, and what becomes of the copies of tasks that moved away (X5).
#include <string>
#include <vector>

#include "processor/engine/opening_progress.h"
#include "processor/runtime/checkpoint_writer.h"
#include "processor/runtime/start_wait.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

struct Lines final : LogSink {
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kInfo) lines.push_back(message);
  }
  int With(const std::string& text) const {
    int count = 0;
    for (const std::string& line : lines) count += line.find(text) != std::string::npos;
    return count;
  }
  std::vector<std::string> lines;
};

class StartWaitTest : public testing::Test {
 protected:
  absl::Status Await(absl::Duration brokers_come_after, bool stop = false) {
    const absl::Time begin = clock_.Now();
    return AwaitBrokers({.timeout = absl::Seconds(60),
                         .clock = &clock_,
                         .log = &log_,
                         .sleep = [this](absl::Duration pause) { clock_.Advance(pause); },
                         .is_stopping = [stop] { return stop; }},
                        [&] {
                          return clock_.Now() - begin >= brokers_come_after
                                     ? answer_
                                     : absl::UnavailableError("no broker at b:1; is it up?");
                        });
  }

  testkit::ManualClock clock_;
  Lines log_;
  absl::Status answer_;
};

TEST_F(StartWaitTest, X5SaysEveryTenSecondsWhatItWaitsFor) {
  EXPECT_TRUE(Await(absl::Seconds(35)).ok());
  EXPECT_EQ(log_.With("no broker at b:1; is it up?"), 3);
  EXPECT_EQ(log_.lines.size(), 3);
}

TEST_F(StartWaitTest, X5SaysNothingOfAShortWait) {
  EXPECT_TRUE(Await(absl::Seconds(9)).ok());
  EXPECT_TRUE(log_.lines.empty());
}

TEST_F(StartWaitTest, X5EndsWithTheReasonAfterTheTimeout) {
  const absl::Status status = Await(absl::Hours(1));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_NE(status.message().find("is it up?; given up after start_timeout (1m)"), std::string::npos) << status;
}

TEST_F(StartWaitTest, X5StopsWhenToldTo) {
  EXPECT_TRUE(absl::IsUnavailable(Await(absl::Hours(1), /*stop=*/true)));
  EXPECT_TRUE(log_.lines.empty());
}

TEST_F(StartWaitTest, X5OtherErrorsAreNotWaitedFor) {
  answer_ = absl::FailedPreconditionError("topic orders does not exist");
  const absl::Time begin = clock_.Now();
  EXPECT_EQ(Await(absl::ZeroDuration()), answer_);
  EXPECT_EQ(clock_.Now(), begin);
}

// Rule X5: a replay behind an open transaction.
TEST(OpeningProgressTest, X5TellsEveryTenSecondsWhatATaskWaitsFor) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 1});
  for (int i = 0; i < 20; ++i) driver.Send("orders", "customer" + std::to_string(i), Order(1));
  driver.RunUntilIdle();
  const std::string changelog = driver.plan().changelog_topics[0];
  const auto client = driver.cluster().NewClient({.transaction_timeout = absl::InfiniteDuration()});
  const auto holder = *client->NewProducer("holder", {changelog});
  ASSERT_TRUE(holder->InitTransactions(absl::Seconds(1)).ok());
  ASSERT_TRUE(holder->BeginTransaction().ok());
  OutputRecord record;
  record.key = "\x01";
  ASSERT_TRUE(holder->Send(record).ok());
  ASSERT_TRUE(holder->Flush(absl::Seconds(1)).ok());
  driver.CrashAndLoseDisk();
  const auto turns = [&](absl::Duration duration) {
    for (absl::Duration passed; passed < duration; passed += absl::Milliseconds(100)) {
      driver.worker().RunOnce();
      driver.clock().Advance(absl::Milliseconds(100));
    }
  };
  const auto told = [&] {
    std::vector<std::string> lines;
    for (const std::string& line : driver.log()) {
      if (line.find("has been opening for") != std::string::npos) lines.push_back(line);
    }
    return lines;
  };
  turns(absl::Seconds(9));
  EXPECT_TRUE(told().empty());
  turns(absl::Seconds(36));
  ASSERT_GE(told().size(), 3);
  EXPECT_LE(told().size(), 4);
  EXPECT_NE(told().back().find("task orders-0"), std::string::npos) << told().back();
  EXPECT_NE(told().back().find("records, and waits for"), std::string::npos) << told().back();
  EXPECT_NE(told().back().find("the end of a transaction"), std::string::npos) << told().back();
  ASSERT_TRUE(holder->Abort(absl::Seconds(1)).ok());
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
}

TEST(OpeningProgressTest, X5SaysHowFarAReplayIsAndHowLongItMayTake) {
  const Plan plan = MakePlan(BuildOrderTotals(Config::FromValues({}))->shared_graph(), "order-totals");
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const ClockReading clock;
  Task task({0, Partition(3)}, plan, {}, nullptr, &clock);
  task.opening_since = now - absl::Seconds(22);
  task.opening_waits_for = "a transaction is pending";
  EXPECT_EQ(DescribeOpening(task, now, /*is_full=*/false),
            "task orders-3 has been opening for 22s: it waits for its offsets: a transaction is pending");
  task.phase = TaskPhase::kReplaying;
  task.replay_since = now - absl::Seconds(20);
  task.replayed_at = now;
  task.replay_from = Offset(1'000);
  task.changelog_position = Offset(3'000);
  task.replay_target = Offset(7'000);
  EXPECT_EQ(DescribeOpening(task, now, /*is_full=*/false),
            "task orders-3 has been opening for 22s: it reads its changelog order-totals-orders-changelog-3: "
            "2000 of 6000 records, 100 a second, about 40s to go");
}

class CopiesTest : public testing::Test {
 protected:
  CopiesTest() {
    plan_.partition_counts = {2};
    for (int i = 0; i < 2; ++i) {
      const CheckpointEntry entry{.key = "k", .value = "v"};
      EXPECT_TRUE(store_.Write(Prefix(i), {&entry, 1}, {.changelog_offset = Offset(1), .incarnation = 1}).ok());
    }
    writer_.NoteCopies(plan_);
  }

  static TaskId Id(int partition) { return {0, Partition(partition)}; }
  static std::string Prefix(int partition) { return TaskPrefix("orders", Partition(partition)); }
  bool Has(int partition) { return store_.ReadMeta(Prefix(partition))->has_value(); }
  void Drop() {
    writer_.DropOldCopies(plan_, absl::Hours(1), [this](const TopicPartition&) { return begin_; });
  }

  absl::StatusOr<Offset> begin_ = Offset(0);  // Of each changelog.

  Plan plan_ = MakePlan(BuildOrderTotals(Config::FromValues({}))->shared_graph(), "order-totals");
  testkit::ManualClock clock_;
  Lines log_;
  MemoryCheckpointStore store_;
  BackgroundCheckpointWriter writer_{&store_, absl::Seconds(10), &clock_, &log_};
};

TEST_F(CopiesTest, X5OfATaskThatMovedAwayIsDroppedAfterAWhile) {
  ASSERT_TRUE(writer_.Acquire(0, Id(0)));
  ASSERT_TRUE(writer_.Acquire(1, Id(1)));
  clock_.Advance(absl::Hours(5));
  Drop();
  EXPECT_TRUE(Has(0) && Has(1)) << "both are in use";
  writer_.Release(1, Id(1));
  clock_.Advance(absl::Minutes(59));
  Drop();
  EXPECT_TRUE(Has(1));
  clock_.Advance(absl::Minutes(1));
  Drop();
  EXPECT_TRUE(Has(0));
  EXPECT_FALSE(Has(1));
  EXPECT_EQ(log_.With("the local copy of task orders-1 is dropped"), 1);
  EXPECT_TRUE(writer_.Acquire(0, Id(1)));
}

// F10: an instance whose copy has all that is gone could go on, and nobody else.
TEST_F(CopiesTest, F10OfAChangelogThatLostItsHeadStays) {
  begin_ = Offset(7);
  clock_.Advance(absl::Hours(1));
  Drop();
  EXPECT_TRUE(Has(0) && Has(1));
  EXPECT_EQ(log_.With("and it may have what is gone"), 2);
  begin_ = absl::UnavailableError("nobody answers");
  clock_.Advance(absl::Hours(1));
  Drop();
  EXPECT_TRUE(Has(0) && Has(1));
  begin_ = Offset(0);
  clock_.Advance(absl::Hours(1));
  Drop();
  EXPECT_FALSE(Has(0) || Has(1));
}

TEST_F(CopiesTest, X5OfATaskThatComesBackIsUsed) {
  ASSERT_TRUE(writer_.Acquire(0, Id(0)));
  writer_.Release(0, Id(0));
  clock_.Advance(absl::Minutes(59));
  ASSERT_TRUE(writer_.Acquire(0, Id(0)));
  clock_.Advance(absl::Hours(9));
  Drop();
  EXPECT_TRUE(Has(0));
}

TEST_F(CopiesTest, X5ThatAnEarlierProcessLeftBehindAreDropped) {
  ASSERT_TRUE(writer_.Acquire(0, Id(0)));
  Drop();
  EXPECT_TRUE(Has(1));
  clock_.Advance(absl::Hours(1));
  Drop();
  EXPECT_TRUE(Has(0));
  EXPECT_FALSE(Has(1));
}

// F7: nobody gets a task while its copy is dropped.
TEST(CheckpointQueueTest, F7ATaskIsNobodysWhileItsCopyIsDropped) {
  const TaskId task{0, Partition(0)};
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  CheckpointQueue queue;
  queue.NoteLeft(task, now);
  ASSERT_EQ(queue.PopLeft(now), task);
  EXPECT_FALSE(queue.Acquire(0, task));
  EXPECT_EQ(queue.PopLeft(now), std::nullopt);
  queue.DoneDropping(task);
  EXPECT_TRUE(queue.Acquire(0, task));
  EXPECT_EQ(queue.PopLeft(now), std::nullopt);
}

}  // namespace
}  // namespace once
