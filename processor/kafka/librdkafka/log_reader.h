// Reading partitions without a group, on librdkafka.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LOG_READER_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LOG_READER_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "processor/kafka/librdkafka/batch.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {

// Uses librdkafka's simple consumer, whose partitions start and stop one by one and which needs no group: no
// coordinator, and no rights on one.
class RdKafkaLogReader final : public LogReader, public Handle {
 public:
  static absl::StatusOr<std::unique_ptr<LogReader>> Make(std::shared_ptr<const ClientContext> context,
                                                         const std::vector<std::string>& topics,
                                                         const std::string& isolation = "read_committed");
  ~RdKafkaLogReader() override;

  absl::Status Add(const TopicPartitionOffset& from) override;
  absl::Status Remove(const TopicPartition& partition) override;
  absl::Status Poll(absl::Duration timeout, Batch* batch) override;

 private:
  explicit RdKafkaLogReader(std::shared_ptr<const ClientContext> context);
  // The handle of a topic that the reader was created with, or null.
  rd_kafka_topic_t* FindTopic(const std::string& topic) const;

  std::vector<std::string> topic_names_;
  std::vector<TopicPtr> topics_;
  QueuePtr queue_;
  BatchPool pool_;
  std::set<TopicPartition> reading_;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LOG_READER_H_
