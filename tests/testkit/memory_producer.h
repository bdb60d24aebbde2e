// The producer's port in memory: answers as librdkafka does.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/testkit/memory_core.h"
#include "tests/testkit/memory_statistics.h"

namespace once::testkit {

// Puts what is sent into batches; Flush and Commit bring them to the logs, and other calls as
// MemoryClientOptions::delivery_seed says.
class MemoryProducer final : public kafka::TransactionalProducer {
 public:
  MemoryProducer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options, std::string transactional_id,
                 std::vector<std::string> topics);

  absl::StatusOr<uint32_t> AddTopic(const std::string& topic) override;
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
  std::shared_ptr<ClientStatisticsSource> TakeStatistics() override;

 private:
  // kMustAbort: only an abort helps. kEnding: a commit or abort was not answered and is to be repeated.
  enum class State { kNew, kReady, kInTransaction, kMustAbort, kEnding, kFatal };
  // What the producer knows of a partition that it writes to.
  struct Target {
    TopicPartition where;
    Topic* topic = nullptr;
    PartitionLog* log = nullptr;
    uint64_t topics_version = 0;  // As of which these pointers are good.
    int32_t next_sequence = 0;
    uint64_t added_in = 0;   // The last transaction that it was added to.
    uint64_t open_turn = 0;  // The batch that takes further records, if this is still the turn;
    size_t open_index = 0;   // where it is in the queue.
  };
  struct Queued {
    uint64_t token = 0;
    bool want_offset = false;
    StoredRecord record;
  };
  struct Batch {
    uint32_t topic_index = 0;
    Partition partition;
    absl::Time made;
    size_t bytes = 0;
    std::vector<Queued> records = {};
  };
  // The partitions that the client knows of, until it asks again.
  struct TopicView {
    int32_t partition_count = 0;
    absl::Time asked = absl::InfinitePast();
  };
  // A delivery report; of a batch that was too large, with the bytes of key and value.
  struct Report {
    kafka::Delivery delivery;
    size_t too_large_bytes = 0;
  };
  enum class Delivered { kYes, kFailed, kLater };

  // Makes the call unless it cannot be made in this state, the cluster is unreachable or a fault hits it.
  template <typename Effect>
  kafka::Result Make(Call call, const Effect& effect);
  kafka::Result CheckState(Call call) const;
  // Keeps a failure's consequences for the calls that follow.
  kafka::Result Keep(Call call, kafka::Result result);
  kafka::Result WrongState(const char* why) const;

  void Drop();
  void Enqueue(const OutputRecord& record, Partition partition);
  // A record that Send refuses by itself.
  kafka::Result RefuseLocally(const OutputRecord& record, const char* code, const std::string& why);
  // What the client's own thread does between calls.
  void DeliverSome(int64_t percent);
  // Writes what is queued, as far as it can be. Partitions that cannot go on keep their records.
  // Of its first `most` batches.
  kafka::Result DeliverQueue(size_t most = std::numeric_limits<size_t>::max());
  Delivered DeliverOne(Target& target, Batch& batch, kafka::Result* result);
  // Of all partitions that the queue brings in anew; one that must not be written fails them all, one that is gone
  // holds them up.
  kafka::Result AddNewPartitions();
  kafka::Result AddToTransaction(Target& target);
  Delivered Write(Target& target, Batch& batch, kafka::Result* result);
  Delivered AwaitPartition(Target& target, const Batch& batch, kafka::Result* result);
  // Why a leader refuses the batch for what is in it; null if it does not.
  const char* RefusalOf(const Target& target, const Batch& batch);
  Target& TargetOf(uint32_t topic_index, Partition partition);
  const TopicView& ViewOf(uint32_t topic_index);
  void Fail(const Batch& batch, const std::string& code, bool is_refused);
  Delivered FailDelivery(Target& target, const Batch& batch, const std::string& code, bool is_refused);
  // The delivery reports that wait inside the client come to its user.
  void PollReports();
  // Of a batch that was too large no answer says which record it was.
  void MarkRefusedForSize();
  // Of 0 .. bound - 1.
  int64_t Draw(int64_t bound);

  kafka::Result SendOffsetsNow(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                               absl::Duration timeout);
  kafka::Result End(Call call);
  // Keeps a second copy of the request for later if a fault ordered it.
  void Duplicate(std::function<void()> request);
  Partition Choose(const OutputRecord& record);

  const std::shared_ptr<MemoryCore> core_;
  const MemoryClientOptions options_;
  const std::string id_;
  std::vector<std::string> topics_;
  ProducerIdentity identity_;
  State state_ = State::kNew;
  kafka::Result failure_;  // Why the state is kMustAbort or kFatal.
  // The topic and partition that could not be added to this transaction.
  std::optional<std::pair<uint32_t, Partition>> denied_;
  kafka::Result first_undelivered_;  // Why a record of this transaction was not written; ok if none failed.
  std::optional<Call> unanswered_;   // No other call but this may be made.
  uint64_t transaction_ = 0;         // Counts those begun.
  bool has_contacted_ = false;       // Something of this transaction reached the coordinator.
  bool may_have_contacted_ = false;  // Or was refused by it, which the client does not tell apart.
  bool needs_epoch_ = false;         // The sequence numbers have a gap that only a new epoch mends.
  std::deque<Batch> queue_;          // In the order in which they were begun.
  size_t queued_records_ = 0;
  uint64_t turn_ = 1;                         // Counts deliveries: each ends the batches that are open.
  kafka::Result held_up_;                     // Why no partition can join the transaction at present.
  std::vector<std::vector<Target>> targets_;  // By topic index and partition.
  // By topic index: where in targets_. Two sinks on one topic share its partitions' sequence numbers.
  std::vector<size_t> targets_index_;
  std::vector<TopicView> views_;
  std::vector<kafka::Delivery> deliveries_;           // Seen by whoever takes them.
  std::vector<Report> reports_;                       // Not polled yet.
  std::vector<std::pair<size_t, size_t>> too_large_;  // Places in `deliveries_`, and bytes.
  bool is_failure_seen_ = false;                      // `first_undelivered_` was polled.
  uint64_t random_;
  bool is_suspicious_ = false;
  bool is_duplicated_ = false;
  uint32_t next_keyless_ = 0;
  int64_t requests_ = 0;
  const std::shared_ptr<MemoryStatistics> statistics_;  // Null: it tells none.
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_PRODUCER_H_
