// What users' code may do wrong, and what they call things, on the whole engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/driver/orders.h"
#include "tests/topology/throwing.h"

namespace once {
namespace {

using test::Fickle;
using ::testing::HasSubstr;

// Sums up nothing: stores what it hears, and emits it.
absl::StatusOr<Topology> BuildFickle(const Config&) {
  TopologyBuilder builder("fickle");
  auto in = builder.AddSource<Fickle>("in", {.topic = "in"});
  auto out = builder.AddSink<std::string, Fickle>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Fickle, Fickle>("last").EmitsTo(out).On<Fickle>(in, [out](const Fickle& event, auto& context) {
    test::MayThrow(event.text, "handler");
    *context.mutable_state() = event;
    context.Emit(out, event.text);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

struct ThrowingCase {
  std::string name;
  std::string key;
  std::string value;
  std::string disposition;
  std::string reason;
  std::string aggregate;  // The key's text in the dead letter.
};

class ThrowingEventTest : public ::testing::TestWithParam<ThrowingCase> {};

// The neighbours' events go through, also after a restart, and the event ends in one dead letter.
TEST_P(ThrowingEventTest, X3EndsInOneDeadLetter) {
  TopologyTestDriver driver(BuildFickle);
  driver.SendBytes("in", "alice", "1");
  driver.SendBytes("in", GetParam().key, GetParam().value);
  driver.SendBytes("in", "carol", "2");
  driver.RunUntilIdle();
  driver.Crash();
  driver.SendBytes("in", "alice", "3");
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<std::string>("out").size(), 3u);
  ASSERT_EQ(driver.dead_letters().size(), 1u);
  const DeadLetterRecord letter = driver.dead_letters()[0];
  EXPECT_EQ(letter.disposition, GetParam().disposition);
  EXPECT_EQ(letter.reason, GetParam().reason);
  EXPECT_EQ(letter.headers.at("once.aggregate"), GetParam().aggregate);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ThrowingEventTest,
    ::testing::Values(ThrowingCase{"Value", "bob", "!decode", "FAILED", "DATA_LOSS", "<bob>"},
                      ThrowingCase{"ValueAnything", "bob", "!!decode", "FAILED", "DATA_LOSS", "<bob>"},
                      ThrowingCase{"Handler", "bob", "!!handler", "FAILED", "INTERNAL", "<bob>"},
                      ThrowingCase{"State", "bob", "!encode", "FAILED", "INTERNAL", "<bob>"},
                      ThrowingCase{"StateCheck", "bob", "!check", "FAILED", "INTERNAL", "<bob>"},
                      ThrowingCase{"Key", "!decode", "1", "REJECTED", "FAILED_PRECONDITION", "!decode"},
                      ThrowingCase{"KeyAnything", "!!decode\x01", "1", "REJECTED", "FAILED_PRECONDITION",
                                   "!!decode\\x01"},
                      ThrowingCase{"TextOfTheKey", "!text", "!handler", "FAILED", "INTERNAL", "!text"}),
    [](const auto& info) { return info.param.name; });

// A topic may join two nodes of one topology: what comes out of the one goes into the other, each once.
TEST(PipelineTest, X8TwoNodesMayBeJoinedByATopic) {
  TopologyTestDriver driver([](const Config&) {
    TopologyBuilder builder("pipeline");
    auto in = builder.AddSource("in", {.topic = "in"});
    auto middle_out = builder.AddSink<std::string>("middle-out", {.topic = "middle"});
    auto middle_in = builder.AddSource("middle-in", {.topic = "middle"});
    auto out = builder.AddSink<int64_t>("out", {.topic = "out"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("split").EmitsTo(middle_out).On<std::string>(in, [=](const std::string& text, auto& event) {
      for (const char c : text) event.Emit(middle_out, std::string(1, c), text);
      return absl::OkStatus();
    });
    builder.AddAggregate<int64_t>("count").EmitsTo(out).On<std::string>(middle_in,
                                                                        [=](const std::string&, auto& letter) {
                                                                          ++*letter.mutable_state();
                                                                          letter.Emit(out, letter.state());
                                                                          return absl::OkStatus();
                                                                        });
    return std::move(builder).Build();
  });
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  driver.Send("in", "x", std::string("aab"), {.event_id = "1"});
  driver.Send("in", "x", std::string("ab"), {.event_id = "2"});
  driver.RunUntilIdle();
  driver.FailNextCommit(/*landed=*/true);
  driver.Send("in", "y", std::string("a"), {.event_id = "3"});
  driver.RunUntilIdle();
  driver.Crash();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<int64_t>("count", "a"), 4);
  EXPECT_EQ(driver.State<int64_t>("count", "b"), 2);
  EXPECT_EQ(driver.Read<int64_t>("out").size(), 6u);
}

// Renaming the source of a named group changes no name of what keeps its state.
TEST(NamedGroupTest, X8KeepsItsStateWhenItsSourceIsRenamed) {
  const auto build = [](const std::string& source) {
    return [source](const Config&) {
      TopologyBuilder builder("app");
      auto in = builder.AddSource(source, {.topic = "in", .group = "words"});
      builder.DeadLetterTo("dlq");
      builder.AddAggregate<int64_t>("count").On<std::string>(in, [](const std::string&, auto& word) {
        ++*word.mutable_state();
        return absl::OkStatus();
      });
      return std::move(builder).Build();
    };
  };
  TopologyTestDriver driver(build("in"));
  driver.Send("in", "a", std::string("1"));
  driver.RunUntilIdle();
  driver.Restart(build("words-in"));
  driver.Send("words-in", "a", std::string("2"));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<int64_t>("count", "a"), 2);
}

// Types with names of the producers' own, and events from before there were any.
TEST(TypeNamesTest, X8EventsGoByTheNamesThatTheTopologyGives) {
  TopologyTestDriver driver([](const Config&) {
    TopologyBuilder builder("app");
    auto in = builder.AddSource("in", {.topic = "in", .default_type = "com.acme.order.placed.v1"});
    builder.DeadLetterTo("dlq");
    auto total = builder.AddAggregate<int64_t>("total");
    total.On<OrderPlaced>(in, {"com.acme.order.placed.v1", "com.acme.order.placed.v2"},
                          [](const OrderPlaced& order, auto& customer) {
                            *customer.mutable_state() += order.cents();
                            return absl::OkStatus();
                          });
    total.On<OrderPlaced>(in, {"com.acme.order.cancelled.v1"}, [](const OrderPlaced& order, auto& customer) {
      *customer.mutable_state() -= order.cents();
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("in", "alice", Order(100), {.event_type = "com.acme.order.placed.v2"});
  driver.Send("in", "alice", Order(20));
  driver.Send("in", "alice", Order(3), {.event_type = "com.acme.order.cancelled.v1"});
  driver.Send("in", "bob", Order(3), {.event_type = "orders.v1.OrderPlaced"});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<int64_t>("total", "alice"), 117);
  ASSERT_EQ(driver.dead_letters().size(), 1u);
  EXPECT_THAT(driver.dead_letters()[0].message, HasSubstr("orders.v1.OrderPlaced"));
}

// An output's ID stays the one that follows from its cause.
TEST(DerivedIdTest, X8AHandlerCannotReplaceIt) {
  TopologyTestDriver driver([](const Config&) {
    TopologyBuilder builder("app");
    auto in = builder.AddSource("in", {.topic = "in"});
    auto out = builder.AddSink<std::string>("out", {.topic = "out"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("copy").EmitsTo(out).On<std::string>(in, [=](const std::string& name, auto& event) {
      event.Emit(out, name, {.headers = {{name, "mine"}}});
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("in", "a", std::string("ce_id"), {.event_id = "1"});
  driver.Send("in", "b", std::string("trace"), {.event_id = "2"});
  driver.Send("in", "c", std::string("tr\0ce", 5), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_EQ(driver.Read<std::string>("out").size(), 1u);
  EXPECT_EQ(driver.Read<std::string>("out")[0].value, "trace");
  ASSERT_EQ(driver.dead_letters().size(), 2u);
  EXPECT_EQ(driver.dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_THAT(driver.dead_letters()[0].message, HasSubstr("\"ce_id\""));
  // Readers would see it as "tr".
  EXPECT_EQ(driver.dead_letters()[1].reason, "INVALID_ARGUMENT");
  EXPECT_THAT(driver.dead_letters()[1].message, HasSubstr("a header \"tr\\x00ce\""));
}

}  // namespace
}  // namespace once
