#include "processor/topology/dispatch.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace once {
namespace {

using Verdict = Dispatcher::Verdict;

class NoRunner final : public HandlerRunner {
 public:
  absl::Status Run(EventContext&) override { return absl::OkStatus(); }
};

constexpr NodeIndex kAggregate = 0;
constexpr NodeIndex kTransform = 1;
constexpr NodeIndex kOtherTransform = 2;

// One source, an aggregate and two transforms.
class GraphMaker {
 public:
  GraphMaker() {
    graph_.sources.resize(1);
    graph_.nodes.resize(3);
    graph_.nodes[kAggregate].kind = NodeKind::kAggregate;
  }
  GraphMaker& On(NodeIndex node, const std::string& type) { return Add(node, HandlerMatch::kType, type); }
  GraphMaker& OnAny(NodeIndex node) { return Add(node, HandlerMatch::kAny, ""); }
  GraphMaker& OnTombstone(NodeIndex node) { return Add(node, HandlerMatch::kTombstone, ""); }
  GraphMaker& IgnoreUnknown() {
    graph_.sources[0].ignore_unknown_types = true;
    return *this;
  }
  const Graph& graph() const { return graph_; }

 private:
  GraphMaker& Add(NodeIndex node, HandlerMatch match, const std::string& type) {
    HandlerSpec handler;
    handler.node = node;
    handler.match = match;
    if (match == HandlerMatch::kType) handler.event_types = {type};
    handler.make_runner = [] { return std::make_unique<NoRunner>(); };
    graph_.handlers.push_back(std::move(handler));
    return *this;
  }

  Graph graph_;
};

struct Case {
  std::string name;
  GraphMaker topology;
  std::optional<std::string_view> type;
  bool has_value = true;
  // Expected.
  Verdict verdict = Verdict::kRun;
  std::vector<NodeIndex> nodes = {};
  std::string chosen_type = {};
  bool needs_key = false;
};

GraphMaker One() { return GraphMaker().On(kAggregate, "A"); }

std::vector<Case> EventCases() {
  const auto two = [] { return GraphMaker().On(kAggregate, "A").On(kTransform, "B"); };
  std::vector<Case> cases;
  cases.push_back({"TheOnlyTypeWithoutCeType", One(), std::nullopt, true, Verdict::kRun, {kAggregate}, "A", true});
  cases.push_back({"TheOnlyTypeWithAnEmptyCeType", One(), "", true, Verdict::kRun, {kAggregate}, "A", true});
  cases.push_back({"TheOnlyTypeNamed", One(), "A", true, Verdict::kRun, {kAggregate}, "A", true});
  cases.push_back({"AnotherTypeThanTheOnlyOne", One(), "B", true, Verdict::kUnknownType, {}, "B", true});
  cases.push_back({"OneOfTwo", two(), "B", true, Verdict::kRun, {kTransform}, "B", false});
  cases.push_back({"NoCeTypeWithTwoTypes", two(), std::nullopt, true, Verdict::kUnknownType, {}, "", true});
  cases.push_back({"TypesAreComparedWhole", two(), "A.B", true, Verdict::kUnknownType, {}, "A.B", true});
  cases.push_back({"UnknownIsIgnoredOnRequest", two().IgnoreUnknown(), "C", true, Verdict::kIgnored, {}, "C", true});
  cases.push_back(
      {"NoCeTypeIsIgnoredOnRequest", two().IgnoreUnknown(), std::nullopt, true, Verdict::kIgnored, {}, "", true});
  cases.push_back({"SeveralNodesInTheOrderOfRegistration",
                   GraphMaker().On(kTransform, "A").On(kAggregate, "A").On(kOtherTransform, "A"),
                   "A",
                   true,
                   Verdict::kRun,
                   {kTransform, kAggregate, kOtherTransform},
                   "A",
                   true});
  cases.push_back({"AnyRunsBesideATypeInTheOrderOfRegistration",
                   GraphMaker().OnAny(kTransform).On(kAggregate, "A").OnAny(kOtherTransform),
                   "A",
                   true,
                   Verdict::kRun,
                   {kTransform, kAggregate, kOtherTransform},
                   "A",
                   true});
  cases.push_back({"AnyHearsUnknownTypes",
                   GraphMaker().On(kAggregate, "A").OnAny(kTransform),
                   "C",
                   true,
                   Verdict::kRun,
                   {kTransform},
                   "C",
                   false});
  cases.push_back({"AnyAloneHearsEventsWithoutCeType",
                   GraphMaker().OnAny(kTransform),
                   std::nullopt,
                   true,
                   Verdict::kRun,
                   {kTransform},
                   "",
                   false});
  cases.push_back({"AnyGoesBeforeIgnoring",
                   GraphMaker().On(kAggregate, "A").OnAny(kTransform).IgnoreUnknown(),
                   "C",
                   true,
                   Verdict::kRun,
                   {kTransform},
                   "C",
                   false});
  return cases;
}

std::vector<Case> TombstoneCases() {
  std::vector<Case> cases;
  cases.push_back({"AnyDoesNotHearTombstones",
                   GraphMaker().OnAny(kTransform),
                   std::nullopt,
                   false,
                   Verdict::kNoTombstoneHandler,
                   {},
                   "",
                   false});
  cases.push_back({"TombstonesHaveNoType",
                   GraphMaker().On(kAggregate, "A").OnTombstone(kAggregate),
                   "A",
                   false,
                   Verdict::kRun,
                   {kAggregate},
                   "",
                   true});
  cases.push_back({"TombstonesOfATransformNeedNoKey",
                   GraphMaker().On(kAggregate, "A").OnTombstone(kTransform),
                   std::nullopt,
                   false,
                   Verdict::kRun,
                   {kTransform},
                   "",
                   false});
  cases.push_back({"TombstoneWithoutHandler", One(), "A", false, Verdict::kNoTombstoneHandler, {}, "", true});
  cases.push_back(
      {"TombstonesAreNotUnknownTypes", One().IgnoreUnknown(), "A", false, Verdict::kNoTombstoneHandler, {}, "", true});
  return cases;
}

class DispatchTest : public ::testing::TestWithParam<Case> {};

TEST_P(DispatchTest, Chooses) {
  const Case& test = GetParam();
  const Dispatcher dispatcher(test.topology.graph());
  const Dispatcher::Choice choice = dispatcher.Choose(0, test.type, test.has_value);
  EXPECT_EQ(choice.verdict, test.verdict);
  std::vector<NodeIndex> nodes;
  for (const Dispatcher::Step& step : choice.steps) nodes.push_back(step.node);
  EXPECT_EQ(nodes, test.nodes);
  EXPECT_EQ(choice.type, test.chosen_type);
  EXPECT_EQ(choice.needs_key, test.needs_key);
}

const auto kCaseName = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Events, DispatchTest, ::testing::ValuesIn(EventCases()), kCaseName);
INSTANTIATE_TEST_SUITE_P(Tombstones, DispatchTest, ::testing::ValuesIn(TombstoneCases()), kCaseName);

TEST(DispatcherTest, EachDispatcherHasRunnersOfItsOwn) {
  const GraphMaker topology = GraphMaker().On(kAggregate, "A").OnTombstone(kAggregate);
  const Dispatcher one(topology.graph()), other(topology.graph());
  const HandlerRunner* const runner = one.Choose(0, "A", true).steps[0].runner;
  EXPECT_NE(runner, other.Choose(0, "A", true).steps[0].runner);
  EXPECT_NE(runner, one.Choose(0, std::nullopt, false).steps[0].runner);
}

TEST(DispatcherTest, SourcesAreApart) {
  Graph graph = GraphMaker().On(kAggregate, "A").On(kTransform, "B").graph();
  graph.sources.resize(2);
  graph.handlers[1].source = 1;
  const Dispatcher dispatcher(graph);
  EXPECT_EQ(dispatcher.Choose(1, std::nullopt, true).steps[0].node, kTransform);
  EXPECT_EQ(dispatcher.Choose(1, "A", true).verdict, Verdict::kUnknownType);
}

}  // namespace
}  // namespace once
