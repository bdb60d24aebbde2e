// Each mistake that Build() finds, alone and all at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/names.h"
#include "processor/topology.h"
#include "processor/topology/validate.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using test::Basket;
using test::Bought;
using ::testing::HasSubstr;

constexpr auto kOk = [](auto&&...) { return absl::OkStatus(); };

struct Case {
  std::string name;
  // Adds to a topology that is right: source "in", sink "out", transform "copy" between them.
  std::function<void(TopologyBuilder&, Source<std::string>, Sink<Bought, std::string>)> spoil;
  std::string mistake;
};

std::string Problems(const Case& test) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bought>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).On<Bought>(in, kOk);
  test.spoil(builder, in, out);
  const absl::StatusOr<Topology> topology = std::move(builder).Build();
  EXPECT_TRUE(topology.ok() || absl::IsInvalidArgument(topology.status()));
  return std::string(topology.status().message());
}

using In = Source<std::string>;
using Out = Sink<Bought, std::string>;

std::string NewName() {
  static int count = 0;
  return "node-" + std::to_string(++count);
}

// Adds a source that is heard, or a sink that is used.
void Hear(TopologyBuilder& b, const std::string& name, const std::string& topic) {
  auto source = b.AddSource(name, {.topic = topic});
  b.AddTransform(NewName()).On<Bought>(source, kOk);
}
void Use(TopologyBuilder& b, In in, const std::string& name, const std::string& topic) {
  auto sink = b.AddSink<Bought>(name, {.topic = topic});
  b.AddTransform(NewName()).EmitsTo(sink).On<Bought>(in, kOk);
}
void Policy(TopologyBuilder& b, In in, const FailurePolicy& policy) {
  b.AddAggregate<Basket>("customer").On<Bought>(in, kOk).WithPolicy(policy);
}

std::vector<Case> SourceAndSinkCases() {
  return {
      {"TwoSourcesOfOneName", [](TopologyBuilder& b, In, Out) { Hear(b, "in", "in2"); },
       "two sources are named \"in\"; rename one"},
      {"SourceNameIllegal", [](TopologyBuilder& b, In, Out) { Hear(b, "i n", "in2"); },
       "source \"i n\": Kafka does not allow it; use only letters"},
      {"SourceNameTooLong", [](TopologyBuilder& b, In, Out) { Hear(b, std::string(101, 'x'), "in2"); },
       "it has 101 characters, but becomes part of topics' names; use at most 100"},
      {"SourceTopicEmpty", [](TopologyBuilder& b, In, Out) { Hear(b, "in2", ""); },
       "source \"in2\": topic \"\": it is empty; give it a name"},
      {"SourceTopicIllegal", [](TopologyBuilder& b, In, Out) { Hear(b, "in2", "in/2"); },
       "source \"in2\": topic \"in/2\": Kafka does not allow it"},
      {"TwoSourcesOfOneTopic", [](TopologyBuilder& b, In, Out) { Hear(b, "in2", "in"); },
       "topic \"in\" is read by source \"in\" and by source \"in2\"; keep one"},
      {"SourceUnheard", [](TopologyBuilder& b, In, Out) { b.AddSource("in2", {.topic = "in2"}); },
       "nothing listens to source \"in2\""},
      {"TwoSinksOfOneName", [](TopologyBuilder& b, In in, Out) { Use(b, in, "out", "out2"); },
       "two sinks are named \"out\"; rename one"},
      {"SinkTopicEmpty", [](TopologyBuilder& b, In in, Out) { Use(b, in, "out2", ""); },
       "sink \"out2\": topic \"\": it is empty"},
      {"SinkTopicIsASource", [](TopologyBuilder& b, In in, Out) { Use(b, in, "out2", "in"); },
       "sink \"out2\" writes topic \"in\", which source \"in\" reads: events would go round for ever"},
      {"SinkUnused", [](TopologyBuilder& b, In, Out) { b.AddSink<Bought>("out2", {.topic = "out2"}); },
       "nothing emits to sink \"out2\""},
      {"NoDeadLetterTopic", [](TopologyBuilder& b, In, Out) { b.DeadLetterTo(""); }, "call DeadLetterTo"},
      {"DeadLetterTopicIllegal", [](TopologyBuilder& b, In, Out) { b.DeadLetterTo(".."); },
       "DeadLetterTo: topic \"..\": Kafka reserves that name"},
      {"DeadLettersToASource", [](TopologyBuilder& b, In, Out) { b.DeadLetterTo("in"); },
       "topic \"in\" is that of source \"in\" and the dead-letter topic"},
      {"DeadLettersToASink", [](TopologyBuilder& b, In, Out) { b.DeadLetterTo("out"); },
       "topic \"out\" is that of sink \"out\" and the dead-letter topic"},
      {"SinkIsAnInternalTopic", [](TopologyBuilder& b, In in, Out) { Use(b, in, "out2", "app-in-changelog"); },
       "sink \"out2\": topic \"app-in-changelog\" is an internal topic"},
  };
}

std::vector<Case> NodeCases() {
  return {
      {"TwoNodesOfOneName", [](TopologyBuilder& b, In in, Out) { b.AddAggregate<Basket>("copy").On<Bought>(in, kOk); },
       "two aggregates or transforms are named \"copy\"; rename one"},
      {"NodeNameEmpty", [](TopologyBuilder& b, In in, Out) { b.AddTransform("").On<Bought>(in, kOk); },
       "transform \"\": it is empty; give it a name"},
      {"NoHandler", [](TopologyBuilder& b, In, Out out) { b.AddAggregate<Basket>("customer").EmitsTo(out); },
       "aggregate \"customer\" has no handler; add On<Event>(source, handler)"},
      {"TwoHandlersOfOneType",
       [](TopologyBuilder& b, In in, Out) {
         b.AddAggregate<Basket>("customer").On<Bought>(in, kOk).On<Bought>(in, kOk).On<Bought>(in, kOk);
       },
       "aggregate \"customer\" has two handlers for once.test.Bought of source \"in\"; merge them"},
      {"TwoHandlersOfTombstones",
       [](TopologyBuilder& b, In in, Out) { b.AddTransform("t").OnTombstone(in, kOk).OnTombstone(in, kOk); },
       "transform \"t\" has two handlers for tombstones of source \"in\"; merge them"},
      {"TwoHandlersOfAny", [](TopologyBuilder& b, In in, Out) { b.AddTransform("t").OnAny(in, kOk).OnAny(in, kOk); },
       "transform \"t\" has two handlers for any event of source \"in\"; merge them"},
      {"ForeignSource",
       [](TopologyBuilder& b, In, Out) {
         TopologyBuilder other("other");
         b.AddTransform("t").On<Bought>(other.AddSource("in", {.topic = "in"}), kOk);
       },
       "transform \"t\" listens to a source of another TopologyBuilder"},
      {"ForeignSink",
       [](TopologyBuilder& b, In in, Out) {
         TopologyBuilder other("other");
         b.AddTransform("t").EmitsTo(other.AddSink<Bought>("out", {.topic = "x"})).On<Bought>(in, kOk);
       },
       "transform \"t\" emits to a sink of another TopologyBuilder"},
      {"NoAttempts", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.max_attempts = 0}); },
       "aggregate \"customer\": max_attempts is 0; use 1 to 1000000"},
      {"NegativeBackoff", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.initial_backoff = -absl::Seconds(1)}); },
       "backoff from -1s to 30s; use 0 <= initial_backoff <= max_backoff <= 24h"},
      {"BackoffUpsideDown", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.initial_backoff = absl::Hours(1)}); },
       "backoff from 1h to 30s"},
      {"EndlessBackoff",
       [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.max_backoff = absl::InfiniteDuration()}); },
       "backoff from 100ms to inf"},
      {"OkIsTransient",
       [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.transient_codes = {absl::StatusCode::kOk}}); },
       "OK is among the transient codes"},
  };
}

class MistakeTest : public ::testing::TestWithParam<Case> {};

// One mistake is one line, and brings no others with it.
TEST_P(MistakeTest, IsFoundAlone) {
  const std::string problems = Problems(GetParam());
  EXPECT_THAT(problems, HasSubstr(GetParam().mistake));
  EXPECT_THAT(problems, HasSubstr("topology \"app\" has 1 mistake:\n  1. "));
}

const auto kName = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(SourcesAndSinks, MistakeTest, ::testing::ValuesIn(SourceAndSinkCases()), kName);
INSTANTIATE_TEST_SUITE_P(Nodes, MistakeTest, ::testing::ValuesIn(NodeCases()), kName);

TEST(MistakesTest, TheUnspoiltTopologyIsRight) {
  EXPECT_EQ(Problems({.name = "", .spoil = [](TopologyBuilder&, In, Out) {}, .mistake = ""}), "");
}

TEST(MistakesTest, AllAreReportedAtOnceAndNumbered) {
  std::vector<Case> cases = SourceAndSinkCases();
  for (Case& test : NodeCases()) cases.push_back(std::move(test));
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bought>("out", {.topic = "out"});
  builder.AddTransform("copy").EmitsTo(out).On<Bought>(in, kOk);
  for (const Case& test : cases) {
    if (test.name.find("DeadLetter") == std::string::npos) test.spoil(builder, in, out);
  }
  const absl::Status status = std::move(builder).Build().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  for (const Case& test : cases) {
    if (test.name.find("DeadLetter") == std::string::npos) {
      EXPECT_THAT(text, HasSubstr(test.mistake));
    }
  }
  EXPECT_THAT(text, HasSubstr("call DeadLetterTo"));
  EXPECT_THAT(text, HasSubstr("\n  1. "));
  EXPECT_THAT(text, HasSubstr("\n  25. "));
}

TEST(MistakesTest, AnEmptyTopologyIsToldWhatItLacks) {
  const absl::Status status = TopologyBuilder("").Build().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("application id \"\": it is empty"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the topology has no source"));
}

// The typed builder cannot say this; graphs from elsewhere can.
TEST(MistakesTest, SourcesOfOneAggregateMustHaveTheSameKeys) {
  Graph graph;
  graph.application_id = "app";
  graph.dead_letter_topic = "dlq";
  graph.sources.resize(2);
  graph.sources[0] = {.name = "a", .topic = "a", .key_type = "string", .check_key = {}, .key_to_text = {}};
  graph.sources[1] = {.name = "b", .topic = "b", .key_type = "int64", .check_key = {}, .key_to_text = {}};
  graph.nodes.resize(1);
  graph.nodes[0].name = "customer";
  graph.nodes[0].kind = NodeKind::kAggregate;
  for (const SourceIndex source : {0, 1}) {
    HandlerSpec handler;
    handler.source = source;
    handler.event_type = "T";
    graph.handlers.push_back(handler);
  }
  EXPECT_THAT(FindMistakes(graph), ::testing::ElementsAre(HasSubstr(
                                       "sources \"a\" and \"b\" feed one aggregate but have keys of types string"
                                       " and int64")));
  graph.nodes[0].kind = NodeKind::kTransform;
  EXPECT_THAT(FindMistakes(graph), ::testing::IsEmpty());
}

TEST(NamesTest, KafkasRulesForTopics) {
  for (const std::string& name : {std::string("a"), std::string("A-1_b.c"), std::string(249, 'x')}) {
    EXPECT_EQ(TopicNameMistake(name), "") << name;
  }
  for (const std::string& name : {std::string(""), std::string("."), std::string(".."), std::string("a b"),
                                  std::string("a:b"), std::string("zürich"), std::string(250, 'x')}) {
    EXPECT_NE(TopicNameMistake(name), "") << name;
  }
  EXPECT_EQ(NamePartMistake(std::string(100, 'x')), "");
  EXPECT_NE(NamePartMistake(std::string(101, 'x')), "");
}

}  // namespace
}  // namespace once
