// Why the client could not add a partition to the current transaction, or write its records: librdkafka says it in a
// line of its log only, and of the call that fails for it next says no more than that it may not be made now.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TRANSACTION_FAILURE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TRANSACTION_FAILURE_H_

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "processor/base/mutex.h"
#include "processor/base/types.h"

namespace once::kafka {

// Thread-safe: lines come on librdkafka's threads.
class TransactionFailure {
 public:
  struct Added {
    TopicPartition where;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_UNKNOWN;
    std::string text;  // As the line says it.
  };

  // With each transaction.
  void Reset();
  // A line that librdkafka logs as an error. A partition that was left out because of another one's failure gives way
  // to that one.
  void Note(std::string_view facility, std::string_view text);
  // The partition that could not be added; nothing if there is none.
  std::optional<Added> Get();
  // Whether the transaction failed because timestamps were refused.
  bool IsOfTimestamps();

 private:
  Mutex mutex_;
  std::optional<Added> added_ ABSL_GUARDED_BY(mutex_);
  bool is_of_timestamps_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TRANSACTION_FAILURE_H_
