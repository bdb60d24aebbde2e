// A checkpoint store in memory, with a disk that can lose what was not flushed, fail, fill up and rot.
//
//   MemoryCheckpointStore store;
//   TaskState state(&store, TaskPrefix("orders", Partition(0)));
//   ...
//   store.Crash();                                       // what was not flushed is gone
//   store.FailNext(StoreOperation::kWrite, absl::UnavailableError("I/O error"));
#ifndef ONCE_TESTS_TESTKIT_STORE_MEMORY_CHECKPOINT_STORE_H_
#define ONCE_TESTS_TESTKIT_STORE_MEMORY_CHECKPOINT_STORE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/mutex.h"
#include "state/checkpoint_store.h"

namespace once {

enum class StoreOperation { kReadMeta, kGet, kScan, kWrite, kFlush, kWipe };

// Thread-safe.
class MemoryCheckpointStore final : public CheckpointStore {
 public:
  absl::StatusOr<std::optional<CheckpointMeta>> ReadMeta(std::string_view task_prefix) override;
  absl::StatusOr<std::optional<std::string>> Get(std::string_view task_prefix, std::string_view key) override;
  // `visit` must not call the store.
  absl::Status Scan(std::string_view task_prefix, std::string_view key_prefix,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit) override;
  absl::Status Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                     const CheckpointMeta& meta) override;
  absl::Status Flush() override;
  absl::StatusOr<bool> HasEntries(std::string_view task_prefix) override;
  absl::Status Wipe(std::string_view task_prefix) override;
  uint64_t SizeOnDisk() override;

  // The process dies and starts again: of the writes since the last Flush only the `surviving` oldest are left, whole,
  // as of a disk that wrote some of them early.
  void Crash(size_t surviving = 0);
  // The next call of `operation` does nothing but fail. A Wipe that fails has forgotten the meta, but no data.
  void FailNext(StoreOperation operation, absl::Status status);
  // Each Wipe calls it between the meta and the data. If it throws, the data is left.
  void SetWipePause(std::function<void()> pause) { wipe_pause_ = std::move(pause); }
  // While set, Write and Flush fail with ResourceExhausted.
  void SetFull(bool full);
  // Reads of the task fail with DataLoss until it is wiped.
  void Corrupt(std::string_view task_prefix);

  // Calls so far, failed ones included.
  int64_t calls(StoreOperation operation) const;

 private:
  static constexpr size_t kOperations = 6;
  // What brings the values back that a write replaced.
  using Undo = std::vector<std::pair<std::string, std::optional<std::string>>>;

  absl::Status Begin(StoreOperation operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckReadable(std::string_view task_prefix) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Set(std::string key, std::optional<std::string> value, Undo* undo) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::function<void()> wipe_pause_ = [] {};
  mutable Mutex mutex_;
  // By task prefix and key.
  std::map<std::string, std::string, std::less<>> data_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, CheckpointMeta, std::less<>> metas_ ABSL_GUARDED_BY(mutex_);
  struct Unflushed {
    std::string task_prefix;
    Undo undo;
    std::optional<CheckpointMeta> old_meta;
  };
  std::vector<Unflushed> unflushed_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> corrupt_ ABSL_GUARDED_BY(mutex_);
  std::array<absl::Status, kOperations> next_status_ ABSL_GUARDED_BY(mutex_);
  std::array<int64_t, kOperations> calls_ ABSL_GUARDED_BY(mutex_) = {};
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace once

#endif  // ONCE_TESTS_TESTKIT_STORE_MEMORY_CHECKPOINT_STORE_H_
