// RocksDB's errors in ours, with one fix each.
#include "state/rocksdb/rocksdb_status.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/checkpoint_store.h"

namespace once {

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view what, const std::string& path) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsCorruption()) return CorruptError(path, status.ToString());
  const std::string message = absl::StrCat("state in ", path, ": ", ToAbsl(what), ": ", status.ToString());
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    return absl::ResourceExhaustedError(absl::StrCat(message, "; free disk space there, or set another --state_dir"));
  }
  if (status.IsIOError() || status.IsBusy() || status.IsTryAgain() || status.IsTimedOut()) {
    return absl::UnavailableError(absl::StrCat(message, "; check the disk"));
  }
  return absl::InternalError(message);
}

bool IsLocked(const rocksdb::Status& status) {
  // RocksDB has no code of its own for it: "While lock file: .../LOCK: ..." or "lock hold by current process".
  const std::string text = status.ToString();
  return status.IsIOError() &&
         (text.find("lock file") != std::string::npos || text.find("lock hold") != std::string::npos);
}

absl::Status LockedError(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(
      "state in ", path, " is in use by another process; stop that one, or give this one a --state_dir of its own"));
}

absl::Status CorruptError(const std::string& path, std::string_view why) {
  return CorruptStoreError(absl::StrCat("state in ", path, " is corrupt: ", ToAbsl(why),
                                        "; nothing is lost, since the changelog has it all: delete the directory, and "
                                        "it is rebuilt at the next start"));
}

}  // namespace once
