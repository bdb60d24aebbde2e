// The ports through which the engine's worker reaches Kafka, small enough to be implemented twice: by librdkafka
// (processor/kafka/librdkafka) and in memory (tests/testkit). One contract suite runs on both.
//
// Every object here is used by one thread at a time, except where a comment says otherwise. Destroying a producer or
// consumer abandons what it had under way: it commits nothing.
#ifndef ONCE_PROCESSOR_KAFKA_KAFKA_H_
#define ONCE_PROCESSOR_KAFKA_KAFKA_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/client_statistics.h"
#include "processor/base/record.h"
#include "processor/base/types.h"

namespace once::kafka {

// What a failed call asks of its caller. Order of judgement: fatal, then abortable, then retriable, else fatal.
enum class ErrorClass {
  kNone,
  kRetriable,  // The same call with the same arguments may be made again.
  kAbortable,  // The transaction must be aborted; the producer lives on.
  kFatal,      // The producer is finished: destroy it, make one with the same id, InitTransactions.
};

// The outcome of a transactional call.
struct Result {
  ErrorClass error = ErrorClass::kNone;
  bool fenced = false;  // Fatal because another producer took the id over, or the transaction timed out.
  // Neither waiting nor a new producer mends it: a missing right, a topic that is gone, a setting. What passes by
  // itself is a list; all other errors last. (Somebody may still mend it: try again, but slowly.)
  bool lasting = false;
  std::string code = {};     // The client's or broker's error name, such as "INVALID_PRODUCER_EPOCH".
  std::string message = {};  // For people: what failed and why.

  bool ok() const { return error == ErrorClass::kNone; }
  static Result Ok() { return {}; }
};

// "<code>: <message>".
std::string ToString(const Result& result);

// Identifies a member of the consumer group at one generation, for SendOffsets.
struct GroupMetadata {
  int32_t generation = -1;  // -1: not a member.
  std::string member_id;
  std::shared_ptr<const void> native;  // The adapter's own form.
};

// Whether the broker (or the client) refused a record for what it is: too large, a timestamp out of bounds, no key for
// a compacted topic, whatever it may be. The broker refuses a batch as a whole and does not say which of its records it
// means.
enum class Refusal {
  kNone,     // Not failed, or for another reason.
  kSuspect,  // Its batch was refused; it may be innocent. Sent again in a transaction of its own it shows itself.
  kAlone,    // It was refused by itself, and would be again.
};

// A delivery report: of every failed record, and of those that asked with `want_offset`. Of a record that was dropped
// because its transaction failed or was aborted there may be none.
struct Delivery {
  uint64_t token = 0;
  uint32_t topic_index = 0;
  Partition partition;
  std::optional<Offset> offset;  // Absent if the record failed or the broker did not say.
  bool failed = false;
  Refusal refusal = Refusal::kNone;
  bool lasting = false;         // Failed, and for a reason that lasts: see Result.
  bool record_refused = false;  // A guess: refused, and the likeliest of its batch to have caused that.
  std::string code;             // The client's or broker's error name, such as "MSG_SIZE_TOO_LARGE".
  std::string error;            // For people: "<code>: <why>".
};

// A producer with one transactional.id. The calls of one transaction: BeginTransaction, Send…, Flush, SendOffsets,
// Commit or Abort. All but Send, BeginTransaction and TakeDeliveries block, for at most the stated timeout and the
// client's own; a retriable result of a timeout means that the same call may be repeated.
class TransactionalProducer {
 public:
  virtual ~TransactionalProducer() = default;

  // The `topic_index` of a topic in this producer's records, for whoever does not know all topics when it is made: the
  // one that the topic has, or a new one behind the others. By default Unimplemented.
  virtual absl::StatusOr<uint32_t> AddTopic(const std::string& topic);

  // Fences every earlier producer of the same id and ends its open transaction. Before anything else, once.
  virtual Result InitTransactions(absl::Duration timeout) = 0;
  virtual Result BeginTransaction() = 0;
  // Copies the record and queues it. Retriable if the queue is full: wait with Flush, then send it again.
  virtual Result Send(const OutputRecord& record) = 0;
  // Waits until all queued records are delivered or have failed. A failure makes the transaction abortable.
  virtual Result Flush(absl::Duration timeout) = 0;
  // Adds input offsets (next offset to read) to the transaction. `offsets` must not be empty.
  virtual Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const GroupMetadata& group,
                             absl::Duration timeout) = 0;
  // Only kNone says "committed"; after any other answer but kAbortable the outcome is unknown.
  virtual Result Commit(absl::Duration timeout) = 0;
  // Drops what is queued. Only kNone says "aborted".
  virtual Result Abort(absl::Duration timeout) = 0;

  // Appends the delivery reports that came since the last call; reports come during Send and Flush.
  virtual void TakeDeliveries(std::vector<Delivery>* deliveries) = 0;
  // Whether a transport or coordinator error was seen, a call took long, or a record failed since the last call of
  // this. A transaction ended meanwhile may have a duplicate of its end request under way, or a gap in its sequence
  // numbers, so its producer is to be replaced before the next one.
  virtual bool TakeSuspicion() = 0;

  // What the client says of itself; null where it is not asked to. Also brings in what it has just said, so call it now
  // and then, whether or not there is a transaction: until then it is kept, all of it. Does not block.
  virtual std::shared_ptr<ClientStatisticsSource> TakeStatistics() { return nullptr; }
};

// In a Seek: the end of the partition, whatever its offset is.
inline constexpr Offset kEndOffset{-1};

struct EndOfPartition {
  uint32_t topic_index = 0;
  Partition partition;
  Offset position;  // The next offset that will be read: past trailing control markers.
};

// A partition that cannot be read on.
struct PartitionError {
  uint32_t topic_index = 0;
  Partition partition;
  // OutOfRange: the offset is no longer (or not yet) in the log. Unavailable: where it is read next is not known, so
  // seek it again.
  absl::Status status;
};

// What one Poll brought. All views stay valid until the next Poll with the same batch, or until the consumer or reader
// that filled it is destroyed.
struct Batch {
  std::vector<RecordView> records;
  std::vector<EndOfPartition> ends;
  std::vector<PartitionError> errors;
  // Keeps the adapter's memory behind the views.
  std::shared_ptr<void> storage;
};

// A partition that could not be sought, and why.
struct SeekFailure {
  TopicPartitionOffset target = {};
  absl::Status status = {};
};

// Called inside GroupConsumer::Poll, ServeCallbacks and Close. Partitions are those of subscribed topics. The
// consumer's assignment is changed by the listener, with Assign or Unassign called once in each callback.
class RebalanceListener {
 public:
  virtual ~RebalanceListener() = default;
  virtual void OnAssigned(std::span<const TopicPartition> partitions) = 0;
  // The partitions are still ours until Unassign: drain, commit, then unassign.
  virtual void OnRevoked(std::span<const TopicPartition> partitions) = 0;
  // The partitions already belong to others: abort, then unassign.
  virtual void OnLost(std::span<const TopicPartition> partitions) = 0;
};

// Where a newly assigned partition is read from until it is sought: at its end, so that little is fetched in vain.
// A member of a consumer group with cooperative-sticky rebalancing that reads committed records only.
class GroupConsumer {
 public:
  virtual ~GroupConsumer() = default;

  // `topics` must be among those that the consumer was created with. `listener` must outlive the consumer.
  virtual absl::Status Subscribe(std::span<const std::string> topics, RebalanceListener* listener) = 0;

  // Only inside a callback: adds to, or removes from, the assignment, partitions of topics that need not be
  // subscribed. What is added is read from its end on until Seek says otherwise.
  virtual absl::Status Assign(std::span<const TopicPartition> partitions) = 0;
  virtual absl::Status Unassign(std::span<const TopicPartition> partitions) = 0;

  // Continues at the given offsets (or kEndOffset): a later Poll returns nothing that was fetched before. Blocks
  // shortly. On an error nothing is promised about where any of them is read next: seek again before using their
  // records. Unavailable: too early, Poll and try again.
  virtual absl::Status Seek(std::span<const TopicPartitionOffset> offsets) = 0;

  // Seeks each by itself, and returns those that could not be (X5): to them applies what Seek says of an error, to all
  // others what it says of success. By default: all by Seek, and each alone if that fails.
  virtual std::vector<SeekFailure> SeekEach(std::span<const TopicPartitionOffset> offsets);

  // Serves callbacks as ServeCallbacks does, waits up to `timeout` for records, fills `batch` (emptied first). Returns
  // an error only when the consumer cannot go on; partitions' errors are in the batch. A partition that is kept in a
  // rebalance is read on where the last batch ended: nothing of it is lost or comes twice.
  virtual absl::Status Poll(absl::Duration timeout, Batch* batch) = 0;

  // Calls the listener if there is a rebalance to serve, whatever has been fetched and is still to be polled. Returns
  // no records, waits for nothing but the listener, leaves the views of batches valid, and counts as a Poll for the
  // poll interval: what a member with a long backlog calls between its events. Returns an error as Poll does.
  virtual absl::Status ServeCallbacks() = 0;

  // A fresh reading at each call.
  virtual GroupMetadata group_metadata() = 0;

  // One past the last record of a partition of ours, as of what was fetched last of it; nothing if none was. Asks
  // nobody. For reports: it may be old.
  virtual std::optional<Offset> KnownEnd(const TopicPartition&) { return std::nullopt; }

  // What the client says of itself, as of the last Poll or ServeCallbacks; null where it is not asked to.
  virtual std::shared_ptr<ClientStatisticsSource> statistics() { return nullptr; }

  // Leaves the group; OnRevoked is called, once, for what is still assigned. No call follows but the destructor.
  virtual absl::Status Close() = 0;
};

// Reads partitions without a group, committed records only, and reports their ends. For restoring state.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Adds a partition, from `offset` on. FailedPrecondition if it is read already.
  virtual absl::Status Add(const TopicPartitionOffset& from) = 0;
  virtual absl::Status Remove(const TopicPartition& partition) = 0;
  virtual absl::Status Poll(absl::Duration timeout, Batch* batch) = 0;
};

struct TopicDescription {
  int32_t partition_count = 0;
  // How many replicas the partitions have, and how many of these are in sync, of the one that has least; 0: not known.
  int32_t replicas = 0;
  int32_t in_sync = 0;
  // The topic's identity as text: another one after the topic was deleted and made anew. Empty where the client library
  // cannot tell (librdkafka before 2.3) or the brokers have none (before Kafka 2.8).
  std::string id = {};
  // The topic's settings in force, such as "max.message.bytes" and "delete.retention.ms", defaults included. Empty if
  // the brokers do not tell: `settings_error` then says why, PermissionDenied that the right DescribeConfigs is
  // missing.
  std::map<std::string, std::string> settings = {};
  absl::Status settings_error = absl::OkStatus();
};

struct NewTopic {
  std::string name = {};
  int32_t partition_count = 1;
  std::map<std::string, std::string> settings = {};
};

// What is asked of a partition's log.
enum class LogPoint {
  kBeginning,      // The first offset still in it.
  kHighWatermark,  // One past the last record, open and aborted transactions included (not the last stable offset).
  kLastStable,     // Up to where committed records are read now: the first open transaction, or the high watermark.
};

// One answer for each partition that was asked for, or its own error. Nothing: the group has committed no offset.
using CommittedOffsets = std::map<TopicPartition, absl::StatusOr<std::optional<Offset>>>;
using LogOffsets = std::map<TopicPartition, absl::StatusOr<Offset>>;

struct GroupMember {
  std::string id = {};
  std::string static_name = {};  // Of a static member.
  std::string client_id = {};
  std::string host = {};
};

struct GroupDescription {
  std::string state = {};  // As brokers call it: "Stable", "Empty"; "Dead" if there is no such group.
  std::vector<GroupMember> members = {};
  // What the one who asks may do with it, such as "READ"; nothing if the brokers or the client do not tell.
  std::optional<std::set<std::string>> rights = {};
};

struct ClusterDescription {
  int32_t brokers = 0;
  // Of one of them, defaults included, such as "transaction.max.timeout.ms". Empty if it does not tell:
  // `settings_error` then says why.
  std::map<std::string, std::string> settings = {};
  absl::Status settings_error = absl::OkStatus();
};

// Calls that concern no single transaction. Thread-safe. Errors: Unavailable and DeadlineExceeded may be retried;
// Unauthenticated: the brokers refuse the credentials, PermissionDenied: a right is missing.
class Admin {
 public:
  virtual ~Admin() = default;

  // NotFound if there is no such topic; OK without settings if only these are not told. `timeout` holds for each call.
  virtual absl::StatusOr<TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) = 0;
  // AlreadyExists if it is there. Replication is the broker's default. Returns when the topic can be used.
  virtual absl::Status CreateTopic(const NewTopic& topic, absl::Duration timeout) = 0;
  // The group's committed offsets, waiting for pending transactions of these partitions to end. Partitions without a
  // committed offset are missing from the answer.
  virtual absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(
      const std::string& group, std::span<const TopicPartition> partitions, absl::Duration timeout) = 0;
  // The first offset still in the log.
  virtual absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition, absl::Duration timeout) = 0;
  // One past the last record, open and aborted transactions included (not the last stable offset).
  virtual absl::StatusOr<Offset> HighWatermark(const TopicPartition& partition, absl::Duration timeout) = 0;

  // Of many partitions at once, in few requests (X5). Each has an answer of its own: what is not known of one, because
  // a transaction is pending, because it has no leader or because its broker is silent, is Unavailable for that one and
  // says nothing of others. Nothing is waited for beyond `timeout` in all. By default they are asked one by one.
  virtual CommittedOffsets ReadCommittedOffsets(const std::string& group, std::span<const TopicPartition> partitions,
                                                absl::Duration timeout);
  virtual LogOffsets ReadLogOffsets(LogPoint point, std::span<const TopicPartition> partitions, absl::Duration timeout);

  // TopicDescription::id of those among the topics that are there and have one, in one request. By default of none.
  virtual absl::StatusOr<std::map<std::string, std::string>> ReadTopicIds(std::span<const std::string> topics,
                                                                          absl::Duration timeout);

  // What operators ask for; by default Unimplemented.
  //
  // A group that nobody knows has no members.
  virtual absl::StatusOr<GroupDescription> DescribeGroup(const std::string& group, absl::Duration timeout);
  virtual absl::StatusOr<ClusterDescription> DescribeCluster(absl::Duration timeout);
  // NotFound if there is no such topic, or group. Of a group all committed offsets go; FailedPrecondition if it has
  // members.
  virtual absl::Status DeleteTopic(const std::string& topic, absl::Duration timeout);
  virtual absl::Status DeleteGroup(const std::string& group, absl::Duration timeout);
  // The first offset whose record, or a later one, is of that time or later; the high watermark if there is none.
  virtual LogOffsets ReadOffsetsAt(absl::Time time, std::span<const TopicPartition> partitions, absl::Duration timeout);
  // What the one who asks may do with each topic: "READ", "WRITE", "DESCRIBE" …, without doing it. Topics of which that
  // is not told are absent; by default all.
  virtual absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadTopicRights(
      std::span<const std::string> topics, absl::Duration timeout);
};

// Makes the objects above. Thread-safe. The lists of topics give `topic_index` its meaning in records.
class Client {
 public:
  virtual ~Client() = default;
  virtual absl::StatusOr<std::unique_ptr<TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) = 0;
  virtual absl::StatusOr<std::unique_ptr<GroupConsumer>> NewGroupConsumer(const std::string& group,
                                                                          const std::vector<std::string>& topics) = 0;
  // A static member: after a restart within the session timeout it is given what it had, without a rebalance, so
  // leaving says nothing to the group. Whoever joins with the same `member_name` fences the earlier one, whose Poll
  // then fails. Unimplemented where there is no such thing.
  virtual absl::StatusOr<std::unique_ptr<GroupConsumer>> NewStaticGroupConsumer(const std::string& group,
                                                                                const std::string& member_name,
                                                                                const std::vector<std::string>& topics);
  virtual absl::StatusOr<std::unique_ptr<LogReader>> NewLogReader(const std::vector<std::string>& topics) = 0;
  // Reads what is not committed, and what was aborted, as well: to show it, never to work from. By default
  // Unimplemented.
  virtual absl::StatusOr<std::unique_ptr<LogReader>> NewUncommittedLogReader(const std::vector<std::string>& topics);
  virtual absl::StatusOr<std::unique_ptr<Admin>> NewAdmin() = 0;
  // The same cluster, under a name by which the brokers' logs and metrics tell what is made of it from others: a pod
  // names the clients of its workers. Null where there are no such names.
  virtual std::unique_ptr<Client> Named(const std::string& name);
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_KAFKA_H_
