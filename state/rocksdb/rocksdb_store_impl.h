// The store itself; made by OpenRocksDbStore only.
#ifndef ONCE_STATE_ROCKSDB_ROCKSDB_STORE_IMPL_H_
#define ONCE_STATE_ROCKSDB_ROCKSDB_STORE_IMPL_H_

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "state/checkpoint_store.h"
#include "state/rocksdb/flush_watch.h"

namespace once {

// Keys: the task's prefix (12 bytes) and the changelog key; the prefix alone is the key of the task's meta. A key
// shorter than a prefix is the database's own.
class RocksDbStore final : public CheckpointStore {
 public:
  // `watch` listens to the database, which has just been opened.
  RocksDbStore(std::unique_ptr<rocksdb::DB> db, std::shared_ptr<FlushWatch> watch, std::string path);
  // Flushes.
  ~RocksDbStore() override;

  absl::StatusOr<std::optional<CheckpointMeta>> ReadMeta(std::string_view task_prefix) override;
  absl::StatusOr<std::optional<std::string>> Get(std::string_view task_prefix, std::string_view key) override;
  absl::Status Scan(std::string_view task_prefix, std::string_view key_prefix,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit) override;
  absl::Status Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                     const CheckpointMeta& meta) override;
  absl::Status Flush() override;
  absl::StatusOr<bool> HasEntries(std::string_view task_prefix) override;
  absl::Status Wipe(std::string_view task_prefix) override;
  uint64_t SizeOnDisk() override;

  // Reads the identity that a database has from its first opening, or writes it if the database is empty.
  // FailedPrecondition if it is another application's.
  absl::Status CheckIdentity(const std::string& application_id);

 private:
  absl::Status WriteBatch(rocksdb::WriteBatch* batch);
  // Reads all from `first` to the bound in `options`; DataLoss if that cannot be done.
  absl::Status CheckReadable(const std::string& first, rocksdb::ReadOptions options);
  // After a failed write RocksDB refuses all others until it is told to go on.
  absl::Status ResumeAfterError();
  absl::Status Note(const rocksdb::Status& status, std::string_view what);

  const std::unique_ptr<rocksdb::DB> db_;
  const std::shared_ptr<FlushWatch> watch_;
  const std::string path_;
  std::atomic<bool> stopped_{false};
};

}  // namespace once

#endif  // ONCE_STATE_ROCKSDB_ROCKSDB_STORE_IMPL_H_
