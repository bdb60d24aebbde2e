// A service that handlers need and that is away: nothing is blocked, nothing is lost, order is kept (rule X4).
#include <map>
#include <vector>

#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr int kKeys = 20;
constexpr int kEventsPerKey = 5;

TEST(OutageTest, X4ADayWithoutAServiceBlocksNothing) {
  auto script = NewScript();
  bool down = true;
  script->handle = [&down](const OrderPlaced&) { return down ? absl::UnavailableError("down") : absl::OkStatus(); };
  TopologyTestDriver driver(Scripted(script));
  const absl::Time begin = driver.clock().Now();
  int sent = 0;
  while (driver.clock().Now() - begin < absl::Hours(24)) {
    if (sent < kKeys * kEventsPerKey) {
      driver.Send("orders", "customer" + std::to_string(sent % kKeys), Order(sent + 1));
      ++sent;
    }
    driver.AdvanceTime(absl::Minutes(5));
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Letters(driver), "");
  EXPECT_EQ(Totals(driver), "");
  EXPECT_GT(driver.worker().engine().committed_counters().put_off, kKeys * 100) << "they show";
  const auto told = std::find_if(driver.log().begin(), driver.log().end(), [](const std::string& line) {
    return line.find("attempts that failed for now and are made again: ") != std::string::npos &&
           line.find("attempt 1 at event orders-0-0 (key \"customer0\")") != std::string::npos &&
           line.find("UNAVAILABLE: down") != std::string::npos;
  });
  EXPECT_NE(told, driver.log().end()) << "the first failure is told";
  down = false;
  driver.AdvanceTime(absl::Seconds(30));
  std::map<std::string, int> next;
  const auto totals = driver.Read<CustomerTotal>("customer-totals");
  EXPECT_EQ(totals.size(), static_cast<size_t>(kKeys * kEventsPerKey)) << "within a minute";
  for (const auto& total : totals) EXPECT_EQ(total.value->order_count(), ++next[total.key]);
  EXPECT_EQ(Letters(driver), "");
}

// Counted by the time that the task was open, by the steady clock, and over restarts.
TEST(OutageTest, X4GivingUpIsByTime) {
  auto script = NewScript();
  script->policy.give_up_after = absl::Hours(1);
  script->handle = [](const OrderPlaced&) { return absl::UnavailableError("down"); };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  for (int i = 0; i < 40; ++i) driver.AdvanceTime(absl::Minutes(1));
  driver.clock().StepWall(absl::Hours(48));
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  for (int i = 0; i < 17; ++i) driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Letters(driver), "") << "57 minutes, two days by the wall clock";
  for (int i = 0; i < 6; ++i) driver.AdvanceTime(absl::Minutes(1));
  ASSERT_EQ(Letters(driver), "FAILED:1");
  EXPECT_GT(driver.dead_letters()[0].attempts, 30);
}

TEST(OutageTest, X4WithoutPatienceTheFirstAttemptIsTheLast) {
  auto script = NewScript();
  script->policy.give_up_after = absl::ZeroDuration();
  script->handle = [](const OrderPlaced&) { return absl::UnavailableError("down"); };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1");
}

// A release begins anew.
TEST(OutageTest, X4AReleasedEventHasItsTimeAgain) {
  auto script = NewScript();
  script->policy.give_up_after = absl::Minutes(1);
  bool down = true;
  script->handle = [&down](const OrderPlaced&) { return down ? absl::UnavailableError("down") : absl::OkStatus(); };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  driver.AdvanceTime(absl::Minutes(2));
  ASSERT_EQ(Letters(driver), "FAILED:1");
  const testkit::MemoryRecord letter = driver.cluster().ReadCommitted("orders.dlq")[0];
  SendOptions back;
  for (const auto& [name, value] : letter.headers) back.headers.emplace_back(name, value.value_or(""));
  driver.SendBytes("orders", letter.key, letter.value, back);
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1") << "it is tried again, and for a minute";
  down = false;
  driver.AdvanceTime(absl::Seconds(30));
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

// Nothing of a transform's builds on an event before, so none waits for one that failed.
TEST(OutageTest, X4ATransformSkipsUnlessTold) {
  TopologyTestDriver driver([](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("copying");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto copies = builder.AddSink<OrderPlaced>("copies", {.topic = "copies"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(copies).On<OrderPlaced>(orders, [copies](const OrderPlaced& o, auto& event) {
      event.Forward(copies);
      return o.cents() < 0 ? absl::InvalidArgumentError("no") : absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("orders", "alice", Order(-1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.SendBytes("orders", "alice", "\xff\xff", {.event_id = "3"});
  driver.Send("orders", "alice", Order(4), {.event_id = "4"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1 FAILED:3");
  EXPECT_EQ(driver.Read<OrderPlaced>("copies").size(), 2u);
}

}  // namespace
}  // namespace once
