// Reads changelogs without a group: partitions are added and removed one by one, from offsets that the engine says.
#include "processor/kafka/librdkafka/log_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {

RdKafkaLogReader::RdKafkaLogReader(std::shared_ptr<const ClientContext> context)
    : Handle(context, "log reader"), pool_(context->config.max_batch_records) {}

absl::StatusOr<std::unique_ptr<LogReader>> RdKafkaLogReader::Make(std::shared_ptr<const ClientContext> context,
                                                                  const std::vector<std::string>& topics,
                                                                  const std::string& isolation) {
  std::unique_ptr<RdKafkaLogReader> reader(new RdKafkaLogReader(std::move(context)));
  Properties properties = LogReaderProperties(reader->config());
  properties["isolation.level"] = isolation;
  if (absl::Status status = reader->Start(RD_KAFKA_CONSUMER, properties); !status.ok()) return status;
  reader->queue_.reset(rd_kafka_queue_new(reader->rk()));
  absl::StatusOr<std::vector<TopicPtr>> handles = reader->MakeTopics(topics);
  if (!handles.ok()) return handles.status();
  reader->topics_ = *std::move(handles);
  reader->topic_names_ = topics;
  return reader;
}

RdKafkaLogReader::~RdKafkaLogReader() {
  // librdkafka wants its messages back before the instance ends.
  pool_.ReleaseAll();
  std::vector<std::pair<rd_kafka_topic_t*, int32_t>> reading;
  for (const TopicPartition& each : reading_) reading.push_back({FindTopic(each.topic), each.partition.value()});
  Shutdown([reading = std::move(reading), queue = std::move(queue_), topics = std::move(topics_)]() mutable {
    // It blocks for a broker's answer, so not on the worker's thread.
    for (const auto& [topic, partition] : reading) rd_kafka_consume_stop(topic, partition);
    queue.reset();
    topics.clear();
  });
}

rd_kafka_topic_t* RdKafkaLogReader::FindTopic(const std::string& topic) const {
  for (size_t i = 0; i < topic_names_.size(); ++i) {
    if (topic_names_[i] == topic) return topics_[i].get();
  }
  return nullptr;
}

absl::Status RdKafkaLogReader::Add(const TopicPartitionOffset& from) {
  rd_kafka_topic_t* topic = FindTopic(from.where.topic);
  if (topic == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the log reader was not created for topic \"", from.where.topic, "\""));
  }
  if (reading_.contains(from.where)) {
    return absl::FailedPreconditionError(absl::StrCat(ToString(from.where), " is read already; remove it first"));
  }
  // All partitions come by one queue, so that a poll waits for any of them.
  if (rd_kafka_consume_start_queue(topic, from.where.partition.value(), from.offset.value(), queue_.get()) != 0) {
    return ToStatus(rd_kafka_last_error(), absl::StrCat("reading ", ToString(from.where, from.offset)));
  }
  reading_.insert(from.where);
  return absl::OkStatus();
}

absl::Status RdKafkaLogReader::Remove(const TopicPartition& partition) {
  // A replay that was stopped twice would be a mistake of ours.
  if (reading_.erase(partition) == 0) {
    return absl::FailedPreconditionError(absl::StrCat(ToString(partition), " is not read"));
  }
  if (rd_kafka_consume_stop(FindTopic(partition.topic), partition.partition.value()) != 0) {
    return ToStatus(rd_kafka_last_error(), absl::StrCat("no longer reading ", ToString(partition)));
  }
  return absl::OkStatus();
}

absl::Status RdKafkaLogReader::Poll(absl::Duration timeout, Batch* batch) {
  BatchStorage* storage = pool_.Prepare(batch);
  rd_kafka_poll(rk(), 0);  // Error events.
  KeepBrokers();
  if (pool_.Consume(queue_.get(), timeout, storage) < 0) return ToStatus(rd_kafka_last_error(), "polling a log reader");
  for (const rd_kafka_message_t* message : storage->messages) {
    const int64_t topic_index = message->rkt == nullptr ? -1 : TopicIndexOf(message->rkt);
    if (topic_index < 0) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      AppendRecord(message, static_cast<uint32_t>(topic_index), storage, batch);
    } else if (!AppendPartitionEvent(message, static_cast<uint32_t>(topic_index), batch)) {
      // Of no partition: replays go on, and the client tries again by itself.
      Log(LogLevel::kWarning,
          absl::StrCat("log reader: ", rd_kafka_topic_name(message->rkt), ": ", rd_kafka_err2str(message->err)));
    }
  }
  FinishHeaders(storage, batch);
  return absl::OkStatus();
}

}  // namespace once::kafka
