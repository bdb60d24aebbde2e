// The producer's port in memory.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_

#include <deque>
#include <functional>
#include <memory>
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
  enum class State { kNew, kReady, kInTransaction, kMustAbort, kFatal };
  struct Queued {
    uint32_t topic_index = 0;
    Partition partition;
    uint64_t token = 0;
    bool want_offset = false;
    size_t estimated_bytes = 0;
    StoredRecord record;
  };

  // Makes the call unless it cannot be made in this state, the cluster is unreachable or a fault hits it.
  kafka::Result Make(Call call, const std::function<kafka::Result()>& effect);
  kafka::Result CheckState(Call call) const;
  // Keeps a failure's consequences for the calls that follow.
  kafka::Result Keep(Call call, kafka::Result result);
  kafka::Result DeliverQueue();
  // Nothing if it was written or failed; an answer that stops the delivery otherwise.
  kafka::Result DeliverOne(const Queued& queued);
  void Fail(const Queued& queued, const std::string& code, bool is_refused);
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
  kafka::Result failure_;       // Why the state is kMustAbort or kFatal.
  bool has_contacted_ = false;  // Something of this transaction reached the coordinator.
  std::deque<Queued> queue_;
  std::vector<kafka::Delivery> deliveries_;
  bool is_suspicious_ = false;
  bool is_duplicated_ = false;
  uint32_t next_keyless_ = 0;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
