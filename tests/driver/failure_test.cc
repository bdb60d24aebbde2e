// Events that fail: retry, park, drain, dead letters, limits, breaker (rules R1 to R5).
#include "once/v1/changelog.pb.h"
#include "state/changelog.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

// Rules R2, R3: waits without blocking others, parks followers silently, and drains in order.
TEST(FailureTest, ATransientFailureIsRetriedInOrder) {
  auto script = NewScript();
  bool down = true;
  script->handle = [&down](const OrderPlaced& order) {
    return down && order.cents() == 1 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.Send("orders", "bob", Order(7), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "bob:1:7");
  EXPECT_EQ(Letters(driver), "");
  EXPECT_EQ(driver.Parked("alice"), 2);
  down = false;
  driver.AdvanceTime(absl::Seconds(60));
  EXPECT_EQ(Totals(driver), "bob:1:7 alice:1:1 alice:2:3");
  EXPECT_EQ(driver.Parked("alice"), 0);
  driver.Send("orders", "alice", Order(3), {.event_id = "4"});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver), "bob:1:7 alice:1:1 alice:2:3 alice:3:6");
}

// Rule R2: given up, the head fails and its followers get their notices, in order.
TEST(FailureTest, GivenUpTheHeadFailsAndItsFollowersAreBlocked) {
  auto script = NewScript();
  script->policy.give_up_after = absl::Seconds(25);
  script->policy.initial_backoff = absl::Seconds(10);
  script->handle = [](const OrderPlaced& order) {
    return order.cents() == 1 ? absl::UnavailableError("down") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  for (int i = 1; i <= 4; ++i) driver.Send("orders", "alice", Order(i), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  driver.AdvanceTime(absl::Seconds(10));
  EXPECT_EQ(Letters(driver), "");
  driver.AdvanceTime(absl::Seconds(15));
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2 BLOCKED:3 BLOCKED:4");
  EXPECT_EQ(driver.dead_letters()[0].attempts, 3) << "the last one when its time is over, not at the next backoff";
  EXPECT_EQ(driver.dead_letters()[0].reason, "UNAVAILABLE");
  EXPECT_EQ(driver.dead_letters()[2].blocked_by, "1");
  driver.Send("orders", "alice", Order(5), {.event_id = "5"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2 BLOCKED:3 BLOCKED:4 BLOCKED:5");
  EXPECT_EQ(driver.Parked("alice"), 5);
  EXPECT_EQ(Totals(driver), "");
}

// Rule R3a: what a release would run first is the failed event itself, then its followers.
TEST(FailureTest, R3aTheFailedEventIsTheFirstOfItsQueue) {
  auto script = NewScript();
  script->handle = [](const OrderPlaced& order) {
    return order.cents() == 1 ? absl::InvalidArgumentError("never") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  for (int i = 1; i <= 3; ++i) driver.Send("orders", "alice", Order(i), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  std::map<uint64_t, int64_t> queue;
  for (const testkit::MemoryRecord& record : driver.cluster().ReadCommitted("scripted-orders-changelog")) {
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record.key);
    ASSERT_TRUE(key.ok()) << key.status();
    if (key->kind != ChangelogKind::kParkedEvent) continue;
    once::v1::ParkedEvent parked;
    ASSERT_TRUE(record.value.has_value() && parked.ParseFromString(*record.value));
    queue[key->sequence] = parked.offset();
  }
  std::vector<int64_t> offsets;
  for (const auto& [sequence, offset] : queue) offsets.push_back(offset);
  EXPECT_EQ(offsets, (std::vector<int64_t>{0, 1, 2}));
}

// A follower that fails while the queue drains becomes its head.
TEST(FailureTest, AFollowerThatFailsInTheDrainBlocksTheRest) {
  auto script = NewScript();
  bool down = true;
  script->handle = [&down](const OrderPlaced& order) -> absl::Status {
    if (order.cents() == 2) return absl::InvalidArgumentError("never");
    return down ? absl::UnavailableError("down") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  for (int i = 1; i <= 3; ++i) driver.Send("orders", "alice", Order(i), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  down = false;
  driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_EQ(Letters(driver), "FAILED:2 BLOCKED:3");
  EXPECT_EQ(driver.Parked("alice"), 2);
}

TEST(FailureTest, SkipGoesOnWithTheNextEvent) {
  auto script = NewScript();
  script->policy.then = FailureAction::kSkip;
  script->handle = [](const OrderPlaced& order) {
    return order.cents() == 1 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1");
  EXPECT_EQ(Totals(driver), "alice:1:2");
  EXPECT_EQ(driver.Parked("alice"), 0);
}

TEST(FailureTest, StopCommitsWhatWasBeforeAndHalts) {
  auto script = NewScript();
  script->policy.then = FailureAction::kStop;
  script->handle = [](const OrderPlaced& order) {
    return order.cents() == 2 ? absl::InvalidArgumentError("no") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_EQ(driver.cluster().CommittedOffset("scripted", {"orders", Partition(0)}), Offset(1));
}

TEST(FailureTest, AnExceptionIsAnInternalFailure) {
  auto script = NewScript();
  script->handle = [](const OrderPlaced&) -> absl::Status { throw std::runtime_error("boom"); };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1);
  EXPECT_EQ(driver.dead_letters()[0].reason, "INTERNAL");
  EXPECT_NE(driver.dead_letters()[0].message.find("boom"), std::string::npos);
}

// Parked events survive a crash, in the transaction that parked them.
TEST(FailureTest, ParkedEventsSurviveACrash) {
  auto script = NewScript();
  bool down = true;
  script->handle = [&down](const OrderPlaced&) { return down ? absl::UnavailableError("down") : absl::OkStatus(); };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Parked("alice"), 2);
  down = false;
  driver.AdvanceTime(absl::Minutes(2));
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

// Kafka takes any bytes as a header's name and value; protobuf reads no string that is not UTF-8.
TEST(FailureTest, EventsWithHeadersThatAreNoTextAreParkedAndRunLikeOthers) {
  auto script = NewScript();
  bool down = true;
  script->handle = [&down](const OrderPlaced&) {
    return down ? absl::UnavailableError("down: \xff\xfe") : absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "\xff\xc0", .headers = {{"tr\xff", "\xfe"}}});
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Parked("alice"), 2);
  down = false;
  driver.AdvanceTime(absl::Seconds(60));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

// Rule R4: at the limit the task stops, and nothing passes the order.
TEST(FailureTest, AtTheParkingLimitTheTaskPausesAndLosesNothing) {
  auto script = NewScript();
  bool broken = true;
  script->handle = [&broken](const OrderPlaced&) { return broken ? absl::UnavailableError("down") : absl::OkStatus(); };
  DriverOptions options;
  options.engine.max_parked_per_aggregate = 2;
  TopologyTestDriver driver(Scripted(script), options);
  for (int i = 1; i <= 4; ++i) driver.Send("orders", "alice", Order(i), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Parked("alice"), 2);
  EXPECT_EQ(driver.cluster().CommittedOffset("scripted", {"orders", Partition(0)}), Offset(2));
  broken = false;
  driver.AdvanceTime(absl::Minutes(1));
  driver.AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3 alice:3:6 alice:4:10");
}

// Rejected and keyless events block nothing.
TEST(FailureTest, EventsWithoutAKeyOrAValueAreRejected) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.SendBytes("orders", std::nullopt, Order(1).SerializeAsString(), {.event_id = "1"});
  driver.SendBytes("orders", "alice", std::nullopt, {.event_id = "2"});
  driver.SendBytes("orders", "\xff\xfe", Order(1).SerializeAsString(), {.event_id = "3"});
  driver.Send("orders", "alice", Order(4), {.event_id = "4"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "REJECTED:1 REJECTED:2 REJECTED:3");
  for (const DeadLetterRecord& letter : driver.dead_letters()) EXPECT_EQ(letter.reason, "FAILED_PRECONDITION");
  EXPECT_EQ(Totals(driver), "alice:1:4");
}

TEST(FailureTest, UndecodableAndUnknownEventsBlockTheirKey) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.SendBytes("orders", "alice", "\xff\xff\xff", {.event_id = "1"});
  driver.Send("orders", "bob", Order(1), {.event_id = "2", .event_type = "orders.v1.Unheard"});
  driver.Send("orders", "alice", Order(1), {.event_id = "3"});
  driver.Send("orders", "bob", Order(1), {.event_id = "4"});
  driver.Send("orders", "carol", Order(1), {.event_id = "5", .event_type = "orders.v1.OrderPlaced"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1 FAILED:2 BLOCKED:3 BLOCKED:4");
  EXPECT_EQ(driver.dead_letters()[0].reason, "DATA_LOSS");
  EXPECT_EQ(driver.dead_letters()[1].reason, "UNIMPLEMENTED");
  EXPECT_EQ(Totals(driver), "carol:1:1");
}

TEST(FailureTest, ADeadLetterCarriesTheRecordUntouchedAndItsReasons) {
  TopologyTestDriver driver(BuildOrderTotals);
  const std::string value = Order(-5).SerializeAsString();
  driver.SendBytes("orders", "bob", value, {.event_id = "2", .headers = {{"trace", "t1"}}, .timestamp_ms = 12345});
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1);
  const DeadLetterRecord letter = driver.dead_letters()[0];
  EXPECT_EQ(letter.key, "bob");
  EXPECT_EQ(letter.value, value);
  EXPECT_EQ(letter.headers.at("trace"), "t1");
  EXPECT_EQ(letter.headers.at("once.origin"), "orders-0-0");
  EXPECT_EQ(letter.headers.at("once.application"), "order-totals");
  EXPECT_EQ(letter.headers.at("once.aggregate"), "bob");
  EXPECT_EQ(letter.headers.at("once.message"), "cents must be positive");
  EXPECT_TRUE(letter.headers.at("once.first_failure_time").starts_with("2023-11-14T22:13:20.")) << "the clock's";
  EXPECT_EQ(letter.headers.at("__streams.errors.topic"), "orders");
  EXPECT_EQ(letter.headers.at("__streams.errors.offset"), "0");
  EXPECT_EQ(letter.headers.at("once.timestamp"), "12345") << "the record's own is the present";
  EXPECT_NEAR(driver.cluster().ReadCommitted("orders.dlq")[0].timestamp_ms, absl::ToUnixMillis(driver.clock().Now()),
              1000);
}

}  // namespace
}  // namespace once
