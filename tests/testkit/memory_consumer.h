// The group consumer's port in memory.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_CONSUMER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_CONSUMER_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/testkit/fetcher.h"
#include "tests/testkit/memory_core.h"
#include "tests/testkit/memory_statistics.h"

namespace once::testkit {

// Joins its group in its first Poll. Its destructor leaves nothing: the session runs out, as after a crash.
class MemoryConsumer final : public kafka::GroupConsumer {
 public:
  MemoryConsumer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options, std::string group,
                 std::vector<std::string> topics);

  absl::Status Subscribe(std::span<const std::string> topics, kafka::RebalanceListener* listener) override;
  absl::Status Assign(std::span<const TopicPartition> partitions) override;
  absl::Status Unassign(std::span<const TopicPartition> partitions) override;
  absl::Status Seek(std::span<const TopicPartitionOffset> offsets) override;
  std::vector<kafka::SeekFailure> SeekEach(std::span<const TopicPartitionOffset> offsets) override;
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override;
  absl::Status ServeCallbacks() override;
  kafka::GroupMetadata group_metadata() override;
  std::optional<Offset> KnownEnd(const TopicPartition& partition) override;
  std::shared_ptr<ClientStatisticsSource> statistics() override { return statistics_; }
  absl::Status Close() override;

 private:
  using Callback = void (kafka::RebalanceListener::*)(std::span<const TopicPartition>);

  // Joins, or serves what the coordinator wants changed. Called without the lock.
  void ServeGroup();
  void ServeSilence();
  // What Poll and ServeCallbacks have in common; says whether there is a broker to fetch from.
  absl::StatusOr<bool> Serve();
  void LoseAll();
  void GiveUp(Callback callback, const std::vector<TopicPartition>& partitions);
  void Take(const std::vector<TopicPartition>& partitions);
  void CallListener(Callback callback, const std::vector<TopicPartition>& partitions);
  absl::Status CheckSeek(const TopicPartition& where) const;
  absl::Status CheckInCallback(const char* call) const;

  const std::shared_ptr<MemoryCore> core_;
  const MemoryClientOptions options_;
  const std::string group_;
  Fetcher fetcher_;
  std::vector<std::string> subscribed_;
  kafka::RebalanceListener* listener_ = nullptr;
  std::string member_id_;
  int32_t generation_ = -1;  // The last that we knew.
  std::set<TopicPartition> owned_;
  uint64_t served_version_ = 0;  // Of the group: nothing is to be done before it changes.
  absl::Time last_answer_ = absl::InfinitePast();
  bool in_callback_ = false;
  bool is_answered_ = false;
  int64_t requests_ = 0;
  int64_t rebalances_ = 0;
  const std::shared_ptr<MemoryStatistics> statistics_;  // Null: it tells none.
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_CONSUMER_H_
