// A Kafka cluster in memory: deterministic, without threads, on a clock that the test drives.
//
//   ManualClock clock;
//   MemoryCluster cluster(&clock);
//   cluster.CreateTopic("orders", 4);
//   cluster.Append("orders", kAnyPartition, "key", "value");
//   auto client = cluster.NewClient();           // Behaves as the real one; see processor/kafka/kafka.h.
//   cluster.FailNext({.call = Call::kCommit, .result = ..., .landed = true});
//   EXPECT_EQ(cluster.ReadCommitted("out").size(), 1);
//
// Blocking calls answer at once. Sessions and transactions time out on the clock, judged at the next call of anything.
// Clients' objects may be used by several threads, each object by one at a time; they outlive the cluster object
// safely.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_CLUSTER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/testkit/faults.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_core.h"

namespace once::testkit {

using MemoryHeaders = std::vector<std::pair<std::string, std::optional<std::string>>>;

// A record's copy.
struct MemoryRecord {
  std::string topic;
  Partition partition;
  Offset offset;
  int64_t timestamp_ms = -1;
  std::optional<std::string> key;
  std::optional<std::string> value;
  MemoryHeaders headers;

  // The last value of the header, or nothing.
  std::optional<std::string> header(const std::string& name) const;
};

class MemoryCluster {
 public:
  // `clock` outlives the cluster and all its clients.
  explicit MemoryCluster(Clock* clock);

  std::unique_ptr<kafka::Client> NewClient(MemoryClientOptions options = {});

  // Topics and their records, seen from outside. Topics and partitions must exist.
  void CreateTopic(const std::string& name, int32_t partitions = 1, std::map<std::string, std::string> settings = {});
  void SetTopicSetting(const std::string& topic, const std::string& name, const std::string& value);
  // All its records, and the offsets that groups have committed for it, are gone; who reads or writes it learns of it
  // as from Kafka, or not at all. A topic made anew under the name is another: with an ID of its own and offsets from
  // 0.
  void DeleteTopic(const std::string& name);
  // The two at once, with the same settings and as many partitions.
  void RemakeTopic(const std::string& name);
  // Producers go on with the partitions that they know of for up to five minutes.
  void GrowTopic(const std::string& name, int32_t partitions);
  // Differs for each topic that was ever made; empty if there is none of that name.
  std::string TopicId(const std::string& name) const;
  void SetBrokerSetting(const std::string& name, const std::string& value) { core_->broker_settings[name] = value; }
  // Takes a right away from everybody, and gives it back.
  void Deny(Right right, const std::string& name);
  void Allow(Right right, const std::string& name);
  // Writes a record outside transactions. kAnyPartition: by the key's hash. Time -1: the clock's.
  TopicPartitionOffset Append(const std::string& topic, Partition partition, std::optional<std::string> key,
                              std::optional<std::string> value, MemoryHeaders headers = {}, int64_t timestamp_ms = -1);
  // All records that are still there, by partition, then offset.
  std::vector<MemoryRecord> ReadCommitted(const std::string& topic) const;
  std::vector<MemoryRecord> ReadUncommitted(const std::string& topic) const;
  std::vector<std::string> TopicNames() const;
  bool HasPartition(const TopicPartition& where) const;
  Offset LastStableOffset(const TopicPartition& where) const;
  Offset HighWatermark(const TopicPartition& where) const;
  // Removes everything below the offset.
  void Trim(const TopicPartitionOffset& first_kept);
  // Keeps only the last committed record of each key, and those without one; a tombstone or marker goes with the first
  // call that comes delete.retention.ms after another which met it.
  void Compact(const std::string& topic);

  // Groups. Offsets that are pending in a transaction do not count.
  std::optional<Offset> CommittedOffset(const std::string& group, const TopicPartition& where) const;
  // The same, for observers: it lets nothing happen that is due.
  std::optional<Offset> PeekCommittedOffset(const std::string& group, const TopicPartition& where) const;
  void SetCommittedOffset(const std::string& group, const TopicPartition& where, std::optional<Offset> offset);
  // What offsets.retention.minutes does: forgets committed offsets of topics that no member of the group subscribes to.
  void ExpireOffsets();
  std::vector<std::string> Members(const std::string& group) const;
  int32_t Generation(const std::string& member) const;
  std::vector<TopicPartition> Held(const std::string& member) const;
  bool HasOpenTransaction(const std::string& transactional_id) const;

  // Calls `observer` after each commit with what became visible by it; see TransactionCoordinator::Observe.
  void OnCommit(std::function<void(const CommittedTransaction&)> observer);

  // Faults.
  void FailNext(Fault fault);
  // Orders given and not yet used up.
  size_t pending_faults() const { return core_->faults.pending(); }
  // All orders, and partitions have leaders again.
  void ClearFaults();
  // Second copies of requests that faults ordered: how many wait, and serving all or one of them, oldest first.
  size_t late() const;
  void DeliverLate();
  void DeliverLate(size_t index);
  // Those of groups may come all the same: then offsets can be read before what they stand for.
  void HoldMarkers(bool but_those_of_groups = false);
  void ReleaseMarkers();
  // As the client's own thread does between the member's Polls, which say the same.
  void Heartbeat(const std::string& member);
  // Ends the member's session now; it learns of it in its next Poll.
  void ExpireMember(const std::string& member);
  // The coordinator fails over: for so long its requests are answered with COORDINATOR_LOAD_IN_PROGRESS, which calls
  // report as retriable. What it knew stays. Transactions do not time out meanwhile; the members' sessions begin anew
  // afterwards, and offsets sent meanwhile fail their transaction unless they may wait so long.
  void MoveTransactionCoordinator(absl::Duration duration);
  void MoveGroupCoordinator(absl::Duration duration);
  // While unreachable, calls answer with retriable errors and Polls bring nothing; the clock's timeouts go on.
  void SetReachable(bool is_reachable);
  // A partition without a leader is not read, looked up or sought by anybody; others are. What is written to it is
  // kept.
  void SetLeaderless(const TopicPartition& where, bool is_leaderless);
  // Whoever reads the partition now is told OutOfRange, and reads it again only after it was assigned anew: as
  // librdkafka when it cannot find out the end that it is to read from.
  void EndReadings(const TopicPartition& where);
  // From now on readers of a topic that is gone hear of it, as librdkafka when it asks for metadata meanwhile: such a
  // partition is read again only after it was assigned anew, though the topic comes back.
  void LetClientsNoticeDeletions();
  // Readers get no record with a larger value, nor what is behind it: the client's receive.message.max.bytes.
  void SetLargestResponse(size_t bytes);

  // Empty unless a log breaks its invariants.
  std::string Check() const;

 private:
  std::vector<MemoryRecord> Read(const std::string& topic, bool is_committed_only) const;
  PartitionLog& Log(const TopicPartition& where) const;

  const std::shared_ptr<MemoryCore> core_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_CLUSTER_H_
