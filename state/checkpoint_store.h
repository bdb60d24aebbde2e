// The port to the disk: where tasks' state is checkpointed. Implemented by RocksDB (state/rocksdb) and in memory
// (tests/testkit). The committed changelog is the durable truth; what is here only shortens its replay.
#ifndef ONCE_STATE_CHECKPOINT_STORE_H_
#define ONCE_STATE_CHECKPOINT_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/types.h"

namespace once {

// 12 bytes that begin every key of one task: BE64 hash of the task group's name, BE32 partition.
std::string TaskPrefix(std::string_view group_name, Partition partition);

// What a checkpoint stands for.
struct CheckpointMeta {
  Offset changelog_offset;   // Next changelog offset to replay.
  uint64_t incarnation = 0;  // Of the changelog, see once.v1.Frontier; 0 if none was seen yet.
  int64_t written_ms = 0;    // Wall clock, Unix milliseconds.
};

struct CheckpointEntry {
  std::string key;                   // A changelog key, without the task's prefix.
  std::optional<std::string> value;  // Absent: deleted.
};

// A DataLoss error that says the store's data is corrupt, or was deleted while it was in use; told apart from what
// events and handlers say by a mark.
absl::Status CorruptStoreError(std::string_view message);
bool IsCorruptStore(const absl::Status& status);

// Thread-safe. Errors: CorruptStoreError if the data is corrupt (wipe and rebuild from the changelog),
// ResourceExhausted if the disk is full, Unavailable or Internal for other I/O errors. Every message names the
// directory.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  // Nothing if the task has no checkpoint.
  virtual absl::StatusOr<std::optional<CheckpointMeta>> ReadMeta(std::string_view task_prefix) = 0;

  // Nothing if the key is absent.
  virtual absl::StatusOr<std::optional<std::string>> Get(std::string_view task_prefix, std::string_view key) = 0;

  // Calls `visit` with each entry whose key begins with `key_prefix`, in order; stops early when it returns false.
  // Views hold during the call only.
  virtual absl::Status Scan(std::string_view task_prefix, std::string_view key_prefix,
                            const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;

  // Whether anything of the task but its meta is there, such as what a wipe that was cut short has left: that is no
  // checkpoint, and stands for nothing (F7). However much was wiped, it takes no longer.
  virtual absl::StatusOr<bool> HasEntries(std::string_view task_prefix) = 0;

  // All entries (each key once, in any order) and the meta, together or not at all. Not durable before Flush.
  virtual absl::Status Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                             const CheckpointMeta& meta) = 0;

  // All that was written is on disk when this returns.
  virtual absl::Status Flush() = 0;

  // Forgets the task: its meta first, durably, then its data, so that a crash between leaves no half a checkpoint.
  virtual absl::Status Wipe(std::string_view task_prefix) = 0;

  // Bytes on disk, for metrics; 0 if unknown.
  virtual uint64_t SizeOnDisk() = 0;
};

}  // namespace once

#endif  // ONCE_STATE_CHECKPOINT_STORE_H_
