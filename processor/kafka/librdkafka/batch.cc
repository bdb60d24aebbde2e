// Fetched messages as views of a batch: nothing is copied; librdkafka's messages are freed with the batch.
#include "processor/kafka/librdkafka/batch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
namespace {

OptionalBytes View(const void* bytes, size_t size) {
  // Null is no value, and an empty one has an address.
  if (bytes == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(bytes), size);
}

void AppendHeaders(const rd_kafka_message_t* message, size_t record, BatchStorage* storage) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  storage->header_starts.push_back({record, storage->headers.size()});
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    storage->headers.push_back({.name = name, .value = View(value, size)});
  }
}

}  // namespace

void BatchStorage::Release() {
  for (rd_kafka_message_t* message : messages) rd_kafka_message_destroy(message);
  messages.clear();
  headers.clear();
  header_starts.clear();
}

void BatchPool::ReleaseAll() {
  for (const std::weak_ptr<BatchStorage>& each : storages_) {
    const std::shared_ptr<BatchStorage> storage = each.lock();
    if (storage == nullptr) continue;
    storage->Release();
    storage->owner = nullptr;
  }
  storages_.clear();
}

BatchStorage* BatchPool::Prepare(Batch* batch) {
  batch->records.clear();
  batch->ends.clear();
  batch->errors.clear();
  auto* storage = static_cast<BatchStorage*>(batch->storage.get());
  // New, or filled by another reader, whose messages are not ours to free.
  if (storage == nullptr || storage->owner != this) {
    const auto fresh = std::make_shared<BatchStorage>(this);
    // Those of batches that nobody holds any more.
    std::erase_if(storages_, [](const std::weak_ptr<BatchStorage>& each) { return each.expired(); });
    storages_.push_back(fresh);
    batch->storage = fresh;
    storage = fresh.get();
  }
  storage->Release();
  return storage;
}

int BatchPool::Consume(rd_kafka_queue_t* queue, absl::Duration timeout, BatchStorage* storage) {
  std::vector<rd_kafka_message_t*>& messages = storage->messages;
  messages.resize(max_records_);
  // librdkafka waits its whole timeout unless the batch fills, so only a batch of one may wait.
  ssize_t count = rd_kafka_consume_batch_queue(queue, 0, messages.data(), max_records_);
  if (count == 0 && timeout > absl::ZeroDuration()) {
    count = rd_kafka_consume_batch_queue(queue, ToMillis(timeout), messages.data(), 1);
    if (count == 1 && max_records_ > 1) {
      const ssize_t more = rd_kafka_consume_batch_queue(queue, 0, messages.data() + 1, max_records_ - 1);
      count += std::max<ssize_t>(more, 0);
    }
  }
  // After an error there is none.
  messages.resize(std::max<ssize_t>(count, 0));
  return static_cast<int>(count);
}

void AppendRecord(const rd_kafka_message_t* message, uint32_t topic_index, BatchStorage* storage, Batch* batch) {
  RecordView& record = batch->records.emplace_back();
  record.topic_index = topic_index;
  record.partition = Partition(message->partition);
  record.offset = Offset(message->offset);
  // Whoever has set it, its producer or the broker: it is the event's time.
  rd_kafka_timestamp_type_t type;
  record.timestamp_ms = rd_kafka_message_timestamp(message, &type);
  record.key = View(message->key, message->key_len);
  record.value = View(message->payload, message->len);
  AppendHeaders(message, batch->records.size() - 1, storage);
}

void FinishHeaders(BatchStorage* storage, Batch* batch) {
  const auto& starts = storage->header_starts;
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t end = i + 1 < starts.size() ? starts[i + 1].second : storage->headers.size();
    batch->records[starts[i].first].headers =
        std::span<const HeaderView>(storage->headers.data() + starts[i].second, end - starts[i].second);
  }
}

bool AppendPartitionEvent(const rd_kafka_message_t* message, uint32_t topic_index, Batch* batch) {
  if (message->partition < 0) return false;
  const Partition partition(message->partition);
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // T10: where reading goes on, behind the markers at the end.
    batch->ends.push_back({topic_index, partition, Offset(message->offset)});
    return true;
  }
  const char* reason = rd_kafka_message_errstr(message);
  const TopicPartition where{rd_kafka_topic_name(message->rkt), partition};
  absl::Status status =
      ToStatus(message->err, absl::StrCat("reading ", ToString(where)), reason == nullptr ? "" : reason);
  if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    status = absl::Status(status.code(),
                          absl::StrCat(status.message(), "; give the application the right Read on the topic"));
  }
  batch->errors.push_back({topic_index, partition, std::move(status)});
  return true;
}

}  // namespace once::kafka
