// What one task suffers stops that task alone, and doing what its message says brings it back (rule X4).
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr char kGroup[] = "scripted";

const TopicPartition kFirst{"orders", Partition(0)};
const TopicPartition kSecond{"orders", Partition(1)};

// An application of two partitions, of which the first is hurt.
class TaskFailuresTest : public testing::Test {
 protected:
  TaskFailuresTest() {
    Send(0, 1);
    Send(1, 10);
    driver_.RunUntilIdle();
  }

  // Sends one order of `cents` to a partition, to a customer of that number.
  void Send(int partition, int64_t cents) {
    driver_.Send("orders", absl::StrCat("customer", partition), Order(cents), {.partition = partition});
  }
  int64_t Cents(int partition) {
    const auto total = driver_.State<CustomerTotal>("customer", absl::StrCat("customer", partition));
    return total.has_value() ? total->cents() : 0;
  }
  std::optional<Offset> Committed(const TopicPartition& where) {
    return driver_.cluster().CommittedOffset(kGroup, where);
  }
  // The other task commits on, and the worker lives.
  void ExpectTheOtherToRunOn() {
    const int64_t before = Cents(1);
    Send(1, 10);
    driver_.RunUntilIdle();
    EXPECT_EQ(Cents(1), before + 10);
    EXPECT_EQ(Committed(kSecond), driver_.cluster().HighWatermark(kSecond));
    EXPECT_FALSE(driver_.worker().done());
  }
  void ExpectFailed(const std::vector<std::string>& says) {
    EXPECT_FALSE(driver_.status().ok());
    for (const std::string& part : says) {
      EXPECT_TRUE(absl::StrContains(driver_.status().ToString(), part)) << part << "\nin: " << driver_.status();
    }
    EXPECT_GE(Told("task orders-0 of task group \"orders\" has failed"), 1);
    ExpectTheOtherToRunOn();
  }
  void ExpectWell(int64_t cents) {
    EXPECT_TRUE(driver_.status().ok()) << driver_.status();
    EXPECT_EQ(Cents(0), cents);
    EXPECT_EQ(Committed(kFirst), driver_.cluster().HighWatermark(kFirst));
    ExpectTheOtherToRunOn();
  }
  int64_t Told(const std::string& text) const {
    return std::count_if(driver_.log().begin(), driver_.log().end(),
                         [&](const std::string& line) { return absl::StrContains(line, text); });
  }
  // Restarts with an option that the message named.
  void RestartAcceptingGaps() {
    EngineOptions engine;
    engine.accept_gaps = true;
    driver_.Restart(engine);
    driver_.RunUntilIdle();
  }
  void Wait(absl::Duration duration) {
    driver_.clock().Advance(duration);
    driver_.RunUntilIdle();
  }
  const Task& First() { return *driver_.worker().engine().FindTask({0, Partition(0)}); }

  std::shared_ptr<Script> script_ = [] {
    auto script = NewScript();
    script->policy.then = FailureAction::kStop;
    return script;
  }();
  TopologyTestDriver driver_{Scripted(script_), {.partitions = 2}};
};

// Five events come and the first four of them are gone before they are read.
TEST_F(TaskFailuresTest, X4AnOffsetOutOfRangeFailsItsTaskAlone) {
  driver_.Restart();
  for (int i = 0; i < 5; ++i) Send(0, 2);
  driver_.cluster().Trim({kFirst, Offset(5)});
  driver_.RunUntilIdle();
  ExpectFailed({"OUT_OF_RANGE", "offset orders-0-1, the next to process, is not in the log any more, which begins at 5",
                "up to 4 events are gone", "--accept_gaps"});
  EXPECT_EQ(Committed(kFirst), Offset(1));
  Wait(absl::Minutes(20));
  EXPECT_EQ(Committed(kFirst), Offset(1));
  RestartAcceptingGaps();
  EXPECT_EQ(
      Told("goes on behind a gap, as --accept_gaps says: up to 4 events of orders-0, from offset 1 to 4, are lost"), 1);
  ExpectWell(1 + 2);
  // Frontier and offsets have moved together.
  driver_.CrashAndLoseDisk();
  driver_.RunUntilIdle();
  ExpectWell(1 + 2);
}

// Nothing comes any more: the gap is closed all the same.
TEST_F(TaskFailuresTest, X4AnAcceptedGapIsCommittedWithoutAnEvent) {
  driver_.Restart();
  for (int i = 0; i < 5; ++i) Send(0, 2);
  driver_.cluster().Trim({kFirst, Offset(6)});
  RestartAcceptingGaps();
  EXPECT_EQ(Committed(kFirst), Offset(6));
  driver_.Restart(EngineOptions());
  driver_.RunUntilIdle();
  EXPECT_TRUE(driver_.status().ok()) << driver_.status();
}

// The first transaction behind the gap is aborted: it does not go back to what is gone.
TEST_F(TaskFailuresTest, X4AnAcceptedGapOutlastsAnAbort) {
  driver_.Restart();
  for (int i = 0; i < 5; ++i) Send(0, 2);
  driver_.cluster().Trim({kFirst, Offset(5)});
  EngineOptions engine;
  engine.accept_gaps = true;
  driver_.Restart(engine);
  driver_.AbortNextCommit();
  driver_.RunUntilIdle();
  ExpectWell(1 + 2);
  EXPECT_EQ(Told("goes on behind a gap"), 1);
}

// It runs, and the log moves away under it while it does not read: the client has given the partition up by then.
TEST_F(TaskFailuresTest, X4AGapWhileItRunsIsAcceptedToo) {
  EngineOptions engine;
  engine.accept_gaps = true;
  driver_.Restart(engine);
  driver_.RunUntilIdle();
  for (int i = 0; i < 5; ++i) Send(0, 2);
  driver_.cluster().Trim({kFirst, Offset(5)});
  driver_.RunUntilIdle();
  ExpectWell(1 + 2);
}

TEST_F(TaskFailuresTest, X4AGapWhileItRunsFailsItsTaskAlone) {
  for (int i = 0; i < 5; ++i) Send(0, 2);
  driver_.cluster().Trim({kFirst, Offset(5)});
  driver_.RunUntilIdle();
  ExpectFailed({"OUT_OF_RANGE", "up to 4 events are gone"});
  Wait(absl::Minutes(20));
  ExpectFailed({"OUT_OF_RANGE", "up to 4 events are gone"});
  RestartAcceptingGaps();
  ExpectWell(1 + 2);
}

// What was before the event is committed, and the event is the first to run when its cause is mended.
TEST_F(TaskFailuresTest, X4ATaskThatIsToStopStopsAlone) {
  bool is_mended = false;
  script_->handle = [&](const OrderPlaced& order) {
    return order.cents() == 3 && !is_mended ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  for (const int64_t cents : {2, 3, 4}) Send(0, cents);
  driver_.RunUntilIdle();
  ExpectFailed({"event orders-0-2 (key \"customer0\") failed in \"customer\"", "mend the event's cause"});
  EXPECT_EQ(Committed(kFirst), Offset(2));
  Wait(absl::Seconds(11));
  EXPECT_EQ(First().failure.count, 2);
  is_mended = true;
  Wait(absl::Seconds(11));
  EXPECT_EQ(First().failure.count, 2) << "it rests twice as long";
  Wait(absl::Seconds(11));
  ExpectWell(1 + 2 + 3 + 4);
  EXPECT_EQ(Told("runs again, after 2 failures"), 1);
}

TEST_F(TaskFailuresTest, X4ATaskCanBeTriedAtOnce) {
  bool is_mended = false;
  script_->handle = [&](const OrderPlaced& order) {
    return order.cents() == 2 && !is_mended ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  Send(0, 2);
  driver_.RunUntilIdle();
  ASSERT_FALSE(driver_.status().ok());
  is_mended = true;
  EXPECT_TRUE(driver_.worker().engine().RetryTask({0, Partition(0)}));
  EXPECT_FALSE(driver_.worker().engine().RetryTask({0, Partition(1)}));
  driver_.RunUntilIdle();
  ExpectWell(1 + 2);
}

// The rests grow up to five minutes, and it is told at most once a minute, with a count.
TEST_F(TaskFailuresTest, X4AFailedTaskIsTriedSlowlyAndToldRarely) {
  script_->handle = [&](const OrderPlaced& order) {
    return order.cents() == 2 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  Send(0, 2);
  driver_.RunUntilIdle();
  const auto pass = [&](int minutes) {
    const int64_t before = First().failure.count;
    for (int i = 0; i < minutes * 60; ++i) Wait(absl::Seconds(1));
    return First().failure.count - before;
  };
  const int64_t told = Told("has failed");
  EXPECT_EQ(told, 1);
  EXPECT_LE(pass(10), 8);
  EXPECT_EQ(pass(20), 4);
  EXPECT_LE(Told("has failed") - told, 8);
  EXPECT_EQ(Told("has failed (3 times since that was said last)"), 1) << "after 10 s, 30 s and 70 s";
  ExpectTheOtherToRunOn();
}

TEST_F(TaskFailuresTest, X4WhenAllTasksHaveFailedThePodLivesAndSaysSo) {
  bool is_mended = false;
  script_->handle = [&](const OrderPlaced&) { return is_mended ? absl::OkStatus() : absl::InvalidArgumentError("no"); };
  Send(0, 2);
  Send(1, 2);
  driver_.RunUntilIdle();
  EXPECT_FALSE(driver_.worker().done());
  EXPECT_EQ(Told("all tasks of this worker (2) have failed"), 1);
  is_mended = true;
  Wait(absl::Seconds(11));
  ExpectWell(3);
  EXPECT_EQ(Cents(1), 10 + 2 + 10);
}

TEST_F(TaskFailuresTest, X4WithExitOnTaskFailureTheProcessEnds) {
  EngineOptions engine;
  engine.exit_on_task_failure = true;
  driver_.Restart(engine);
  script_->handle = [&](const OrderPlaced& order) {
    return order.cents() == 3 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  Send(0, 2);
  Send(0, 3);
  driver_.RunUntilIdle();
  EXPECT_TRUE(driver_.worker().done());
  EXPECT_TRUE(absl::StrContains(driver_.worker().status().ToString(), "whose policy is to stop"));
  EXPECT_EQ(Committed(kFirst), Offset(2)) << "what was before it is committed";
}

// Whichever way they were moved, setting them as the message says brings the task back with its state.
TEST_F(TaskFailuresTest, X4OffsetsThatWereMovedAreSetAsTheMessageSays) {
  for (int i = 0; i < 4; ++i) Send(0, 2);
  driver_.RunUntilIdle();
  int64_t cents = 9;
  struct Case {
    std::optional<Offset> moved;
    std::string says;
  };
  for (const Case& each : {Case{Offset(0), "moved back"}, Case{Offset(99), "moved forward"},
                           Case{std::nullopt, "it expired or was deleted"}}) {
    const Offset right = *Committed(kFirst);
    driver_.cluster().SetCommittedOffset(kGroup, kFirst, each.moved);
    driver_.CrashAndLoseDisk();
    driver_.RunUntilIdle();
    ExpectFailed({each.says, absl::StrCat("kafka-consumer-groups.sh --group scripted --topic orders:0 --reset-offsets"
                                          " --execute --to-offset ",
                                          right.value())});
    EXPECT_EQ(Committed(kFirst), each.moved);
    driver_.cluster().SetCommittedOffset(kGroup, kFirst, right);
    Wait(absl::Seconds(11));
    Send(0, 1);
    driver_.RunUntilIdle();
    ExpectWell(++cents);
  }
}

// F2: what is seen for a moment only is no verdict, however often it is looked at.
TEST_F(TaskFailuresTest, X4OffsetsThatFitAgainInTimeFailNothing) {
  const Offset right = *Committed(kFirst);
  driver_.cluster().SetCommittedOffset(kGroup, kFirst, Offset(0));
  driver_.CrashAndLoseDisk();
  for (int i = 0; i < 190; ++i) {
    driver_.worker().RunOnce();
    driver_.clock().Advance(absl::Milliseconds(100));
  }
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(Told("does not open yet"), 1);
  driver_.cluster().SetCommittedOffset(kGroup, kFirst, right);
  driver_.RunUntilIdle();
  ExpectWell(1);
}

// Somebody else's record stands in the changelog; the state of the task cannot be told from it.
TEST_F(TaskFailuresTest, X4AnUnreadableChangelogFailsItsTaskAlone) {
  driver_.cluster().Append("scripted-orders-changelog", Partition(0), FrontierKey(), "\xff\xff");
  driver_.CrashAndLoseDisk();
  driver_.RunUntilIdle();
  ExpectFailed({"DATA_LOSS", "the frontier in scripted-orders-changelog-0 is unreadable"});
}

// A failed task is given back like any other, and whoever gets it finds it as it was.
TEST_F(TaskFailuresTest, X4AFailedTaskIsGivenBackLikeOthers) {
  script_->handle = [&](const OrderPlaced& order) {
    return order.cents() == 2 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  Send(0, 2);
  driver_.RunUntilIdle();
  ASSERT_FALSE(driver_.status().ok());
  driver_.Restart();
  driver_.RunUntilIdle();
  ExpectFailed({"orders-0-1"});
  driver_.TakeOver();
  driver_.RunUntilIdle();
  ExpectFailed({"orders-0-1"});
  script_->handle = [](const OrderPlaced&) { return absl::OkStatus(); };
  Wait(absl::Seconds(11));
  ExpectWell(3);
}

// A topic that is not what it was: while that is so the task is not tried.
TEST_F(TaskFailuresTest, X4ATopicThatHasChangedFailsItsTasks) {
  const TopicProblem problem{"orders", Partition(0), absl::FailedPreconditionError("orders is another one")};
  driver_.worker().SetTopicProblems({problem});
  Send(0, 2);
  driver_.RunUntilIdle();
  ExpectFailed({"orders is another one"});
  Wait(absl::Seconds(11));
  EXPECT_EQ(First().failure.count, 2);
  driver_.worker().SetTopicProblems({});
  driver_.RunUntilIdle();
  ExpectFailed({"orders is another one"});
  Wait(absl::Seconds(30));
  ExpectWell(3);
}

// X5c: between runs the source was deleted and made anew, and more events came than the old one had.
TEST_F(TaskFailuresTest, X4ASourceMadeAnewIsReadFromItsBeginningWhenToldSo) {
  driver_.cluster().RemakeTopic("orders");
  for (int i = 0; i < 3; ++i) Send(0, 5);
  driver_.Restart(Scripted(script_));
  driver_.RunUntilIdle();
  EXPECT_EQ(Told("topic orders had the id"), 2) << "both partitions' tasks";
  EXPECT_TRUE(absl::StrContains(driver_.status().ToString(), "--accept_gaps")) << driver_.status();
  EXPECT_EQ(Committed(kFirst), std::nullopt) << "brokers forget offsets with their topic";
  RestartAcceptingGaps();
  EXPECT_EQ(Told("topic orders is another one than before, so it is read from orders-0-0 on"), 1);
  ExpectWell(1 + 3 * 5);
  driver_.CrashAndLoseDisk();
  driver_.RunUntilIdle();
  ExpectWell(1 + 3 * 5);
}

}  // namespace
}  // namespace once
