// Dead letters that are sent back to their source (rule R6): rounds, releases, duplicates.
#include <set>

#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

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
  EXPECT_EQ(Counters(driver).redrives, 2);
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

// What a letter says is of its own topic: in another one the event is a new one, and so is each copy of it.
TEST(RedriveTest, X8WhatCameBackIsForwardedAsAnEventOfItsOwn) {
  for (const std::string id : {"", "7"}) {
    bool broken = true;
    const auto build = [&broken](const Config&) -> absl::StatusOr<Topology> {
      TopologyBuilder builder("chain");
      auto in = builder.AddSource("in", {.topic = "in"});
      auto mid_in = builder.AddSource("mid_in", {.topic = "mid"});
      auto mid = builder.AddSink<OrderPlaced>("mid", {.topic = "mid"});
      builder.DeadLetterTo("orders.dlq");
      builder.AddTransform("fork").EmitsTo(mid).On<OrderPlaced>(in, [mid, &broken](const auto&, auto& event) {
        if (broken) return absl::InvalidArgumentError("broken");
        event.Forward(mid);
        event.Forward(mid);
        return absl::OkStatus();
      });
      builder.AddAggregate<CustomerTotal>("count").On<OrderPlaced>(mid_in, [](const auto&, auto& count) {
        count.mutable_state()->set_order_count(count.state().order_count() + 1);
        return absl::OkStatus();
      });
      return std::move(builder).Build();
    };
    TopologyTestDriver driver(build);
    driver.Send("in", "alice", Order(1), {.event_id = id, .headers = {{"trace", "t"}}});
    driver.RunUntilIdle();
    ASSERT_EQ(driver.dead_letters().size(), 1u);
    broken = false;
    SendBack(&driver, 0, "in");
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    const auto count = driver.State<CustomerTotal>("count", "alice");
    EXPECT_EQ(count.has_value() ? count->order_count() : 0, 2);
    for (const testkit::MemoryRecord& record : driver.cluster().ReadCommitted("mid")) {
      EXPECT_EQ(record.header("trace"), "t");
      for (const auto& [name, value] : record.headers) {
        EXPECT_TRUE(name == "once.timestamp" || !name.starts_with("once.")) << name;
        EXPECT_FALSE(name.starts_with("__streams.errors.")) << name;
      }
    }
  }
}

// Whoever carries dead letters elsewhere carries them whole.
TEST(RedriveTest, X8ALetterOfAnotherTopicIsForwardedAsItIs) {
  const auto build = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("carrier");
    auto letters = builder.AddSource("letters", {.topic = "letters"});
    auto out = builder.AddSink<Bytes>("out", {.topic = "out"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("carry").EmitsTo(out).OnAny(letters, [out](const auto&, auto& event) {
      event.Forward(out);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  };
  TopologyTestDriver driver(build);
  const testkit::MemoryHeaders headers = {{"once.disposition", "FAILED"},
                                          {"once.origin", "orders-0-5"},
                                          {"once.application", "carrier"},
                                          {"once.round", "1"},
                                          {"__streams.errors.message", "m"}};
  driver.cluster().Append("letters", kAnyPartition, "alice", "x", headers);
  driver.RunUntilIdle();
  ASSERT_EQ(driver.cluster().ReadCommitted("out").size(), 1u);
  EXPECT_EQ(driver.cluster().ReadCommitted("out")[0].headers, headers);
}

// A dead-letter topic that has no room for all of an event.
class NarrowTest : public testing::Test {
 protected:
  // The order's event, whose key, value and ID are of some size.
  void Start(FailureAction then, int limit, const std::string& cleanup, int partitions = 1) {
    auto script = NewScript();
    script->policy.then = then;
    script->handle = [this](const OrderPlaced& order) {
      return broken_ && order.cents() == 1 ? absl::InvalidArgumentError("broken") : absl::OkStatus();
    };
    broken_ = true;
    driver_ = std::make_unique<TopologyTestDriver>(Scripted(script), DriverOptions{.partitions = partitions});
    driver_->cluster().SetTopicSetting("orders.dlq", "max.message.bytes", std::to_string(limit));
    driver_->cluster().SetTopicSetting("orders.dlq", "cleanup.policy", cleanup);
    driver_->Restart(Scripted(script));
    OrderPlaced order = Order(1);
    order.set_order_id(std::string(3'000, 'o'));
    driver_->Send("orders", key_, order, {.event_id = "1", .partition = 0});
    driver_->Send("orders", key_, Order(2), {.event_id = "2", .partition = 0});
    driver_->RunUntilIdle();
    broken_ = false;
  }
  std::string Omitted(size_t letter) const {
    const auto headers = driver_->dead_letters()[letter].headers;
    const auto found = headers.find("once.omitted");
    return found == headers.end() ? "nothing" : found->second;
  }
  int64_t Orders() const {
    const auto total = driver_->State<CustomerTotal>("customer", key_);
    return total.has_value() ? total->order_count() : 0;
  }

  const std::string key_ = std::string(700, 'k');
  std::unique_ptr<TopologyTestDriver> driver_;
  bool broken_ = true;
};

TEST_F(NarrowTest, R6TheNoticeOfAHeadReleasesItWhateverItHadNoRoomFor) {
  std::set<std::string> omitted;
  for (const std::string cleanup : {"delete", "compact"}) {
    for (const int limit : {100'000, 2'500, 800, 300}) {
      Start(FailureAction::kBlockAggregate, limit, cleanup);
      ASSERT_EQ(driver_->dead_letters().size(), 2u);
      omitted.insert(Omitted(0));
      ASSERT_EQ(driver_->Parked(key_), 2);
      SendBack(driver_.get(), 1);
      EXPECT_EQ(driver_->Parked(key_), 2) << "a BLOCKED notice is a duplicate";
      // What the index knows is in the state.
      driver_->CrashAndLoseDisk();
      driver_->RunUntilIdle();
      SendBack(driver_.get(), 0);
      EXPECT_EQ(Orders(), 2) << limit << " " << cleanup;
      EXPECT_EQ(driver_->Parked(key_), 0);
      SendBack(driver_.get(), 0);
      EXPECT_EQ(Orders(), 2) << "sent back again it changes nothing";
      EXPECT_EQ(Counters(*driver_).released, 1);
    }
  }
  EXPECT_EQ(omitted, (std::set<std::string>{"nothing", "value", "key,value"}));
}

TEST_F(NarrowTest, R6ALetterWithoutAKeyBelongsIntoTheEventsPartition) {
  Start(FailureAction::kBlockAggregate, 300, "delete", 2);
  const testkit::MemoryRecord letter = driver_->cluster().ReadCommitted("orders.dlq")[0];
  driver_->cluster().Append("orders", Partition(1), letter.key, letter.value, letter.headers);
  driver_->RunUntilIdle();
  EXPECT_EQ(driver_->Parked(key_), 2);
  EXPECT_TRUE(WasSaid(*driver_, "send them to the partition that once.origin names"));
  driver_->cluster().Append("orders", Partition(0), letter.key, letter.value, letter.headers);
  driver_->RunUntilIdle();
  EXPECT_EQ(Orders(), 2);
}

// Without its value it would be a tombstone, or, on a compacted topic, an event of defaults.
TEST_F(NarrowTest, R6ALetterWithoutItsValueIsNoEvent) {
  for (const std::string cleanup : {"delete", "compact"}) {
    for (const int limit : {2'500, 800, 300, 200}) {
      Start(FailureAction::kSkip, limit, cleanup);
      ASSERT_EQ(driver_->dead_letters().size(), 1u);
      ASSERT_EQ(Orders(), 1);
      SendBack(driver_.get(), 0);
      ASSERT_TRUE(driver_->status().ok()) << driver_->status();
      EXPECT_EQ(Orders(), 1) << limit << " " << cleanup;
      EXPECT_EQ(driver_->dead_letters().size(), 1u);
      EXPECT_TRUE(WasSaid(*driver_, "that of event orders-0-0, at orders-0-2; send back the event itself"));
      if (limit == 200) continue;  // Not even the application is left.
      // Doing so works.
      testkit::MemoryRecord event = driver_->cluster().ReadCommitted("orders")[0];
      const testkit::MemoryRecord letter = driver_->cluster().ReadCommitted("orders.dlq")[0];
      for (const std::string name : {"once.application", "once.disposition", "once.origin", "once.round"}) {
        event.headers.emplace_back(name, letter.header(name));
      }
      driver_->cluster().Append("orders", kAnyPartition, event.key, event.value, event.headers);
      driver_->RunUntilIdle();
      EXPECT_EQ(Orders(), 2);
    }
  }
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
