#include "processor/operator/topics.h"

#include <algorithm>
#include <set>
#include <utility>

namespace once {

namespace {

std::vector<TopicState> NamesOf(const PreflightOptions& options, const Plan& plan) {
  std::vector<TopicState> topics;
  std::set<std::string> names;
  const auto add = [&](const std::string& topic, const char* role, bool is_internal) {
    if (!topic.empty() && names.insert(topic).second) {
      topics.push_back({.topic = topic, .role = role, .is_internal = is_internal});
    }
  };
  const Graph& graph = *plan.graph;
  for (const SourceSpec& source : graph.sources) add(source.topic, "source", false);
  for (const SinkSpec& sink : graph.sinks) add(sink.topic, "sink", false);
  add(graph.dead_letter_topic, "dead letters", false);
  for (const TaskGroupSpec& group : graph.groups) {
    add(ChangelogTopic(plan.application_id, group), "changelog", true);
    if (!options.takes_commands) continue;
    add(ControlTopic(plan.application_id, group), "commands", true);
    add(AuditTopic(plan.application_id, group), "audit", true);
  }
  return topics;
}

}  // namespace

absl::StatusOr<std::vector<TopicState>> ListTopics(const PreflightOptions& options, kafka::Admin* admin,
                                                   const Plan& plan) {
  std::vector<TopicState> topics = NamesOf(options, plan);
  for (TopicState& topic : topics) {
    const absl::StatusOr<kafka::TopicDescription> found = admin->DescribeTopic(topic.topic, options.timeout);
    if (absl::IsNotFound(found.status())) continue;
    if (!found.ok()) return found.status();
    topic.exists = true;
    topic.partitions = found->partition_count;
    topic.replicas = found->replicas;
  }
  return topics;
}

absl::StatusOr<std::vector<TopicState>> CreateTopics(const PreflightOptions& options, kafka::Admin* admin, LogSink* log,
                                                     Plan* plan) {
  const absl::StatusOr<std::vector<TopicState>> before = ListTopics(options, admin, *plan);
  if (!before.ok()) return before;
  PreflightOptions making = options;
  making.checks_beside_kafka = false;
  making.create_topics = true;
  if (absl::Status made = Preflight(making, admin, log, plan); !made.ok()) return made;
  absl::StatusOr<std::vector<TopicState>> after = ListTopics(options, admin, *plan);
  if (!after.ok()) return after;
  for (TopicState& topic : *after) {
    const auto was =
        std::find_if(before->begin(), before->end(), [&](const TopicState& each) { return each.topic == topic.topic; });
    topic.was_made = topic.exists && was != before->end() && !was->exists;
  }
  return after;
}

}  // namespace once
