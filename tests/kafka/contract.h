// The contract suite of the Kafka ports (processor/kafka/kafka.h): one set of tests that every implementation passes.
//
// To run it on a cluster, implement ClusterFixture and instantiate the suite in a test binary that links :contract:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ContractTest,
//                            testing::Values(ClusterParam{"memory", [] { return std::make_unique<MemoryFixture>(); }}),
//                            ContractTest::Name);
//
// The tests run on one thread. Whatever takes time is waited for with ClusterFixture::Await, so a cluster with a clock
// of its own moves it there.
#ifndef ONCE_TESTS_KAFKA_CONTRACT_H_
#define ONCE_TESTS_KAFKA_CONTRACT_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "processor/kafka/kafka.h"

namespace once::kafka {

struct ClientOptions {
  absl::Duration transaction_timeout = absl::Seconds(15);
  absl::Duration session_timeout = absl::Seconds(10);
  bool tells_statistics = false;
};

// A cluster under test; made anew for each test.
class ClusterFixture {
 public:
  virtual ~ClusterFixture() = default;

  // A name for a topic, group or transactional id that no other test uses.
  virtual std::string UniqueName(const std::string& stem) = 0;

  // A client of the cluster. The fixture outlives all its clients.
  virtual std::unique_ptr<Client> NewClient(const ClientOptions& options) = 0;

  // Calls `done` until it returns true, letting a little time pass (on the cluster's own clock, if it has one) between
  // the calls. Returns false once `at_most` has passed.
  virtual bool Await(absl::Duration at_most, const std::function<bool()>& done) = 0;

  // Removes all records of the partition below the offset, as retention does.
  virtual void DeleteRecordsBefore(const TopicPartitionOffset& first_kept) = 0;

  // The cluster's clock, in milliseconds.
  virtual int64_t NowMs() = 0;

  // What operators do to topics. A broker may take a moment until all of it knows.
  virtual void SetTopicSetting(const std::string& topic, const std::string& setting, const std::string& value) = 0;
  virtual void DeleteTopic(const std::string& topic) = 0;
  // A name that was deleted, with the usual settings.
  virtual void CreateTopicAgain(const std::string& topic, int partitions) = 0;
  virtual void GrowTopic(const std::string& topic, int partitions) = 0;
  // Takes the right to write the topic from everybody, and gives it back. False if the cluster has no such thing.
  virtual bool DenyWriting(const std::string& topic) = 0;
  virtual void AllowWriting(const std::string& topic) = 0;
};

struct ClusterParam {
  std::string name;
  std::function<std::unique_ptr<ClusterFixture>()> make;
};

// A record with bytes of its own, to compare and to print.
struct Seen {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = -1;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

class ContractTest : public testing::TestWithParam<ClusterParam> {
 public:
  static std::string Name(const testing::TestParamInfo<ClusterParam>& info) { return info.param.name; }

 protected:
  // Far more than any call takes on a healthy cluster.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  void SetUp() override;

  ClusterFixture& cluster() { return *cluster_; }
  Client& client() { return *client_; }
  Admin& admin() { return *admin_; }

  // Creates a topic with a unique name, which it returns.
  std::string NewTopic(const std::string& stem, int partitions = 1, std::map<std::string, std::string> settings = {});
  std::unique_ptr<TransactionalProducer> NewProducer(const std::string& transactional_id,
                                                     const std::vector<std::string>& topics);
  // As above, and initialised.
  std::unique_ptr<TransactionalProducer> ReadyProducer(const std::string& transactional_id,
                                                       const std::vector<std::string>& topics);
  std::unique_ptr<TransactionalProducer> ReadyProducer(const std::vector<std::string>& topics);
  std::unique_ptr<GroupConsumer> NewConsumer(const std::string& group, const std::vector<std::string>& topics);
  std::unique_ptr<LogReader> NewReader(const std::vector<std::string>& topics);

  // Repeats calls that end in a retriable result until they do not.
  Result Init(TransactionalProducer& producer);
  Result Flush(TransactionalProducer& producer);
  Result SendOffsets(TransactionalProducer& producer, const std::vector<TopicPartitionOffset>& offsets,
                     const GroupMetadata& group);
  Result Commit(TransactionalProducer& producer);
  Result Abort(TransactionalProducer& producer);

  // Queues a record of topic 0.
  Result Send(TransactionalProducer& producer, const std::string& key, const std::string& value, int partition = 0);
  // One transaction with these values in partition 0 of topic 0, each under its value as key. Must succeed.
  void CommitValues(TransactionalProducer& producer, const std::vector<std::string>& values, int partition = 0);
  void AbortValues(TransactionalProducer& producer, const std::vector<std::string>& values, int partition = 0);

  // All committed records of the partition from its beginning to its end, and that end's position.
  std::vector<Seen> ReadAll(const std::string& topic, int partition = 0, Offset* end = nullptr);
  std::vector<std::string> ReadValues(const std::string& topic, int partition = 0);

  Offset HighWatermark(const std::string& topic, int partition = 0);
  // The group's committed offset, or nothing.
  std::optional<int64_t> Committed(const std::string& group, const TopicPartition& partition);

 private:
  std::unique_ptr<ClusterFixture> cluster_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Admin> admin_;
};

// A member of a group as the worker runs one: assigns what it is told to, seeks it to `start`, keeps what it reads.
class Member final : public RebalanceListener {
 public:
  // Takes over `consumer`, which was made for `topics`; the first is subscribed to, those after it follow it.
  Member(std::unique_ptr<GroupConsumer> consumer, std::vector<std::string> topics);
  ~Member() override;

  // One Poll; keeps its records, ends and errors. Newly assigned partitions are sought to their start first.
  void Poll(absl::Duration timeout = absl::Milliseconds(20));
  // What a member does between two events of a batch.
  void ServeCallbacks();
  // Whether the last batch's views still say what they said when it was polled.
  bool is_batch_intact() const;
  // Where newly assigned partitions are read from; 0 unless set.
  void set_start(const TopicPartition& partition, Offset offset) { starts_[partition] = offset; }

  GroupConsumer& consumer() { return *consumer_; }
  absl::Status Close();
  // Stops without closing.
  void Destroy() { consumer_.reset(); }

  const std::vector<TopicPartition>& assigned() const { return assigned_; }  // In order, followers included.
  bool has_end(const TopicPartition& partition) const { return ends.count(partition) > 0; }
  std::vector<std::string> values() const;

  void OnAssigned(std::span<const TopicPartition> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;

  std::vector<Seen> records;
  std::map<TopicPartition, Offset> ends;  // The last position reported.
  std::vector<PartitionError> errors;
  int assigned_calls = 0;
  int revoked_calls = 0;
  int lost_calls = 0;

 private:
  std::vector<TopicPartition> WithFollowers(std::span<const TopicPartition> partitions) const;
  void Drop(std::span<const TopicPartition> partitions);

  std::unique_ptr<GroupConsumer> consumer_;
  const std::vector<std::string> topics_;
  std::vector<TopicPartition> assigned_;
  std::vector<TopicPartition> to_seek_;
  std::vector<Seen> last_polled_;
  std::map<TopicPartition, Offset> starts_;
  Batch batch_;
};

// A copy of a record's bytes.
Seen Copy(const RecordView& record, const std::vector<std::string>& topics);

inline TopicPartition At(const std::string& topic, int partition) { return {topic, Partition(partition)}; }
inline TopicPartitionOffset At(const std::string& topic, int partition, int64_t offset) {
  return {At(topic, partition), Offset(offset)};
}

}  // namespace once::kafka

#endif  // ONCE_TESTS_KAFKA_CONTRACT_H_
