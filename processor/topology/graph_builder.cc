// Adding is bookkeeping; what a graph must keep to is in validate.cc, and is looked at once, at the end.
#include "processor/topology/graph_builder.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "processor/topology/validate.h"

namespace once::internal {

namespace {

// Tells builders of one process apart, so that a handle of another is recognised.
uint64_t NextBuilderId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

}  // namespace

GraphBuilder::GraphBuilder(std::string application_id) : id_(NextBuilderId()) {
  graph_.application_id = std::move(application_id);
}

SourceIndex GraphBuilder::AddSource(SourceSpec source) {
  graph_.sources.push_back(std::move(source));
  return static_cast<SourceIndex>(graph_.sources.size() - 1);
}

SinkIndex GraphBuilder::AddSink(SinkSpec sink) {
  graph_.sinks.push_back(std::move(sink));
  return static_cast<SinkIndex>(graph_.sinks.size() - 1);
}

NodeIndex GraphBuilder::AddNode(NodeSpec node) {
  infos_.push_back(std::make_shared<NodeInfo>(NodeInfo{.builder = id_, .name = node.name, .emits_to = {}}));
  graph_.nodes.push_back(std::move(node));
  return static_cast<NodeIndex>(graph_.nodes.size() - 1);
}

void GraphBuilder::AddEdge(NodeIndex node, uint64_t sink_builder, SinkIndex sink) {
  // X8: the number would mean another sink here; Build tells of it.
  if (sink_builder != id_) sink = kForeignIndex;
  graph_.nodes[node].emits_to.push_back(sink);
  infos_[node]->emits_to.push_back(sink);
}

void GraphBuilder::AddHandler(HandlerSpec handler, uint64_t source_builder) {
  if (source_builder != id_) handler.source = kForeignIndex;
  graph_.handlers.push_back(std::move(handler));
}

void GraphBuilder::SetPolicy(NodeIndex node, FailurePolicy policy) { graph_.nodes[node].policy = std::move(policy); }

void GraphBuilder::SetLargeValues(std::shared_ptr<LargeValues> values) {
  AddStartCheck({.what = "KeepLargeEvents", .run = [values] { return values->CheckAtStart(); }});
  graph_.large_values = std::move(values);
}

absl::StatusOr<std::shared_ptr<const Graph>> GraphBuilder::Build() {
  // X4's "all that is wrong is told at once" begins here: whoever mends one mistake should not meet the next one after.
  const std::vector<std::string> mistakes = FindMistakes(graph_);
  if (mistakes.empty()) {
    graph_.groups = FindTaskGroups(graph_);
    return std::make_shared<const Graph>(std::move(graph_));
  }
  std::string text = absl::StrCat("topology \"", graph_.application_id, "\" has ", mistakes.size(),
                                  mistakes.size() == 1 ? " mistake:" : " mistakes:");
  for (size_t i = 0; i < mistakes.size(); ++i) absl::StrAppend(&text, "\n  ", i + 1, ". ", mistakes[i]);
  return absl::InvalidArgumentError(text);
}

}  // namespace once::internal
