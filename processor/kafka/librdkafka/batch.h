// From librdkafka's messages to the ports' views.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BATCH_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BATCH_H_

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/kafka/kafka.h"

namespace once::kafka {

// The messages and headers that the views of one Batch point to.
struct BatchStorage {
  explicit BatchStorage(const void* owner) : owner(owner) {}
  ~BatchStorage() { Release(); }
  BatchStorage(const BatchStorage&) = delete;
  BatchStorage& operator=(const BatchStorage&) = delete;

  void Release();

  const void* owner;  // The pool; null once that has released it, since another may come to lie at its address.
  std::vector<rd_kafka_message_t*> messages;
  std::vector<HeaderView> headers;
  // Which record's headers start where in `headers`; built while it still grows.
  std::vector<std::pair<size_t, size_t>> header_starts;
};

// The storages that one reader filled. Its destructor frees their messages, which librdkafka wants before the instance
// goes.
class BatchPool {
 public:
  explicit BatchPool(int max_records) : max_records_(max_records) {}
  ~BatchPool() { ReleaseAll(); }

  // Frees all messages; the views of the batches end.
  void ReleaseAll();

  // Empties the batch and gives it a storage of this pool.
  BatchStorage* Prepare(Batch* batch);
  // Waits up to `timeout` for a first message, takes what is there besides, up to the most that a batch may hold, into
  // `storage`. Returns -1 on an error.
  int Consume(rd_kafka_queue_t* queue, absl::Duration timeout, BatchStorage* storage);

 private:
  const int max_records_;
  std::vector<std::weak_ptr<BatchStorage>> storages_;
};

// Appends the record's view; the caller has checked that the message is no error.
void AppendRecord(const rd_kafka_message_t* message, uint32_t topic_index, BatchStorage* storage, Batch* batch);
// Points the records at their headers. Call it once all records are there.
void FinishHeaders(BatchStorage* storage, Batch* batch);

// Appends an end of partition or a partition's error to the batch. False if the message is about no partition.
bool AppendPartitionEvent(const rd_kafka_message_t* message, uint32_t topic_index, Batch* batch);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BATCH_H_
