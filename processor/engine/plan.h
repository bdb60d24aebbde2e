// A topology laid out for one application: which topics there are, under which index, and how large their records may
// be.
#ifndef ONCE_PROCESSOR_ENGINE_PLAN_H_
#define ONCE_PROCESSOR_ENGINE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/types.h"
#include "processor/topology/graph.h"

namespace once {

// Immutable after its making; shared by workers.
struct Plan {
  std::shared_ptr<const Graph> graph;
  std::string application_id;

  // Topics of the group consumer, by SourceIndex.
  std::vector<std::string> input_topics;
  // Topics of producers: the sinks by SinkIndex, then the dead-letter topic, then the changelogs by task group, then,
  // where there are commands, the audit topics by task group.
  std::vector<std::string> output_topics;
  // Topics of the log reader, by task group.
  std::vector<std::string> changelog_topics;
  // By task group: what its commands are read from; the consumer has these topics behind `input_topics`. Empty: the
  // application takes none (AddCommands).
  std::vector<std::string> control_topics;

  // By index in `output_topics`: what the broker takes at most for one record.
  std::vector<size_t> max_record_bytes;
  // By index in `output_topics`: how far a record's timestamp may be ahead of the broker's clock, or behind it, and
  // whether the broker replaces it by its own time anyway.
  std::vector<absl::Duration> timestamp_after_max;
  std::vector<absl::Duration> timestamp_before_max;
  std::vector<bool> log_append_time;
  // Likewise: after which time, by their timestamps, it deletes records; and whether it takes none without a key.
  std::vector<absl::Duration> retention;
  std::vector<bool> compacted;
  // By SourceIndex: how many partitions the topic has; 0 if that is not known.
  std::vector<int32_t> partition_counts;
  // By SourceIndex: the topic's identity, which changes when it is made anew; empty if it is not known.
  std::vector<std::string> input_topic_ids;
  // By task group: how long a compacted changelog keeps deletions.
  std::vector<absl::Duration> delete_retention;

  // By topic: its id at the brokers, as they show it: 16 bytes in base64. Topics whose id is not known are absent.
  std::map<std::string, std::string> topic_ids;

  // By SourceIndex: its task group and its place among the group's sources.
  std::vector<uint16_t> group_of_source;
  std::vector<uint16_t> place_of_source;
  // By task group: its aggregates.
  std::vector<std::vector<NodeIndex>> aggregates;
  // By task group: the largest max_backoff of those who hear it.
  std::vector<absl::Duration> longest_backoff;

  uint32_t dead_letter_index() const { return static_cast<uint32_t>(graph->sinks.size()); }
  uint32_t changelog_index(uint16_t group) const { return dead_letter_index() + 1 + group; }
  uint32_t audit_index(uint16_t group) const {
    return changelog_index(static_cast<uint16_t>(graph->groups.size())) + group;
  }
  uint32_t control_index(uint16_t group) const { return static_cast<uint32_t>(input_topics.size()) + group; }
  bool has_commands() const { return !control_topics.empty(); }
  const TaskGroupSpec& group(uint16_t index) const { return graph->groups[index]; }
  TopicPartition changelog(const TaskId& task) const { return {changelog_topics[task.group], task.partition}; }

  // The task of a partition of a lead source, if `topic` is one.
  std::optional<TaskId> TaskOfLead(const TopicPartition& lead) const;
  // The task's partitions of all its sources, the lead's first.
  std::vector<TopicPartition> InputsOf(const TaskId& task) const;
  // All that it reads: its inputs, then the partition of its commands, if it takes any.
  std::vector<TopicPartition> PartitionsOf(const TaskId& task) const;
  // The topics of the group consumer: a record's topic index is that in here.
  std::vector<std::string> ConsumedTopics() const;
  // The lead sources' topics: what the consumer subscribes to.
  std::vector<std::string> LeadTopics() const;
};

// Kafka's defaults of max.message.bytes and, since version 4, message.timestamp.after.max.ms.
inline constexpr size_t kDefaultMaxRecordBytes = 1048588;
inline constexpr absl::Duration kDefaultTimestampAfterMax = absl::Hours(1);

// Lays the graph out with default limits, which preflight replaces by the brokers' answers.
Plan MakePlan(std::shared_ptr<const Graph> graph, std::string application_id);

// The application takes commands: its tasks read their control topics and write to the audit topics. Once is enough.
void AddCommands(Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_PLAN_H_
