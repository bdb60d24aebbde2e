// Rules of docs/rules.md that show in the order of calls, or in two runs side by side.
#include <set>

#include "absl/strings/str_cat.h"
#include "processor/runtime/worker.h"
#include "tests/driver/recording_client.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

using testkit::Call;

DriverOptions Recorded(CallLog* calls, int partitions = 1) {
  DriverOptions options;
  options.partitions = partitions;
  options.wrap_client = [calls](std::unique_ptr<kafka::Client> client) {
    return WrapWithRecording(std::move(client), calls);
  };
  return options;
}

// What transactional calls may follow each other. Anything but a plain success leads through abort or a new producer.
class TransactionOrder {
 public:
  // Empty, or what is wrong.
  std::string Next(const RecordedCall& call) {
    const std::string before = state_;
    const bool fits = Fits(call);
    return fits ? "" : absl::StrCat(call.name, call.ok ? "" : " (failed)", " after ", before);
  }
  int commits() const { return commits_; }

 private:
  bool Fits(const RecordedCall& call) {
    const std::string from = state_;
    if (call.name == "init") return Go(call.ok ? "idle" : "none");
    if (call.name == "begin") return Go(call.ok ? "open" : "failed") && from == "idle";
    if (call.name == "send") return Go(call.ok ? "open" : "failed") && from == "open";
    if (call.name == "flush") return Go(call.ok ? "flushed" : "failed") && Among({"open", "failed"}, from);
    if (call.name == "send_offsets") return Go(call.ok ? "offsets" : "failed") && Among({"flushed", "failed"}, from);
    if (call.name == "commit") {
      commits_ += call.ok;
      return Go(call.ok ? "idle" : "failed") && Among({"offsets", "failed"}, from);
    }
    if (call.name == "abort") return Go(call.ok ? "idle" : "failed") && from != "idle";
    return true;
  }
  bool Go(const char* state) {
    state_ = state;
    return true;
  }
  static bool Among(const std::set<std::string>& states, const std::string& state) { return states.contains(state); }

  std::string state_ = "none";
  int commits_ = 0;
};

// Rules T2, T3: nothing of an epoch is sent, and none of its offsets, before the one before it was flushed and its end
// acknowledged; whatever fails on the way.
TEST(RulesTest, T2T3AnEpochBeginsWhenTheOneBeforeIsAcknowledged) {
  CallLog calls;
  DriverOptions options = Recorded(&calls, 2);
  options.engine.max_epoch_records = 3;
  TopologyTestDriver driver(BuildOrderTotals, options);
  const kafka::Result retriable{.error = kafka::ErrorClass::kRetriable, .code = "_TIMED_OUT"};
  const kafka::Result abortable{.error = kafka::ErrorClass::kAbortable, .code = "INJECTED"};
  for (const Call call : {Call::kFlush, Call::kSendOffsets, Call::kCommit}) {
    for (const kafka::Result& result : {retriable, abortable}) {
      driver.cluster().FailNext({.call = call, .skip = 2, .result = result});
      for (int i = 0; i < 20; ++i) driver.Send("orders", absl::StrCat("customer-", i % 5), Order(1));
      driver.RunUntilIdle();
    }
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.cluster().pending_faults(), 0);
  TransactionOrder order;
  for (const RecordedCall& call : calls.Take()) ASSERT_EQ(order.Next(call), "");
  EXPECT_GE(order.commits(), 40);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 120);
}

// Joins the application's group from outside, so that partitions move there and back.
class Rival final : public kafka::RebalanceListener {
 public:
  explicit Rival(testkit::MemoryCluster* cluster)
      : client_(cluster->NewClient()), consumer_(*client_->NewGroupConsumer("order-totals", {"orders"})) {
    const std::vector<std::string> topics = {"orders"};
    EXPECT_TRUE(consumer_->Subscribe(topics, this).ok());
  }
  void Poll() { EXPECT_TRUE(consumer_->Poll(absl::ZeroDuration(), &batch_).ok()); }
  void Leave() { EXPECT_TRUE(consumer_->Close().ok()); }
  int moved() const { return moved_; }

 private:
  void OnAssigned(std::span<const TopicPartition> partitions) override {
    moved_ += static_cast<int>(partitions.size());
    EXPECT_TRUE(consumer_->Assign(partitions).ok());
  }
  void OnRevoked(std::span<const TopicPartition> partitions) override {
    EXPECT_TRUE(consumer_->Unassign(partitions).ok());
  }
  void OnLost(std::span<const TopicPartition> partitions) override { OnRevoked(partitions); }

  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::GroupConsumer> consumer_;
  kafka::Batch batch_;
  int moved_ = 0;
};

// Rule T7: whatever happens to a task (pause, unknown outcome, revocation, loss), assignments change inside callbacks
// only.
TEST(RulesTest, T7AssignmentsChangeInsideCallbacksOnly) {
  CallLog calls;
  DriverOptions options = Recorded(&calls, 4);
  options.engine.max_parked_per_aggregate = 1;
  TopologyTestDriver driver(BuildOrderTotals, options);
  const auto load = [&] {
    for (int i = 0; i < 20; ++i) driver.Send("orders", absl::StrCat("customer-", i), Order(1));
    driver.RunUntilIdle();
  };
  load();
  driver.FailNextCommit(/*landed=*/true);
  load();
  Rival rival(&driver.cluster());
  for (int turn = 0; turn < 20; ++turn) {
    rival.Poll();
    driver.worker().RunOnce();
  }
  EXPECT_GT(rival.moved(), 0);
  rival.Leave();
  load();
  for (const std::string& member : driver.cluster().Members("order-totals")) driver.cluster().ExpireMember(member);
  load();
  for (int i = 0; i < 3; ++i) driver.Send("orders", "poison", Order(-1));
  driver.RunUntilIdle();  // Its task pauses at the parking limit.
  driver.AdvanceTime(absl::Minutes(1));
  driver.Restart();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  int assigned = 0;
  int unassigned = 0;
  for (const RecordedCall& call : calls.Take()) {
    if (call.name != "assign" && call.name != "unassign") continue;
    EXPECT_TRUE(call.in_callback) << call.name;
    EXPECT_TRUE(call.ok) << call.name;
    (call.name == "assign" ? assigned : unassigned) += 1;
  }
  EXPECT_GE(assigned, 3);
  EXPECT_GE(unassigned, 3);
}

// Rule T12: the id is stable, so whoever starts under it ends what its predecessor had open.
TEST(RulesTest, T12AStartUnderTheSameIdFencesTheOneBefore) {
  CallLog calls;
  TopologyTestDriver driver(BuildOrderTotals, Recorded(&calls));
  driver.RunUntilIdle();
  std::set<std::string> ids;
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  while (driver.worker().engine().idle()) driver.worker().RunOnce();
  driver.Restart();
  for (const RecordedCall& call : calls.Take()) {
    if (call.name == "init") ids.insert(call.id);
  }
  ASSERT_EQ(ids.size(), 1) << "a restart took another id";
  // A successor takes the id over while a transaction is open.
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  while (driver.worker().engine().idle()) driver.worker().RunOnce();
  auto client = driver.cluster().NewClient();
  auto successor = *client->NewProducer(*ids.begin(), {"customer-totals"});
  ASSERT_TRUE(successor->InitTransactions(absl::Seconds(1)).ok());
  EXPECT_FALSE(driver.cluster().HasOpenTransaction(*ids.begin()));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 1) << "it was not fenced";
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

// Everything that is in the cluster, byte for byte.
std::string Dump(const testkit::MemoryCluster& cluster) {
  std::string text;
  for (const std::string& topic : cluster.TopicNames()) {
    for (const testkit::MemoryRecord& record : cluster.ReadUncommitted(topic)) {
      absl::StrAppend(&text, topic, "-", record.partition.value(), "@", record.offset.value(), " ", record.timestamp_ms,
                      " ", record.key.value_or("null"), "=", record.value.value_or("null"));
      for (const auto& [name, value] : record.headers) absl::StrAppend(&text, " ", name, "=", value.value_or("null"));
      absl::StrAppend(&text, "\n");
    }
  }
  return text;
}

std::string RunSchedule() {
  DriverOptions options;
  options.partitions = 3;
  auto script = NewScript();
  int calls = 0;
  script->handle = [&calls](const OrderPlaced& order) -> absl::Status {
    if (order.cents() % 17 == 0) return absl::InvalidArgumentError("never");
    return ++calls % 13 == 0 ? absl::UnavailableError("now and then") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script), options);
  for (int round = 0; round < 6; ++round) {
    if (round == 1) driver.FailNextCommit(/*landed=*/true);
    if (round == 2) driver.AbortNextCommit();
    for (int i = 0; i < 50; ++i) {
      driver.Send("orders", absl::StrCat("customer-", i % 7), Order(round * 50 + i + 1),
                  {.event_id = absl::StrCat(round * 50 + i - (i % 10 == 9 ? 1 : 0))});
    }
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Seconds(40));
    if (round == 3) driver.Crash();
    if (round == 4) driver.CrashAndLoseDisk();
  }
  EXPECT_TRUE(driver.status().ok()) << driver.status();
  return Dump(driver.cluster());
}

// Rule E8: clock and events are inputs, so the same schedule writes the same bytes, aborted records included.
TEST(RulesTest, E8TheSameInputsWriteTheSameBytes) {
  const std::string first = RunSchedule();
  EXPECT_GT(first.size(), 10'000);
  EXPECT_TRUE(first == RunSchedule());
}

// Rule F4: an answer that failed is not "no offsets": the task waits, and opens where it was.
TEST(RulesTest, F4AFailedLookUpOfOffsetsIsNotNoOffsets) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const kafka::Result unavailable{.error = kafka::ErrorClass::kRetriable, .code = "COORDINATOR_LOAD_IN_PROGRESS"};
  for (int i = 0; i < 2; ++i) {
    driver.cluster().FailNext({.call = Call::kStableCommittedOffsets, .result = unavailable});
  }
  driver.Restart();
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.cluster().pending_faults(), 0);
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

}  // namespace
}  // namespace once
