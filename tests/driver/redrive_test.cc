// Dead letters that are sent back to their source (rule R6): rounds, releases, duplicates.
#include "tests/driver/scripted.h"

namespace once {
namespace {

// Copies a dead letter to where it came from, as any tool would: key, value and headers as they are.
void SendBack(TopologyTestDriver* driver, size_t index) {
  const testkit::MemoryRecord letter = driver->cluster().ReadCommitted("orders.dlq")[index];
  driver->cluster().Append("orders", kAnyPartition, letter.key, letter.value, letter.headers);
  driver->RunUntilIdle();
}

struct Scene {
  explicit Scene(FailureAction then) : driver(Scripted(MakeScript(then))) {}

  std::shared_ptr<Script> MakeScript(FailureAction then) {
    auto script = NewScript();
    script->policy.then = then;
    script->handle = [this](const OrderPlaced& order) {
      return broken && order.cents() == 1 ? absl::InvalidArgumentError("broken") : absl::OkStatus();
    };
    return script;
  }

  bool broken = true;
  TopologyTestDriver driver;
};

const EventCounters& Counters(const TopologyTestDriver& driver) {
  return const_cast<TopologyTestDriver&>(driver).worker().engine().committed_counters();
}

bool WasSaid(const TopologyTestDriver& driver, const std::string& what) {
  for (const std::string& line : driver.log()) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

TEST(RedriveTest, R6AnEventThatHasEndedComesBackAsAnEventOfItsOwn) {
  Scene scene(FailureAction::kSkip);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  ASSERT_EQ(Letters(driver), "FAILED:1");
  EXPECT_EQ(driver.dead_letters()[0].headers.at("once.round"), "1");
  SendBack(&driver, 0);
  ASSERT_EQ(Letters(driver), "FAILED:1 FAILED:1");
  EXPECT_EQ(driver.dead_letters()[1].headers.at("once.round"), "2");
  EXPECT_EQ(driver.dead_letters()[1].topic_partition_offset, "orders-0-1");
  scene.broken = false;
  SendBack(&driver, 1);
  EXPECT_EQ(Totals(driver), "alice:1:1");
  SendBack(&driver, 1);
  SendBack(&driver, 0);
  EXPECT_EQ(Totals(driver), "alice:1:1") << "sent back twice, it takes effect once";
  EXPECT_EQ(Counters(driver).duplicate_redrives, 2);
  EXPECT_TRUE(WasSaid(driver, "dead letters sent back more than once: 1, such as event \"1\" at orders-0-3"));
}

TEST(RedriveTest, R6WithoutAnIdTheOriginTellsTheSecondFromTheFirst) {
  Scene scene(FailureAction::kSkip);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  scene.broken = false;
  SendBack(&driver, 0);
  SendBack(&driver, 0);
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

TEST(RedriveTest, R6RejectedEventsHaveARoundToo) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.SendBytes("orders", std::nullopt, Order(1).SerializeAsString(), {.event_id = "1"});
  driver.RunUntilIdle();
  SendBack(&driver, 0);
  ASSERT_EQ(Letters(driver), "REJECTED:1 REJECTED:1");
  EXPECT_EQ(driver.dead_letters()[1].headers.at("once.round"), "2");
}

TEST(RedriveTest, R6TheNoticeOfAHeadReleasesItsAggregate) {
  Scene scene(FailureAction::kBlockAggregate);
  TopologyTestDriver& driver = scene.driver;
  for (int i = 1; i <= 3; ++i) driver.Send("orders", "alice", Order(i), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  ASSERT_EQ(Letters(driver), "FAILED:1 BLOCKED:2 BLOCKED:3");
  EXPECT_EQ(driver.dead_letters()[0].headers.count("once.round"), 0u) << "it has not ended";
  SendBack(&driver, 1);
  EXPECT_EQ(driver.Parked("alice"), 3) << "a BLOCKED notice is a duplicate";
  SendBack(&driver, 0);
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2 BLOCKED:3 FAILED:1") << "released, it failed again";
  EXPECT_EQ(driver.Parked("alice"), 3);
  scene.broken = false;
  SendBack(&driver, 0);
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3 alice:3:6");
  EXPECT_EQ(driver.Parked("alice"), 0);
  SendBack(&driver, 0);
  SendBack(&driver, 3);
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3 alice:3:6");
  EXPECT_EQ(Counters(driver).released, 2);
  EXPECT_EQ(Counters(driver).duplicate_notices, 3);
  EXPECT_TRUE(WasSaid(driver, "dead letters sent back of events that are parked"));
}

// Without the origin's place in the log nothing would tell that the event is not a new one.
TEST(RedriveTest, R6NoticesOfEventsWithoutAnIdAreDuplicatesToo) {
  Scene scene(FailureAction::kBlockAggregate);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(1));
  driver.Send("orders", "alice", Order(2));
  driver.RunUntilIdle();
  scene.broken = false;
  SendBack(&driver, 0);
  SendBack(&driver, 0);
  SendBack(&driver, 1);
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

TEST(RedriveTest, R6ANoticeOfAnotherHeadReleasesNothing) {
  Scene scene(FailureAction::kBlockAggregate);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  scene.broken = false;
  testkit::MemoryRecord letter = driver.cluster().ReadCommitted("orders.dlq")[0];
  for (auto& [name, value] : letter.headers) {
    if (name == "once.origin") value = "orders-0-77";
  }
  driver.cluster().Append("orders", kAnyPartition, letter.key, letter.value, letter.headers);
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Parked("alice"), 1);
}

// What another application made of an event is none of this one's business: it is the event, once.
TEST(RedriveTest, R6RoundsOfAnotherApplicationDoNotCount) {
  Scene scene(FailureAction::kSkip);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(5), {.event_id = "1"});
  driver.Send("orders", "alice", Order(5),
              {.event_id = "1",
               .headers = {{"once.round", "1"},
                           {"once.application", "another"},
                           {"once.disposition", "FAILED"},
                           {"once.origin", "orders-0-0"}}});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "alice:1:5");
}

TEST(RedriveTest, X3ADeadLetterThatGoesRoundDoesNotGrow) {
  Scene scene(FailureAction::kSkip);
  TopologyTestDriver& driver = scene.driver;
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"trace", "t"}}, .timestamp_ms = 1234567});
  driver.RunUntilIdle();
  for (size_t round = 0; round < 5; ++round) SendBack(&driver, round);
  const auto letters = driver.cluster().ReadCommitted("orders.dlq");
  ASSERT_EQ(letters.size(), 6u);
  EXPECT_EQ(letters[5].headers.size(), letters[0].headers.size());
  EXPECT_EQ(letters[5].header("trace"), "t");
  EXPECT_EQ(letters[5].header("once.round"), "6");
  EXPECT_EQ(letters[5].header("once.timestamp"), "1234567") << "the event's own time, of before the first round";
  EXPECT_EQ(letters[5].header("__streams.errors.offset"), "5");
}

TEST(RedriveTest, SuppressedDuplicatesAreToldOnceAMinute) {
  Scene scene(FailureAction::kSkip);
  TopologyTestDriver& driver = scene.driver;
  const auto told = [&driver] {
    int64_t lines = 0;
    for (const std::string& line : driver.log()) lines += line.starts_with("duplicates, ");
    return lines;
  };
  for (int i = 0; i < 50; ++i) {
    driver.Send("orders", "alice", Order(5), {.event_id = "1"});
    driver.RunUntilIdle();
  }
  EXPECT_EQ(Counters(driver).duplicates, 49);
  EXPECT_EQ(told(), 1);
  driver.AdvanceTime(absl::Minutes(1));
  driver.Send("orders", "alice", Order(5), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(told(), 2);
}

}  // namespace
}  // namespace once
