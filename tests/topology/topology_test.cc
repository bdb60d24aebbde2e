#include "processor/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/per_worker.h"
#include "processor/topology/describe.h"
#include "tests/topology/handler_harness.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using test::Basket;
using test::Bought;
using test::Returned;
using ::testing::ElementsAre;

constexpr auto kOk = [](auto&&...) { return absl::OkStatus(); };

std::vector<std::pair<std::string, std::vector<SourceIndex>>> GroupsOf(const Topology& topology) {
  std::vector<std::pair<std::string, std::vector<SourceIndex>>> groups;
  for (const TaskGroupSpec& group : topology.graph().groups) groups.emplace_back(group.name, group.sources);
  return groups;
}

TEST(TopologyTest, IsTheGraphThatWasSaid) {
  TopologyBuilder builder("shop");
  auto bought = builder.AddSource("bought", {.topic = "shop.bought", .start_from = StartFrom::kLatest});
  auto returned = builder.AddSource("returned", {.topic = "shop.returned", .ignore_unknown_types = true});
  auto baskets = builder.AddSink<Basket>("baskets", {.topic = "shop.baskets"});
  auto counts = builder.AddSink<int64_t, int32_t>("counts", {.topic = "shop.counts"});
  builder.DeadLetterTo("shop.dlq");
  builder.AddAggregate<Basket>("customer")
      .EmitsTo(baskets)
      .EmitsTo(counts)
      .On<Bought>(bought, kOk)
      .On<Returned>(returned, kOk)
      .OnTombstone(returned, kOk)
      .WithPolicy({.give_up_after = absl::Hours(3), .then = FailureAction::kSkip});
  builder.AddTransform("audit").OnAny(bought, kOk);
  const absl::StatusOr<Topology> topology = std::move(builder).Build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(Describe(topology->graph(), "my-shop"),
            R"(application my-shop
source bought (topic shop.bought, string keys, from the latest)
source returned (topic shop.returned, string keys, from the earliest, ignores unknown types)
aggregate customer (state once.test.Basket; retries for 3h, then skip the event)
  <- once.test.Bought of bought
  <- once.test.Returned of returned
  <- tombstones of returned
  -> baskets
  -> counts
transform audit (no state; retries for ever, then skip the event)
  <- any type of bought
sink baskets (topic shop.baskets, string keys, once.test.Basket values)
sink counts (topic shop.counts, int32 keys, int64 values)
dead letters (topic shop.dlq)
task group bought (sources bought, returned; topic my-shop-bought-changelog)
)");
}

TEST(TopologyTest, SourcesOfOneAggregateShareAGroup) {
  TopologyBuilder builder("app");
  std::vector<Source<std::string>> sources;
  for (const std::string name : {"a", "b", "c", "d", "e"}) sources.push_back(builder.AddSource(name, {.topic = name}));
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Basket>("one").On<Bought>(sources[3], kOk).On<Bought>(sources[1], kOk);
  builder.AddAggregate<Basket>("two").On<Bought>(sources[4], kOk).On<Bought>(sources[3], kOk);
  builder.AddTransform("three").On<Bought>(sources[0], kOk).On<Bought>(sources[1], kOk).On<Bought>(sources[2], kOk);
  const absl::StatusOr<Topology> topology = std::move(builder).Build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  using G = std::pair<std::string, std::vector<SourceIndex>>;
  EXPECT_THAT(GroupsOf(*topology), ElementsAre(G{"a", {0}}, G{"b", {1, 3, 4}}, G{"c", {2}}));
}

TEST(TopologyTest, SourcesCheckAndShowKeys) {
  TopologyBuilder builder("app");
  auto texts = builder.AddSource("texts", {.topic = "texts"});
  auto numbers = builder.AddSource<int32_t>("numbers", {.topic = "numbers"});
  auto messages = builder.AddSource<Bought>("messages", {.topic = "messages"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("one").On<Bought>(texts, kOk);
  builder.AddTransform<int32_t>("two").On<Bought>(numbers, kOk);
  builder.AddTransform<Bought>("three").On<Bought>(messages, kOk);
  const Topology topology = *std::move(builder).Build();
  const auto& sources = topology.graph().sources;
  EXPECT_TRUE(sources[0].check_key("zürich").ok());
  EXPECT_FALSE(sources[0].check_key("\xff").ok());
  EXPECT_EQ(sources[0].key_to_text("zürich"), "zürich");
  EXPECT_EQ(sources[0].key_to_text("\xff"), "\\xff");
  EXPECT_TRUE(sources[1].check_key(std::string_view("\0\0\1\0", 4)).ok());
  EXPECT_FALSE(sources[1].check_key("12").ok());
  EXPECT_EQ(sources[1].key_to_text(std::string_view("\0\0\1\0", 4)), "256");
  EXPECT_EQ(sources[2].key_type, "once.test.Bought");
  EXPECT_TRUE(sources[2].check_key("").ok());
}

TEST(TopologyTest, LivesOnWhenItsBuilderIsGone) {
  absl::StatusOr<Topology> topology = absl::UnknownError("");
  {
    TopologyBuilder builder("app");
    auto source = builder.AddSource("in", {.topic = "in"});
    auto sink = builder.AddSink<Bought>("out", {.topic = "out"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("copy").EmitsTo(sink).On<Bought>(source, [sink](const Bought& bought, auto& event) {
      event.Emit(sink, bought);
      return absl::OkStatus();
    });
    topology = std::move(builder).Build();
  }
  HandlerHarness harness(*topology);
  EXPECT_TRUE(harness.Run({}).ok());
  EXPECT_EQ(harness.outputs.size(), 1u);
}

TEST(PerWorkerTest, EachWorkerHasAnObjectOfItsOwnFromItsFirstUseOn) {
  int made = 0;
  TopologyBuilder builder("app");
  auto source = builder.AddSource("in", {.topic = "in"});
  auto sink = builder.AddSink<int64_t>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  PerWorker<int64_t> counter([&made] {
    ++made;
    return std::make_unique<int64_t>(0);
  });
  builder.AddTransform("count").EmitsTo(sink).OnAny(source, [sink, counter](const Bytes&, auto& event) {
    event.Emit(sink, ++*counter);
    return absl::OkStatus();
  });
  const Topology topology = *std::move(builder).Build();
  HandlerHarness one(topology), other(topology);
  EXPECT_EQ(made, 0);
  ASSERT_TRUE(one.Run({}).ok());
  ASSERT_TRUE(one.Run({}).ok());
  EXPECT_EQ(one.outputs.at(0).value, Encoded(int64_t{2}));
  ASSERT_TRUE(other.Run({}).ok());
  EXPECT_EQ(other.outputs.at(0).value, Encoded(int64_t{1}));
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace once
