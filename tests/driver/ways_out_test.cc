// Rule X2: whatever ends a transaction, the engine hears once of all that its end brings, and nothing else is lost by
// it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"
#include "tests/driver/unkind_client.h"

namespace once {
namespace {

using testkit::Call;

kafka::Result Failed(kafka::ErrorClass error) { return {.error = error, .code = "INJECTED", .message = "by the test"}; }

DriverOptions Unkindly(Unkindness* broker, int partitions = 1) {
  DriverOptions options;
  options.partitions = partitions;
  options.wrap_client = [broker](std::unique_ptr<kafka::Client> client) {
    return WrapUnkindly(std::move(client), broker);
  };
  return options;
}

void SendOneTooLarge(TopologyTestDriver* driver) {
  driver->Send("orders", "alice", Order(1), {.event_id = "1"});
  driver->Send("orders", std::string(300, 'x'), Order(1), {.event_id = "2"});
  driver->Send("orders", "alice", Order(2), {.event_id = "3"});
}

// One event's output was refused, its neighbours' not.
void ExpectOneRefused(TopologyTestDriver* driver, const std::string& before = "") {
  driver->RunUntilIdle();
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  EXPECT_EQ(Totals(*driver), before + "alice:1:1 alice:2:3");
  EXPECT_EQ(Letters(*driver), "FAILED:2");
}

// The report of the refused record comes while further records are sent, which then fail for the transaction's sake.
TEST(WaysOutTest, X2ARefusalBeforeTheSealCostsOneAbort) {
  Unkindness broker;
  TopologyTestDriver driver(BuildOrderTotals, Unkindly(&broker));
  driver.RunUntilIdle();
  broker.early = true;
  broker.max_bytes["customer-totals"] = 200;
  SendOneTooLarge(&driver);
  ExpectOneRefused(&driver);
  EXPECT_EQ(broker.aborts, 1);
}

// Nobody calls the producer: it is heard by the next tick, not by the seal of a long epoch.
TEST(WaysOutTest, X2ARefusalBetweenStepsIsSeenByTheNextTick) {
  Unkindness broker;
  DriverOptions options = Unkindly(&broker);
  options.engine.commit_interval = absl::Seconds(6);
  TopologyTestDriver driver(BuildOrderTotals, options);
  driver.RunUntilIdle();
  broker.early = true;
  broker.max_bytes["customer-totals"] = 200;
  driver.Send("orders", std::string(300, 'x'), Order(1), {.event_id = "2"});
  for (int turn = 0; turn < 3; ++turn) driver.worker().RunOnce();
  EXPECT_EQ(broker.aborts, 1) << "without the clock having moved";
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:2");
  EXPECT_EQ(broker.aborts, 1);
}

// Whatever else ends the transaction, the refusal is not heard of a second time only.
class RefusalTest : public testing::TestWithParam<std::pair<Call, kafka::ErrorClass>> {};

TEST_P(RefusalTest, X2IsHeardOnThisWayOut) {
  const auto [call, error] = GetParam();
  Unkindness broker;
  TopologyTestDriver driver(BuildOrderTotals, Unkindly(&broker));
  driver.Send("orders", "bob", Order(1), {.event_id = "0"});
  driver.RunUntilIdle();
  broker.max_bytes["customer-totals"] = 200;
  if (call == Call::kAbort) {
    driver.cluster().FailNext({.call = Call::kSend, .skip = 1, .result = Failed(kafka::ErrorClass::kAbortable)});
  }
  driver.cluster().FailNext({.call = call, .skip = call == Call::kSend ? 1 : 0, .result = Failed(error)});
  SendOneTooLarge(&driver);
  const int64_t begun = broker.begun;
  ExpectOneRefused(&driver, "bob:1:1 ");
  EXPECT_EQ(driver.cluster().pending_faults(), 0);
  // What came before the event, the event by itself, what came after it (R3b).
  EXPECT_EQ(broker.begun - begun, 4) << "transactions: the one that failed, and three after it";
}

INSTANTIATE_TEST_SUITE_P(All, RefusalTest,
                         testing::Values(std::pair{Call::kSend, kafka::ErrorClass::kAbortable},
                                         std::pair{Call::kSend, kafka::ErrorClass::kFatal},
                                         std::pair{Call::kFlush, kafka::ErrorClass::kAbortable},
                                         std::pair{Call::kFlush, kafka::ErrorClass::kFatal},
                                         std::pair{Call::kAbort, kafka::ErrorClass::kFatal}));

// A begin or send that fails, in a step that wants more than that of the world.
class LostStepTest : public testing::TestWithParam<std::pair<Call, kafka::ErrorClass>> {
 protected:
  void FailIt(TopologyTestDriver* driver) {
    driver->cluster().FailNext({.call = GetParam().first, .result = Failed(GetParam().second)});
  }
  void ExpectItFailed(TopologyTestDriver* driver) {
    driver->RunUntilIdle();
    ASSERT_TRUE(driver->status().ok()) << driver->status();
    EXPECT_EQ(driver->cluster().pending_faults(), 0) << "the failure was not met";
  }
};

TEST_P(LostStepTest, X2WithItsSeal) {
  DriverOptions options;
  options.engine.max_epoch_records = 1;
  TopologyTestDriver driver(BuildOrderTotals, options);
  driver.RunUntilIdle();
  FailIt(&driver);
  for (int i = 1; i <= 3; ++i) driver.Send("orders", "alice", Order(i), {.event_id = absl::StrCat(i)});
  ExpectItFailed(&driver);
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3 alice:3:6");
  EXPECT_EQ(driver.cluster().Check(), "");
}

// The offsets of a task are looked up in the same step: it would never open.
TEST_P(LostStepTest, X2WithALookUpOfOffsets) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  // The second task cannot be looked up, and can when the first one's first commit is due.
  driver.cluster().SetLeaderless({"orders", Partition(1)}, true);
  const Engine& engine = driver.worker().engine();
  const auto running = [&] {
    return std::count_if(engine.tasks().begin(), engine.tasks().end(),
                         [](const auto& entry) { return entry.second->phase == TaskPhase::kRunning; });
  };
  while (running() == 0) driver.worker().RunOnce();
  ASSERT_TRUE(engine.idle());
  FailIt(&driver);
  driver.cluster().SetLeaderless({"orders", Partition(1)}, false);
  driver.clock().Advance(absl::Milliseconds(200));
  ExpectItFailed(&driver);
  for (int i = 0; i < 8; ++i) driver.Send("orders", absl::StrCat("customer-", i), Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 8);
}

// A task whose checkpoint is not written would never write one again, nor stop.
TEST_P(LostStepTest, X2WithACheckpoint) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const absl::Time before = driver.worker().engine().tasks().begin()->second->last_checkpoint;
  FailIt(&driver);
  driver.AdvanceTime(absl::Hours(1) + absl::Seconds(5));  // The task commits again, and writes its checkpoint.
  ExpectItFailed(&driver);
  const Task& task = *driver.worker().engine().tasks().begin()->second;
  EXPECT_FALSE(task.state.checkpoint_under_way());
  EXPECT_GT(task.last_checkpoint, before);
  driver.Crash();
  driver.RunUntilIdle();
  driver.Restart();
  EXPECT_TRUE(driver.status().ok()) << driver.status();
}

// A task is opened anew, and fails: it would be one that nobody hears of.
TEST_P(LostStepTest, X2WithATaskThatFails) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  for (int p = 0; p < 2; ++p) driver.Send("orders", "alice", Order(1), {.partition = p});
  driver.RunUntilIdle();
  // One partition has a record to process, the other one has lost its next.
  driver.Send("orders", "alice", Order(1), {.partition = 1});
  driver.Send("orders", "alice", Order(1), {.partition = 1});
  driver.cluster().Trim({{"orders", Partition(1)}, Offset(3)});
  driver.Send("orders", "alice", Order(1), {.partition = 0});
  FailIt(&driver);
  driver.RunUntilIdle();
  EXPECT_TRUE(absl::IsOutOfRange(driver.status())) << driver.status();
  EXPECT_FALSE(driver.worker().done());
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 3);
}

INSTANTIATE_TEST_SUITE_P(All, LostStepTest,
                         testing::Values(std::pair{Call::kBegin, kafka::ErrorClass::kRetriable},
                                         std::pair{Call::kBegin, kafka::ErrorClass::kAbortable},
                                         std::pair{Call::kBegin, kafka::ErrorClass::kFatal},
                                         std::pair{Call::kSend, kafka::ErrorClass::kAbortable},
                                         std::pair{Call::kSend, kafka::ErrorClass::kFatal}));

// Nothing began, so nothing is aborted and no producer is replaced.
TEST(WaysOutTest, X2ABeginThatMayBeRepeatedIsRepeated) {
  Unkindness broker;
  TopologyTestDriver driver(BuildOrderTotals, Unkindly(&broker));
  driver.RunUntilIdle();
  const int64_t producers = broker.producers;
  driver.cluster().FailNext(
      {.call = Call::kBegin, .result = Failed(kafka::ErrorClass::kRetriable), .is_suspicious = false});
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_EQ(broker.aborts, 0);
  EXPECT_EQ(broker.producers, producers);
}

// Rule E7 by the producer's own limit, which is below the topics'.
TEST(WaysOutTest, X2AnOutputAboveTheProducersLimitFailsItsEvent) {
  const auto factory = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("amplifier");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto copies = builder.AddSink<std::string>("copies", {.topic = "copies"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(copies).On<OrderPlaced>(
        orders, [copies](const OrderPlaced& order, auto& event) {
          event.Emit(copies, event.key(), std::string(static_cast<size_t>(order.cents()), 'x'));
          return absl::OkStatus();
        });
    return std::move(builder).Build();
  };
  Unkindness broker;
  broker.max_bytes["copies"] = 3'000;
  DriverOptions options = Unkindly(&broker);
  options.max_record_bytes = 3'000;
  TopologyTestDriver driver(factory, options);
  driver.Send("orders", "alice", Order(100), {.event_id = "1"});
  driver.Send("orders", "bob", Order(4'000), {.event_id = "2"});
  driver.Send("orders", "alice", Order(2'500), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Letters(driver), "FAILED:2");
  EXPECT_EQ(driver.Read<std::string>("copies").size(), 2);
  EXPECT_EQ(broker.aborts, 0) << "its transaction failed with it";
}

// A group that refuses the member for good ends the worker, with the reason.
TEST(WaysOutTest, X2AGroupThatRefusesTheMemberEndsTheWorker) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.cluster().FailNext(
      {.call = Call::kPoll,
       .result = {
           .error = kafka::ErrorClass::kFatal, .code = "GROUP_MAX_SIZE_REACHED", .message = "the group is full"}});
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.worker().done());
  EXPECT_NE(driver.status().ToString().find("the consumer cannot go on"), std::string::npos) << driver.status();
  EXPECT_NE(driver.status().ToString().find("the group is full"), std::string::npos) << driver.status();
}

}  // namespace
}  // namespace once
