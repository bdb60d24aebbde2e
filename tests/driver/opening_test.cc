// What a task's opening stands on: checkpoints written during replays, rebuilds that take long, changelogs made anew.
#include <memory>
#include <string>
#include <vector>

#include "processor/engine/task_checkpoint.h"
#include "processor/runtime/worker.h"
#include "state/changelog.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

const TopicPartition kChangelog{"opening-orders-changelog", Partition(0)};

// An order of 0 cents deletes its customer's total; one of less fails for now.
absl::StatusOr<Topology> BuildWithDeletions(const Config&) {
  TopologyBuilder builder("opening");
  auto orders = builder.AddSource("orders", {.topic = "orders"});
  builder.DeadLetterTo("orders.dlq");
  builder.AddAggregate<CustomerTotal>("customer").On<OrderPlaced>(orders, [](const OrderPlaced& order, auto& customer) {
    if (order.cents() < 0) return absl::UnavailableError("away");
    if (order.cents() == 0) {
      customer.Delete();
    } else {
      customer.mutable_state()->set_cents(customer.mutable_state()->cents() + order.cents());
    }
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

// With replays that come to all that is there and wait for more, until they are released.
class ReplayingTest : public testing::Test {
 protected:
  void Send(const std::string& customer, int64_t cents) { driver_.Send("orders", customer, Order(cents)); }
  void Turn(int turns) {
    for (int i = 0; i < turns; ++i) {
      driver_.worker().RunOnce();
      driver_.clock().Advance(absl::Milliseconds(20));
    }
  }
  Task& task() { return *driver_.worker().engine().tasks().begin()->second; }
  bool Exists(const std::string& customer) { return driver_.State<CustomerTotal>("customer", customer).has_value(); }
  bool Logged(const std::string& text) const {
    for (const std::string& line : driver_.log()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  // 20 customers, all in the checkpoint or none.
  void Fill(bool with_checkpoint) {
    for (int i = 0; i < 20; ++i) Send("customer" + std::to_string(i), 1);
    driver_.RunUntilIdle();
    if (with_checkpoint) driver_.Restart();
    driver_.RunUntilIdle();
  }
  // A further epoch, somebody's open transaction behind it, which every replay waits for, and a process that died.
  void HoldReplaysAndCrash() {
    Send("last", 1);
    driver_.RunUntilIdle();
    holder_client_ = driver_.cluster().NewClient({.transaction_timeout = absl::InfiniteDuration()});
    holder_ = *holder_client_->NewProducer("holder", {kChangelog.topic});
    ASSERT_TRUE(holder_->InitTransactions(absl::Seconds(1)).ok());
    ASSERT_TRUE(holder_->BeginTransaction().ok());
    OutputRecord record;
    record.partition = kChangelog.partition;
    record.key = "\x01";
    ASSERT_TRUE(holder_->Send(record).ok());
    ASSERT_TRUE(holder_->Flush(absl::Seconds(1)).ok());
    driver_.Crash();
  }
  void AwaitReplay() {
    for (int i = 0; i < 200 && (driver_.worker().engine().tasks().empty() || task().replayed_records == 0); ++i) {
      Turn(1);
    }
    ASSERT_EQ(task().phase, TaskPhase::kReplaying);
    ASSERT_GT(task().replayed_records, 0);
  }
  void Release() {
    ASSERT_TRUE(holder_->Abort(absl::Seconds(1)).ok());
    driver_.RunUntilIdle();
    ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  }
  // What compaction does, and again when deletions have been kept for long enough.
  void CompactDeletionsAway() {
    driver_.cluster().Compact(kChangelog.topic);
    driver_.clock().Advance(absl::Hours(25));
    driver_.cluster().Compact(kChangelog.topic);
  }

  // Somebody's record in the changelog.
  void WriteByHand(const std::string& key, OptionalBytes value) {
    const std::unique_ptr<kafka::Client> client = driver_.cluster().NewClient({});
    const auto producer = *client->NewProducer("somebody", {kChangelog.topic});
    ASSERT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
    ASSERT_TRUE(producer->BeginTransaction().ok());
    OutputRecord record;
    record.partition = kChangelog.partition;
    record.key = key;
    record.value = value;
    ASSERT_TRUE(producer->Send(record).ok());
    ASSERT_TRUE(producer->Commit(absl::Seconds(1)).ok());
  }
  void ExpectHalt(const std::string& why) {
    EXPECT_TRUE(absl::IsDataLoss(driver_.status())) << driver_.status();
    EXPECT_NE(driver_.status().message().find(why), absl::string_view::npos) << driver_.status();
    EXPECT_NE(driver_.status().message().find("so it is in " + kChangelog.topic), absl::string_view::npos)
        << driver_.status();
  }

  TopologyTestDriver driver_{BuildWithDeletions};
  std::unique_ptr<kafka::Client> holder_client_;
  std::unique_ptr<kafka::TransactionalProducer> holder_;
};

// Rule X5: such a checkpoint is as old as what the replay stood on, or deleted keys rise.
TEST_F(ReplayingTest, X5ACheckpointWrittenDuringAReplayKeepsTheAgeOfItsBase) {
  Fill(/*with_checkpoint=*/true);
  Send("customer3", 0);
  driver_.RunUntilIdle();
  ASSERT_FALSE(Exists("customer3"));
  HoldReplaysAndCrash();
  CompactDeletionsAway();
  AwaitReplay();
  driver_.Restart();  // Writes one, since it stops in order.
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  Release();
  EXPECT_FALSE(Exists("customer3"));
  EXPECT_TRUE(Exists("customer4"));
  EXPECT_TRUE(Exists("last"));
  EXPECT_TRUE(Logged("older than the changelog keeps deletions"));
}

// It says so itself, however often the replay is interrupted, until one has come to its end.
TEST_F(ReplayingTest, X5CheckpointsOfAReplayAreDatedAsItsBase) {
  Fill(/*with_checkpoint=*/true);
  const std::string prefix = TaskPrefix("orders", Partition(0));
  const CheckpointMeta base = **driver_.store().ReadMeta(prefix);
  for (int i = 0; i < 20; ++i) Send("more" + std::to_string(i), 1);
  driver_.RunUntilIdle();
  HoldReplaysAndCrash();
  driver_.clock().Advance(absl::Hours(5));
  AwaitReplay();
  driver_.Restart();
  const CheckpointMeta interrupted = **driver_.store().ReadMeta(prefix);
  EXPECT_GT(interrupted.changelog_offset, base.changelog_offset);
  EXPECT_EQ(interrupted.written_ms, base.written_ms);
  EXPECT_EQ(interrupted.incarnation, base.incarnation);
  Release();
  Send("customer1", 1);
  driver_.RunUntilIdle();
  driver_.Restart();
  const CheckpointMeta whole = **driver_.store().ReadMeta(prefix);
  EXPECT_GT(whole.written_ms, base.written_ms);
  EXPECT_EQ(whole.incarnation, base.incarnation);
}

// In time it is as good as any.
TEST_F(ReplayingTest, ACheckpointWrittenDuringAReplayIsGoneOnFrom) {
  Fill(/*with_checkpoint=*/true);
  for (int i = 0; i < 20; ++i) Send("more" + std::to_string(i), 1);
  driver_.RunUntilIdle();
  HoldReplaysAndCrash();
  AwaitReplay();
  driver_.Restart();
  Release();
  EXPECT_LT(driver_.replayed_records(), 20);
  EXPECT_TRUE(Exists("more3"));
  EXPECT_TRUE(Exists("last"));
  EXPECT_FALSE(Logged("is rebuilt"));
}

// A rebuild that was interrupted goes on, if it has seen whose changelog it is.
TEST_F(ReplayingTest, X5ARebuildThatWasInterruptedGoesOn) {
  Fill(/*with_checkpoint=*/false);
  HoldReplaysAndCrash();
  AwaitReplay();
  EXPECT_TRUE(task().rebuilding);
  driver_.Restart();
  Release();
  EXPECT_LT(driver_.replayed_records(), 20);
  EXPECT_TRUE(Exists("customer3"));
  EXPECT_TRUE(Exists("last"));
}

// Its age is that of its beginning: from there on deletions can have come and gone.
TEST_F(ReplayingTest, X5ARebuildThatWasInterruptedForTooLongBeginsAnew) {
  Fill(/*with_checkpoint=*/false);
  HoldReplaysAndCrash();
  AwaitReplay();
  driver_.clock().Advance(absl::Hours(20));
  driver_.Restart();  // Writes what it has.
  driver_.clock().Advance(absl::Hours(10));
  Release();
  EXPECT_GT(driver_.replayed_records(), 20);
  EXPECT_TRUE(Exists("customer3"));
  EXPECT_TRUE(Logged("older than the changelog keeps deletions"));
}

// One that took longer than deletions are kept was of no use.
TEST_F(ReplayingTest, X5ARebuildThatTookTooLongBeginsAnew) {
  Fill(/*with_checkpoint=*/false);
  HoldReplaysAndCrash();
  AwaitReplay();
  driver_.clock().Advance(absl::Hours(30));
  Release();
  EXPECT_TRUE(Logged("took longer than that keeps deletions"));
  EXPECT_TRUE(Exists("customer3"));
  EXPECT_TRUE(Exists("last"));
}

// Without a frontier nobody could say which changelog it was a part of.
TEST_F(ReplayingTest, X5ACheckpointOfNoKnownChangelogIsNotUsed) {
  Fill(/*with_checkpoint=*/false);
  driver_.CrashAndLoseDisk();
  const std::string prefix = TaskPrefix("orders", Partition(0));
  const CheckpointEntry entry{.key = StateKeyPrefix("customer") + "ghost", .value = ""};
  const int64_t now_ms = absl::ToUnixMillis(driver_.clock().Now());
  ASSERT_TRUE(driver_.store().Write(prefix, {&entry, 1}, {.changelog_offset = Offset(1), .written_ms = now_ms}).ok());
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_FALSE(Exists("ghost"));
  EXPECT_TRUE(Exists("customer3"));
}

// A changelog was copied into a new topic, whose offsets mean other records (offsets reset --copied_changelog).
TEST_F(ReplayingTest, X5ACheckpointOfTheTopicThatWasCopiedIsNotUsed) {
  Fill(/*with_checkpoint=*/true);
  Send("last", 1);  // After which the changelog names the topic that there is.
  driver_.RunUntilIdle();
  driver_.Crash();
  const std::string prefix = TaskPrefix("orders", Partition(0));
  v1::Frontier frontier;
  ASSERT_TRUE(frontier.ParseFromString(**driver_.store().Get(prefix, FrontierKey())));
  ASSERT_FALSE(frontier.changelog_id().empty());
  frontier.set_changelog_id("the topic before");
  const CheckpointEntry entries[] = {{.key = FrontierKey(), .value = frontier.SerializeAsString()},
                                     {.key = StateKeyPrefix("customer") + "ghost", .value = ""}};
  ASSERT_TRUE(driver_.store().Write(prefix, entries, **driver_.store().ReadMeta(prefix)).ok());
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_FALSE(Exists("ghost"));
  EXPECT_TRUE(Exists("last"));
}

// A clock that was ahead when it was written does not make it young for ever.
TEST_F(ReplayingTest, X5ACheckpointDatedInTheFutureIsNotUsed) {
  Fill(/*with_checkpoint=*/true);
  driver_.Crash();
  const std::string prefix = TaskPrefix("orders", Partition(0));
  CheckpointMeta meta = **driver_.store().ReadMeta(prefix);
  meta.written_ms += absl::ToInt64Milliseconds(absl::Hours(48));
  const CheckpointEntry entry{.key = StateKeyPrefix("customer") + "ghost", .value = ""};
  ASSERT_TRUE(driver_.store().Write(prefix, {&entry, 1}, meta).ok());
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_FALSE(Exists("ghost"));
  EXPECT_TRUE(Exists("customer3"));
}

// Rule F7: what a wipe that was cut short has left, without an offset, passes for nothing: keys whose deletions are
// gone from the changelog would be back.
TEST_F(ReplayingTest, F7WhatACutShortWipeHasLeftIsNotGoneOnFrom) {
  Fill(/*with_checkpoint=*/true);
  Send("customer3", 0);
  driver_.RunUntilIdle();
  driver_.Crash();
  CompactDeletionsAway();
  driver_.store().FailNext(StoreOperation::kWipe, absl::UnavailableError("I/O error"));
  Turn(5);
  driver_.Crash();  // In the middle of the wipe, as it were.
  const std::string prefix = TaskPrefix("orders", Partition(0));
  ASSERT_FALSE(driver_.store().ReadMeta(prefix)->has_value());
  ASSERT_TRUE(driver_.store().Get(prefix, StateKeyPrefix("customer") + "customer3")->has_value());
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_FALSE(Exists("customer3"));
  EXPECT_TRUE(Exists("customer4"));
  EXPECT_TRUE(Logged("a wipe that was cut short"));
}

// A rebuild makes nothing readable that cannot be read in the changelog itself: it is tried once, not for ever.
TEST_F(ReplayingTest, F7AStatusThatCannotBeReadInTheChangelogHalts) {
  Fill(/*with_checkpoint=*/true);
  driver_.Crash();
  WriteByHand(AggregateStatusKey("customer1"), "\xff");
  Turn(200);
  ExpectHalt("status of key customer1 is unreadable");
}

TEST_F(ReplayingTest, F7AParkedEventThatIsMissingInTheChangelogHalts) {
  Fill(/*with_checkpoint=*/true);
  Send("customer1", -1);
  Send("customer2", 1);
  Turn(20);
  driver_.Crash();
  WriteByHand(ParkedEventKey("customer1", 0), std::nullopt);
  Turn(200);
  ExpectHalt("parked event 0 of key customer1 is missing");
}

// F3: what it was to come to may be in the log no more.
TEST_F(ReplayingTest, F3AReplayThatComesNoFurtherLooksAgain) {
  Fill(/*with_checkpoint=*/false);
  HoldReplaysAndCrash();
  AwaitReplay();
  task().replay_target = Offset(1'000'000);
  ASSERT_TRUE(holder_->Abort(absl::Seconds(1)).ok());
  Turn(1'400);
  EXPECT_EQ(task().phase, TaskPhase::kReplaying);
  Turn(200);
  EXPECT_EQ(task().phase, TaskPhase::kRunning);
  EXPECT_TRUE(Exists("last"));
}

// A process that stood still for two days has not followed its changelog meanwhile, and its checkpoint does not say so.
TEST_F(ReplayingTest, X5ACheckpointIsAsOldAsTheLastCommit) {
  Fill(/*with_checkpoint=*/true);
  const absl::Time committed_at = task().current_at;
  Send("late", 1);
  driver_.RunUntilIdle();
  EXPECT_GE(task().current_at, committed_at);
  const absl::Time last = task().current_at;
  driver_.clock().Advance(absl::Hours(48));
  const ClockReading clock = driver_.clock().Read();
  EXPECT_EQ(DescribeCheckpoint(task(), clock).written_ms, absl::ToUnixMillis(clock.wall - (clock.now - last)));
}

// Rule X5: the local state stands for more than the changelog has.
TEST_F(ReplayingTest, X5AChangelogMadeAnewBetweenRunsIsRefused) {
  Fill(/*with_checkpoint=*/true);
  driver_.cluster().RemakeTopic(kChangelog.topic);
  driver_.Crash();
  driver_.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver_.status())) << driver_.status();
  EXPECT_NE(driver_.status().ToString().find("deleted and made anew"), std::string::npos) << driver_.status();
}

// The same while it runs: what goes to the new log is never committed.
TEST_F(ReplayingTest, X5AChangelogMadeAnewWhileRunningFailsTheTask) {
  Fill(/*with_checkpoint=*/true);
  const auto committed = driver_.cluster().CommittedOffset("opening", {"orders", Partition(0)});
  driver_.cluster().RemakeTopic(kChangelog.topic);
  for (int i = 0; i < 5; ++i) Send("customer" + std::to_string(i), 1);
  driver_.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver_.status())) << driver_.status();
  EXPECT_NE(driver_.status().ToString().find("deleted and made anew"), std::string::npos) << driver_.status();
  EXPECT_EQ(driver_.cluster().CommittedOffset("opening", {"orders", Partition(0)}), committed);
}

// The same, and the outcome of a commit is unknown, so that the process reopens with what its memory holds.
TEST_F(ReplayingTest, X5AChangelogMadeAnewIsRefusedByTheMemoryToo) {
  Fill(/*with_checkpoint=*/true);
  driver_.FailNextCommit(/*landed=*/true);
  Send("late", 1);
  for (int i = 0; i < 100 && task().phase == TaskPhase::kRunning; ++i) Turn(1);
  driver_.cluster().RemakeTopic(kChangelog.topic);
  driver_.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver_.status())) << driver_.status();
  EXPECT_NE(driver_.status().ToString().find("deleted and made anew"), std::string::npos) << driver_.status();
}

// The same, and the new log has come farther than the old one was: only its id tells.
TEST_F(ReplayingTest, X5AChangelogMadeAnewThatHasGrownIsRefusedAtOnce) {
  Fill(/*with_checkpoint=*/true);
  const Offset held = task().changelog_position;
  const auto committed = driver_.cluster().CommittedOffset("opening", {"orders", Partition(0)});
  driver_.cluster().RemakeTopic(kChangelog.topic);
  while (driver_.cluster().HighWatermark(kChangelog) <= held) {
    driver_.cluster().Append(kChangelog.topic, kChangelog.partition, StateKeyPrefix("customer") + "ghost", "");
  }
  driver_.FailNextCommit(/*landed=*/false);
  Send("late", 1);
  driver_.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver_.status())) << driver_.status();
  EXPECT_NE(driver_.status().ToString().find("deleted and made anew"), std::string::npos) << driver_.status();
  EXPECT_EQ(driver_.cluster().CommittedOffset("opening", {"orders", Partition(0)}), committed);
}

}  // namespace
}  // namespace once
