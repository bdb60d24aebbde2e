// RocksDB's errors in this project's terms.
#ifndef ONCE_STATE_ROCKSDB_ROCKSDB_STATUS_H_
#define ONCE_STATE_ROCKSDB_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace once {

// `what` was tried on the database in `path`: "cannot open", "cannot flush".
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view what, const std::string& path);

// Whether opening failed because the database is open already, here or in another process.
bool IsLocked(const rocksdb::Status& status);

absl::Status LockedError(const std::string& path);
absl::Status CorruptError(const std::string& path, std::string_view why);
// Somebody deleted files, or all of the directory: as damage, it is made anew.
absl::Status GoneError(const std::string& path, std::string_view why);

}  // namespace once

#endif  // ONCE_STATE_ROCKSDB_ROCKSDB_STATUS_H_
