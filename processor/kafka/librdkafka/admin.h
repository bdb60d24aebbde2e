// Administrative calls on librdkafka.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {

// An instance that serves administrative calls. Its log lines are for debugging only, since errors are returned.
class AdminHandle final : public Handle {
 public:
  using Handle::Handle;

 protected:
  bool quiet() const override { return true; }
};

class RdKafkaAdmin final : public Admin {
 public:
  static absl::StatusOr<std::unique_ptr<Admin>> Make(std::shared_ptr<const ClientContext> context);

  absl::StatusOr<TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status CreateTopic(const NewTopic& topic, absl::Duration timeout) override;
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string& group,
                                                                          std::span<const TopicPartition> partitions,
                                                                          absl::Duration timeout) override;
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition, absl::Duration timeout) override;
  absl::StatusOr<Offset> HighWatermark(const TopicPartition& partition, absl::Duration timeout) override;
  CommittedOffsets ReadCommittedOffsets(const std::string& group, std::span<const TopicPartition> partitions,
                                        absl::Duration timeout) override;
  LogOffsets ReadLogOffsets(LogPoint point, std::span<const TopicPartition> partitions,
                            absl::Duration timeout) override;
  absl::StatusOr<std::map<std::string, std::string>> ReadTopicIds(std::span<const std::string> topics,
                                                                  absl::Duration timeout) override;
  absl::StatusOr<GroupDescription> DescribeGroup(const std::string& group, absl::Duration timeout) override;
  absl::StatusOr<ClusterDescription> DescribeCluster(absl::Duration timeout) override;
  absl::Status DeleteTopic(const std::string& topic, absl::Duration timeout) override;
  absl::Status DeleteGroup(const std::string& group, absl::Duration timeout) override;
  LogOffsets ReadOffsetsAt(absl::Time time, std::span<const TopicPartition> partitions,
                           absl::Duration timeout) override;
  absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadTopicRights(std::span<const std::string> topics,
                                                                               absl::Duration timeout) override;

 private:
  explicit RdKafkaAdmin(std::shared_ptr<const ClientContext> context);

  absl::StatusOr<TopicDescription> DescribeOnce(const std::string& topic, absl::Duration timeout);
  // One answer for each topic, in their order, empty if it has no id; none at all from a library that cannot tell.
  absl::StatusOr<std::vector<absl::StatusOr<std::string>>> DescribeIds(std::span<const std::string> topics,
                                                                       absl::Duration timeout);
  // Partitions and their replicas, and nothing else.
  absl::StatusOr<TopicDescription> Layout(const std::string& topic, absl::Duration timeout);
  void AwaitReady(const std::string& topic, absl::Duration timeout);
  // Of a topic, or of a broker, by its number.
  absl::StatusOr<std::map<std::string, std::string>> Settings(rd_kafka_ResourceType_t kind, const std::string& name,
                                                              absl::Duration timeout);
  absl::StatusOr<GroupDescription> DescribeGroupOnce(const std::string& group, absl::Duration timeout);
  // `which` is RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END.
  absl::StatusOr<Offset> QueryOffset(const TopicPartition& partition, int64_t which, absl::Duration timeout);
  // The same, patiently.
  absl::StatusOr<Offset> FindOffset(const TopicPartition& partition, int64_t which, absl::Duration timeout);
  std::map<int32_t, std::vector<TopicPartition>> ByLeader(std::span<const TopicPartition> partitions,
                                                          absl::Duration timeout, LogOffsets* answers);
  void AskLeader(AdminHandle& handle, LogPoint point, std::span<const TopicPartition> partitions, absl::Time deadline,
                 LogOffsets* answers);
  // The instance that reads committed records, for last stable offsets.
  absl::StatusOr<std::shared_ptr<AdminHandle>> StableHandle();
  // One call. False if it failed as a whole.
  bool AskCommitted(AdminHandle& handle, std::span<const TopicPartition> partitions, absl::Duration timeout,
                    CommittedOffsets* answers);
  // The instance for one group's calls, whose coordinator it keeps.
  absl::StatusOr<std::shared_ptr<AdminHandle>> HandleOf(const std::string& group);
  // The next call for the group gets a new one: an instance may hold on to a coordinator that is gone.
  void Discard(const std::string& group, const std::shared_ptr<AdminHandle>& handle);
  // Says that no broker answered, if that is what happened.
  absl::Status Explain(AdminHandle& handle, absl::Status status, absl::Duration timeout);

  const std::shared_ptr<const ClientContext> context_;
  AdminHandle main_;
  Mutex mutex_;
  std::map<std::string, std::shared_ptr<AdminHandle>> by_group_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<AdminHandle> stable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_H_
