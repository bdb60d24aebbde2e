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
      {"SinkIsAnInternalTopicToKafka", [](TopologyBuilder& b, In, Out) { Hear(b, "i.n", "app-i_n-control"); },
       "source \"i.n\": topic \"app-i_n-control\" and this application's internal topic \"app-i.n-control\" are one to"
       " Kafka"},
  };
}

// Adds a transform that hears the topic and emits to the other, with a source and a sink of its own.
void Lead(TopologyBuilder& b, const std::string& from, const std::string& to) {
  auto source = b.AddSource(from, {.topic = from});
  auto sink = b.AddSink<Bought>("to-" + from, {.topic = to});
  b.AddTransform("of-" + from).EmitsTo(sink).On<Bought>(source, kOk);
}

std::vector<Case> CycleCases() {
  return {
      {"SinkTopicIsASource",
       [](TopologyBuilder& b, In in, Out) {
         auto sink = b.AddSink<Bought>("out2", {.topic = "in"});
         b.AddTransform("loop").EmitsTo(sink).On<Bought>(in, kOk);
       },
       "events would go round for ever: topic \"in\" -> transform \"loop\" -> topic \"in\"; let one of these nodes "
       "emit to another topic, or, where each round comes to an end, as that of a saga, put one of them into an "
       "application of its own"},
      {"OverTwoNodes",
       [](TopologyBuilder& b, In, Out) {
         Lead(b, "a", "b");
         Lead(b, "b", "a");
       },
       ": topic \"a\" -> transform \"of-a\" -> topic \"b\" -> transform \"of-b\" -> topic \"a\"; let"},
      {"BehindAWayIn",
       [](TopologyBuilder& b, In, Out) {
         Lead(b, "a", "b");
         Lead(b, "b", "c");
         Lead(b, "c", "d");
         Lead(b, "d", "b");
       },
       ": topic \"b\" -> transform \"of-b\" -> topic \"c\" -> transform \"of-c\" -> topic \"d\" -> transform \"of-d\" "
       "->"
       " topic \"b\"; let"},
      {"BySeveralSourcesOfOneNode",
       [](TopologyBuilder& b, In in, Out) {
         auto other = b.AddSource("other", {.topic = "other"});
         auto sink = b.AddSink<Bought>("out2", {.topic = "other"});
         b.AddAggregate<Basket>("customer").EmitsTo(sink).On<Bought>(in, kOk).On<Bought>(other, kOk);
       },
       ": topic \"other\" -> aggregate \"customer\" -> topic \"other\"; let"},
  };
}

// Adds sources "a" and "b" that feed one aggregate, or one each.
void Group(TopologyBuilder& b, const std::string& group_of_a, const std::string& group_of_b, bool joined) {
  auto first = b.AddSource("a", {.topic = "a", .group = group_of_a});
  auto second = b.AddSource("b", {.topic = "b", .group = group_of_b});
  auto aggregate = b.AddAggregate<Basket>("customer").On<Bought>(first, kOk);
  if (joined) {
    aggregate.On<Bought>(second, kOk);
  } else {
    b.AddAggregate<Basket>("other").On<Bought>(second, kOk);
  }
}

std::vector<Case> GroupCases() {
  return {
      {"OneGroupWithTwoNames", [](TopologyBuilder& b, In, Out) { Group(b, "x", "y", true); },
       "sources \"a\" and \"b\" feed one aggregate, so they are one task group, but name it \"x\" and \"y\"; use one"},
      {"TwoGroupsOfOneName", [](TopologyBuilder& b, In, Out) { Group(b, "x", "x", false); },
       "the task groups of sources \"a\" and \"b\" are both named \"x\", so they would share a changelog"},
      {"AGroupNamedAsAnother", [](TopologyBuilder& b, In, Out) { Group(b, "", "a", false); },
       "the task groups of sources \"a\" and \"b\" are both named \"a\""},
      {"AGroupNamedAsAnotherToKafka", [](TopologyBuilder& b, In, Out) { Group(b, "x.y", "x_y", false); },
       "task groups \"x.y\" and \"x_y\" would have one changelog, since Kafka tells '.' and '_' not apart"},
      {"PartitionersOfOneGroup",
       [](TopologyBuilder& b, In, Out) {
         auto any = b.AddSource("any", {.topic = "any", .partitioner = Partitioner::kAny});
         auto java = b.AddSource("java", {.topic = "java"});
         auto python = b.AddSource("python", {.topic = "python", .partitioner = Partitioner::kCrc32});
         b.AddAggregate<Basket>("customer").On<Bought>(any, kOk).On<Bought>(java, kOk).On<Bought>(python, kOk);
       },
       "sources \"java\" and \"python\" feed one aggregate but have other partitioners"},
      {"PartitionerOfAnOwnTopic",
       [](TopologyBuilder& b, In, Out) {
         auto again = b.AddSource("again", {.topic = "out", .partitioner = Partitioner::kCrc32});
         b.AddTransform("t").On<Bought>(again, kOk);
       },
       "source \"again\" expects topic \"out\" to be partitioned by crc32, but sink \"out\" writes it by murmur2"},
      {"GroupNameIllegal", [](TopologyBuilder& b, In, Out) { Group(b, "x y", "", true); },
       "task group \"x y\": Kafka does not allow it; use only letters"},
  };
}

std::vector<Case> TypeCases() {
  const auto on = [](std::vector<std::string> types) {
    return [types](TopologyBuilder& b, In in, Out) { b.AddTransform("t").On<Bought>(in, types, kOk); };
  };
  const auto by_default = [](const std::string& type) {
    return [type](TopologyBuilder& b, In, Out) {
      auto source = b.AddSource("in2", {.topic = "in2", .default_type = type});
      b.AddTransform("t").On<Bought>(source, {"acme.bought.v1", "acme.bought.v2"}, kOk);
    };
  };
  return {
      {"NoTypes", on({}), "transform \"t\": a handler of source \"in\" is given no event type; name one"},
      {"TypeWithoutName", on({"a", ""}),
       "transform \"t\": a handler of source \"in\" is given an event type without a"},
      {"OneTypeTwice", on({"a", "b", "a"}), "of source \"in\" is given event type \"a\" twice; name it once"},
      {"TwoHandlersOfOneNamedType",
       [](TopologyBuilder& b, In in, Out) {
         b.AddTransform("t").On<Bought>(in, {"a", "b"}, kOk).On<Basket>(in, {"b", "c"}, kOk);
       },
       "transform \"t\" has two handlers for b of source \"in\"; merge them"},
      {"DefaultTypeMistyped", by_default("acme.bougt.v1"),
       "source \"in2\": its default type \"acme.bougt.v1\" has no handler; did you mean \"acme.bought.v1\"?"},
      {"DefaultTypeUnknown", by_default("something.else.entirely"), "has no handler; use one that has"},
      {"DefaultTypeOfOnAny",
       [](TopologyBuilder& b, In, Out) {
         b.AddTransform("t").OnAny(b.AddSource("in2", {.topic = "in2", .default_type = "x"}), kOk);
       },
       "source \"in2\": its default type \"x\" has no handler"},
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
      {"NegativePatience", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.give_up_after = -absl::Seconds(1)}); },
       "aggregate \"customer\": give_up_after is -1s; use 0s or more"},
      {"NoBackoff", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.initial_backoff = absl::ZeroDuration()}); },
       "backoff from 0 to 30s; use 1ms <= initial_backoff"},
      {"NegativeBackoff", [](TopologyBuilder& b, In in, Out) { Policy(b, in, {.initial_backoff = -absl::Seconds(1)}); },
       "backoff from -1s to 30s; use 1ms <= initial_backoff <= max_backoff <= 24h"},
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
INSTANTIATE_TEST_SUITE_P(Cycles, MistakeTest, ::testing::ValuesIn(CycleCases()), kName);
INSTANTIATE_TEST_SUITE_P(Groups, MistakeTest, ::testing::ValuesIn(GroupCases()), kName);
INSTANTIATE_TEST_SUITE_P(Types, MistakeTest, ::testing::ValuesIn(TypeCases()), kName);

TEST(MistakesTest, TheUnspoiltTopologyIsRight) {
  EXPECT_EQ(Problems({.name = "", .spoil = [](TopologyBuilder&, In, Out) {}, .mistake = ""}), "");
}

// Out of a sink and into a source is no mistake where no way leads back.
TEST(MistakesTest, X8ATopicMayBeASinksAndASources) {
  const auto pipeline = [](TopologyBuilder& b, In, Out) {
    auto again = b.AddSource("again", {.topic = "out"});
    Lead(b, "a", "b");
    Lead(b, "b", "c");
    auto sink = b.AddSink<Bought>("c", {.topic = "c"});
    b.AddTransform("direct").EmitsTo(sink).On<Bought>(again, kOk);
    b.AddTransform("end").On<Bought>(b.AddSource("c", {.topic = "c"}), kOk);
  };
  EXPECT_EQ(Problems({.name = "", .spoil = pipeline, .mistake = ""}), "");
}

TEST(MistakesTest, X8InternalTopicsAreCheckedUnderTheIdThatWasChosen) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bought>("out", {.topic = "other-in-changelog"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).On<Bought>(in, kOk);
  const Topology topology = *std::move(builder).Build();
  EXPECT_TRUE(CheckApplicationId(topology.graph(), "app").ok());
  const absl::Status other = CheckApplicationId(topology.graph(), "other");
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(other.message()), HasSubstr("does not fit application_id \"other\":\n  sink \"out\": topic"));
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
    handler.event_types = {"T"};
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
