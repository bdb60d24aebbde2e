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
    const std::string& group, std::span<const TopicPartition> partitions, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (absl::Status status = core_->StatusOf(Call::kStableCommittedOffsets, group); !status.ok()) return status;
  if (!core_->groups.IsAvailable(core_->now())) {
    return absl::UnavailableError(absl::StrCat(
        "committed offsets of group ", group, ": its coordinator is moving (COORDINATOR_LOAD_IN_PROGRESS); try again"));
  }
  std::map<TopicPartition, Offset> offsets;
  for (const TopicPartition& each : partitions) {
    if (core_->groups.HasPending(group, each)) {
      return absl::UnavailableError(absl::StrCat("committed offset of group ", group, " for ", ToString(each),
                                                 ": a transaction is pending (UNSTABLE_OFFSET_COMMIT); try again"));
    }
    if (const auto offset = core_->groups.Committed(group, each); offset.has_value()) offsets[each] = *offset;
  }
  return offsets;
}

absl::StatusOr<const PartitionLog*> MemoryAdmin::Find(Call call, const TopicPartition& partition) {
  core_->Tick();
  if (absl::Status status = core_->StatusOf(call, partition.topic); !status.ok()) return status;
  const PartitionLog* log = core_->topics.Find(partition);
  if (log == nullptr) return absl::NotFoundError(absl::StrCat(ToString(partition), ": there is no such partition"));
  return log;
}

absl::StatusOr<Offset> MemoryAdmin::BeginningOffset(const TopicPartition& partition, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  const absl::StatusOr<const PartitionLog*> log = Find(Call::kBeginningOffset, partition);
  if (!log.ok()) return log.status();
  return (*log)->start();
}

absl::StatusOr<Offset> MemoryAdmin::HighWatermark(const TopicPartition& partition, absl::Duration) {
  const std::lock_guard lock(core_->mutex);
  const absl::StatusOr<const PartitionLog*> log = Find(Call::kHighWatermark, partition);
  if (!log.ok()) return log.status();
  return (*log)->high_watermark();
}

}  // namespace once::testkit
