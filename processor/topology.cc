#include "processor/topology.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "processor/topology/validate.h"

namespace once::internal {

std::string_view ReservedPrefix(std::string_view header_name) {
  for (const std::string_view prefix : {"ce_", "once."}) {
    if (header_name.starts_with(prefix)) return prefix;
  }
  return std::string_view();
}

namespace {

// Tells builders of one process apart, so that a handle of another is recognised.
uint64_t NextBuilderId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

}  // namespace

BuilderState::BuilderState(std::string application_id) : id_(NextBuilderId()) {
  graph_.application_id = std::move(application_id);
}

SourceIndex BuilderState::AddSource(SourceSpec source) {
  graph_.sources.push_back(std::move(source));
  return static_cast<SourceIndex>(graph_.sources.size() - 1);
}

SinkIndex BuilderState::AddSink(SinkSpec sink) {
  graph_.sinks.push_back(std::move(sink));
  return static_cast<SinkIndex>(graph_.sinks.size() - 1);
}

NodeIndex BuilderState::AddNode(NodeSpec node) {
  infos_.push_back(std::make_shared<NodeInfo>(NodeInfo{.builder = id_, .name = node.name, .emits_to = {}}));
  graph_.nodes.push_back(std::move(node));
  return static_cast<NodeIndex>(graph_.nodes.size() - 1);
}

void BuilderState::AddEdge(NodeIndex node, uint64_t sink_builder, SinkIndex sink) {
  if (sink_builder != id_) sink = kForeignIndex;
  graph_.nodes[node].emits_to.push_back(sink);
  infos_[node]->emits_to.push_back(sink);
}

void BuilderState::AddHandler(HandlerSpec handler, uint64_t source_builder) {
  if (source_builder != id_) handler.source = kForeignIndex;
  graph_.handlers.push_back(std::move(handler));
}

void BuilderState::SetPolicy(NodeIndex node, FailurePolicy policy) { graph_.nodes[node].policy = std::move(policy); }

absl::StatusOr<Topology> BuilderState::Build() {
  const std::vector<std::string> mistakes = FindMistakes(graph_);
  if (mistakes.empty()) {
    graph_.groups = FindTaskGroups(graph_);
    return Topology(std::make_shared<const Graph>(std::move(graph_)));
  }
  std::string text = absl::StrCat("topology \"", graph_.application_id, "\" has ", mistakes.size(),
                                  mistakes.size() == 1 ? " mistake:" : " mistakes:");
  for (size_t i = 0; i < mistakes.size(); ++i) absl::StrAppend(&text, "\n  ", i + 1, ". ", mistakes[i]);
  return absl::InvalidArgumentError(text);
}

}  // namespace once::internal
