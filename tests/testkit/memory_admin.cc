#include "tests/testkit/memory_admin.h"

#include <mutex>

#include "absl/strings/str_cat.h"

namespace once::testkit {

absl::StatusOr<kafka::TopicDescription> MemoryAdmin::DescribeTopic(const std::string& topic, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kDescribeTopic, topic); !status.ok()) return status;
  const Topic* found = core_->topics.Find(topic);
  if (found == nullptr) {
    return absl::NotFoundError(absl::StrCat("describing topic \"", topic, "\": there is no such topic; create it"));
  }
  kafka::TopicDescription description;
  description.partition_count = static_cast<int32_t>(found->partitions.size());
  description.replicas = 1;
  description.in_sync = 1;
  description.id = found->id();
  if (core_->rights.IsDenied(Right::kDescribeConfigs, topic)) {
    description.settings_error = absl::PermissionDeniedError(
        absl::StrCat("reading the settings of topic \"", topic, "\": no right to (TOPIC_AUTHORIZATION_FAILED)"));
  } else {
    description.settings = found->settings();
  }
  return description;
}

absl::Status MemoryAdmin::CreateTopic(const kafka::NewTopic& topic, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kCreateTopic, topic.name); !status.ok()) return status;
  if (topic.name.empty() || topic.partition_count < 1) {
    return absl::InvalidArgumentError("creating a topic: it needs a name and at least one partition");
  }
  if (!core_->topics.Create(topic.name, topic.partition_count, topic.settings)) {
    return absl::AlreadyExistsError(absl::StrCat("creating topic \"", topic.name, "\": it is there already"));
  }
  core_->groups.TopicChanged(topic.name);
  return absl::OkStatus();
}

absl::StatusOr<std::map<TopicPartition, Offset>> MemoryAdmin::StableCommittedOffsets(
    const std::string& group, std::span<const TopicPartition> partitions, absl::Duration timeout) {
  std::map<TopicPartition, Offset> offsets;
  for (const auto& [where, answer] : ReadCommittedOffsets(group, partitions, timeout)) {
    if (!answer.ok()) return answer.status();
    if (answer->has_value()) offsets[where] = **answer;
  }
  return offsets;
}

kafka::CommittedOffsets MemoryAdmin::ReadCommittedOffsets(const std::string& group,
                                                          std::span<const TopicPartition> partitions, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  absl::Status status = core_->StatusOf(Call::kStableCommittedOffsets, group);
  if (status.ok() && !core_->groups.IsAvailable(core_->now())) {
    status = absl::UnavailableError(absl::StrCat(
        "committed offsets of group ", group, ": its coordinator is moving (COORDINATOR_LOAD_IN_PROGRESS); try again"));
  }
  kafka::CommittedOffsets answers;
  for (const TopicPartition& each : partitions) {
    if (!status.ok()) {
      answers.emplace(each, status);
    } else if (core_->groups.HasPending(group, each)) {
      answers.emplace(
          each, absl::UnavailableError(absl::StrCat("committed offset of group ", group, " for ", ToString(each),
                                                    ": a transaction is pending (UNSTABLE_OFFSET_COMMIT); try again")));
    } else {
      answers.emplace(each, core_->groups.Committed(group, each));
    }
  }
  return answers;
}

absl::StatusOr<Offset> MemoryAdmin::Find(kafka::LogPoint point, const TopicPartition& partition) {
  const PartitionLog* log = core_->topics.Find(partition);
  if (log == nullptr) return absl::NotFoundError(absl::StrCat(ToString(partition), ": there is no such partition"));
  if (absl::Status status = core_->LeaderOf(partition); !status.ok()) return status;
  switch (point) {
    case kafka::LogPoint::kBeginning:
      return log->start();
    case kafka::LogPoint::kLastStable:
      return log->last_stable_offset();
    case kafka::LogPoint::kHighWatermark:
      break;
  }
  return log->high_watermark();
}

kafka::LogOffsets MemoryAdmin::ReadLogOffsets(kafka::LogPoint point, std::span<const TopicPartition> partitions,
                                              absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  kafka::LogOffsets answers;
  const Call call = point == kafka::LogPoint::kBeginning ? Call::kBeginningOffset : Call::kHighWatermark;
  std::map<std::string, absl::Status> by_topic;
  for (const TopicPartition& each : partitions) {
    const auto topic = by_topic.find(each.topic);
    const absl::Status status = topic != by_topic.end()
                                    ? topic->second
                                    : by_topic.emplace(each.topic, core_->StatusOf(call, each.topic)).first->second;
    answers.emplace(each, status.ok() ? Find(point, each) : status);
  }
  return answers;
}

absl::StatusOr<std::map<std::string, std::string>> MemoryAdmin::ReadTopicIds(std::span<const std::string> topics,
                                                                             absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  std::map<std::string, std::string> ids;
  for (const std::string& name : topics) {
    if (absl::Status status = core_->StatusOf(Call::kDescribeTopic, name); !status.ok()) return status;
    if (const Topic* topic = core_->topics.Find(name); topic != nullptr) ids[name] = topic->id();
  }
  return ids;
}

absl::StatusOr<Offset> MemoryAdmin::BeginningOffset(const TopicPartition& partition, absl::Duration timeout) {
  return ReadLogOffsets(kafka::LogPoint::kBeginning, {&partition, 1}, timeout).begin()->second;
}

absl::StatusOr<Offset> MemoryAdmin::HighWatermark(const TopicPartition& partition, absl::Duration timeout) {
  return ReadLogOffsets(kafka::LogPoint::kHighWatermark, {&partition, 1}, timeout).begin()->second;
}

absl::StatusOr<kafka::GroupDescription> MemoryAdmin::DescribeGroup(const std::string& group, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kStableCommittedOffsets, group); !status.ok()) return status;
  kafka::GroupDescription description;
  for (const std::string& member : core_->groups.Members(group)) {
    description.members.push_back({.id = member, .client_id = member, .host = "memory"});
  }
  description.state = !description.members.empty() ? "Stable" : core_->groups.IsKnown(group) ? "Empty" : "Dead";
  description.rights = std::set<std::string>{"DELETE", "DESCRIBE", "READ"};
  if (core_->rights.IsDenied(Right::kReadGroup, group)) description.rights->erase("READ");
  return description;
}

absl::StatusOr<kafka::ClusterDescription> MemoryAdmin::DescribeCluster(absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kDescribeTopic, ""); !status.ok()) return status;
  return kafka::ClusterDescription{.brokers = 1, .settings = core_->broker_settings};
}

absl::Status MemoryAdmin::DeleteTopic(const std::string& topic, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kCreateTopic, topic); !status.ok()) return status;
  if (core_->topics.Find(topic) == nullptr) {
    return absl::NotFoundError(absl::StrCat("deleting topic \"", topic, "\": there is no such topic"));
  }
  core_->topics.Delete(topic);
  core_->groups.ForgetTopic(topic);
  return absl::OkStatus();
}

absl::Status MemoryAdmin::DeleteGroup(const std::string& group, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kStableCommittedOffsets, group); !status.ok()) return status;
  if (!core_->groups.IsKnown(group)) {
    return absl::NotFoundError(absl::StrCat("deleting group \"", group, "\": there is no such group"));
  }
  if (core_->groups.Forget(group)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("deleting group \"", group, "\": it has members; stop all instances"));
}

kafka::LogOffsets MemoryAdmin::ReadOffsetsAt(absl::Time time, std::span<const TopicPartition> partitions,
                                             absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  kafka::LogOffsets answers;
  for (const TopicPartition& each : partitions) {
    absl::StatusOr<Offset> found = Find(kafka::LogPoint::kHighWatermark, each);
    if (found.ok()) {
      const PartitionLog& log = *core_->topics.Find(each);
      for (const StoredRecordPtr& record : log.ReadUncommitted(log.start(), SIZE_MAX).records) {
        if (record->timestamp_ms < absl::ToUnixMillis(time)) continue;
        found = record->offset;
        break;
      }
    }
    answers.emplace(each, found);
  }
  return answers;
}

absl::StatusOr<std::map<std::string, std::set<std::string>>> MemoryAdmin::ReadTopicRights(
    std::span<const std::string> topics, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  std::map<std::string, std::set<std::string>> rights;
  for (const std::string& name : topics) {
    if (core_->topics.Find(name) == nullptr) continue;
    rights[name] = {"CREATE", "DESCRIBE"};
    if (!core_->rights.IsDenied(Right::kReadTopic, name)) rights[name].insert("READ");
    if (!core_->rights.IsDenied(Right::kWriteTopic, name)) rights[name].insert("WRITE");
    if (!core_->rights.IsDenied(Right::kDescribeConfigs, name)) rights[name].insert("DESCRIBE_CONFIGS");
  }
  return rights;
}

}  // namespace once::testkit
