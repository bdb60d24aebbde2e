// The graph as text. In the order of registration, since that is what the reader wrote.
#include "processor/topology/describe.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"

namespace once {

namespace {

std::string Heard(const HandlerSpec& handler) {
  switch (handler.match) {
    case HandlerMatch::kTombstone:
      return "tombstones";
    case HandlerMatch::kAny:
      return "any type";
    case HandlerMatch::kType:
      break;
  }
  return absl::StrJoin(handler.event_types, ", ");
}

std::string DescribeSource(const SourceSpec& source) {
  std::string text =
      absl::StrCat("source ", source.name, " (topic ", source.topic, ", ", source.key_type, " keys, from the ",
                   source.start_from == StartFrom::kEarliest ? "earliest" : "latest");
  if (source.ignore_unknown_types) absl::StrAppend(&text, ", ignores unknown types");
  if (!source.default_type.empty()) absl::StrAppend(&text, ", without ce_type ", source.default_type);
  // The usual one goes without saying.
  if (source.partitioner == Partitioner::kCrc32) absl::StrAppend(&text, ", partitioned by crc32");
  if (source.partitioner == Partitioner::kAny) absl::StrAppend(&text, ", partitioned anyhow");
  return absl::StrCat(text, ")\n");
}

const char* AfterFailure(FailureAction action) {
  switch (action) {
    case FailureAction::kBlockAggregate:
      return "block the aggregate";
    case FailureAction::kSkip:
      return "skip the event";
    case FailureAction::kStop:
      break;
  }
  return "stop";
}

std::string DescribeNode(const Graph& graph, size_t index) {
  const NodeSpec& node = graph.nodes[index];
  std::string text = node.kind == NodeKind::kAggregate
                         ? absl::StrCat("aggregate ", node.name, " (state ", node.state_type)
                         : absl::StrCat("transform ", node.name, " (no state");
  const absl::Duration give_up_after = node.policy.give_up_after;
  // As FailurePolicy means it: by time, not by number.
  const std::string retries = give_up_after == absl::InfiniteDuration() ? "for ever"
                              : give_up_after == absl::ZeroDuration()
                                  ? "never"
                                  : absl::StrCat("for ", absl::FormatDuration(give_up_after));
  absl::StrAppend(&text, "; retries ", retries, ", then ", AfterFailure(node.after_failure()), ")\n");
  // In the order in which they run.
  for (const HandlerSpec& handler : graph.handlers) {
    if (handler.node == index) {
      absl::StrAppend(&text, "  <- ", Heard(handler), " of ", graph.sources[handler.source].name, "\n");
    }
  }
  for (const SinkIndex sink : node.emits_to) absl::StrAppend(&text, "  -> ", graph.sinks[sink].name, "\n");
  return text;
}

}  // namespace

std::string Describe(const Graph& graph, std::string_view application_id) {
  std::string text = absl::StrCat("application ", ToAbsl(application_id), "\n");
  for (const SourceSpec& source : graph.sources) absl::StrAppend(&text, DescribeSource(source));
  for (size_t i = 0; i < graph.nodes.size(); ++i) absl::StrAppend(&text, DescribeNode(graph, i));
  for (const SinkSpec& sink : graph.sinks) {
    absl::StrAppend(&text, "sink ", sink.name, " (topic ", sink.topic, ", ", sink.key_type, " keys, ", sink.value_type,
                    " values)\n");
  }
  // Its rights are needed like those of a sink.
  absl::StrAppend(&text, "dead letters (topic ", graph.dead_letter_topic, ")\n");
  for (const TaskGroupSpec& group : graph.groups) {
    std::vector<std::string> names;
    for (const SourceIndex source : group.sources) names.push_back(graph.sources[source].name);
    // With their internal topics, which need rights as well.
    absl::StrAppend(&text, "task group ", group.name, " (sources ", absl::StrJoin(names, ", "), "; topic ",
                    ChangelogTopic(application_id, group), ")\n");
  }
  return text;
}

}  // namespace once
