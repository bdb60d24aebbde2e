// R1: which aggregates are not open, and their queues: an index in memory over records in the task's state.
#include "processor/engine/parking.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"

namespace once {

namespace {
// More than any changelog holds; few enough to be counted together.
constexpr uint64_t kMaxQueueLength = uint64_t{1} << 40;
// Of a handler's message, in a line of the log.
constexpr size_t kMaxToldBytes = 500;

int64_t QueueLength(const v1::AggregateStatus& status) {
  return static_cast<int64_t>(status.next_sequence() - status.head_sequence());
}

// Whether this may be the status of a queue: what acts on it relies on its numbers.
bool IsPlausible(const v1::AggregateStatus& status) {
  switch (status.state()) {
    case v1::AggregateStatus::OPEN:
      return true;
    case v1::AggregateStatus::RETRYING:
    case v1::AggregateStatus::PARKED:
    case v1::AggregateStatus::DRAINING:
      return status.head_sequence() < status.next_sequence() && status.notice_sequence() <= status.next_sequence() &&
             status.next_sequence() - status.head_sequence() <= kMaxQueueLength;
    default:
      return false;
  }
}

// What a queue takes in the index: its name twice, the message with its texts, nodes and slots.
size_t MemoryBytes(std::string_view queue, const v1::AggregateStatus& status) {
  constexpr size_t kNodes = 160;
  const size_t by_origin = status.head_origin().empty() ? 0 : queue.size() + 2 * status.head_origin().capacity();
  return sizeof(v1::AggregateStatus) + kNodes + 2 * queue.size() + status.reason().capacity() +
         status.message().capacity() + status.blocking_event_id().capacity() + status.aggregate().capacity() +
         by_origin;
}

// For messages.
std::string Describe(std::string_view queue) {
  const bool keyless = queue.starts_with(KindPrefix(ChangelogKind::kKeylessStatus));
  return absl::StrCat(keyless ? "keyless event " : "key ", Printable(queue.substr(1)));
}

absl::StatusOr<v1::AggregateStatus> ParseStatus(std::string_view queue, std::string_view value) {
  v1::AggregateStatus status;
  if (!status.ParseFromArray(value.data(), static_cast<int>(value.size())) || !IsPlausible(status)) {
    return absl::DataLossError(absl::StrCat("status of ", Describe(queue), " is unreadable"));
  }
  return status;
}
}  // namespace

std::string Parking::QueueOf(const RecordView& record, std::string_view topic) {
  return record.key.has_value() ? AggregateStatusKey(*record.key) : KeylessStatusKey(topic, record.offset.value());
}

const v1::AggregateStatus* Parking::Find(std::string_view key) const {
  // Asked for each event, and mostly nothing is parked.
  if (index_.empty()) return nullptr;
  const auto found = index_.find(OfKey{key});
  return found == index_.end() ? nullptr : &found->second.status;
}

const v1::AggregateStatus* Parking::FindQueue(std::string_view queue) const {
  const auto found = index_.find(queue);
  return found == index_.end() ? nullptr : &found->second.status;
}

std::optional<std::string> Parking::QueueOfHead(std::string_view origin) const {
  const auto found = by_head_origin_.find(origin);
  if (found == by_head_origin_.end()) return std::nullopt;
  return found->second;
}

void Parking::Forget(std::string_view queue) {
  const auto found = index_.find(queue);
  if (found == index_.end()) return;
  const v1::AggregateStatus& status = found->second.status;
  parked_events_ -= QueueLength(status);
  parked_bytes_ -= static_cast<int64_t>(status.queued_bytes());
  memory_bytes_ -= MemoryBytes(found->first, status);
  // By the time that it was put in under.
  retries_.erase({found->second.due, found->first});
  runnable_.erase(found->first);
  if (!status.head_origin().empty()) by_head_origin_.erase(status.head_origin());
  index_.erase(found);
}

Parking::Queue Parking::QueueFor(std::string_view queue, const v1::AggregateStatus& status) const {
  Queue made{.status = status};
  if (status.state() != v1::AggregateStatus::RETRYING) return made;
  // A follower moves no retry of the head.
  const auto found = index_.find(queue);
  if (found != index_.end()) {
    const Queue& known = found->second;
    const bool same_failure = known.status.state() == status.state() && known.status.attempts() == status.attempts() &&
                              known.status.head_sequence() == status.head_sequence() &&
                              known.status.retry_at_ms() == status.retry_at_ms();
    made.due = known.due;
    made.since = known.since;
    if (same_failure) return made;
  }
  // X6: a stored wall time is trusted within max_backoff, whatever the clocks have done since.
  const absl::Duration left = absl::FromUnixMillis(status.retry_at_ms()) - clock_->wall;
  made.due = clock_->now + std::clamp(left, absl::ZeroDuration(), longest_delay_);
  made.since = clock_->now;
  return made;
}

absl::Status Parking::Adopt(std::string_view queue, const v1::AggregateStatus& status) {
  // Before it is forgotten: a retry that is under way keeps its time.
  Queue made = QueueFor(queue, status);
  Forget(queue);
  if (status.state() == v1::AggregateStatus::OPEN) return absl::OkStatus();
  parked_events_ += QueueLength(status);
  // The queue's name may be a view of what is about to be replaced.
  std::string owned(queue);
  if (status.state() == v1::AggregateStatus::RETRYING) retries_.emplace(made.due, owned);
  // R2: followers are told one by one, in turns like any other work.
  const bool notices_outstanding =
      status.state() == v1::AggregateStatus::PARKED && status.notice_sequence() < status.next_sequence();
  if (status.state() == v1::AggregateStatus::DRAINING || notices_outstanding) runnable_.insert(owned);
  parked_bytes_ += static_cast<int64_t>(status.queued_bytes());
  if (!status.head_origin().empty()) by_head_origin_[status.head_origin()] = owned;
  const auto added = index_.emplace(std::move(owned), std::move(made)).first;
  memory_bytes_ += MemoryBytes(added->first, added->second.status);
  return absl::OkStatus();
}

absl::Status Parking::SetStatus(std::string_view queue, const v1::AggregateStatus& status) {
  // R1: among the epoch's writes, so it commits with what the event made, or with the lack of it.
  absl::StatusOr<TaskState::Entry*> entry = state_->Open(queue);
  if (!entry.ok()) return entry.status();
  if (status.state() == v1::AggregateStatus::OPEN) {
    state_->Delete(*entry);
  } else {
    state_->Put(*entry, status.SerializeAsString());
  }
  // What an abort has to read again.
  changed_.emplace(queue);
  return Adopt(queue, status);
}

absl::Status Parking::Push(std::string_view queue, const v1::ParkedEvent& event, v1::AggregateStatus status) {
  const std::string bytes = event.SerializeAsString();
  // There is none at this number, so the disk need not be asked.
  state_->Write(QueuedEventKey(queue, status.next_sequence()), std::string_view(bytes));
  status.set_next_sequence(status.next_sequence() + 1);
  status.set_queued_bytes(status.queued_bytes() + bytes.size());
  return SetStatus(queue, status);
}

absl::Status Parking::Pop(std::string_view queue, v1::AggregateStatus status) {
  absl::StatusOr<TaskState::Entry*> entry = state_->Open(QueuedEventKey(queue, status.head_sequence()));
  if (!entry.ok()) return entry.status();
  // Statuses of before bytes were counted have less than they hold.
  const uint64_t bytes = std::min<uint64_t>((*entry)->value().value_or("").size(), status.queued_bytes());
  status.set_queued_bytes(status.queued_bytes() - bytes);
  state_->Delete(*entry);
  status.set_head_sequence(status.head_sequence() + 1);
  // The last one is gone: the key is as if nothing had been.
  if (QueueLength(status) == 0) status.set_state(v1::AggregateStatus::OPEN);
  return SetStatus(queue, status);
}

absl::Status Parking::ReplaceHead(std::string_view queue, const v1::ParkedEvent& event, v1::AggregateStatus* status) {
  absl::StatusOr<TaskState::Entry*> entry = state_->Open(QueuedEventKey(queue, status->head_sequence()));
  if (!entry.ok()) return entry.status();
  const uint64_t before = std::min<uint64_t>((*entry)->value().value_or("").size(), status->queued_bytes());
  const std::string bytes = event.SerializeAsString();
  state_->Put(*entry, bytes);
  status->set_queued_bytes(status->queued_bytes() - before + bytes.size());
  return SetStatus(queue, *status);
}

std::vector<std::string> Parking::QueuesBehind(std::string_view name) const {
  std::vector<std::string> queues;
  for (const auto& [queue, status] : index_) {
    if (std::string_view(queue) > name) queues.push_back(queue);
  }
  std::sort(queues.begin(), queues.end(), std::greater<>());
  return queues;
}

absl::StatusOr<v1::ParkedEvent> Parking::Read(std::string_view queue, uint64_t sequence) {
  absl::StatusOr<TaskState::Entry*> entry = state_->Open(QueuedEventKey(queue, sequence));
  if (!entry.ok()) return entry.status();
  const OptionalBytes value = (*entry)->value();
  v1::ParkedEvent event;
  if (!value.has_value() || !event.ParseFromArray(value->data(), static_cast<int>(value->size()))) {
    return absl::DataLossError(
        absl::StrCat("parked event ", sequence, " of ", Describe(queue), " is missing or unreadable"));
  }
  return event;
}

std::optional<std::string> Parking::NextRunnable(absl::Time now) const {
  const bool is_retry_due = !retries_.empty() && retries_.begin()->first <= now;
  if (runnable_.empty() && !is_retry_due) return std::nullopt;
  // A retry and a drain in turn, so that neither kind waits for the other.
  if (is_retry_due && (runnable_.empty() || !was_retry_)) return retries_.begin()->second;
  // In turns, by name: the long drain of one key starves no other (X1). Retries that are due alternate with them.
  const auto next = runnable_.upper_bound(last_runnable_);
  return next == runnable_.end() ? *runnable_.begin() : *next;
}

void Parking::NoteTurn(const std::string& queue) {
  was_retry_ = !runnable_.contains(queue);
  if (!was_retry_) last_runnable_ = queue;
}

int64_t Parking::CountRunnable(absl::Time now) const {
  auto count = static_cast<int64_t>(runnable_.size());
  for (auto it = retries_.begin(); it != retries_.end() && it->first <= now; ++it) ++count;
  return count;
}

absl::Duration Parking::RetriedFor(std::string_view queue) const {
  const auto found = index_.find(queue);
  if (found == index_.end() || found->second.status.state() != v1::AggregateStatus::RETRYING) return {};
  // X4: what was stored counts on after a restart, and the time since then by the steady clock.
  const absl::Duration before = absl::Milliseconds(std::max(int64_t{0}, found->second.status.retried_ms()));
  return before + std::max(clock_->now - found->second.since, absl::ZeroDuration());
}

absl::Time Parking::NextRetry() const { return retries_.empty() ? absl::InfiniteFuture() : retries_.begin()->first; }

Parking::Blocked Parking::CountBlocked(size_t most, std::vector<const std::string*>* oldest) const {
  using Failed = std::pair<int64_t, const std::string*>;
  const auto is_before = [](const Failed& a, const Failed& b) {
    return a.first != b.first ? a.first < b.first : *a.second < *b.second;
  };
  std::vector<Failed> first;  // A heap with the latest of them on top: nothing is copied, and few are kept.
  Blocked blocked;
  const std::string* head = nullptr;
  for (const auto& [name, queue] : index_) {
    const v1::AggregateStatus& status = queue.status;
    const Failed each(status.first_failure_time_ms(), &name);
    if (first.size() < most) {
      first.push_back(each);
      std::push_heap(first.begin(), first.end(), is_before);
    } else if (most > 0 && is_before(each, first.front())) {
      std::pop_heap(first.begin(), first.end(), is_before);
      first.back() = each;
      std::push_heap(first.begin(), first.end(), is_before);
    }
    // One that drains has not failed since it was released.
    if (status.state() != v1::AggregateStatus::PARKED) continue;
    ++blocked.aggregates;
    blocked.events += QueueLength(status);
    if (head != nullptr && each.first >= blocked.since_ms) continue;
    blocked.since_ms = each.first;
    head = &name;
  }
  if (head != nullptr) {
    const v1::AggregateStatus& status = *FindQueue(*head);
    blocked.key = head->substr(1);
    blocked.event_id = status.blocking_event_id();
    blocked.reason = absl::StrCat(status.reason(), ": ", OneLine(CutUtf8(status.message(), kMaxToldBytes)));
  }
  if (oldest == nullptr) return blocked;
  std::sort_heap(first.begin(), first.end(), is_before);
  oldest->clear();
  for (const Failed& each : first) oldest->push_back(each.second);
  return blocked;
}

size_t Parking::CountMemoryBytes() const {
  size_t bytes = 0;
  for (const auto& [name, queue] : index_) bytes += MemoryBytes(name, queue.status);
  return bytes;
}

absl::Status Parking::Revert() {
  // The state has dropped the epoch already, so what it says now is what is committed.
  const auto changed = std::move(changed_);
  changed_.clear();
  for (const std::string& queue : changed) {
    absl::StatusOr<TaskState::Entry*> entry = state_->Open(queue);
    if (!entry.ok()) return entry.status();
    // Without a value it is OPEN, the default, and leaves the index.
    absl::StatusOr<v1::AggregateStatus> status = ParseStatus(queue, (*entry)->value().value_or(std::string_view()));
    if (!status.ok()) return status.status();
    if (absl::Status adopted = Adopt(queue, *status); !adopted.ok()) return adopted;
  }
  return absl::OkStatus();
}

absl::Status Parking::Load() {
  index_.clear();
  by_head_origin_.clear();
  retries_.clear();
  runnable_.clear();
  changed_.clear();
  parked_events_ = 0;
  parked_bytes_ = 0;
  memory_bytes_ = 0;
  absl::Status failure;
  const auto load = [&](std::string_view queue, std::string_view value) {
    const absl::StatusOr<v1::AggregateStatus> status = ParseStatus(queue, value);
    failure = status.ok() ? Adopt(queue, *status) : status.status();
    return failure.ok();
  };
  // The events themselves stay where they are, in state or on disk, until their turn.
  for (const ChangelogKind kind : {ChangelogKind::kAggregateStatus, ChangelogKind::kKeylessStatus}) {
    const absl::Status scanned = state_->Scan(KindPrefix(kind), load);
    if (!scanned.ok() || !failure.ok()) return scanned.ok() ? failure : scanned;
  }
  return absl::OkStatus();
}

v1::ParkedEvent ToParkedEvent(const RecordView& record, const std::string& topic) {
  v1::ParkedEvent event;
  event.set_topic(topic);
  event.set_partition(record.partition.value());
  event.set_offset(record.offset.value());
  event.set_timestamp_ms(record.timestamp_ms);
  // X8: null is not empty, a tombstone no empty value; so only what is there is set.
  if (record.key.has_value()) event.set_key(record.key->data(), record.key->size());
  if (record.value.has_value()) event.set_value(record.value->data(), record.value->size());
  for (const HeaderView& header : record.headers) {
    v1::Header* copy = event.add_headers();
    copy->set_name(header.name.data(), header.name.size());
    if (header.value.has_value()) copy->set_value(header.value->data(), header.value->size());
  }
  return event;
}

RecordView ToRecordView(const v1::ParkedEvent& event, uint32_t topic_index, Arena* arena) {
  const auto count = static_cast<size_t>(event.headers_size());
  HeaderView* headers = arena->NewArray<HeaderView>(count);
  for (size_t i = 0; i < count; ++i) {
    const v1::Header& header = event.headers(static_cast<int>(i));
    headers[i] = {header.name(), header.has_value() ? OptionalBytes(header.value()) : std::nullopt};
  }
  RecordView record;
  record.topic_index = topic_index;
  record.partition = Partition(event.partition());
  record.offset = Offset(event.offset());
  record.timestamp_ms = event.timestamp_ms();
  if (event.has_key()) record.key = event.key();
  if (event.has_value()) record.value = event.value();
  record.headers = {headers, count};
  return record;
}

}  // namespace once
