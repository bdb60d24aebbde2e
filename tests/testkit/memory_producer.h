// The producer's port in memory: answers as librdkafka does.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/testkit/memory_core.h"

namespace once::testkit {

// Queues what is sent; Flush and Commit bring it to the logs.
class MemoryProducer final : public kafka::TransactionalProducer {
 public:
  MemoryProducer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options, std::string transactional_id,
                 std::vector<std::string> topics);

  kafka::Result InitTransactions(absl::Duration timeout) override;
  kafka::Result BeginTransaction() override;
  kafka::Result Send(const OutputRecord& record) override;
  kafka::Result Flush(absl::Duration timeout) override;
  kafka::Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                            absl::Duration timeout) override;
  kafka::Result Commit(absl::Duration timeout) override;
  kafka::Result Abort(absl::Duration timeout) override;
  void TakeDeliveries(std::vector<kafka::Delivery>* deliveries) override;
  bool TakeSuspicion() override;

 private:
  // kMustAbort: only an abort helps. kEnding: a commit or abort was not answered and is to be repeated.
  enum class State { kNew, kReady, kInTransaction, kMustAbort, kEnding, kFatal };
  // What the producer knows of a partition that it writes to.
  struct Target {
    TopicPartition where;
    Topic* topic = nullptr;
    PartitionLog* log = nullptr;
    int32_t next_sequence = 0;
    uint64_t added_in = 0;  // The last transaction that it was added to.
  };
  struct Queued {
    uint32_t topic_index = 0;
    Partition partition;
    uint64_t token = 0;
    bool want_offset = false;
    StoredRecord record;
  };
  enum class Delivered { kYes, kFailed, kLater };

  // Makes the call unless it cannot be made in this state, the cluster is unreachable or a fault hits it.
  template <typename Effect>
  kafka::Result Make(Call call, const Effect& effect);
  kafka::Result CheckState(Call call) const;
  // Keeps a failure's consequences for the calls that follow.
  kafka::Result Keep(Call call, kafka::Result result);
  kafka::Result WrongState(const char* why) const;

  // Writes what is queued, as far as it can be. Partitions that cannot go on keep their records.
  kafka::Result DeliverQueue();
  Delivered DeliverOne(Target& target, Queued& queued, kafka::Result* result);
  kafka::Result AddToTransaction(Target& target);
  Delivered Write(Target& target, Queued& queued, kafka::Result* result);
  Target& TargetOf(uint32_t topic_index, Partition partition);
  void Fail(const Queued& queued, const std::string& code, bool is_refused);
  Delivered FailDelivery(Target& target, const Queued& queued, const std::string& code, bool is_refused);

  kafka::Result SendOffsetsNow(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                               absl::Duration timeout);
  kafka::Result End(Call call);
  // Keeps a second copy of the request for later if a fault ordered it.
  void Duplicate(std::function<void()> request);
  Partition Choose(const OutputRecord& record);

  const std::shared_ptr<MemoryCore> core_;
  const MemoryClientOptions options_;
  const std::string id_;
  const std::vector<std::string> topics_;
  ProducerIdentity identity_;
  State state_ = State::kNew;
  kafka::Result failure_;            // Why the state is kMustAbort or kFatal.
  kafka::Result first_undelivered_;  // Why a record of this transaction was not written; ok if none failed.
  std::optional<Call> unanswered_;   // No other call but this may be made.
  uint64_t transaction_ = 0;         // Counts those begun.
  bool has_contacted_ = false;       // Something of this transaction reached the coordinator.
  bool needs_epoch_ = false;         // The sequence numbers have a gap that only a new epoch mends.
  std::deque<Queued> queue_;
  std::vector<std::vector<Target>> targets_;  // By topic index and partition.
  std::vector<kafka::Delivery> deliveries_;
  bool is_suspicious_ = false;
  bool is_duplicated_ = false;
  uint32_t next_keyless_ = 0;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
