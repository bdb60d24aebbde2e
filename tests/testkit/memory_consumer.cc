#include "tests/testkit/memory_consumer.h"

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::testkit {

using kafka::RebalanceListener;

MemoryConsumer::MemoryConsumer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options, std::string group,
                               std::vector<std::string> topics)
    : core_(std::move(core)),
      options_(options),
      group_(std::move(group)),
      fetcher_(core_.get(), std::move(topics), options.max_poll_records),
      statistics_(options.tells_statistics ? std::make_shared<MemoryStatistics>() : nullptr) {}

absl::Status MemoryConsumer::Subscribe(std::span<const std::string> topics, RebalanceListener* listener) {
  for (const std::string& topic : topics) {
    if (fetcher_.Knows(topic)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("consumer of group ", group_, " was not created for topic \"", topic, "\""));
  }
  subscribed_.assign(topics.begin(), topics.end());
  listener_ = listener;
  return absl::OkStatus();
}

absl::Status MemoryConsumer::CheckInCallback(const char* call) const {
  if (in_callback_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(call, " of the consumer of group ", group_, " outside a rebalance callback"));
}

absl::Status MemoryConsumer::Assign(std::span<const TopicPartition> partitions) {
  if (absl::Status status = CheckInCallback("Assign"); !status.ok()) return status;
  const std::lock_guard lock(core_->mutex);
  for (const TopicPartition& each : partitions) {
    if (fetcher_.Knows(each.topic) && !fetcher_.IsReading(each)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "assigning ", ToString(each), ": it is assigned already, or the consumer was not created for its topic"));
  }
  for (const TopicPartition& each : partitions) fetcher_.Set(each, kafka::kEndOffset);
  is_answered_ = true;
  return absl::OkStatus();
}

absl::Status MemoryConsumer::Unassign(std::span<const TopicPartition> partitions) {
  if (absl::Status status = CheckInCallback("Unassign"); !status.ok()) return status;
  for (const TopicPartition& each : partitions) fetcher_.Remove(each);
  is_answered_ = true;
  return absl::OkStatus();
}

absl::Status MemoryConsumer::CheckSeek(const TopicPartition& where) const {
  if (absl::Status status = core_->LeaderOf(where); !status.ok()) return status;
  const char* reason = !fetcher_.IsReading(where) ? "it is not assigned"
                       : fetcher_.IsBroken(where) ? "its reading ended with an error; assign it anew first"
                                                  : nullptr;
  if (reason == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("seeking ", ToString(where), ": ", reason));
}

absl::Status MemoryConsumer::Seek(std::span<const TopicPartitionOffset> offsets) {
  const std::lock_guard lock(core_->mutex);
  for (const TopicPartitionOffset& each : offsets) {
    if (absl::Status status = CheckSeek(each.where); !status.ok()) return status;
  }
  if (absl::Status status = core_->StatusOf(Call::kSeek, group_); !status.ok()) return status;
  for (const TopicPartitionOffset& each : offsets) fetcher_.Set(each.where, each.offset);
  return absl::OkStatus();
}

std::vector<kafka::SeekFailure> MemoryConsumer::SeekEach(std::span<const TopicPartitionOffset> offsets) {
  const std::lock_guard lock(core_->mutex);
  const absl::Status all = core_->StatusOf(Call::kSeek, group_);
  std::vector<kafka::SeekFailure> failures;
  for (const TopicPartitionOffset& each : offsets) {
    absl::Status status = CheckSeek(each.where);
    if (status.ok()) status = all;
    if (status.ok()) {
      fetcher_.Set(each.where, each.offset);
    } else {
      failures.push_back({each, std::move(status)});
    }
  }
  return failures;
}

void MemoryConsumer::CallListener(Callback callback, const std::vector<TopicPartition>& partitions) {
  in_callback_ = true;
  is_answered_ = false;
  (listener_->*callback)(partitions);
  // As the real adapter, which answers for a listener that does not.
  if (!is_answered_ && callback == &RebalanceListener::OnAssigned) Assign(partitions).IgnoreError();
  in_callback_ = false;
  ++rebalances_;
}

void MemoryConsumer::GiveUp(Callback callback, const std::vector<TopicPartition>& partitions) {
  if (partitions.empty()) return;
  CallListener(callback, partitions);
  const std::lock_guard lock(core_->mutex);
  for (const TopicPartition& each : partitions) {
    fetcher_.Remove(each);
    owned_.erase(each);
  }
  core_->groups.Released(member_id_, partitions);
}

void MemoryConsumer::Take(const std::vector<TopicPartition>& partitions) {
  if (partitions.empty()) return;
  owned_.insert(partitions.begin(), partitions.end());
  CallListener(&RebalanceListener::OnAssigned, partitions);
}

void MemoryConsumer::LoseAll() {
  if (owned_.empty()) return;
  GiveUp(&RebalanceListener::OnLost, {owned_.begin(), owned_.end()});
}

void MemoryConsumer::ServeGroup() {
  if (listener_ == nullptr) return;
  bool is_lost = false;
  std::vector<TopicPartition> revoked;
  std::vector<TopicPartition> assigned;
  {
    const std::lock_guard lock(core_->mutex);
    last_answer_ = core_->now();
    if (core_->groups.IsMember(member_id_)) {
      core_->groups.Heartbeat(member_id_, core_->now());
      if (core_->groups.Version(member_id_) == served_version_) return;
    } else {
      is_lost = !member_id_.empty();
    }
  }
  if (is_lost) LoseAll();
  {
    const std::lock_guard lock(core_->mutex);
    if (!core_->groups.IsMember(member_id_)) {
      member_id_ = core_->groups.Join(group_, subscribed_, options_.session_timeout, core_->now());
      generation_ = core_->groups.Generation(member_id_);
      served_version_ = 0;
      if (is_lost) return;  // What it gets anew comes with a later Poll.
    }
    revoked = core_->groups.ToRevoke(member_id_);
  }
  GiveUp(&RebalanceListener::OnRevoked, revoked);
  {
    const std::lock_guard lock(core_->mutex);
    assigned = core_->groups.ToAssign(member_id_);
    core_->groups.Taken(member_id_, assigned);
    served_version_ = core_->groups.Version(member_id_);
  }
  Take(assigned);
}

// Without an answer to its heartbeats for a session a member gives up by itself.
void MemoryConsumer::ServeSilence() {
  {
    const std::lock_guard lock(core_->mutex);
    if (member_id_.empty() || core_->now() - last_answer_ <= options_.session_timeout) return;
  }
  LoseAll();
  const std::lock_guard lock(core_->mutex);
  member_id_.clear();
  generation_ = -1;
}

absl::StatusOr<bool> MemoryConsumer::Serve() {
  bool is_reachable = true;
  bool has_group = true;
  {
    const std::lock_guard lock(core_->mutex);
    core_->Tick();
    is_reachable = core_->is_reachable;
    if (is_reachable) ++requests_;
    if (statistics_ != nullptr) {
      statistics_->Put({.at = core_->now(), .rebalances = rebalances_}, is_reachable, requests_);
    }
    has_group = is_reachable && core_->groups.IsAvailable(core_->now());
    if (is_reachable) {
      if (absl::Status status = core_->StatusOf(Call::kPoll, group_); !status.ok()) return status;
      if (core_->rights.IsDenied(Right::kReadGroup, group_)) {
        return absl::PermissionDeniedError(
            absl::StrCat("polling consumer of group ", group_, ": no right to (GROUP_AUTHORIZATION_FAILED)"));
      }
    }
  }
  if (has_group) {
    ServeGroup();
  } else {
    ServeSilence();
  }
  return is_reachable;
}

absl::Status MemoryConsumer::ServeCallbacks() { return Serve().status(); }

absl::Status MemoryConsumer::Poll(absl::Duration, kafka::Batch* batch) {
  batch->records.clear();
  batch->ends.clear();
  batch->errors.clear();
  const absl::StatusOr<bool> is_reachable = Serve();
  if (!is_reachable.ok()) return is_reachable.status();
  if (!*is_reachable) return absl::OkStatus();
  const std::lock_guard lock(core_->mutex);
  fetcher_.Fill(batch);
  return absl::OkStatus();
}

std::optional<Offset> MemoryConsumer::KnownEnd(const TopicPartition& partition) {
  const std::lock_guard lock(core_->mutex);
  const PartitionLog* const log = core_->topics.Find(partition);
  return log == nullptr ? std::nullopt : std::optional<Offset>(log->high_watermark());
}

kafka::GroupMetadata MemoryConsumer::group_metadata() {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  // The client's own thread follows the generations of its group, but learns of its own end only in a Poll.
  if (core_->groups.IsMember(member_id_)) generation_ = core_->groups.Generation(member_id_);
  kafka::GroupMetadata metadata;
  metadata.generation = generation_;
  metadata.member_id = member_id_;
  metadata.native = std::make_shared<std::string>(group_);
  return metadata;
}

absl::Status MemoryConsumer::Close() {
  bool is_member = false;
  {
    const std::lock_guard lock(core_->mutex);
    core_->Tick();
    is_member = core_->groups.IsMember(member_id_);
  }
  if (listener_ != nullptr) {
    GiveUp(is_member ? &RebalanceListener::OnRevoked : &RebalanceListener::OnLost, {owned_.begin(), owned_.end()});
  }
  const std::lock_guard lock(core_->mutex);
  fetcher_.Clear();
  if (core_->is_reachable) core_->groups.Leave(member_id_);
  listener_ = nullptr;
  member_id_.clear();
  generation_ = -1;
  return absl::OkStatus();
}

}  // namespace once::testkit
