// The group's member on librdkafka.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONSUMER_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONSUMER_H_

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "processor/kafka/librdkafka/batch.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {

// Callbacks run inside Poll, while messages that librdkafka handed out before them wait to be returned. Those of a
// partition that a callback unassigned or sought are dropped, and a Seek inside a callback is made at the end
// of the Poll; its error then stands in the batch. A partition whose offset is out of range is read again, and can be
// sought, only after it was unassigned and assigned anew.
//
// Destroying an open consumer leaves the group, but without calling the listener. A static member (one with a name)
// ends without a word to the group, which keeps its partitions for it until its session times out.
class RdKafkaGroupConsumer final : public GroupConsumer, public Handle {
 public:
  static absl::StatusOr<std::unique_ptr<GroupConsumer>> Make(std::shared_ptr<const ClientContext> context,
                                                             const std::string& group,
                                                             const std::vector<std::string>& topics,
                                                             const std::string& member_name = "");
  ~RdKafkaGroupConsumer() override;

  absl::Status Subscribe(std::span<const std::string> topics, RebalanceListener* listener) override;
  absl::Status Assign(std::span<const TopicPartition> partitions) override;
  absl::Status Unassign(std::span<const TopicPartition> partitions) override;
  absl::Status Seek(std::span<const TopicPartitionOffset> offsets) override;
  absl::Status Poll(absl::Duration timeout, Batch* batch) override;
  GroupMetadata group_metadata() override;
  absl::Status Close() override;

 private:
  RdKafkaGroupConsumer(std::shared_ptr<const ClientContext> context, const std::string& group);

  void Configure(rd_kafka_conf_t* conf) override;
  void OnError(rd_kafka_resp_err_t code, const char* reason) override;
  static void RebalanceCallback(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions,
                                void* opaque);
  void OnRebalance(rd_kafka_resp_err_t code, std::vector<TopicPartition> partitions);
  absl::Status FatalStatus() const;
  bool IsCooperative() const;
  bool IsMember();
  absl::Status CheckInCallback(const char* call) const;
  absl::Status SeekNow(std::span<const TopicPartitionOffset> offsets);
  absl::Status Fill(BatchStorage* storage, Batch* batch);
  void MakeDeferredSeeks(Batch* batch);
  // An error message that concerns no partition: none of our business, or the end.
  absl::Status HandleGroupError(const rd_kafka_message_t& message);
  // Leaves the group and ends its threads' work, calling the listener if there still is one.
  absl::Status CloseWithin(absl::Duration patience);
  bool IsTouched(int64_t topic_index, int32_t partition) const;

  const std::string group_;
  std::vector<std::string> topic_names_;
  std::vector<TopicPtr> topics_;
  QueuePtr queue_;
  BatchPool pool_;
  RebalanceListener* listener_ = nullptr;
  std::set<TopicPartition> assigned_;
  std::set<TopicPartition> unsettled_;  // Assigned at an end that librdkafka looks up itself: not to be sought yet.
  std::set<TopicPartition> broken_;     // Assigned, but no longer read after an error.

  bool in_poll_ = false;
  bool in_callback_ = false;
  bool answered_ = false;  // Whether the callback under way assigned or unassigned.
  std::set<TopicPartition> touched_;
  std::vector<TopicPartitionOffset> deferred_seeks_;
  absl::Status fatal_ = absl::OkStatus();
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONSUMER_H_
