#include "tests/testkit/memory_cluster.h"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "processor/base/murmur2.h"
#include "tests/testkit/memory_admin.h"
#include "tests/testkit/memory_consumer.h"
#include "tests/testkit/memory_log_reader.h"
#include "tests/testkit/memory_producer.h"

namespace once::testkit {
namespace {

class MemoryClient final : public kafka::Client {
 public:
  MemoryClient(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options)
      : core_(std::move(core)), options_(options) {}

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override {
    if (transactional_id.empty()) {
      return absl::InvalidArgumentError("a transactional producer needs a transactional.id");
    }
    return std::make_unique<MemoryProducer>(core_, options_, transactional_id, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    if (group.empty()) return absl::InvalidArgumentError("a group consumer needs the name of its group");
    return std::make_unique<MemoryConsumer>(core_, options_, group, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    return std::make_unique<MemoryLogReader>(core_, options_, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewUncommittedLogReader(
      const std::vector<std::string>& topics) override {
    return std::make_unique<MemoryLogReader>(core_, options_, topics, false);
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override { return std::make_unique<MemoryAdmin>(core_); }

 private:
  const std::shared_ptr<MemoryCore> core_;
  const MemoryClientOptions options_;
};

}  // namespace

std::optional<std::string> MemoryRecord::header(const std::string& name) const {
  for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
    if (it->first == name) return it->second;
  }
  return std::nullopt;
}

MemoryCluster::MemoryCluster(Clock* clock) : core_(std::make_shared<MemoryCore>(clock)) {}

std::unique_ptr<kafka::Client> MemoryCluster::NewClient(MemoryClientOptions options) {
  return std::make_unique<MemoryClient>(core_, options);
}

PartitionLog& MemoryCluster::Log(const TopicPartition& where) const {
  PartitionLog* log = core_->topics.Find(where);
  if (log == nullptr) {
    fprintf(stderr, "the cluster has no partition %s; create its topic first\n", ToString(where).c_str());
    abort();
  }
  return *log;
}

void MemoryCluster::CreateTopic(const std::string& name, int32_t partitions,
                                std::map<std::string, std::string> settings) {
  const std::lock_guard lock(core_->mutex);
  if (core_->topics.Create(name, partitions, std::move(settings))) core_->groups.TopicChanged(name);
}

void MemoryCluster::SetTopicSetting(const std::string& topic, const std::string& name, const std::string& value) {
  const std::lock_guard lock(core_->mutex);
  core_->topics.Find(topic)->Set(name, value);
}

void MemoryCluster::DeleteTopic(const std::string& name) {
  const std::lock_guard lock(core_->mutex);
  core_->topics.Delete(name);
  core_->groups.ForgetTopic(name);
}

void MemoryCluster::RemakeTopic(const std::string& name) {
  const std::lock_guard lock(core_->mutex);
  const Topic* const found = core_->topics.Find(name);
  if (found == nullptr) return;
  const std::map<std::string, std::string> settings = found->settings();
  const auto partitions = static_cast<int32_t>(found->partitions.size());
  DeleteTopic(name);
  CreateTopic(name, partitions, settings);
}

void MemoryCluster::GrowTopic(const std::string& name, int32_t partitions) {
  const std::lock_guard lock(core_->mutex);
  core_->topics.Grow(name, partitions);
  core_->groups.TopicChanged(name);
}

std::string MemoryCluster::TopicId(const std::string& name) const {
  const std::lock_guard lock(core_->mutex);
  const Topic* const found = core_->topics.Find(name);
  return found == nullptr ? "" : found->id();
}

void MemoryCluster::Deny(Right right, const std::string& name) {
  const std::lock_guard lock(core_->mutex);
  core_->rights.Deny(right, name);
}

void MemoryCluster::Allow(Right right, const std::string& name) {
  const std::lock_guard lock(core_->mutex);
  core_->rights.Allow(right, name);
}

TopicPartitionOffset MemoryCluster::Append(const std::string& topic, Partition partition,
                                           std::optional<std::string> key, std::optional<std::string> value,
                                           MemoryHeaders headers, int64_t timestamp_ms) {
  const std::lock_guard lock(core_->mutex);
  if (partition == kAnyPartition) {
    Log({topic, Partition(0)});
    partition = PartitionForKey(key.value_or(""), core_->topics.PartitionCount(topic));
  }
  StoredRecord record;
  record.timestamp_ms = timestamp_ms >= 0 ? timestamp_ms : absl::ToUnixMillis(core_->now());
  record.key = std::move(key);
  record.value = std::move(value);
  record.headers = std::move(headers);
  const TopicPartition where{topic, partition};
  return {where, Log(where).Append(std::move(record))};
}

std::vector<MemoryRecord> MemoryCluster::Read(const std::string& topic, bool is_committed_only) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  std::vector<MemoryRecord> records;
  for (int32_t i = 0; i < core_->topics.PartitionCount(topic); ++i) {
    constexpr size_t kAll = std::numeric_limits<size_t>::max();
    const PartitionLog& log = Log({topic, Partition(i)});
    const PartitionLog::Slice slice =
        is_committed_only ? log.ReadCommitted(log.start(), kAll) : log.ReadUncommitted(log.start(), kAll);
    for (const StoredRecordPtr& each : slice.records) {
      records.push_back({topic, Partition(i), each->offset, each->timestamp_ms, each->key, each->value, each->headers});
    }
  }
  return records;
}

std::vector<MemoryRecord> MemoryCluster::ReadCommitted(const std::string& topic) const { return Read(topic, true); }
std::vector<MemoryRecord> MemoryCluster::ReadUncommitted(const std::string& topic) const { return Read(topic, false); }

std::vector<std::string> MemoryCluster::TopicNames() const {
  const std::lock_guard lock(core_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, topic] : core_->topics.all()) names.push_back(name);
  return names;
}

Offset MemoryCluster::LastStableOffset(const TopicPartition& where) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  return Log(where).last_stable_offset();
}

Offset MemoryCluster::HighWatermark(const TopicPartition& where) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  return Log(where).high_watermark();
}

void MemoryCluster::Trim(const TopicPartitionOffset& first_kept) {
  const std::lock_guard lock(core_->mutex);
  Log(first_kept.where).Trim(first_kept.offset);
}

void MemoryCluster::Compact(const std::string& topic) {
  const std::lock_guard lock(core_->mutex);
  Topic* const found = core_->topics.Find(topic);
  if (found == nullptr) return;
  const int64_t now_ms = absl::ToUnixMillis(core_->now());
  for (PartitionLog& log : found->partitions) log.Compact(now_ms, found->delete_retention_ms());
}

std::optional<Offset> MemoryCluster::CommittedOffset(const std::string& group, const TopicPartition& where) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  return core_->groups.Committed(group, where);
}

std::optional<Offset> MemoryCluster::PeekCommittedOffset(const std::string& group, const TopicPartition& where) const {
  const std::lock_guard lock(core_->mutex);
  return core_->groups.Committed(group, where);
}

bool MemoryCluster::HasPartition(const TopicPartition& where) const {
  const std::lock_guard lock(core_->mutex);
  return core_->topics.Find(where) != nullptr;
}

void MemoryCluster::SetCommittedOffset(const std::string& group, const TopicPartition& where,
                                       std::optional<Offset> offset) {
  const std::lock_guard lock(core_->mutex);
  core_->groups.SetCommitted(group, where, offset);
}

void MemoryCluster::ExpireOffsets() {
  const std::lock_guard lock(core_->mutex);
  core_->groups.ExpireOffsets();
}

std::vector<std::string> MemoryCluster::Members(const std::string& group) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  return core_->groups.Members(group);
}

int32_t MemoryCluster::Generation(const std::string& member) const {
  const std::lock_guard lock(core_->mutex);
  return core_->groups.Generation(member);
}

std::vector<TopicPartition> MemoryCluster::Held(const std::string& member) const {
  const std::lock_guard lock(core_->mutex);
  return core_->groups.Held(member);
}

bool MemoryCluster::HasOpenTransaction(const std::string& transactional_id) const {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  return core_->transactions.IsOpen(transactional_id);
}

void MemoryCluster::OnCommit(std::function<void(const CommittedTransaction&)> observer) {
  const std::lock_guard lock(core_->mutex);
  core_->transactions.Observe(std::move(observer));
}

void MemoryCluster::FailNext(Fault fault) {
  const std::lock_guard lock(core_->mutex);
  core_->faults.Add(std::move(fault));
}

void MemoryCluster::ClearFaults() {
  const std::lock_guard lock(core_->mutex);
  core_->faults.Clear();
  core_->leaderless.clear();
}

size_t MemoryCluster::late() const {
  const std::lock_guard lock(core_->mutex);
  return core_->late.size();
}

void MemoryCluster::DeliverLate() {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  for (const auto& request : std::exchange(core_->late, {})) request();
}

void MemoryCluster::DeliverLate(size_t index) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (index >= core_->late.size()) return;
  const auto request = std::move(core_->late[index]);
  core_->late.erase(core_->late.begin() + static_cast<std::ptrdiff_t>(index));
  request();
}

void MemoryCluster::MoveTransactionCoordinator(absl::Duration duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  core_->transactions.MoveUntil(core_->now() + duration);
}

void MemoryCluster::MoveGroupCoordinator(absl::Duration duration) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  core_->groups.MoveUntil(core_->now() + duration);
}

void MemoryCluster::HoldMarkers(bool but_those_of_groups) {
  const std::lock_guard lock(core_->mutex);
  core_->transactions.HoldMarkers(but_those_of_groups);
}

void MemoryCluster::ReleaseMarkers() {
  const std::lock_guard lock(core_->mutex);
  core_->transactions.ReleaseMarkers(core_->now());
}

void MemoryCluster::Heartbeat(const std::string& member) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  core_->groups.Heartbeat(member, core_->now());
}

void MemoryCluster::ExpireMember(const std::string& member) {
  const std::lock_guard lock(core_->mutex);
  core_->groups.Leave(member);
}

void MemoryCluster::SetReachable(bool is_reachable) {
  const std::lock_guard lock(core_->mutex);
  core_->is_reachable = is_reachable;
}

void MemoryCluster::LetClientsNoticeDeletions() {
  const std::lock_guard lock(core_->mutex);
  core_->clients_notice_deletions = true;
}

void MemoryCluster::SetLargestResponse(size_t bytes) {
  const std::lock_guard lock(core_->mutex);
  core_->largest_response = bytes;
}

void MemoryCluster::EndReadings(const TopicPartition& where) {
  const std::lock_guard lock(core_->mutex);
  ++core_->endings[where];
}

void MemoryCluster::SetLeaderless(const TopicPartition& where, bool is_leaderless) {
  const std::lock_guard lock(core_->mutex);
  if (is_leaderless) {
    core_->leaderless.insert(where);
  } else {
    core_->leaderless.erase(where);
  }
}

std::string MemoryCluster::Check() const {
  const std::lock_guard lock(core_->mutex);
  for (auto& [name, topic] : core_->topics.all()) {
    for (const PartitionLog& log : topic.partitions) {
      const std::string wrong = log.Check();
      if (!wrong.empty()) return absl::StrCat(name, ": ", wrong);
    }
  }
  return "";
}

}  // namespace once::testkit
