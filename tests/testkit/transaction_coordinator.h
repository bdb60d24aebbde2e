// The transactions of a cluster, by transactional id: who may write, until when, and what a commit or abort ends.
//
// As brokers do for librdkafka, which uses the first version of the transactional protocol: an epoch lasts for many
// transactions, so a request that comes late counts for whatever transaction its producer has open by then.
#ifndef ONCE_TESTS_TESTKIT_TRANSACTION_COORDINATOR_H_
#define ONCE_TESTS_TESTKIT_TRANSACTION_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"
#include "tests/testkit/group_coordinator.h"
#include "tests/testkit/topics.h"

namespace once::testkit {

// What InitTransactions hands to a producer, and what it shows with each request.
struct ProducerIdentity {
  std::string transactional_id;
  int64_t producer_id = kNoProducer;
  int16_t epoch = -1;
};

// A transaction whose markers were written, with all that became visible by them.
struct CommittedTransaction {
  std::string transactional_id;
  std::vector<std::pair<TopicPartition, StoredRecordPtr>> records;  // Of each partition in order.
};

class TransactionCoordinator {
 public:
  TransactionCoordinator(Topics* topics, GroupCoordinator* groups) : topics_(topics), groups_(groups) {}

  // Fences who had the id, aborts its open transaction. Retriable while that one's markers are held back.
  kafka::Result Init(const std::string& id, absl::Duration timeout, absl::Time now, ProducerIdentity* identity);
  // Gives the same producer its next epoch, as librdkafka asks for after a gap in its sequence numbers.
  kafka::Result Bump(absl::Time now, ProducerIdentity* identity);
  // Each adds to the transaction, and starts it if it has not begun. Retriable while the markers of the transaction
  // before are held back.
  kafka::Result AddPartition(const ProducerIdentity& identity, const TopicPartition& where, absl::Time now);
  kafka::Result AddGroup(const ProducerIdentity& identity, const std::string& group, absl::Time now);
  // What the partition's leader and the group's coordinator ask before they take part in a transaction: whether it is
  // open, and they were added to it.
  kafka::Result VerifyPartition(const ProducerIdentity& identity, const TopicPartition& where, absl::Time now) const;
  kafka::Result VerifyGroup(const ProducerIdentity& identity, const std::string& group, absl::Time now) const;
  // Repeating the request that ended the last transaction is harmless once that is over; asking for the opposite is
  // fatal.
  kafka::Result End(const ProducerIdentity& identity, bool is_commit, absl::Time now);
  // Aborts and fences what ran for longer than its timeout.
  void Expire(absl::Time now);

  // The coordinator moves: until then it answers nobody, and no transaction times out.
  void MoveUntil(absl::Time available) { available_ = available; }

  // While held, commits and aborts are acknowledged, but their markers are not written: nothing becomes visible, and
  // offsets stay pending; unless the groups' brokers are quicker than the others.
  void HoldMarkers(bool but_those_of_groups) {
    is_holding_ = true;
    is_holding_groups_ = !but_those_of_groups;
  }
  void ReleaseMarkers(absl::Time now);

  bool IsOpen(const std::string& id) const;
  // Calls `observer` after each commit, from within the call that brought it about; it must call nothing of the cluster
  // that changes it.
  void Observe(std::function<void(const CommittedTransaction&)> observer) { observer_ = std::move(observer); }

 private:
  enum class State { kEmpty, kOngoing, kEnding };
  struct Transaction {
    int64_t producer_id = kNoProducer;
    int16_t epoch = 0;
    absl::Duration timeout = absl::InfiniteDuration();
    State state = State::kEmpty;
    absl::Time deadline = absl::InfiniteFuture();
    bool has_ended_one = false;  // At this epoch.
    bool is_commit = false;      // How it ended, or is ending.
    bool is_observed = false;    // Its commit was told.
    std::set<TopicPartition> partitions = {};
    std::set<std::string> groups = {};
  };

  // Finds the producer's transaction if it may use it now.
  kafka::Result Enter(const ProducerIdentity& identity, absl::Time now, const Transaction** transaction) const;
  kafka::Result Begin(const ProducerIdentity& identity, absl::Time now, Transaction** transaction);
  void StartEnding(const std::string& id, Transaction& transaction, bool is_commit, absl::Time now);
  void WriteMarkers(const std::string& id, Transaction& transaction, absl::Time now);
  kafka::Result CheckAvailable(const std::string& id, absl::Time now) const;
  // Only these; an observer is told, for the offsets can be read from now on.
  void WriteGroupMarkers(const std::string& id, Transaction& transaction);
  std::vector<std::pair<TopicPartition, StoredRecordPtr>> OpenRecords(const Transaction& transaction);

  Topics* const topics_;
  GroupCoordinator* const groups_;
  std::map<std::string, Transaction> transactions_;
  int64_t next_producer_id_ = 1000;
  bool is_holding_ = false;
  bool is_holding_groups_ = false;
  std::function<void(const CommittedTransaction&)> observer_;
  absl::Time available_ = absl::InfinitePast();
  absl::Time next_deadline_ = absl::InfiniteFuture();  // No transaction has an earlier one.
};

// A result in the broker's words.
kafka::Result MakeResult(kafka::ErrorClass error, const std::string& code, const std::string& message,
                         bool is_fenced = false);

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_TRANSACTION_COORDINATOR_H_
