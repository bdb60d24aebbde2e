// The topology as the engine works with it: numbers for topics, inputs of tasks, and what brokers say of their topics.
#include "processor/engine/plan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace once {

std::optional<TaskId> Plan::TaskOfLead(const TopicPartition& lead) const {
  for (uint16_t g = 0; g < graph->groups.size(); ++g) {
    // Only lead sources are subscribed to, so a rebalance names only their partitions (T7).
    if (input_topics[graph->groups[g].sources.front()] == lead.topic) return TaskId{g, lead.partition};
  }
  return std::nullopt;
}

std::vector<TopicPartition> Plan::InputsOf(const TaskId& task) const {
  std::vector<TopicPartition> inputs;
  for (const SourceIndex source : group(task.group).sources) inputs.push_back({input_topics[source], task.partition});
  return inputs;
}

std::vector<TopicPartition> Plan::PartitionsOf(const TaskId& task) const {
  std::vector<TopicPartition> partitions = InputsOf(task);
  if (has_commands()) partitions.push_back({control_topics[task.group], task.partition});
  return partitions;
}

std::vector<std::string> Plan::ConsumedTopics() const {
  std::vector<std::string> topics = input_topics;
  topics.insert(topics.end(), control_topics.begin(), control_topics.end());
  return topics;
}

std::vector<std::string> Plan::LeadTopics() const {
  std::vector<std::string> topics;
  for (const TaskGroupSpec& group : graph->groups) topics.push_back(input_topics[group.sources.front()]);
  return topics;
}

namespace {

// Of outputs of which nothing is known yet, until the preflight has asked the brokers.
void AssumeDefaults(Plan* plan) {
  const size_t count = plan->output_topics.size();
  plan->max_record_bytes.resize(count, kDefaultMaxRecordBytes);
  plan->timestamp_after_max.resize(count, kDefaultTimestampAfterMax);
  plan->timestamp_before_max.resize(count, absl::InfiniteDuration());
  plan->log_append_time.resize(count, false);
  plan->retention.resize(count, absl::InfiniteDuration());
  plan->compacted.resize(count, false);
}

}  // namespace

Plan MakePlan(std::shared_ptr<const Graph> graph, std::string application_id) {
  Plan plan;
  plan.application_id = std::move(application_id);
  for (const SourceSpec& source : graph->sources) plan.input_topics.push_back(source.topic);
  for (const SinkSpec& sink : graph->sinks) plan.output_topics.push_back(sink.topic);
  // Behind the sinks, and before the changelogs: dead_letter_index() and changelog_index() count on it.
  plan.output_topics.push_back(graph->dead_letter_topic);
  plan.group_of_source.resize(graph->sources.size());
  plan.place_of_source.resize(graph->sources.size());
  for (uint16_t g = 0; g < graph->groups.size(); ++g) {
    const TaskGroupSpec& group = graph->groups[g];
    plan.changelog_topics.push_back(ChangelogTopic(plan.application_id, group));
    plan.output_topics.push_back(plan.changelog_topics.back());
    // Ordered, since the frontier lists them (E8).
    std::set<NodeIndex> aggregates;
    absl::Duration longest_backoff;
    for (uint16_t place = 0; place < group.sources.size(); ++place) {
      plan.group_of_source[group.sources[place]] = g;
      plan.place_of_source[group.sources[place]] = place;
      for (const HandlerSpec& handler : graph->handlers) {
        if (handler.source != group.sources[place]) continue;
        longest_backoff = std::max(longest_backoff, graph->nodes[handler.node].policy.max_backoff);
        if (graph->nodes[handler.node].kind == NodeKind::kAggregate) aggregates.insert(handler.node);
      }
    }
    plan.aggregates.emplace_back(aggregates.begin(), aggregates.end());
    plan.longest_backoff.push_back(longest_backoff);
  }
  // Until the preflight has asked the brokers.
  AssumeDefaults(&plan);
  // 0 and empty: not known.
  plan.partition_counts.resize(plan.input_topics.size());
  plan.input_topic_ids.resize(plan.input_topics.size());
  plan.delete_retention.assign(graph->groups.size(), absl::Hours(24));
  plan.graph = std::move(graph);
  return plan;
}

void AddCommands(Plan* plan) {
  if (plan->has_commands()) return;
  for (const TaskGroupSpec& group : plan->graph->groups) {
    plan->control_topics.push_back(ControlTopic(plan->application_id, group));
    plan->output_topics.push_back(AuditTopic(plan->application_id, group));
  }
  AssumeDefaults(plan);
}

}  // namespace once
