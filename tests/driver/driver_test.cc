// The test driver tells a test's mistakes, and what became of the topology, in words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// What the driver says of the call; empty if it does not complain.
std::string ComplaintOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const DriverError& error) {
    return error.what();
  }
  return "";
}

absl::StatusOr<Topology> BuildNothing(const Config&) { return TopologyBuilder("nothing").Build(); }

TEST(DriverTest, X8ATopologyThatDoesNotBuildFailsEveryCallInWords) {
  TopologyTestDriver driver(BuildNothing);
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kInvalidArgument);
  const std::function<void()> calls[] = {
      [&] { driver.Send("orders", "alice", Order(1)); },
      [&] { driver.SendBytes("orders", "alice", "x"); },
      [&] { driver.RunUntilIdle(); },
      [&] { driver.AdvanceTime(absl::Seconds(1)); },
      [&] { driver.Read<CustomerTotal>("customer-totals"); },
      [&] { driver.dead_letters(); },
      [&] { driver.State<CustomerTotal>("customer", "alice"); },
      [&] { driver.StateBytes("customer", "alice"); },
      [&] { driver.Parked("alice"); },
      [&] { driver.Crash(); },
      [&] { driver.CrashAndLoseDisk(); },
      [&] { driver.TakeOver(); },
      [&] { driver.Restart(); },
      [&] { driver.worker(); },
      [&] { driver.plan(); },
      [&] { driver.replayed_records(); },
  };
  for (const auto& call : calls) {
    EXPECT_THAT(ComplaintOf(call),
                HasSubstr("this one did not build or start: INVALID_ARGUMENT: topology \"nothing\""));
  }
  driver.FailNextCommit(true);
  driver.AbortNextCommit();
  EXPECT_TRUE(driver.log().empty());
}

TEST(DriverTest, X8AVersionThatDoesNotBuildRunsNothingUntilOneDoes) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  driver.Restart(BuildNothing);
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ComplaintOf([&] { driver.RunUntilIdle(); }), "");
  EXPECT_EQ(Totals(driver), "alice:1:1");
  driver.Restart(BuildOrderTotals);
  driver.Send("orders", "alice", Order(2), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Totals(driver), "alice:1:1 alice:2:3");
}

TEST(DriverTest, X8AFactoryThatThrowsDoesNotBuild) {
  TopologyTestDriver driver(
      [](const Config&) -> absl::StatusOr<Topology> { throw std::runtime_error("no catalogue"); });
  EXPECT_THAT(driver.status().ToString(), HasSubstr("threw: no catalogue"));
}

TEST(DriverTest, X8UnknownNamesAreToldWithTheOneThatWasMeant) {
  TopologyTestDriver driver(BuildOrderTotals, {.config = {{"input_topic", "orders.v1"}}});
  const auto send = [&](const std::string& name) { return ComplaintOf([&] { driver.Send(name, "alice", Order(1)); }); };
  EXPECT_EQ(send("orders"), "");
  EXPECT_THAT(send("oders"), HasSubstr("no source named \"oders\"; did you mean \"orders\"?"));
  EXPECT_THAT(send("something-else"), HasSubstr("no source named \"something-else\"; there are: orders"));
  EXPECT_THAT(send("orders.v1"), HasSubstr("\"orders.v1\" is the topic of source \"orders\"; name the source"));
  const auto read = [&](const std::string& name) { return ComplaintOf([&] { driver.Read<CustomerTotal>(name); }); };
  EXPECT_EQ(read("customer-totals"), "");
  EXPECT_THAT(read("costumer-totals"),
              HasSubstr("no topic named \"costumer-totals\"; did you mean \"customer-totals\"?"));
  EXPECT_THAT(read("totals"), HasSubstr("\"totals\" is a sink and no topic; read its topic, \"customer-totals\""));
  const auto state = [&](const std::string& name) {
    return ComplaintOf([&] { driver.State<CustomerTotal>(name, "alice"); });
  };
  EXPECT_EQ(state("customer"), "");
  EXPECT_THAT(state("customers"), HasSubstr("no aggregate named \"customers\"; did you mean \"customer\"?"));
  EXPECT_THAT(ComplaintOf([&] { driver.StateBytes("c", "alice"); }), HasSubstr("no aggregate named \"c\""));
}

TEST(DriverTest, X8WhatIsReadAsAnotherTypeIsTold) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.SendBytes("orders", "bob", "\xff");
  driver.RunUntilIdle();
  EXPECT_THAT(ComplaintOf([&] { driver.Read<OrderPlaced>("customer-totals"); }),
              HasSubstr("sink \"totals\" writes orders.v1.CustomerTotal to topic \"customer-totals\", which is read as "
                        "orders.v1.OrderPlaced"));
  EXPECT_THAT(
      ComplaintOf([&] { driver.State<OrderPlaced>("customer", "alice"); }),
      HasSubstr("the state of \"customer\" is a orders.v1.CustomerTotal, and is read as a orders.v1.OrderPlaced"));
  EXPECT_THAT(ComplaintOf([&] { driver.Read<OrderPlaced>("orders.dlq"); }), HasSubstr("cannot be decoded: DATA_LOSS"));
  EXPECT_EQ(driver.Read<Bytes>("customer-totals").size(), 1u);
  EXPECT_TRUE(driver.State<Bytes>("customer", "alice").has_value());
  EXPECT_THAT(ComplaintOf([&] { driver.SendBytes("orders", "alice", "x", {.partition = 2}); }),
              HasSubstr("topic \"orders\" has no partition 2; see DriverOptions.partitions"));
}

TEST(DriverTest, X8WhatIsSentAsAnotherTypeIsTold) {
  TopologyTestDriver driver(BuildOrderTotals);
  EXPECT_THAT(ComplaintOf([&] { driver.Send("orders", "alice", int64_t{5}); }),
              HasSubstr("read its values as orders.v1.OrderPlaced, and one is sent that is a int64"));
  EXPECT_THAT(ComplaintOf([&] { driver.Send("orders", "alice", CustomerTotal()); }),
              HasSubstr("orders.v1.OrderPlaced"));
  EXPECT_THAT(ComplaintOf([&] { driver.Send("orders", int64_t{7}, Order(1)); }),
              HasSubstr("the keys of source \"orders\" are string, and one is sent that is a int64"));
  EXPECT_EQ(ComplaintOf([&] { driver.Send("orders", "alice", Bytes{"anything"}); }), "");
  EXPECT_EQ(ComplaintOf([&] { driver.Send("orders", "bob", CustomerTotal(), {.event_type = "of nobody"}); }), "");
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:? FAILED:?");
}

TEST(DriverTest, X8NumbersThatAreNoneAreTold) {
  for (const int partitions : {0, -3}) {
    EXPECT_THAT(ComplaintOf([&] { TopologyTestDriver(BuildOrderTotals, {.partitions = partitions}); }),
                HasSubstr("topics have 1 or more"));
  }
  TopologyTestDriver driver(BuildOrderTotals);
  for (const absl::Duration duration : {absl::InfiniteDuration(), -absl::InfiniteDuration(), -absl::Seconds(1)}) {
    EXPECT_THAT(ComplaintOf([&] { driver.AdvanceTime(duration); }), HasSubstr("AdvanceTime takes a duration from 0"));
  }
  driver.AdvanceTime(absl::Hours(24));
  EXPECT_TRUE(driver.status().ok()) << driver.status();
}

TEST(DriverTest, X8AHaltIsToldOnceAndWhatWasCommittedCanBeRead) {
  TopologyTestDriver driver([](const Config&) {
    TopologyBuilder builder("app");
    auto in = builder.AddSource("in", {.topic = "in"});
    auto out = builder.AddSink<std::string>("out", {.topic = "out"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("strict")
        .EmitsTo(out)
        .On<std::string>(in,
                         [out](const std::string& text, auto& event) {
                           if (text == "bad") return absl::InvalidArgumentError("bad");
                           event.Emit(out, text);
                           return absl::OkStatus();
                         })
        .WithPolicy({.then = FailureAction::kStop});
    return std::move(builder).Build();
  });
  driver.Send("in", "a", std::string("good"));
  driver.RunUntilIdle();
  CaptureStderr();
  driver.Send("in", "a", std::string("bad"));
  for (int i = 0; i < 3; ++i) driver.RunUntilIdle();
  const std::string told = GetCapturedStderr();
  ASSERT_FALSE(driver.status().ok());
  EXPECT_THAT(told, HasSubstr("TopologyTestDriver: halted: INVALID_ARGUMENT"));
  EXPECT_EQ(told.find("halted"), told.rfind("halted"));
  EXPECT_EQ(driver.Read<std::string>("out").size(), 1u);
}

}  // namespace
}  // namespace once
