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

// Fetched records and the ends of partitions go to a queue of their own, so that the group's queue has only callbacks
// and errors of the group, which wait behind nothing. A Seek inside a callback is made right after it; its error then
// stands in the next batch. A partition whose offset is out of range is read again, and can be sought, only after it
// was unassigned and assigned anew.
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
  std::vector<SeekFailure> SeekEach(std::span<const TopicPartitionOffset> offsets) override;
  absl::Status Poll(absl::Duration timeout, Batch* batch) override;
  absl::Status ServeCallbacks() override;
  GroupMetadata group_metadata() override;
  std::optional<Offset> KnownEnd(const TopicPartition& partition) override;
  std::shared_ptr<ClientStatisticsSource> statistics() override { return said(); }
  absl::Status Close() override;

 private:
  static constexpr int64_t kUnknown = -1;

  RdKafkaGroupConsumer(std::shared_ptr<const ClientContext> context, const std::string& group);

  void Configure(rd_kafka_conf_t* conf) override;
  void OnError(rd_kafka_resp_err_t code, const char* reason) override;
  static void RebalanceCallback(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions,
                                void* opaque);
  void OnRebalance(rd_kafka_resp_err_t code, std::vector<TopicPartition> partitions);
  // What is assigned of the subscribed topics.
  std::vector<TopicPartition> Held() const;
  absl::Status FatalStatus() const;
  bool IsCooperative() const;
  bool IsMember();
  absl::Status CheckInCallback(const char* call) const;
  // Makes the partitions' queues, which librdkafka would forward to the group's, end in `records_`.
  absl::Status ForwardToRecords(std::span<const TopicPartition> partitions);
  // Seeks the partitions to where the last batch ended.
  void ContinueWherePolled(const std::set<TopicPartition>& kept);
  absl::Status CheckSeek(const TopicPartition& where) const;
  // They are made when the callback is over.
  void DeferSeeks(std::span<const TopicPartitionOffset> offsets);
  absl::Status SeekNow(std::span<const TopicPartitionOffset> offsets);
  void Fill(BatchStorage* storage, Batch* batch);
  void MakeDeferredSeeks();
  // An error message that concerns no partition: none of our business, or the end.
  absl::Status HandleGroupError(const rd_kafka_message_t& message);
  // Leaves the group and ends its threads' work, calling the listener if there still is one.
  absl::Status CloseWithin(absl::Duration patience);
  uint32_t TopicIndex(const std::string& topic) const;
  int64_t& PolledTo(uint32_t topic_index, Partition partition);
  void SetPolledTo(const TopicPartition& where, int64_t offset);

  const std::string group_;
  std::vector<std::string> topic_names_;
  std::vector<TopicPtr> topics_;
  QueuePtr group_queue_;
  QueuePtr records_;
  BatchPool pool_;
  RebalanceListener* listener_ = nullptr;
  std::vector<std::string> subscribed_;
  std::set<TopicPartition> assigned_;
  std::set<TopicPartition> unsettled_;  // Assigned at an end that librdkafka looks up itself: not to be sought yet.
  std::set<TopicPartition> broken_;     // Assigned, but no longer read after an error.
  // By topic index and partition: the next offset to come, as far as it is known. librdkafka's own position is not
  // trusted: versions 2.2.0 to 2.13.1 move it past an end as if that were a record, earlier ones past records that they
  // drop from a batch.
  std::vector<std::vector<int64_t>> polled_to_;

  bool has_joined_ = false;
  bool is_closing_ = false;
  // All was given up on closing. From here on librdkafka's group handler may end at any moment, and a request that it
  // has not read by then is never answered (2.14.2), however long one waits: it is asked nothing more.
  bool has_left_ = false;
  bool in_callback_ = false;
  bool answered_ = false;  // Whether the callback under way assigned or unassigned.
  std::vector<TopicPartitionOffset> deferred_seeks_;
  std::vector<PartitionError> deferred_errors_;
  absl::Status fatal_ = absl::OkStatus();
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONSUMER_H_
