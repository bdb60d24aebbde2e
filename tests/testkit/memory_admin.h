// The admin's port in memory.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_ADMIN_H_
#define ONCE_TESTS_TESTKIT_MEMORY_ADMIN_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include "processor/kafka/kafka.h"
#include "tests/testkit/memory_core.h"

namespace once::testkit {

class MemoryAdmin final : public kafka::Admin {
 public:
  explicit MemoryAdmin(std::shared_ptr<MemoryCore> core) : core_(std::move(core)) {}

  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status CreateTopic(const kafka::NewTopic& topic, absl::Duration timeout) override;
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string& group,
                                                                          std::span<const TopicPartition> partitions,
                                                                          absl::Duration timeout) override;
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition, absl::Duration timeout) override;
  absl::StatusOr<Offset> HighWatermark(const TopicPartition& partition, absl::Duration timeout) override;
  kafka::CommittedOffsets ReadCommittedOffsets(const std::string& group, std::span<const TopicPartition> partitions,
                                               absl::Duration timeout) override;
  kafka::LogOffsets ReadLogOffsets(kafka::LogPoint point, std::span<const TopicPartition> partitions,
                                   absl::Duration timeout) override;
  absl::StatusOr<std::map<std::string, std::string>> ReadTopicIds(std::span<const std::string> topics,
                                                                  absl::Duration timeout) override;
  absl::StatusOr<kafka::GroupDescription> DescribeGroup(const std::string& group, absl::Duration timeout) override;
  absl::StatusOr<kafka::ClusterDescription> DescribeCluster(absl::Duration timeout) override;
  absl::Status DeleteTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status DeleteGroup(const std::string& group, absl::Duration timeout) override;
  kafka::LogOffsets ReadOffsetsAt(absl::Time time, std::span<const TopicPartition> partitions,
                                  absl::Duration timeout) override;
  absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadTopicRights(std::span<const std::string> topics,
                                                                               absl::Duration timeout) override;

 private:
  absl::StatusOr<Offset> Find(kafka::LogPoint point, const TopicPartition& partition);

  const std::shared_ptr<MemoryCore> core_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_ADMIN_H_
