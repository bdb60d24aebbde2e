#include "tests/testkit/store/memory_checkpoint_store.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

std::string FullKey(std::string_view task_prefix, std::string_view key) {
  return absl::StrCat(ToAbsl(task_prefix), ToAbsl(key));
}

bool HasPrefix(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

}  // namespace

absl::Status MemoryCheckpointStore::Begin(StoreOperation operation) {
  const auto index = static_cast<size_t>(operation);
  ++calls_[index];
  const bool writes = operation == StoreOperation::kWrite || operation == StoreOperation::kFlush;
  if (writes && full_) return absl::ResourceExhaustedError("checkpoint store in memory: disk full; free some space");
  return std::exchange(next_status_[index], absl::OkStatus());
}

absl::Status MemoryCheckpointStore::CheckReadable(std::string_view task_prefix) const {
  if (!corrupt_.contains(task_prefix)) return absl::OkStatus();
  return CorruptStoreError("checkpoint store in memory: corrupt block; wipe it and rebuild from the changelog");
}

void MemoryCheckpointStore::Set(std::string key, std::optional<std::string> value, Undo* undo) {
  const auto it = data_.find(key);
  undo->emplace_back(key, it == data_.end() ? std::nullopt : std::optional<std::string>(it->second));
  if (value.has_value()) {
    data_.insert_or_assign(std::move(key), *std::move(value));
  } else if (it != data_.end()) {
    data_.erase(it);
  }
}

absl::StatusOr<std::optional<CheckpointMeta>> MemoryCheckpointStore::ReadMeta(std::string_view task_prefix) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Begin(StoreOperation::kReadMeta); !status.ok()) return status;
  if (absl::Status status = CheckReadable(task_prefix); !status.ok()) return status;
  const auto it = metas_.find(task_prefix);
  if (it == metas_.end()) return std::optional<CheckpointMeta>();
  return std::optional<CheckpointMeta>(it->second);
}

absl::StatusOr<std::optional<std::string>> MemoryCheckpointStore::Get(std::string_view task_prefix,
                                                                      std::string_view key) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Begin(StoreOperation::kGet); !status.ok()) return status;
  if (absl::Status status = CheckReadable(task_prefix); !status.ok()) return status;
  const auto it = data_.find(FullKey(task_prefix, key));
  if (it == data_.end()) return std::optional<std::string>();
  return std::optional<std::string>(it->second);
}

absl::Status MemoryCheckpointStore::Scan(
    std::string_view task_prefix, std::string_view key_prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Begin(StoreOperation::kScan); !status.ok()) return status;
  if (absl::Status status = CheckReadable(task_prefix); !status.ok()) return status;
  const std::string first = FullKey(task_prefix, key_prefix);
  for (auto it = data_.lower_bound(first); it != data_.end() && HasPrefix(it->first, first); ++it) {
    if (!visit(std::string_view(it->first).substr(task_prefix.size()), it->second)) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MemoryCheckpointStore::HasEntries(std::string_view task_prefix) {
  MutexLock lock(&mutex_);
  if (absl::Status status = CheckReadable(task_prefix); !status.ok()) return status;
  const auto it = data_.lower_bound(task_prefix);
  return it != data_.end() && HasPrefix(it->first, task_prefix);
}

absl::Status MemoryCheckpointStore::Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                                          const CheckpointMeta& meta) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Begin(StoreOperation::kWrite); !status.ok()) return status;
  Unflushed& write = unflushed_.emplace_back();
  write.task_prefix = std::string(task_prefix);
  for (const CheckpointEntry& entry : entries) Set(FullKey(task_prefix, entry.key), entry.value, &write.undo);
  if (const auto it = metas_.find(task_prefix); it != metas_.end()) write.old_meta = it->second;
  metas_.insert_or_assign(write.task_prefix, meta);
  return absl::OkStatus();
}

absl::Status MemoryCheckpointStore::Flush() {
  MutexLock lock(&mutex_);
  if (absl::Status status = Begin(StoreOperation::kFlush); !status.ok()) return status;
  unflushed_.clear();
  return absl::OkStatus();
}

absl::Status MemoryCheckpointStore::Wipe(std::string_view task_prefix) {
  {
    MutexLock lock(&mutex_);
    const absl::Status status = Begin(StoreOperation::kWipe);
    if (const auto it = metas_.find(task_prefix); it != metas_.end()) metas_.erase(it);
    unflushed_.clear();
    if (!status.ok()) return status;
  }
  wipe_pause_();
  MutexLock lock(&mutex_);
  for (auto it = data_.lower_bound(task_prefix); it != data_.end() && HasPrefix(it->first, task_prefix);) {
    it = data_.erase(it);
  }
  if (const auto it = corrupt_.find(task_prefix); it != corrupt_.end()) corrupt_.erase(it);
  return absl::OkStatus();
}

uint64_t MemoryCheckpointStore::SizeOnDisk() {
  MutexLock lock(&mutex_);
  uint64_t bytes = 0;
  for (const auto& [key, value] : data_) bytes += key.size() + value.size();
  return bytes;
}

void MemoryCheckpointStore::Crash(size_t surviving) {
  MutexLock lock(&mutex_);
  Undo unused;
  while (unflushed_.size() > surviving) {
    Unflushed& write = unflushed_.back();
    for (auto it = write.undo.rbegin(); it != write.undo.rend(); ++it) Set(it->first, it->second, &unused);
    if (write.old_meta.has_value()) {
      metas_.insert_or_assign(write.task_prefix, *write.old_meta);
    } else {
      metas_.erase(write.task_prefix);
    }
    unflushed_.pop_back();
  }
  unflushed_.clear();
}

void MemoryCheckpointStore::FailNext(StoreOperation operation, absl::Status status) {
  MutexLock lock(&mutex_);
  next_status_[static_cast<size_t>(operation)] = std::move(status);
}

void MemoryCheckpointStore::SetFull(bool full) {
  MutexLock lock(&mutex_);
  full_ = full;
}

void MemoryCheckpointStore::Corrupt(std::string_view task_prefix) {
  MutexLock lock(&mutex_);
  corrupt_.insert(std::string(task_prefix));
}

int64_t MemoryCheckpointStore::calls(StoreOperation operation) const {
  MutexLock lock(&mutex_);
  return calls_[static_cast<size_t>(operation)];
}

}  // namespace once
