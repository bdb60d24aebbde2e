// Events are counted by the edges of the topology that they went along, once they are committed.
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

FlowCounts Flows(TopologyTestDriver* driver) {
  // Published now and then.
  driver->AdvanceTime(absl::Seconds(2));
  const PodStatus pod = driver->shown();
  return pod.workers[0] == nullptr ? FlowCounts() : pod.workers[0]->flows;
}

// Two sources, a transform of the first with two sinks, an aggregate of both with one of them.
absl::StatusOr<Topology> BuildTwoNodes(const Config&) {
  TopologyBuilder builder("flows");
  auto left = builder.AddSource("left", {.topic = "left"});
  auto right = builder.AddSource("right", {.topic = "right"});
  auto even = builder.AddSink<std::string>("even", {.topic = "even"});
  auto odd = builder.AddSink<std::string>("odd", {.topic = "odd"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("sort").EmitsTo(even, odd).On<std::string>(left, [=](const std::string& text, auto& event) {
    event.Emit(text.size() % 2 == 0 ? even : odd, "key", text);
    return absl::OkStatus();
  });
  const auto count = [=](const std::string& text, auto& event) {
    if (text == "bad") return absl::InvalidArgumentError("it is bad");
    event.Emit(odd, text);
    event.Emit(odd, text);
    return absl::OkStatus();
  };
  builder.AddAggregate<CustomerTotal>("count").EmitsTo(odd).On<std::string>(left, count).On<std::string>(right, count);
  return std::move(builder).Build();
}

TEST(FlowsTest, EachEdgeHasItsOwnCount) {
  TopologyTestDriver driver(BuildTwoNodes);
  for (const char* text : {"aa", "bbbb", "c"}) driver.Send("left", "alice", std::string(text));
  driver.Send("right", "alice", std::string("d"));
  driver.Send("right", "mallory", std::string("bad"));
  driver.Send("right", "mallory", std::string("behind it"));
  driver.RunUntilIdle();
  const FlowCounts flows = Flows(&driver);
  EXPECT_EQ(flows.in(0, 0), 3);
  EXPECT_EQ(flows.in(0, 1), 0);
  EXPECT_EQ(flows.out(0, 0), 2);
  EXPECT_EQ(flows.out(0, 1), 1);
  EXPECT_EQ(flows.failed(0), 0);
  EXPECT_EQ(flows.in(1, 0), 3);
  EXPECT_EQ(flows.in(1, 1), 1) << "what failed, or waits behind it, has gone nowhere yet";
  EXPECT_EQ(flows.out(1, 0), 0);
  EXPECT_EQ(flows.out(1, 1), 8);
  EXPECT_EQ(flows.failed(1), 1);
}

TEST(FlowsTest, WhatWasGivenUpIsNotCounted) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.RunUntilIdle();
  driver.AbortNextCommit();
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  const FlowCounts flows = Flows(&driver);
  EXPECT_EQ(flows.in(0, 0), 1) << "it ran twice, and took effect once";
  EXPECT_EQ(flows.out(0, 0), 1);
}

}  // namespace
}  // namespace once
