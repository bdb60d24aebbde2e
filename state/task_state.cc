// One table for all layers of a task's state: uncommitted over committed over what the checkpoint has (F8).
#include "state/task_state.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

// Beyond the entry itself: its slot and control byte in the table at the usual load, its place in the queue, and the
// allocator's own bytes.
constexpr size_t kBookkeepingBytes = 60;

// Buffers of uncommitted values up to this size and number are kept for the next epoch.
constexpr size_t kMaxSpareBytes = 512;
constexpr size_t kMaxSpares = 32'768;

// Entries are spread over memory: a pass over them fetches some ahead.
constexpr size_t kPrefetchDistance = 8;

// Of libstdc++'s std::string; such short text needs no heap.
constexpr size_t kInlineCapacity = 15;

size_t HeapBytes(const std::string& text) { return text.capacity() > kInlineCapacity ? text.capacity() + 1 : 0; }

// Keeps the buffer of `to`, unless that has become far too large for `value`.
void AssignCompactly(std::string_view value, std::string* to) {
  if (to->capacity() > kMaxSpareBytes && value.size() < to->capacity() / 2) {
    std::string(value).swap(*to);
  } else {
    to->assign(value);
  }
}

bool HasPrefix(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

}  // namespace

OptionalBytes TaskState::Entry::value() const {
  switch (pending_) {
    case Pending::kPut:
      return std::string_view(*pending_value_);
    case Pending::kDelete:
      return std::nullopt;
    case Pending::kNone:
      break;
  }
  if (!committed_present_) return std::nullopt;
  return std::string_view(committed_);
}

TaskState::TaskState(CheckpointStore* store, std::string task_prefix)
    : store_(store), task_prefix_(std::move(task_prefix)) {}

TaskState::~TaskState() = default;

size_t TaskState::MemoryBytes(const Entry& entry) {
  return sizeof(Entry) + kBookkeepingBytes + HeapBytes(entry.key_) + HeapBytes(entry.committed_);
}

// Never more than MemoryBytes: a string without heap bytes lies within the entry.
size_t TaskState::DirtyBytes(const Entry& entry) {
  return sizeof(Entry) + HeapBytes(entry.key_) + HeapBytes(entry.committed_);
}

TaskState::Entry* TaskState::Find(const Sought& sought) const {
  const auto it = table_.find(sought);
  return it == table_.end() ? nullptr : it->entry.get();
}

TaskState::Entry* TaskState::Insert(const Sought& sought) {
  auto owned = std::make_unique<Entry>();
  Entry* const entry = owned.get();
  entry->key_.assign(sought.key);
  table_.insert({sought.hash, std::move(owned)});
  memory_bytes_ += MemoryBytes(*entry);
  return entry;
}

void TaskState::Prefetch(const Entry* entry) {
  const char* const bytes = reinterpret_cast<const char*>(entry);
  __builtin_prefetch(bytes, 1);
  __builtin_prefetch(bytes + 64, 1);
}

void TaskState::PrefetchSlot(size_t hash) const { table_.prefetch(HashAlone{hash}); }

void TaskState::PrefetchEntry(size_t hash) const {
  const auto it = table_.find(HashAlone{hash});
  if (it != table_.end()) Prefetch(it->entry.get());
}

void TaskState::PrefetchBytes(size_t hash) const {
  const auto it = table_.find(HashAlone{hash});
  if (it == table_.end()) return;
  __builtin_prefetch(it->entry->key_.data());
  const bool is_pending = it->entry->pending_ == Entry::Pending::kPut;
  __builtin_prefetch(is_pending ? it->entry->pending_value_ : &it->entry->committed_);
  if (!is_pending) __builtin_prefetch(it->entry->committed_.data());
}

absl::StatusOr<TaskState::Entry*> TaskState::Open(std::string_view key, size_t hash) {
  const Sought sought{hash, key};
  if (Entry* const entry = Find(sought); entry != nullptr) {
    entry->recently_used_ = true;
    return entry;
  }
  // F8: what memory does not have, the checkpoint has, or nobody.
  absl::StatusOr<std::optional<std::string>> stored = store_->Get(task_prefix_, key);
  if (!stored.ok()) return stored.status();
  Entry* const entry = Insert(sought);
  // It is clean, so it may be evicted.
  Enqueue(entry);
  if (stored->has_value()) {
    memory_bytes_ -= MemoryBytes(*entry);
    entry->committed_ = *std::move(*stored);
    entry->committed_present_ = true;
    memory_bytes_ += MemoryBytes(*entry);
  }
  return entry;
}

void TaskState::SetPending(Entry* entry, Entry::Pending pending, std::string_view value) {
  if (entry->pending_ == Entry::Pending::kNone) {
    // Buffers are handed out in order and kept for the next epoch, so nothing is allocated in the long run.
    if (epoch_writes_.size() == pending_values_.size()) {
      pending_values_.emplace_back();
      memory_bytes_ += sizeof(std::string);
    }
    entry->pending_value_ = &pending_values_[epoch_writes_.size()];
    epoch_writes_.push_back(entry);
  }
  entry->pending_ = pending;
  const size_t old_bytes = HeapBytes(*entry->pending_value_);
  entry->pending_value_->assign(value);
  memory_bytes_ += HeapBytes(*entry->pending_value_) - old_bytes;
}

void TaskState::Put(Entry* entry, std::string_view value) { SetPending(entry, Entry::Pending::kPut, value); }

void TaskState::Delete(Entry* entry) { SetPending(entry, Entry::Pending::kDelete, {}); }

void TaskState::Write(std::string_view key, OptionalBytes value) {
  const Sought sought = Seek(key);
  Entry* entry = Find(sought);
  if (entry == nullptr) {
    entry = Insert(sought);
    // F8: what the disk has is not known, so a drop must not leave it as absent (DropEpoch).
    entry->known_ = false;
  }
  SetPending(entry, value.has_value() ? Entry::Pending::kPut : Entry::Pending::kDelete,
             value.value_or(std::string_view()));
}

void TaskState::CommitEpoch() {
  for (size_t i = 0; i < epoch_writes_.size(); ++i) {
    if (i + kPrefetchDistance < epoch_writes_.size()) Prefetch(epoch_writes_[i + kPrefetchDistance]);
    Entry* const entry = epoch_writes_[i];
    const size_t old_bytes = MemoryBytes(*entry);
    // Counted off as it was counted on, before it changes.
    const size_t old_dirty_bytes = DirtyBytes(*entry);
    // The merge of an epoch, all of it: from here on reads, checkpoints and dead processes see it.
    AssignCompactly(*entry->pending_value_, &entry->committed_);
    entry->committed_present_ = entry->pending_ == Entry::Pending::kPut;
    entry->known_ = true;
    entry->pending_ = Entry::Pending::kNone;
    memory_bytes_ += MemoryBytes(*entry) - old_bytes;
    MarkDirty(entry, old_dirty_bytes);
  }
  EndEpoch();
}

void TaskState::DropEpoch() {
  for (Entry* const entry : epoch_writes_) {
    entry->pending_ = Entry::Pending::kNone;
    // What is committed is for the store to say.
    if (!entry->known_) Evict(entry);
  }
  EndEpoch();
}

void TaskState::EndEpoch() {
  const size_t used = epoch_writes_.size();
  epoch_writes_.clear();
  for (size_t i = 0; i < used; ++i) {
    std::string& spare = pending_values_[i];
    // X7: what one large epoch needed is given back.
    if (spare.capacity() <= kMaxSpareBytes) continue;
    memory_bytes_ -= HeapBytes(spare);
    std::string().swap(spare);
  }
  DropSpares(kMaxSpares);
}

absl::Status TaskState::CheckCounts() const {
  size_t memory = 0;
  size_t dirty = 0;
  for (const Slot& slot : table_) {
    memory += MemoryBytes(*slot.entry);
    if (slot.entry->dirty_generation_ != 0) dirty += DirtyBytes(*slot.entry);
  }
  for (const std::string& value : pending_values_) memory += sizeof(std::string) + HeapBytes(value);
  if (memory == memory_bytes_ && dirty == dirty_bytes_) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("state of ", memory, " bytes, ", dirty, " of them dirty, is counted as ",
                                          memory_bytes_, " and ", dirty_bytes_));
}

void TaskState::DropSpares(size_t kept) {
  while (pending_values_.size() > std::max(kept, epoch_writes_.size())) {
    memory_bytes_ -= sizeof(std::string) + HeapBytes(pending_values_.back());
    pending_values_.pop_back();
  }
}

void TaskState::ApplyCommitted(std::string_view key, OptionalBytes value) {
  assert(epoch_writes_.empty());
  const Sought sought = Seek(key);
  Entry* entry = Find(sought);
  // F8: newer than whatever the disk has, so that is not asked.
  if (entry == nullptr) entry = Insert(sought);
  const size_t old_bytes = MemoryBytes(*entry);
  const size_t old_dirty_bytes = DirtyBytes(*entry);
  AssignCompactly(value.value_or(std::string_view()), &entry->committed_);
  entry->committed_present_ = value.has_value();
  memory_bytes_ += MemoryBytes(*entry) - old_bytes;
  MarkDirty(entry, old_dirty_bytes);
}

void TaskState::MarkDirty(Entry* entry, size_t old_dirty_bytes) {
  if (entry->dirty_generation_ == 0) {
    // If it stands in the eviction queue still, TrimTo passes over it.
    dirty_.push_back(entry);
  } else {
    dirty_bytes_ -= old_dirty_bytes;
  }
  dirty_bytes_ += DirtyBytes(*entry);
  entry->dirty_generation_ = generation_;
}

void TaskState::MarkClean(Entry* entry) {
  dirty_bytes_ -= DirtyBytes(*entry);
  entry->dirty_generation_ = 0;
  Enqueue(entry);
}

TaskState::FrozenBatch TaskState::Freeze(const CheckpointMeta& meta) {
  assert(epoch_writes_.empty());
  // One at a time, so that the disk gets batches in the order of their generations.
  assert(frozen_generation_ == 0);
  FrozenBatch batch;
  batch.task_prefix = task_prefix_;
  batch.generation = generation_;
  batch.meta = meta;
  // Copies: another thread writes them while the values change.
  batch.entries.reserve(dirty_.size());
  for (const Entry* const entry : dirty_) {
    CheckpointEntry& copy = batch.entries.emplace_back();
    copy.key = entry->key_;
    if (entry->committed_present_) copy.value = entry->committed_;
    batch.bytes += entry->key_.size() + entry->committed_.size();
  }
  frozen_bytes_ = batch.bytes + batch.entries.size() * sizeof(CheckpointEntry);
  // F5: what is written from now on is newer than the batch, and stays dirty when that is on the disk.
  frozen_generation_ = generation_++;
  return batch;
}

void TaskState::OnCheckpointed(uint64_t generation) {
  // Of a batch from before a Clear.
  if (generation != frozen_generation_ || generation == 0) return;
  frozen_generation_ = 0;
  frozen_bytes_ = 0;
  // Of the values that the batch holds, those that have changed since are dirty still.
  const auto written_since = [&](const Entry* entry) { return entry->dirty_generation_ > generation; };
  size_t kept = 0;
  for (Entry* const entry : dirty_) {
    if (written_since(entry)) {
      dirty_[kept++] = entry;
    } else {
      MarkClean(entry);
    }
  }
  dirty_.resize(kept);
}

void TaskState::OnCheckpointFailed(uint64_t generation) {
  // Nothing was marked clean: the next batch takes all that is dirty, these values included.
  if (generation != frozen_generation_) return;
  frozen_generation_ = 0;
  frozen_bytes_ = 0;
}

absl::Status TaskState::Scan(std::string_view prefix,
                             const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  std::vector<const Entry*> in_memory;
  for (const Slot& slot : table_) {
    if (HasPrefix(slot.entry->key(), prefix)) in_memory.push_back(slot.entry.get());
  }
  std::sort(in_memory.begin(), in_memory.end(), [](const Entry* a, const Entry* b) { return a->key() < b->key(); });

  size_t next = 0;
  bool stopped = false;
  const auto visit_entry = [&](const Entry* entry) {
    const OptionalBytes value = entry->value();
    if (value.has_value() && !visit(entry->key(), *value)) stopped = true;
  };
  const absl::Status status = store_->Scan(task_prefix_, prefix, [&](std::string_view key, std::string_view value) {
    // Those that the disk does not have.
    while (!stopped && next < in_memory.size() && in_memory[next]->key() < key) visit_entry(in_memory[next++]);
    if (stopped) return false;
    if (next < in_memory.size() && in_memory[next]->key() == key) {
      visit_entry(in_memory[next++]);  // What is in memory is newer, a tombstone included.
    } else if (!visit(key, value)) {
      stopped = true;
    }
    return !stopped;
  });
  if (!status.ok()) return status;
  while (!stopped && next < in_memory.size()) visit_entry(in_memory[next++]);
  return absl::OkStatus();
}

void TaskState::Clear() {
  epoch_writes_.clear();
  dirty_.clear();
  eviction_.clear();
  table_.clear();
  pending_values_.clear();
  // F7: what is reported of a batch from before finds no generation that it fits.
  frozen_generation_ = 0;
  memory_bytes_ = 0;
  dirty_bytes_ = 0;
  frozen_bytes_ = 0;
}

void TaskState::Enqueue(Entry* entry) {
  if (entry->queued_) return;
  entry->queued_ = true;
  eviction_.push_back(entry);
}

void TaskState::Evict(Entry* entry) {
  memory_bytes_ -= MemoryBytes(*entry);
  table_.erase(table_.find(Seek(entry->key_)));
}

void TaskState::TrimTo(size_t bytes) {
  // Twice round the queue at most: a first meeting may only take the mark of use away.
  size_t steps = 2 * eviction_.size();
  while (memory_bytes_ > bytes && steps > 0 && !eviction_.empty()) {
    --steps;
    Entry* const entry = eviction_.front();
    eviction_.pop_front();
    entry->queued_ = false;
    if (entry->dirty_generation_ != 0) continue;  // MarkClean brings it back.
    // Written by the open epoch: what is committed may be clean, and cannot go.
    if (entry->pending_ != Entry::Pending::kNone) {
      Enqueue(entry);
    } else if (entry->recently_used_) {
      entry->recently_used_ = false;
      Enqueue(entry);
    } else {
      Evict(entry);
    }
  }
  // Values alone are not enough.
  if (memory_bytes_ > bytes) DropSpares(0);
}

}  // namespace once
