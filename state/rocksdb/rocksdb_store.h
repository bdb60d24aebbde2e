// The checkpoint store on RocksDB: one database for all tasks of a process, one column family, no write-ahead log.
//
//   absl::StatusOr<std::unique_ptr<CheckpointStore>> store =
//       OpenRocksDbStore({.path = state_dir + "/store", .application_id = "order-totals"}, &log);
//   if (absl::IsDataLoss(store.status())) {          // corrupt: the changelog has everything
//     status = DestroyRocksDbStore(state_dir + "/store");
//     store = OpenRocksDbStore(...);                 // empty; tasks are restored from their changelogs
//   }
//
// Corruption that shows only later is DataLoss from the store's own methods. A task's Wipe need not heal it, since
// other tasks share the files: close the store, destroy it, open it anew.
#ifndef ONCE_STATE_ROCKSDB_ROCKSDB_STORE_H_
#define ONCE_STATE_ROCKSDB_ROCKSDB_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "state/checkpoint_store.h"

namespace once {

struct RocksDbOptions {
  // Directory of the database and of nothing else; made, with its parents, if it does not exist.
  std::string path = {};
  // Written into a new database; an existing one must have the same.
  std::string application_id = {};
  // Bound, in bytes, on cached blocks, filters and indexes (one half) and on unflushed writes (the other), however many
  // tasks there are. At least 8 MiB. A batch larger than a sixth of it takes its own size for a while.
  size_t memory_bytes = size_t{64} << 20;
  // Files that are open at a time, at least 16.
  int max_open_files = 256;
  // Threads that flush and compact, at least 2; shared by all databases of the process.
  int background_jobs = 2;
};

// Blocks for some milliseconds. `log` gets RocksDB's warnings and must outlive the store. Errors:
//   PermissionDenied    the directory cannot be made or written
//   FailedPrecondition  another process has it open, or it holds the state of another application or format
//   DataLoss            the database is corrupt
//   ResourceExhausted   the disk is full
//   InvalidArgument     an option is out of range; the path is no directory
//   Unavailable, Internal  other errors
absl::StatusOr<std::unique_ptr<CheckpointStore>> OpenRocksDbStore(const RocksDbOptions& options, LogSink* log);

// Deletes the database's files, whatever state they are in, and the directory if nothing else is in it.
// FailedPrecondition if a process has it open. No database: OK.
absl::Status DestroyRocksDbStore(const std::string& path);

}  // namespace once

#endif  // ONCE_STATE_ROCKSDB_ROCKSDB_STORE_H_
