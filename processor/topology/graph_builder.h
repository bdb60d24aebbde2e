// Puts a graph together, part by part, and ends in one that keeps all rules: the untyped half of TopologyBuilder.
#ifndef ONCE_PROCESSOR_TOPOLOGY_GRAPH_BUILDER_H_
#define ONCE_PROCESSOR_TOPOLOGY_GRAPH_BUILDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/base/failure_policy.h"
#include "processor/topology/graph.h"

namespace once::internal {

// What a node's handlers know of it while they run: who they are, and where they may emit to.
struct NodeInfo {
  uint64_t builder = 0;
  std::string name;
  std::vector<SinkIndex> emits_to;
};

// Not thread-safe.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string application_id);

  // Stands in the handles that the builder gives out, so that another's are told from its own.
  uint64_t id() const { return id_; }
  SourceIndex AddSource(SourceSpec source);
  SinkIndex AddSink(SinkSpec sink);
  NodeIndex AddNode(NodeSpec node);
  // A handle of another builder is kept as kForeignIndex, a mistake that Build tells of.
  void AddEdge(NodeIndex node, uint64_t sink_builder, SinkIndex sink);
  void AddHandler(HandlerSpec handler, uint64_t source_builder);
  void SetPolicy(NodeIndex node, FailurePolicy policy);
  void AddStartCheck(StartCheck check) { graph_.start_checks.push_back(std::move(check)); }
  void SetDeadLetterTopic(std::string topic) { graph_.dead_letter_topic = std::move(topic); }
  void SetLargeValues(std::shared_ptr<LargeValues> values);
  // Of a source of this builder; empty for another's.
  std::string SourceTopic(uint64_t builder, SourceIndex source) const {
    return builder == id_ ? graph_.sources[source].topic : std::string();
  }
  // Filled as edges are added: handlers may be registered before EmitsTo.
  std::shared_ptr<const NodeInfo> node_info(NodeIndex node) const { return infos_[node]; }

  // InvalidArgument names all mistakes, each with a fix. Ends the builder.
  absl::StatusOr<std::shared_ptr<const Graph>> Build();

 private:
  const uint64_t id_;
  Graph graph_;
  std::vector<std::shared_ptr<NodeInfo>> infos_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TOPOLOGY_GRAPH_BUILDER_H_
