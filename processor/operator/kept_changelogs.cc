#include "processor/operator/kept_changelogs.h"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/operator/layout.h"
#include "state/changelog.h"

namespace once {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(20);
// Values of statuses and parked events, of which several are asked for at once.
constexpr size_t kMostKeptValue = 4 << 10;

bool IsAskedFor(std::string_view key) {
  const auto is = [&](ChangelogKind kind) { return key.front() == static_cast<char>(kind); };
  return !key.empty() && (is(ChangelogKind::kState) || is(ChangelogKind::kAggregateStatus) ||
                          is(ChangelogKind::kParkedEvent) || is(ChangelogKind::kFrontier));
}

bool IsState(std::string_view key) { return key.front() == static_cast<char>(ChangelogKind::kState); }

}  // namespace

// What is known of one partition. But for `bytes` and `used`, all of it is whoever's that has locked it.
class KeptChangelogs::View {
 public:
  struct Entry {
    Offset offset = {};
    int64_t timestamp_ms = -1;
    std::unique_ptr<std::string> value = nullptr;  // Null: it is read where it stands.
  };
  // By this it is known again.
  struct Last {
    Offset offset = {};
    uint64_t hash = 0;
    int64_t timestamp_ms = -1;
  };

  View(TopicPartition place, size_t most_value_bytes) : where(std::move(place)), most_value_bytes_(most_value_bytes) {}

  void Forget() {
    entries_ = {};
    value_bytes_ = 0;
    last = std::nullopt;
    next = Offset(0);
    bytes.store(0);
  }

  void Take(const RecordView& record, uint64_t hash) {
    last = Last{.offset = record.offset, .hash = hash, .timestamp_ms = record.timestamp_ms};
    next = Offset(record.offset.value() + 1);
    if (!record.key.has_value() || !IsAskedFor(*record.key)) return;
    if (const auto old = entries_.find(hash); old != entries_.end() && old->second.value != nullptr) {
      value_bytes_ -= old->second.value->size();
    }
    if (!record.value.has_value()) {
      entries_.erase(hash);
      return;
    }
    Entry entry{.offset = record.offset, .timestamp_ms = record.timestamp_ms};
    if (!IsState(*record.key) && record.value->size() <= kMostKeptValue && value_bytes_ < most_value_bytes_) {
      entry.value = std::make_unique<std::string>(*record.value);
      value_bytes_ += entry.value->size();
    }
    entries_.insert_or_assign(hash, std::move(entry));
  }

  const Entry* Find(uint64_t hash) const {
    const auto found = entries_.find(hash);
    return found == entries_.end() ? nullptr : &found->second;
  }

  void Count() { bytes.store(entries_.capacity() * (sizeof(uint64_t) + sizeof(Entry) + 1) + value_bytes_); }

  const TopicPartition where;
  Mutex mutex;
  std::string topic_id;
  Offset next{0};  // All before it is known.
  std::optional<Last> last;
  bool is_too_large = false;  // There was no room for it.
  std::atomic<size_t> bytes{0};
  absl::Time used;  // When it was asked about last; of the owner's mutex.

 private:
  const size_t most_value_bytes_;
  absl::flat_hash_map<uint64_t, Entry> entries_;
  size_t value_bytes_ = 0;
};

// One look at views that are locked.
class KeptChangelogs::Look {
 public:
  Look(KeptChangelogs* owner, std::string changelog, std::vector<std::shared_ptr<View>> views, const Limits& limits)
      : owner_(owner), changelog_(std::move(changelog)), limits_(limits), until_(SteadyNow() + limits.timeout) {
    for (std::shared_ptr<View>& view : views) views_[view->where.partition] = std::move(view);
  }

  // Reads what has come. Anew, once, if what is known is not what is there.
  absl::Status CatchUp() {
    for (const auto& [partition, view] : views_) {
      if (view->is_too_large) return TooLarge();
    }
    absl::Status read = FindEnds();
    if (read.ok()) read = ReadOn();
    if (!absl::IsAborted(read)) return read;
    if (absl::Status again = FindEnds(); !again.ok()) return again;
    return ReadOn();
  }

  absl::StatusOr<Found> Answer(const std::vector<std::string>& keys) {
    Found found;
    for (const auto& [partition, view] : views_) {
      std::vector<std::optional<KeptRecord>>& records = found[partition];
      records.resize(keys.size());
      for (size_t i = 0; i < keys.size(); ++i) {
        const View::Entry* const entry = view->Find(owner_->Hash(keys[i]));
        if (entry == nullptr) continue;
        records[i] = KeptRecord{.where = view->where, .offset = entry->offset, .timestamp_ms = entry->timestamp_ms};
        if (entry->value != nullptr) {
          records[i]->value = *entry->value;
        } else if (absl::Status read = ReadValue(keys[i], &*records[i]); !read.ok()) {
          if (absl::IsAborted(read)) view->Forget();
          return read;
        }
      }
    }
    return found;
  }

 private:
  absl::Status FindEnds() {
    const absl::Duration left = std::max(until_ - SteadyNow(), absl::Milliseconds(1));
    const auto ids = owner_->admin_->ReadTopicIds(std::vector<std::string>{changelog_}, left);
    if (!ids.ok()) return ids.status();
    const auto id = ids->find(changelog_);
    std::vector<TopicPartition> partitions;
    for (const auto& [partition, view] : views_) partitions.push_back(view->where);
    const auto ends = AllOf(owner_->admin_->ReadLogOffsets(kafka::LogPoint::kLastStable, partitions, left));
    if (!ends.ok()) return ends.status();
    const auto begins = AllOf(owner_->admin_->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, left));
    if (!begins.ok()) return begins.status();
    ends_.clear();
    from_.clear();
    for (const auto& [partition, view] : views_) {
      const Offset end = ends->at(view->where), begin = begins->at(view->where);
      const std::string is = id == ids->end() ? "" : id->second;
      if (is != view->topic_id || end < view->next || (view->last.has_value() && view->next < begin)) view->Forget();
      view->topic_id = is;
      if (view->next >= end || begin >= end) continue;
      ends_[partition] = end;
      from_[partition] = view->last.has_value() ? view->last->offset : std::max(view->next, begin);
    }
    return absl::OkStatus();
  }

  absl::Status ReadOn() {
    if (ends_.empty()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<kafka::LogReader>> reader = owner_->client_->NewLogReader({changelog_});
    if (!reader.ok()) return reader.status();
    for (const auto& [partition, from] : from_) {
      if (absl::Status added = (*reader)->Add({{changelog_, partition}, from}); !added.ok()) return added;
      if (views_.at(partition)->last.has_value()) unproven_.insert(partition);
    }
    kafka::Batch batch;
    while (!ends_.empty()) {
      if (absl::Status wanted = CheckWanted(); !wanted.ok()) return wanted;
      if (absl::Status polled = (*reader)->Poll(kPoll, &batch); !polled.ok()) return polled;
      if (absl::Status taken = Take(batch, reader->get()); !taken.ok()) return taken;
    }
    return absl::OkStatus();
  }

  absl::Status Take(const kafka::Batch& batch, kafka::LogReader* reader) {
    for (const kafka::PartitionError& error : batch.errors) {
      if (absl::IsUnavailable(error.status) || !ends_.contains(error.partition)) continue;
      if (!absl::IsOutOfRange(error.status)) return error.status;
      return Anew(error.partition);
    }
    for (const RecordView& record : batch.records) {
      if (!ends_.contains(record.partition)) continue;
      View& view = *views_.at(record.partition);
      const uint64_t hash = owner_->Hash(record.key.value_or(std::string_view()));
      if (unproven_.erase(record.partition) != 0) {
        const View::Last& last = *view.last;
        if (record.offset == last.offset && hash == last.hash && record.timestamp_ms == last.timestamp_ms) continue;
        return Anew(record.partition);
      }
      view.Take(record, hash);
    }
    for (const auto& [partition, view] : views_) view->Count();
    for (const kafka::EndOfPartition& at : batch.ends) {
      const auto end = ends_.find(at.partition);
      if (end == ends_.end() || at.position < end->second) continue;
      // What it ends with may be a marker, which nobody sees.
      views_.at(at.partition)->next = at.position;
    }
    for (auto end = ends_.begin(); end != ends_.end();) {
      const View& view = *views_.at(end->first);
      const Partition partition = end->first;
      end = view.next >= end->second ? ends_.erase(end) : std::next(end);
      if (!ends_.contains(partition)) reader->Remove(view.where).IgnoreError();
    }
    return CheckRoom();
  }

  absl::Status CheckRoom() {
    if (owner_->MakeRoom(views_)) return absl::OkStatus();
    for (const auto& [partition, view] : views_) {
      view->Forget();
      view->is_too_large = true;
    }
    return TooLarge();
  }

  absl::Status TooLarge() const {
    return absl::ResourceExhaustedError(
        absl::StrCat("the keys of ", changelog_, " take more than ", owner_->options_.max_bytes, " bytes"));
  }

  absl::Status Anew(Partition partition) {
    unproven_.clear();
    views_.at(partition)->Forget();
    return absl::AbortedError(absl::StrCat(ToString({changelog_, partition}), " is not what it was; ask again"));
  }

  absl::Status CheckWanted() const {
    if (limits_.is_cancelled()) return absl::CancelledError("it is not wanted any more");
    if (SteadyNow() < until_) return absl::OkStatus();
    return absl::DeadlineExceededError(absl::StrCat(changelog_, " was not read to its end within ",
                                                    absl::FormatDuration(limits_.timeout),
                                                    "; ask again, and it goes on where it was"));
  }

  absl::Status ReadValue(const std::string& key, KeptRecord* record) {
    absl::StatusOr<std::unique_ptr<kafka::LogReader>> reader = owner_->client_->NewLogReader({changelog_});
    if (!reader.ok()) return reader.status();
    if (absl::Status added = (*reader)->Add({record->where, record->offset}); !added.ok()) return added;
    kafka::Batch batch;
    while (true) {
      if (absl::Status wanted = CheckWanted(); !wanted.ok()) return wanted;
      if (absl::Status polled = (*reader)->Poll(kPoll, &batch); !polled.ok()) return polled;
      for (const kafka::PartitionError& error : batch.errors) {
        if (!absl::IsUnavailable(error.status)) return absl::AbortedError(error.status.message());
      }
      const bool is_past = std::any_of(batch.ends.begin(), batch.ends.end(),
                                       [&](const kafka::EndOfPartition& end) { return end.position > record->offset; });
      if (batch.records.empty() && !is_past) continue;
      const bool is_it = !batch.records.empty() && batch.records.front().offset == record->offset &&
                         batch.records.front().key == std::string_view(key) && batch.records.front().value.has_value();
      if (!is_it) return absl::AbortedError(absl::StrCat(ToString(record->where), " has changed meanwhile"));
      record->value = std::string(*batch.records.front().value);
      return absl::OkStatus();
    }
  }

  KeptChangelogs* const owner_;
  const std::string changelog_;
  const Limits& limits_;
  const absl::Time until_;
  Views views_;
  std::map<Partition, Offset> ends_;  // Of those that are not read to there yet.
  std::map<Partition, Offset> from_;
  std::set<Partition> unproven_;  // Whose last known record is still to be seen again.
};

KeptChangelogs::KeptChangelogs(kafka::Client* client, kafka::Admin* admin, KeptChangelogsOptions options)
    : client_(client), admin_(admin), options_(options), seed_(std::random_device()()) {}

KeptChangelogs::~KeptChangelogs() = default;

absl::StatusOr<KeptChangelogs::Found> KeptChangelogs::Find(const std::string& changelog,
                                                           const std::vector<Partition>& partitions,
                                                           const std::vector<std::string>& keys, const Limits& limits) {
  const std::vector<std::shared_ptr<View>> views = Take(changelog, partitions);
  std::vector<std::unique_ptr<MutexLock>> locks;
  for (const std::shared_ptr<View>& view : views) locks.push_back(std::make_unique<MutexLock>(&view->mutex));
  Look look(this, changelog, views, limits);
  if (absl::Status read = look.CatchUp(); !read.ok()) return read;
  return look.Answer(keys);
}

void KeptChangelogs::DropIdle() {
  MutexLock lock(&mutex_);
  const absl::Time now = SteadyNow();
  std::erase_if(views_, [&](const auto& each) { return now - each.second->used >= options_.idle_time; });
}

size_t KeptChangelogs::bytes() const {
  MutexLock lock(&mutex_);
  size_t bytes = 0;
  for (const auto& [where, view] : views_) bytes += view->bytes.load();
  return bytes;
}

uint64_t KeptChangelogs::Hash(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed_);
}

// In the order of partitions, in which they are locked.
std::vector<std::shared_ptr<KeptChangelogs::View>> KeptChangelogs::Take(const std::string& changelog,
                                                                        const std::vector<Partition>& partitions) {
  const std::set<Partition> ordered(partitions.begin(), partitions.end());
  std::vector<std::shared_ptr<View>> views;
  MutexLock lock(&mutex_);
  for (const Partition partition : ordered) {
    std::shared_ptr<View>& view = views_[{changelog, partition}];
    if (view == nullptr) {
      view = std::make_shared<View>(TopicPartition{changelog, partition}, options_.max_bytes / 4);
    }
    view->used = SteadyNow();
    views.push_back(view);
  }
  return views;
}

bool KeptChangelogs::MakeRoom(const Views& own) {
  MutexLock lock(&mutex_);
  size_t bytes = 0;
  std::vector<View*> oldest;
  for (const auto& [where, view] : views_) {
    bytes += view->bytes.load();
    const auto mine = own.find(where.partition);
    if (mine == own.end() || mine->second != view) oldest.push_back(view.get());
  }
  if (bytes <= options_.max_bytes) return true;
  std::sort(oldest.begin(), oldest.end(), [](const View* a, const View* b) { return a->used < b->used; });
  for (View* const view : oldest) {
    const size_t freed = view->bytes.load();
    // Others that are looked at are held.
    if (freed == 0 || !view->mutex.TryLock()) continue;
    view->Forget();
    view->mutex.Unlock();
    bytes -= freed;
    if (bytes <= options_.max_bytes) return true;
  }
  return false;
}

}  // namespace once
