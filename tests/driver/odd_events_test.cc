// Whatever one event brings, its neighbours go on (rules X3, R3b): sizes, texts, topics' settings, policies.
#include <gmock/gmock.h>

#include <stdexcept>

#include "processor/base/strings.h"
#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

std::shared_ptr<Script> FailsNegative(const std::string& message) {
  auto script = NewScript();
  script->handle = [message](const OrderPlaced& order) {
    return order.cents() < 0 ? absl::InvalidArgumentError(message) : absl::OkStatus();
  };
  return script;
}

void ExpectBounded(TopologyTestDriver& driver, size_t bytes) {
  for (const testkit::MemoryRecord& record : driver.cluster().ReadCommitted("scripted-orders-changelog")) {
    if (record.key->front() != static_cast<char>(ChangelogKind::kAggregateStatus)) continue;
    EXPECT_LE(record.value.value_or("").size(), bytes);
  }
}

TEST(OddEventsTest, X3AnErrorTextOfMegabytesIsCut) {
  std::string text;
  while (text.size() < (8u << 20)) text += "gr\xc3\xb6\xc3\x9f";
  TopologyTestDriver driver(Scripted(FailsNegative(text)));
  driver.Send("orders", "bob", Order(-1), {.event_id = "1"});
  driver.Send("orders", "bob", Order(1), {.event_id = "2"});
  driver.Send("orders", "alice", Order(5), {.event_id = "3"});
  driver.RunUntilIdle();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:5");
  ASSERT_EQ(Letters(driver), "FAILED:1 BLOCKED:2");
  EXPECT_LE(driver.dead_letters()[0].message.size(), 4096u);
  EXPECT_TRUE(IsValidUtf8(driver.dead_letters()[0].message));
  ExpectBounded(driver, 8192);
}

// Lines that look like ours, colours, and bytes that are no text: in no line of the log, and in no header as they are.
TEST(OddEventsTest, X3WhatHandlersSayForgesNoLines) {
  const std::string text("down\n2026-11-26T00:00:00.000Z error forged \x1b[31m gr\xc3\xbc\xc3\x9f\0\xff", 57);
  for (const bool throws : {false, true}) {
    for (const FailureAction then : {FailureAction::kBlockAggregate, FailureAction::kSkip, FailureAction::kStop}) {
      for (const bool retries : {false, true}) {
        auto script = NewScript();
        script->policy = {.transient_codes = {absl::StatusCode::kUnavailable}, .then = then};
        if (retries) script->policy.transient_codes.push_back(absl::StatusCode::kInternal);
        script->handle = [&](const OrderPlaced& order) -> absl::Status {
          if (order.cents() > 0) return absl::OkStatus();
          if (throws) throw std::runtime_error(text.substr(0, text.find('\0')));
          return absl::InternalError(text);
        };
        TopologyTestDriver driver(Scripted(script));
        driver.Send("orders", "bob", Order(-1), {.event_id = "1"});
        driver.Send("orders", "bob", Order(1), {.event_id = "2"});
        driver.RunUntilIdle();
        driver.AdvanceTime(absl::Minutes(2));
        bool is_told = false;
        for (const std::string& line : driver.log()) {
          EXPECT_EQ(line, OneLine(line));
          is_told = is_told || line.find("forged \\x1b[31m gr\xc3\xbc\xc3\x9f") != std::string::npos;
        }
        EXPECT_TRUE(is_told);
        for (const DeadLetterRecord& letter : driver.dead_letters()) {
          EXPECT_EQ(letter.message, PlainText(letter.message));
          EXPECT_THAT(letter.message, testing::HasSubstr("down\n2026"));
          EXPECT_EQ(letter.headers.at("__streams.errors.message"), letter.message);
        }
      }
    }
  }
}

TEST(OddEventsTest, X3AnIdOfAMegabyteIsCutWhereItIsCopied) {
  TopologyTestDriver driver(Scripted(FailsNegative("no")));
  const std::string id(900'000, 'i');
  driver.Send("orders", "bob", Order(-1), {.event_id = id});
  for (int i = 0; i < 20; ++i) driver.Send("orders", "bob", Order(1), {.event_id = std::to_string(i)});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  ExpectBounded(driver, 8192);
  EXPECT_EQ(driver.dead_letters().size(), 21u);
  EXPECT_EQ(driver.dead_letters()[20].blocked_by, id.substr(0, 1024));
}

// A dead-letter topic whose settings nobody thought of.
class DeadLetterTopicTest : public testing::Test {
 protected:
  void SetLetterTopic(const std::string& name, const std::string& value) {
    driver_.cluster().SetTopicSetting("orders.dlq", name, value);
    driver_.Restart(BuildOrderTotals);
  }
  TopologyTestDriver driver_{BuildOrderTotals};
};

TEST_F(DeadLetterTopicTest, X3ACompactedOneGetsKeys) {
  SetLetterTopic("cleanup.policy", "compact");
  driver_.SendBytes("orders", std::nullopt, Order(1).SerializeAsString(), {.event_id = "1"});
  driver_.SendBytes("orders", std::nullopt, std::nullopt, {.event_id = "2"});
  driver_.Send("orders", "alice", Order(5), {.event_id = "3"});
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  ASSERT_EQ(Letters(driver_), "REJECTED:1 REJECTED:2");
  EXPECT_EQ(driver_.dead_letters()[0].key, "orders-0-0");
  EXPECT_EQ(driver_.dead_letters()[0].value, Order(1).SerializeAsString());
  EXPECT_EQ(driver_.worker().engine().committer().rebuilds(), 0) << "no transaction was aborted for it";
  EXPECT_EQ(Totals(driver_), "alice:1:5");
}

TEST_F(DeadLetterTopicTest, X3TheLetterShrinksToWhatTheTopicTakes) {
  for (const int limit : {100'000, 2'000, 700, 400, 200}) {
    SetLetterTopic("max.message.bytes", std::to_string(limit));
    const std::string text = std::to_string(limit);
    driver_.Send("orders", text + std::string(500, 'k'), Order(-1),
                 {.event_id = text, .headers = {{"large", std::string(300'000, 'h')}}});
    driver_.Send("orders", "alice" + text, Order(5), {.event_id = "a" + text});
    driver_.RunUntilIdle();
    ASSERT_TRUE(driver_.status().ok()) << driver_.status();
    EXPECT_EQ(driver_.Parked(text + std::string(500, 'k')), 1);
    EXPECT_NE(Totals(driver_).find("alice" + text + ":1:5"), std::string::npos);
  }
  const auto letters = driver_.dead_letters();
  ASSERT_EQ(letters.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(letters[i].topic_partition_offset, "orders-0-" + std::to_string(2 * i));
    EXPECT_EQ(letters[i].disposition, "FAILED");
  }
  EXPECT_EQ(letters[0].headers.at("once.omitted"), "value");
  EXPECT_EQ(driver_.cluster().ReadCommitted("orders.dlq")[4].headers.size(), 2u) << "the smallest form";
  EXPECT_EQ(driver_.worker().engine().committer().rebuilds(), 0);
}

// Lowered while it runs, so that only the broker knows.
TEST_F(DeadLetterTopicTest, X3ALetterThatTheBrokerRefusesComesInItsSmallestForm) {
  driver_.RunUntilIdle();
  driver_.cluster().SetTopicSetting("orders.dlq", "max.message.bytes", "250");
  for (int i = 0; i < 5; ++i) driver_.Send("orders", "alice", Order(1), {.event_id = "a" + std::to_string(i)});
  driver_.Send("orders", "bob", Order(-1), {.event_id = "1"});
  driver_.Send("orders", "alice", Order(1), {.event_id = "a5"});
  driver_.RunUntilIdle();
  ASSERT_TRUE(driver_.status().ok()) << driver_.status();
  ASSERT_EQ(driver_.dead_letters().size(), 1u);
  EXPECT_EQ(driver_.dead_letters()[0].topic_partition_offset, "orders-0-5");
  EXPECT_EQ(driver_.Parked("bob"), 1);
  EXPECT_EQ(driver_.Read<CustomerTotal>("customer-totals").size(), 6u);
}

// The changelog takes less than the source gives: what waits is remembered by its place.
TEST(OddEventsTest, X3AnEventTooLargeToBeParkedBlocksItsKeyAllTheSame) {
  auto script = FailsNegative("no");
  TopologyTestDriver driver(Scripted(script));
  driver.cluster().SetTopicSetting("scripted-orders-changelog", "max.message.bytes", "20000");
  driver.Restart(Scripted(script));
  const std::vector<std::pair<std::string, std::string>> large = {{"h", std::string(30'000, 'h')}};
  driver.Send("orders", "bob", Order(-1), {.event_id = "1", .headers = large});
  driver.Send("orders", "bob", Order(1), {.event_id = "2", .headers = large});
  driver.Send("orders", "alice", Order(5), {.event_id = "3"});
  driver.RunUntilIdle();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2");
  EXPECT_EQ(driver.Parked("bob"), 2);
  EXPECT_EQ(Totals(driver), "alice:1:5");
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 0);
}

// E7: what the engine writes of event IDs grows with the transaction, so it is divided.
TEST(OddEventsTest, E7ASmallChangelogHoldsUpNothing) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.cluster().SetTopicSetting("order-totals-orders-changelog", "max.message.bytes", "1500");
  driver.Restart(BuildOrderTotals);
  const auto send_all = [&] {
    for (int i = 0; i < 500; ++i) {
      driver.Send("orders", "customer-" + std::to_string(i % 50), Order(1), {.event_id = std::to_string(i)});
    }
    driver.RunUntilIdle();
  };
  send_all();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 500u);
  EXPECT_EQ(driver.worker().engine().committer().rebuilds(), 0) << "records were refused";
  driver.CrashAndLoseDisk();
  send_all();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 500u) << "IDs were forgotten";
}

// The same, found out from the broker.
TEST(OddEventsTest, X3AChangelogThatTakesLessThanAtTheStartFailsTheEventsItRefuses) {
  TopologyTestDriver driver(Scripted(FailsNegative("no")));
  driver.RunUntilIdle();
  driver.cluster().SetTopicSetting("scripted-orders-changelog", "max.message.bytes", "20000");
  const std::vector<std::pair<std::string, std::string>> large = {{"h", std::string(30'000, 'h')}};
  for (int i = 0; i < 20; ++i) driver.Send("orders", "alice", Order(1), {.event_id = "a" + std::to_string(i)});
  driver.Send("orders", "bob", Order(-1), {.event_id = "1", .headers = large});
  driver.Send("orders", "bob", Order(1), {.event_id = "2", .headers = large});
  for (int i = 0; i < 20; ++i) driver.Send("orders", "carol", Order(1), {.event_id = "c" + std::to_string(i)});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 40u);
  EXPECT_EQ(Letters(driver), "FAILED:1 BLOCKED:2");
  EXPECT_EQ(driver.Parked("bob"), 2);
  // The line of the refusal says what to do, and nothing that does not come.
  int told = 0;
  for (const std::string& line : driver.log()) {
    if (line.find("refuses what the engine writes") == std::string::npos) continue;
    ++told;
    EXPECT_NE(line.find("raise max.message.bytes of topic scripted-orders-changelog"), std::string::npos) << line;
    EXPECT_EQ(line.find("the event fails"), std::string::npos) << line;
  }
  EXPECT_GE(told, 1);
}

// Of a batch that the broker refuses, one event is to blame.
TEST(OddEventsTest, R3bX3NeighboursInARefusedBatchAreNotBlamed) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.cluster().SetTopicSetting("customer-totals", "max.message.bytes", "2000");
  for (int i = 0; i < 100; ++i) {
    const bool large = i == 20 || i == 70;
    const std::string key = large ? std::string(3000, 'x') + std::to_string(i) : "customer" + std::to_string(i % 7);
    driver.Send("orders", key, Order(1), {.event_id = std::to_string(i)});
  }
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Letters(driver), "FAILED:20 FAILED:70");
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 98u);
}

// A kStop whose status is DATA_LOSS is an event's failure, not the store's.
TEST(OddEventsTest, X3StopByAnUndecodableEventKeepsTheLocalState) {
  auto script = NewScript();
  script->policy.then = FailureAction::kStop;
  TopologyTestDriver driver(Scripted(script));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  driver.AdvanceTime(absl::Seconds(5));
  driver.SendBytes("orders", "bob", "\xff\xff", {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_FALSE(driver.status().ok());
  EXPECT_FALSE(IsCorruptStore(driver.status())) << driver.status();
  EXPECT_NE(driver.status().message().find("orders-0-1"), absl::string_view::npos) << driver.status();
  EXPECT_EQ(Letters(driver), "") << "nothing of its step is left";
  EXPECT_EQ(driver.Parked("bob"), 0);
  EXPECT_EQ(driver.cluster().CommittedOffset("scripted", {"orders", Partition(0)}), Offset(1));
}

// An event that waited when its handler for tombstones was there, and runs when it is not.
TEST(OddEventsTest, X3AParkedHeadThatIsRejectedNowEndsInOneDeadLetter) {
  for (const FailureAction then : {FailureAction::kStop, FailureAction::kSkip, FailureAction::kBlockAggregate}) {
    const auto factory = [then](bool hears_tombstones) {
      return [=](const Config&) -> absl::StatusOr<Topology> {
        TopologyBuilder builder("tombs");
        auto orders = builder.AddSource("orders", {.topic = "orders"});
        auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
        builder.DeadLetterTo("orders.dlq");
        FailurePolicy policy;
        policy.then = then;
        auto aggregate = builder.AddAggregate<CustomerTotal>("customer");
        aggregate.EmitsTo(totals).WithPolicy(policy).template On<OrderPlaced>(
            orders, [totals](const OrderPlaced&, auto& customer) {
              customer.Emit(totals, *customer.mutable_state());
              return absl::OkStatus();
            });
        if (hears_tombstones) aggregate.OnTombstone(orders, [](auto&) { return absl::UnavailableError("later"); });
        return std::move(builder).Build();
      };
    };
    TopologyTestDriver driver(factory(true));
    driver.SendBytes("orders", "alice", std::nullopt, {.event_id = "1"});
    driver.Send("orders", "alice", Order(1), {.event_id = "2"});
    driver.RunUntilIdle();
    ASSERT_EQ(driver.Parked("alice"), 2);
    driver.Restart(factory(false));
    driver.AdvanceTime(absl::Minutes(1));
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    EXPECT_EQ(Letters(driver), "REJECTED:1");
    EXPECT_EQ(driver.Parked("alice"), 0);
    EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1u);
  }
}

}  // namespace
}  // namespace once
