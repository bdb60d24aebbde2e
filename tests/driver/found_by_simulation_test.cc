// Faults that the simulator found, each brought about on purpose.
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using testkit::Call;

kafka::Result TimedOut() {
  return {.error = kafka::ErrorClass::kRetriable, .code = "_TIMED_OUT", .message = "injected"};
}

std::optional<Offset> Committed(TopologyTestDriver& driver, int partition) {
  return driver.cluster().CommittedOffset("order-totals", {"orders", Partition(partition)});
}

// A task that opened while records of another waited for their epoch was sought, and the rest of the batch was
// dropped: the other task's next records came after a gap.
TEST(FoundBySimulationTest, RecordsAtHandOutliveTheSeekOfAnotherTask) {
  EngineOptions engine;
  engine.max_epoch_records = 2;
  engine.retry_interval = absl::Milliseconds(1);
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2, .engine = engine});
  for (int i = 0; i < 20; ++i) {
    driver.Send("orders", "alice", Order(1), {.event_id = "a" + std::to_string(i), .partition = 0});
  }
  driver.Send("orders", "bob", Order(1), {.event_id = "b", .partition = 1});
  // Of the two tasks the second opens late.
  driver.cluster().FailNext({.call = Call::kStableCommittedOffsets, .skip = 1, .result = TimedOut()});
  driver.RunUntilIdle();
  driver.Send("orders", "alice", Order(1), {.event_id = "last", .partition = 0});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 21);
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "bob")->order_count(), 1);
}

// The end of a partition is told once; told together with the record that filled an epoch it was forgotten, and the
// committed offset stayed below the trailing control marker.
TEST(FoundBySimulationTest, TheEndIsNotForgottenWhenTheRecordBeforeItFillsTheEpoch) {
  EngineOptions engine;
  engine.max_epoch_records = 2;
  TopologyTestDriver driver(BuildOrderTotals, {.engine = engine});
  const auto client = driver.cluster().NewClient();
  const auto upstream = *client->NewProducer("upstream", {"orders"});
  ASSERT_TRUE(upstream->InitTransactions(absl::Seconds(1)).ok());
  ASSERT_TRUE(upstream->BeginTransaction().ok());
  const std::string order = Order(1).SerializeAsString();
  for (int i = 0; i < 2; ++i) {
    OutputRecord record;
    record.key = "alice";
    record.value = order;
    ASSERT_TRUE(upstream->Send(record).ok());
  }
  ASSERT_TRUE(upstream->Commit(absl::Seconds(1)).ok());
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Committed(driver, 0), Offset(3)) << "two orders and a marker";
}

// A checkpoint found corrupt when its replay had just ended was told to stop the replay once more.
TEST(FoundBySimulationTest, ACheckpointFoundCorruptAtTheEndOfItsReplayIsRebuilt) {
  TopologyTestDriver driver(BuildOrderTotals);
  const auto send = [&driver](int first, int count) {
    for (int i = first; i < first + count; ++i) {
      driver.Send("orders", "customer" + std::to_string(i), Order(1), {.event_id = std::to_string(i)});
    }
    driver.RunUntilIdle();
  };
  send(0, 10);
  driver.AdvanceTime(absl::Seconds(3));
  send(10, 10);
  ASSERT_TRUE(driver.store().Flush().ok());
  send(20, 1500);  // More than one poll brings.
  driver.Crash();
  const auto is_replaying = [&driver] {
    const auto& tasks = driver.worker().engine().tasks();
    return !tasks.empty() && tasks.begin()->second->phase == TaskPhase::kReplaying;
  };
  for (int turn = 0; turn < 1000 && !is_replaying(); ++turn) {
    driver.worker().RunOnce();
    driver.clock().Advance(absl::Milliseconds(1));
  }
  ASSERT_TRUE(is_replaying());
  // The next thing that is read of the checkpoint, at the replay's end, are the parked aggregates.
  driver.store().FailNext(StoreOperation::kScan, absl::DataLossError("injected: corrupt block"));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1520u);
  send(0, 1520);  // Duplicates.
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1520u);
}

}  // namespace
}  // namespace once
