// Events without a key that fail (rules R2, R3, X3): they wait with the same backoff as keyed ones, each by itself.
#include <map>

#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

// A transform that does with each order, known by its cents, what the test says.
TopologyTestDriver::Factory Copying(const std::shared_ptr<Script>& script) {
  return [script](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("copying");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto copies = builder.AddSink<OrderPlaced>("copies", {.topic = "copies"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy")
        .EmitsTo(copies)
        .WithPolicy(script->policy)
        .On<OrderPlaced>(orders, [copies, script](const OrderPlaced& order, auto& event) {
          event.Forward(copies);
          return script->handle(order);
        });
    return std::move(builder).Build();
  };
}

void SendKeyless(TopologyTestDriver* driver, int64_t cents, const SendOptions& options = {}) {
  driver->SendBytes("orders", std::nullopt, Order(cents).SerializeAsString(), options);
}

// "2 1": the cents of what was copied, in order.
std::string Copies(const TopologyTestDriver& driver) {
  std::string text;
  for (const auto& record : driver.Read<OrderPlaced>("copies")) {
    text += (text.empty() ? "" : " ") + std::to_string(record.value->cents());
  }
  return text;
}

struct Attempts {
  std::map<int64_t, int> of;
  bool down = true;
};

// Fails order 1 while it is down, and counts.
std::shared_ptr<Script> FailsFirst(Attempts* attempts) {
  auto script = NewScript();
  script->policy.then = FailureAction::kSkip;
  script->policy.give_up_after = absl::Seconds(150);
  script->policy.initial_backoff = absl::Seconds(10);
  script->handle = [attempts](const OrderPlaced& order) {
    ++attempts->of[order.cents()];
    return attempts->down && order.cents() == 1 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  return script;
}

TEST(KeylessTest, WaitsBetweenItsAttemptsAndBlocksNothing) {
  Attempts attempts;
  TopologyTestDriver driver(Copying(FailsFirst(&attempts)));
  SendKeyless(&driver, 1);
  SendKeyless(&driver, 2);
  driver.RunUntilIdle();
  EXPECT_EQ(attempts.of[1], 1) << "the next attempt is due in 10 s";
  EXPECT_EQ(Copies(driver), "2");
  driver.AdvanceTime(absl::Seconds(10));
  EXPECT_EQ(attempts.of[1], 2);
  driver.AdvanceTime(absl::Seconds(10));
  EXPECT_EQ(attempts.of[1], 2) << "the backoff doubles";
  attempts.down = false;
  driver.AdvanceTime(absl::Seconds(20));
  EXPECT_EQ(Copies(driver), "2 1");
  EXPECT_EQ(Letters(driver), "");
  driver.AdvanceTime(absl::Hours(1));
  EXPECT_EQ(attempts.of[1], 3);
}

TEST(KeylessTest, GivenUpItEndsInOneDeadLetter) {
  Attempts attempts;
  TopologyTestDriver driver(Copying(FailsFirst(&attempts)));
  SendKeyless(&driver, 1, {.event_id = "1"});
  SendKeyless(&driver, 1, {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "");
  for (int i = 0; i < 10; ++i) driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Letters(driver), "FAILED:1 FAILED:2");
  EXPECT_EQ(driver.dead_letters()[0].attempts, 4);
  EXPECT_EQ(attempts.of[1], 8);
  EXPECT_EQ(driver.worker().engine().tasks().begin()->second->parking.parked_events(), 0);
}

// It has no aggregate that could be blocked.
TEST(KeylessTest, GivenUpItIsNotParkedWhateverThePolicy) {
  Attempts attempts;
  auto script = FailsFirst(&attempts);
  script->policy.then = FailureAction::kBlockAggregate;
  TopologyTestDriver driver(Copying(script));
  SendKeyless(&driver, 1, {.event_id = "1"});
  SendKeyless(&driver, 2);
  driver.RunUntilIdle();
  for (int i = 0; i < 10; ++i) driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Letters(driver), "FAILED:1");
  EXPECT_EQ(driver.worker().engine().tasks().begin()->second->parking.parked_events(), 0);
  SendKeyless(&driver, 3);
  driver.RunUntilIdle();
  EXPECT_EQ(Copies(driver), "2 3");
}

TEST(KeylessTest, SurvivesACrash) {
  Attempts attempts;
  TopologyTestDriver driver(Copying(FailsFirst(&attempts)));
  for (int i = 0; i < 3; ++i) SendKeyless(&driver, 1);
  driver.RunUntilIdle();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.worker().engine().tasks().begin()->second->parking.parked_events(), 3);
  attempts.down = false;
  driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Copies(driver), "1 1 1");
  for (const testkit::MemoryRecord& record : driver.cluster().ReadCommitted("copying-orders-changelog")) {
    EXPECT_TRUE(ParseChangelogKey(*record.key).ok());
  }
}

// A record's key may be any bytes, those of a waiting keyless event's place, too.
TEST(KeylessTest, CollidesWithNoKey) {
  Attempts attempts;
  TopologyTestDriver driver(Copying(FailsFirst(&attempts)));
  SendKeyless(&driver, 1);
  driver.RunUntilIdle();
  const std::string status = KeylessStatusKey("orders", 0);
  for (const std::string& key : {status, status.substr(1), std::string("orders-0-0"), std::string()}) {
    driver.Send("orders", key, Order(5));
  }
  driver.RunUntilIdle();
  EXPECT_EQ(Copies(driver), "5 5 5 5");
}

TEST(KeylessTest, CountsAgainstTheTasksLimit) {
  Attempts attempts;
  DriverOptions options;
  options.engine.max_parked_per_task = 2;
  TopologyTestDriver driver(Copying(FailsFirst(&attempts)), options);
  for (int i = 0; i < 4; ++i) SendKeyless(&driver, 1);
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.cluster().CommittedOffset("copying", {"orders", Partition(0)}), Offset(2));
  attempts.down = false;
  driver.AdvanceTime(absl::Minutes(1));
  driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Copies(driver), "1 1 1 1");
}

}  // namespace
}  // namespace once
