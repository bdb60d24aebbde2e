// What follows from each outcome of a transaction (rules T1 to T6, T9, T10).
#include <algorithm>

#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using testkit::Call;

kafka::Result Retriable() { return {.error = kafka::ErrorClass::kRetriable, .code = "_TIMED_OUT"}; }
kafka::Result Abortable() { return {.error = kafka::ErrorClass::kAbortable, .code = "INJECTED"}; }
kafka::Result Fatal() { return {.error = kafka::ErrorClass::kFatal, .code = "INJECTED"}; }

void SendThree(TopologyTestDriver* driver) {
  driver->Send("orders", "alice", Order(1), {.event_id = "1"});
  driver->Send("orders", "bob", Order(-1), {.event_id = "2"});
  driver->Send("orders", "alice", Order(2), {.event_id = "3"});
}

void ExpectThreeExactlyOnce(TopologyTestDriver* driver) {
  driver->RunUntilIdle();
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  EXPECT_EQ(Totals(*driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(Letters(*driver), "FAILED:2");
  EXPECT_EQ(driver->State<CustomerTotal>("customer", "alice")->cents(), 3);
  EXPECT_EQ(driver->Parked("bob"), 1);
  // The window knows all three, whatever happened on the way.
  SendThree(driver);
  driver->RunUntilIdle();
  EXPECT_EQ(Totals(*driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(Letters(*driver), "FAILED:2");
  EXPECT_EQ(driver->cluster().Check(), "");
}

struct Failure {
  const char* name;
  Call call;
  kafka::Result result;
  bool landed;
};

class OutcomeTest : public testing::TestWithParam<Failure> {};

// Rule T5: only success is committed, only a successful abort is aborted, all else is found out.
TEST_P(OutcomeTest, ComesOutExactlyOnce) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.cluster().FailNext({.call = GetParam().call, .result = GetParam().result, .landed = GetParam().landed});
  SendThree(&driver);
  ExpectThreeExactlyOnce(&driver);
  EXPECT_EQ(driver.cluster().pending_faults(), 0) << "the failure was not met";
}

INSTANTIATE_TEST_SUITE_P(All, OutcomeTest,
                         testing::Values(Failure{"begin_fatal", Call::kBegin, Fatal(), false},
                                         Failure{"send_abortable", Call::kSend, Abortable(), false},
                                         Failure{"send_fatal", Call::kSend, Fatal(), false},
                                         Failure{"flush_retriable", Call::kFlush, Retriable(), false},
                                         Failure{"flush_abortable", Call::kFlush, Abortable(), false},
                                         Failure{"flush_fatal", Call::kFlush, Fatal(), false},
                                         Failure{"offsets_retriable", Call::kSendOffsets, Retriable(), false},
                                         Failure{"offsets_retriable_landed", Call::kSendOffsets, Retriable(), true},
                                         Failure{"offsets_abortable", Call::kSendOffsets, Abortable(), false},
                                         Failure{"offsets_fatal", Call::kSendOffsets, Fatal(), true},
                                         Failure{"commit_retriable", Call::kCommit, Retriable(), false},
                                         Failure{"commit_retriable_landed", Call::kCommit, Retriable(), true},
                                         Failure{"commit_abortable", Call::kCommit, Abortable(), false},
                                         Failure{"commit_fatal", Call::kCommit, Fatal(), false},
                                         Failure{"commit_fatal_landed", Call::kCommit, Fatal(), true}),
                         [](const testing::TestParamInfo<Failure>& info) { return std::string(info.param.name); });

TEST(OutcomeTest, AnAbortThatFailsIsUnknown) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.AbortNextCommit();
  driver.cluster().FailNext({.call = Call::kAbort, .result = Fatal()});
  SendThree(&driver);
  ExpectThreeExactlyOnce(&driver);
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 1);
}

// Rule T4: a commit under suspicion retires its producer even when it succeeded.
TEST(OutcomeTest, ASuspiciousCommitRetiresItsProducer) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.cluster().FailNext({.call = Call::kCommit, .is_suspicious = true});
  SendThree(&driver);
  driver.RunUntilIdle();
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 1);
  ExpectThreeExactlyOnce(&driver);
}

// The next transaction is begun by a producer that a delayed duplicate of the last one's end cannot reach.
TEST(OutcomeTest, ADelayedSecondCommitEndsNothing) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.cluster().FailNext({.call = Call::kCommit, .late_duplicate = true});
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.worker().RunOnce();
  driver.worker().RunOnce();
  driver.cluster().DeliverLate();
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(driver.cluster().Check(), "");
}

// Rule T4: what is suspicious at a commit that fails still is when its abort succeeds. The simulator saw the first copy
// of the offsets arrive in the next transaction, and take the group back.
TEST(OutcomeTest, SuspicionOutlivesTheAbort) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.cluster().FailNext({.call = Call::kSendOffsets, .late_duplicate = true});
  driver.cluster().FailNext(
      {.call = Call::kCommit, .result = {.error = kafka::ErrorClass::kAbortable, .code = "INJECTED", .message = "no"}});
  const int64_t before = driver.worker().engine().committer().rebuilds();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), before + 1);
  driver.cluster().DeliverLate();
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

// Rules T1, T9: every commit carries the offsets of all inputs of its tasks, the first one at once, even at 0.
TEST(OutcomeTest, OffsetsAreCommittedBeforeTheFirstEvent) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 3});
  driver.RunUntilIdle();
  for (int p = 0; p < 3; ++p) {
    EXPECT_EQ(driver.cluster().CommittedOffset("order-totals", {"orders", Partition(p)}), Offset(0)) << p;
  }
}

// Rule T9: an idle task commits again, so that its offsets do not expire.
TEST(OutcomeTest, AnIdleTaskCommitsAgainWithinTheHour) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  const int64_t before = driver.worker().engine().committed_epochs();
  driver.AdvanceTime(absl::Minutes(59));
  EXPECT_EQ(driver.worker().engine().committed_epochs(), before);
  driver.AdvanceTime(absl::Minutes(2));
  EXPECT_EQ(driver.worker().engine().committed_epochs(), before + 1);
}

// Rule T10: idle, the committed offset passes the markers of an upstream transaction, so lag reads 0.
TEST(OutcomeTest, TrailingMarkersArePassedWhenIdle) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  auto client = driver.cluster().NewClient();
  auto upstream = *client->NewProducer("upstream", {"orders"});
  ASSERT_TRUE(upstream->InitTransactions(absl::Seconds(1)).ok());
  ASSERT_TRUE(upstream->BeginTransaction().ok());
  const std::string value = Order(5).SerializeAsString();
  ASSERT_TRUE(upstream->Send({.key = "alice", .value = value}).ok());
  ASSERT_TRUE(upstream->Flush(absl::Seconds(1)).ok());
  ASSERT_TRUE(upstream->Commit(absl::Seconds(1)).ok());
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:5");
  EXPECT_EQ(driver.cluster().CommittedOffset("order-totals", {"orders", Partition(0)}),
            driver.cluster().HighWatermark({"orders", Partition(0)}));
}

// Rule R3b: a record that the broker refuses fails its event on replay; others are not held up.
TEST(OutcomeTest, ARefusedRecordFailsItsEventOnly) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  // Smaller than what the preflight saw.
  driver.cluster().SetTopicSetting("customer-totals", "max.message.bytes", "200");
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", std::string(300, 'x'), Order(1), {.event_id = "2"});
  driver.Send("orders", "alice", Order(2), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(Letters(driver), "FAILED:2");
  EXPECT_EQ(driver.dead_letters()[0].reason, "OUT_OF_RANGE");
}

// Rule R3b: of one event two records may be refused at once; the simulator saw the second pass for a refused dead
// letter, which halts.
TEST(OutcomeTest, TwoRefusedRecordsFailTheirEventOnly) {
  const auto factory = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("twice");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto copies = builder.AddSink<OrderPlaced>("copies", {.topic = "copies"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(copies).On<OrderPlaced>(orders,
                                                                 [copies](const OrderPlaced& order, auto& event) {
                                                                   event.Emit(copies, event.key() + "-1", order);
                                                                   event.Emit(copies, event.key() + "-2", order);
                                                                   return absl::OkStatus();
                                                                 });
    return std::move(builder).Build();
  };
  TopologyTestDriver driver(factory);
  driver.RunUntilIdle();
  driver.cluster().SetTopicSetting("copies", "max.message.bytes", "200");
  driver.Send("orders", std::string(300, 'x'), Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(1), {.event_id = "2"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.dead_letters().size(), 1);
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 2);
}

}  // namespace
}  // namespace once
