// Rule X2: what fails alike again and again is tried more and more seldom, told once a minute, and over by itself when
// its cause is.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"
#include "tests/driver/unkind_client.h"

namespace once {
namespace {

using testkit::Call;

// Orders above 0 are copied; all are counted.
struct Copies {
  int64_t handled = 0;
  std::function<void()> meanwhile = [] {};  // What happens while an order is handled.
  TopologyTestDriver::Factory factory() {
    return [this](const Config&) -> absl::StatusOr<Topology> {
      TopologyBuilder builder("copying");
      auto orders = builder.AddSource("orders", {.topic = "orders"});
      auto copies = builder.AddSink<OrderPlaced>("copies", {.topic = "copies"});
      builder.DeadLetterTo("orders.dlq");
      builder.AddAggregate<CustomerTotal>("customer")
          .EmitsTo(copies)
          .On<OrderPlaced>(orders, [copies, this](const OrderPlaced& order, auto& customer) {
            ++handled;
            meanwhile();
            customer.mutable_state()->set_cents(customer.state().cents() + order.cents());
            if (order.cents() > 0) customer.Emit(copies, order);
            return absl::OkStatus();
          });
      return std::move(builder).Build();
    };
  }
};

DriverOptions Unkindly(Unkindness* broker, int partitions) {
  DriverOptions options;
  options.partitions = partitions;
  options.wrap_client = [broker](std::unique_ptr<kafka::Client> client) {
    return WrapUnkindly(std::move(client), broker);
  };
  return options;
}

void Pass(TopologyTestDriver* driver, absl::Duration duration) {
  constexpr absl::Duration kStep = absl::Milliseconds(200);
  for (absl::Duration passed; passed < duration; passed += kStep) driver->AdvanceTime(kStep);
}

int64_t Lines(const TopologyTestDriver& driver, const std::string& part) {
  return std::count_if(driver.log().begin(), driver.log().end(),
                       [&](const std::string& line) { return absl::StrContains(line, part); });
}

std::string Log(const TopologyTestDriver& driver) {
  std::string text;
  for (const std::string& line : driver.log()) absl::StrAppend(&text, line, "\n");
  return text;
}

class OutputTest : public testing::TestWithParam<const char*> {};

// Ten minutes without the right to write one output, or without the output: the tasks that write it wait, the others go
// on, and all is well within half a minute of the cause's end.
TEST_P(OutputTest, X2ThatIsNotWrittenHoldsItsTasksBackOnly) {
  Unkindness broker;
  Copies copies;
  TopologyTestDriver driver(copies.factory(), Unkindly(&broker, 2));
  driver.RunUntilIdle();
  broker.denied["copies"] = GetParam();
  const int64_t producers = broker.producers;
  const int64_t begun = broker.begun;
  const size_t logged = driver.log().size();
  for (int i = 0; i < 10; ++i) driver.Send("orders", "alice", Order(1), {.partition = 0});
  driver.RunUntilIdle();
  for (int second = 0; second < 600; ++second) {
    if (second % 10 == 0) driver.Send("orders", "bob", Order(-1), {.partition = 1});
    driver.AdvanceTime(absl::Seconds(1));
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "bob")->cents(), -60) << "the other task went on";
  EXPECT_EQ(driver.cluster().CommittedOffset("copying", {"orders", Partition(0)}), Offset(0));
  EXPECT_LE(broker.producers - producers, 35);
  EXPECT_LE(broker.begun - begun, 35 + 60);
  EXPECT_LE(copies.handled, 35 * 10 + 2 * 60);
  EXPECT_GE(Lines(driver, "copies are not written"), 8);
  EXPECT_LE(Lines(driver, "copies are not written"), 12);
  EXPECT_LE(driver.log().size() - logged, 200);
  EXPECT_GE(Lines(driver, "topic copies"), 8) << Log(driver);

  broker.denied.clear();
  Pass(&driver, absl::Seconds(31));
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 10);
  EXPECT_EQ(driver.cluster().CommittedOffset("copying", {"orders", Partition(0)}),
            driver.cluster().HighWatermark({"orders", Partition(0)}));
  EXPECT_EQ(Lines(driver, "records for topic copies are written again"), 1) << Log(driver);
}

INSTANTIATE_TEST_SUITE_P(All, OutputTest,
                         testing::Values("TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "NOT_LEADER"));

// A deleted topic shows as records that time out, and only then as a topic that is not there: what to do about it is
// said when it is known, and not a minute after the first sign.
TEST(BackOffTest, X2ACauseThatShowsLaterIsToldAtOnce) {
  Unkindness broker;
  Copies copies;
  TopologyTestDriver driver(copies.factory(), Unkindly(&broker, 1));
  driver.RunUntilIdle();
  broker.denied["copies"] = "_MSG_TIMED_OUT";
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(Lines(driver, "copies are not written: _MSG_TIMED_OUT"), 1) << Log(driver);
  broker.denied["copies"] = "UNKNOWN_TOPIC_OR_PART";
  Pass(&driver, absl::Seconds(30));
  EXPECT_EQ(Lines(driver, "make topic copies again"), 1) << Log(driver);
  // Neither is told each time, though they take turns.
  for (int turn = 0; turn < 4; ++turn) {
    broker.denied["copies"] = turn % 2 == 0 ? "_MSG_TIMED_OUT" : "UNKNOWN_TOPIC_OR_PART";
    Pass(&driver, absl::Seconds(30));
  }
  EXPECT_LE(Lines(driver, "copies are not written"), 6) << Log(driver);
}

// Nothing says whom it concerns, so all wait; a commit ends it.
TEST(BackOffTest, X2AnOffsetCommitThatIsRefusedHoldsAllBack) {
  Copies copies;
  TopologyTestDriver driver(copies.factory(), {.partitions = 2});
  driver.RunUntilIdle();
  constexpr int kFaults = 1000;
  for (int i = 0; i < kFaults; ++i) {
    driver.cluster().FailNext(
        {.call = Call::kSendOffsets,
         .result = {
             .error = kafka::ErrorClass::kAbortable, .code = "GROUP_AUTHORIZATION_FAILED", .message = "no right to"}});
  }
  for (int p = 0; p < 2; ++p) driver.Send("orders", "alice", Order(1), {.partition = p});
  Pass(&driver, absl::Minutes(10));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_LE(kFaults - static_cast<int>(driver.cluster().pending_faults()), 35);
  EXPECT_LE(copies.handled, 70);
  EXPECT_GE(Lines(driver, "the right Read on its group"), 8) << Log(driver);
  EXPECT_LE(Lines(driver, "the right Read on its group"), 12);
  driver.cluster().ClearFaults();
  Pass(&driver, absl::Seconds(31));
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 2);
  EXPECT_EQ(Lines(driver, "transactions commit again"), 1) << Log(driver);
}

// One failure is nothing to wait for.
TEST(BackOffTest, X2TheFirstFailureIsTriedAgainAtOnce) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  for (int i = 0; i < 5; ++i) {
    driver.AbortNextCommit();
    driver.Send("orders", "alice", Order(1));
    const absl::Time before = driver.clock().Now();
    driver.RunUntilIdle();
    EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), i + 1);
    EXPECT_LT(driver.clock().Now() - before, absl::Seconds(1));
  }
}

// A task that is held back stops and leaves like any other.
TEST(BackOffTest, X2AHeldTaskDoesNotKeepTheWorkerFromStopping) {
  Unkindness broker;
  Copies copies;
  TopologyTestDriver driver(copies.factory(), Unkindly(&broker, 1));
  driver.RunUntilIdle();
  broker.denied["copies"] = "TOPIC_AUTHORIZATION_FAILED";
  driver.Send("orders", "alice", Order(1));
  Pass(&driver, absl::Seconds(5));
  const absl::Time before = driver.clock().Now();
  driver.worker().RequestStop();
  for (int turn = 0; turn < 100 && !driver.worker().done(); ++turn) driver.worker().RunOnce();
  EXPECT_TRUE(driver.worker().done());
  EXPECT_LT(driver.clock().Now() - before, absl::Seconds(1));
}

void RefuseProducers(TopologyTestDriver* driver, const std::string& code, kafka::ErrorClass error, int times) {
  driver->cluster().FailNext(
      {.call = Call::kCommit, .result = {.error = kafka::ErrorClass::kFatal, .code = "INJECTED", .message = "lost"}});
  for (int i = 0; i < times; ++i) {
    driver->cluster().FailNext({.call = Call::kInit, .result = {.error = error, .code = code, .message = "refused"}});
  }
  driver->Send("orders", "alice", Order(1));
}

// Without coming to rest: a producer is awaited.
void Turn(TopologyTestDriver* driver, absl::Duration duration) {
  const absl::Time end = driver->clock().Now() + duration;
  while (driver->clock().Now() < end && !driver->worker().done()) {
    driver->worker().RunOnce();
    driver->clock().Advance(absl::Milliseconds(50));
  }
}

// What somebody can mend is tried on, however long that takes.
TEST(BackOffTest, X2AProducerThatIsRefusedARightIsTriedOn) {
  Unkindness broker;
  Copies copies;
  TopologyTestDriver driver(copies.factory(), Unkindly(&broker, 1));
  driver.RunUntilIdle();
  const int64_t producers = broker.producers;
  RefuseProducers(&driver, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", kafka::ErrorClass::kFatal, 1000);
  Turn(&driver, absl::Minutes(10));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_LE(broker.producers - producers, 35);
  EXPECT_GE(Lines(driver, "Write and Describe on its transactional ids"), 8) << Log(driver);
  EXPECT_LE(Lines(driver, "Write and Describe on its transactional ids"), 12);
  driver.cluster().ClearFaults();
  Turn(&driver, absl::Seconds(31));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 1);
}

// What is the program's own fault ends it at once.
TEST(BackOffTest, X2AProducerThatCannotBeEndsTheWorker) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  RefuseProducers(&driver, "UNSUPPORTED_VERSION", kafka::ErrorClass::kFatal, 1);
  Turn(&driver, absl::Seconds(10));
  EXPECT_TRUE(driver.worker().done());
  EXPECT_TRUE(absl::StrContains(driver.status().ToString(), "Apache Kafka 2.5 or newer")) << driver.status();
}

// What nobody knows is given two minutes, not five tries in a second.
TEST(BackOffTest, X2AnUnknownFatalAnswerIsGivenTime) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  RefuseProducers(&driver, "NEVER_HEARD_OF", kafka::ErrorClass::kFatal, 1000);
  Turn(&driver, absl::Minutes(1));
  EXPECT_FALSE(driver.worker().done()) << driver.status();
  Turn(&driver, absl::Minutes(3));
  EXPECT_TRUE(driver.worker().done());
  EXPECT_TRUE(absl::StrContains(driver.status().ToString(), "NEVER_HEARD_OF")) << driver.status();
}

// An outage, for as long as it lasts.
TEST(BackOffTest, X2AnOutageIsWaitedFor) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  RefuseProducers(&driver, "_TIMED_OUT", kafka::ErrorClass::kRetriable, 1000);
  Turn(&driver, absl::Hours(1));
  EXPECT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_LE(Lines(driver, "initialising the producer failed"), 62);
  driver.cluster().ClearFaults();
  Turn(&driver, absl::Seconds(31));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 1);
}

// It is said that handlers were slow, not that somebody else is about.
TEST(BackOffTest, X2ATransactionThatTimedOutForSlowHandlersIsCalledThat) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.Send("orders", "alice", Order(0));
  driver.RunUntilIdle();
  copies.handled = 0;
  copies.meanwhile = [&] {
    if (copies.handled < 2) driver.clock().Advance(absl::Seconds(18));
  };
  for (int i = 0; i < 3; ++i) driver.Send("orders", "alice", Order(1));
  driver.cluster().FailNext(
      {.call = Call::kFlush,
       .result = {
           .error = kafka::ErrorClass::kFatal, .fenced = true, .code = "INVALID_PRODUCER_EPOCH", .message = "fenced"}});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Lines(driver,
                  "the transaction timed out because handlers were slow (the epoch was open for 18s, of which "
                  "18s were handlers"),
            1)
      << Log(driver);
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 3);
}

// And where somebody else is about, that.
TEST(BackOffTest, X2AProducerThatWasTakenOverIsCalledThat) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  driver.cluster().FailNext(
      {.call = Call::kFlush,
       .result = {
           .error = kafka::ErrorClass::kFatal, .fenced = true, .code = "INVALID_PRODUCER_EPOCH", .message = "fenced"}});
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(Lines(driver, "does one run under the same instance_id?"), 1) << Log(driver);
}

// Each makes a new producer, which fences the other's: for ever, so at least not all the time.
TEST(BackOffTest, T12TwoInstancesWithOneIdTakeItFromEachOtherEverMoreSlowly) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  const Engine& engine = driver.worker().engine();
  const int64_t rebuilds = engine.committer().rebuilds();
  int64_t committed = -1;
  for (int second = 0; second < 600; ++second) {
    driver.Send("orders", "alice", Order(1));
    // What it does is fenced as soon as it has got its id back.
    if (engine.committed_epochs() != committed && driver.cluster().pending_faults() == 0) {
      committed = engine.committed_epochs();
      driver.cluster().FailNext({.call = Call::kFlush,
                                 .result = {.error = kafka::ErrorClass::kFatal,
                                            .fenced = true,
                                            .code = "INVALID_PRODUCER_EPOCH",
                                            .message = "fenced"}});
    }
    Turn(&driver, absl::Seconds(1));
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_GE(engine.committer().rebuilds() - rebuilds, 10);
  EXPECT_LE(engine.committer().rebuilds() - rebuilds, 40);
  EXPECT_GE(Lines(driver, "does one run under the same instance_id?"), 5) << Log(driver);
  EXPECT_LE(Lines(driver, "does one run under the same instance_id?"), 11) << Log(driver);
  driver.cluster().ClearFaults();
  Turn(&driver, absl::Seconds(35));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 600);
}

// A pause before the next producer is none for a stop.
TEST(BackOffTest, T12AFencedWorkerStopsAtOnce) {
  Copies copies;
  TopologyTestDriver driver(copies.factory());
  driver.RunUntilIdle();
  for (int i = 0; i < 6; ++i) {
    driver.cluster().FailNext({.call = Call::kFlush,
                               .result = {.error = kafka::ErrorClass::kFatal,
                                          .fenced = true,
                                          .code = "INVALID_PRODUCER_EPOCH",
                                          .message = "fenced"}});
  }
  driver.Send("orders", "alice", Order(1));
  const int64_t before = driver.worker().engine().committer().rebuilds();
  while (driver.worker().engine().committer().rebuilds() < before + 5) Turn(&driver, absl::Milliseconds(50));
  EXPECT_EQ(driver.worker().engine().committer().phase(), CommitPhase::kRebuilding);
  const absl::Time asked = driver.clock().Now();
  driver.worker().RequestStop();
  while (!driver.worker().done()) Turn(&driver, absl::Milliseconds(50));
  EXPECT_LT(driver.clock().Now() - asked, absl::Seconds(1));
}

}  // namespace
}  // namespace once
