// The transactional producer on librdkafka.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PRODUCER_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PRODUCER_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "processor/kafka/librdkafka/handle.h"
#include "processor/kafka/librdkafka/long_call.h"
#include "processor/kafka/librdkafka/repetitions.h"
#include "processor/kafka/librdkafka/transaction_failure.h"

namespace once::kafka {

// The calls take their timeouts at the word, also where librdkafka's own -1 would mean "the rest of the transaction's
// lifetime": with the broker gone that can be for ever. A call that ends by its timeout goes on in the background, and
// making it again resumes it. For a commit or abort allow at least a second. That holds for SendOffsets as well, which
// librdkafka may keep for as long as the group's coordinator is away, whatever its timeout: it is retriable meanwhile,
// and an Abort that finds it still under way is fatal. Of producers that were given up so a context makes no more than
// four at a time: InitTransactions is retriable until one of them has ended.
//
// TakeSuspicion is true also after a record failed, since the sequence numbers of its partition are then out of step. A
// timestamp of 0 is sent as 1.
class RdKafkaProducer final : public TransactionalProducer, public Handle {
 public:
  static absl::StatusOr<std::unique_ptr<TransactionalProducer>> Make(std::shared_ptr<const ClientContext> context,
                                                                     const std::string& transactional_id,
                                                                     const std::vector<std::string>& topics);
  ~RdKafkaProducer() override;

  absl::StatusOr<uint32_t> AddTopic(const std::string& topic) override;
  Result InitTransactions(absl::Duration timeout) override;
  Result BeginTransaction() override;
  Result Send(const OutputRecord& record) override;
  Result Flush(absl::Duration timeout) override;
  Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const GroupMetadata& group,
                     absl::Duration timeout) override;
  Result Commit(absl::Duration timeout) override;
  Result Abort(absl::Duration timeout) override;
  void TakeDeliveries(std::vector<Delivery>* deliveries) override;
  bool TakeSuspicion() override;
  std::shared_ptr<ClientStatisticsSource> TakeStatistics() override {
    if (said() != nullptr) rd_kafka_poll(rk(), 0);
    return said();
  }

 private:
  // Refused records of one partition and for one reason whose reports came in a row. All reports of a batch come in a
  // row, but nothing marks where the next batch's begin, so a run of several may be one batch or more; a run of one is
  // a batch of one.
  struct Refused {
    size_t delivery;  // Index in deliveries_.
    size_t bytes;
  };

  RdKafkaProducer(std::shared_ptr<const ClientContext> context, const std::string& transactional_id);

  void Configure(rd_kafka_conf_t* conf) override;
  void OnError(rd_kafka_resp_err_t code, const char* reason) override;
  void OnErrorLine(std::string_view facility, std::string_view text) override;
  static void DeliveryCallback(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque);
  void OnDelivery(const rd_kafka_message_t& message);
  rd_kafka_resp_err_t CodeOf(const rd_kafka_message_t& message);
  void NoteRefusal(rd_kafka_resp_err_t code, size_t bytes);
  // Ends the run: judges its records.
  void JudgeRun();

  // Queues a record with headers or a timestamp of its own.
  rd_kafka_resp_err_t ProduceFull(const OutputRecord& record, void* opaque);
  Result SendFailed(const OutputRecord& record, rd_kafka_resp_err_t code);
  // Judges the outcome of a call that started at `start`: notes suspicion, explains it by the first failed record.
  // To what may have failed for want of a connection.
  void AddConnectionError(Result* result);
  Result Finish(const rd_kafka_error_t* error, std::string_view what, absl::Time start);
  Result FailedDelivery(std::string_view what) const;
  // Of a transaction to which a partition could not be added.
  Result FailedAdding(const OutputRecord& record, const TransactionFailure::Added& added, std::string_view what);
  // Of a call that goes on though its time is over.
  Result StillUnderWay(ErrorClass error, std::string_view what);

  std::vector<std::string> topic_names_;
  std::vector<TopicPtr> topics_;
  absl::Duration slow_call_ = absl::Seconds(5);
  bool suspicious_ = false;
  std::unique_ptr<Repetitions> repetitions_ = std::make_unique<Repetitions>();
  int sends_since_poll_ = 0;
  std::vector<Delivery> deliveries_;
  std::vector<Refused> run_;
  rd_kafka_resp_err_t run_code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  // The first record of this transaction that failed.
  rd_kafka_resp_err_t first_failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string first_failure_where_;
  TransactionFailure failure_;
  LongCall sending_offsets_;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_PRODUCER_H_
