// RocksDB's errors in ours, with one fix each.
#include "state/rocksdb/rocksdb_status.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/checkpoint_store.h"

namespace once {

namespace {

// What a process may do about its limit of open files.
std::string FileLimitFix() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return absl::StrCat("this process may have ", limit.rlim_cur,
                      " files and sockets open (ulimit -n): raise that "
                      "(LimitNOFILE= of a systemd unit), or lower state_open_files");
}

bool IsOfOpenFiles(const rocksdb::Status& status) {
  // There is no code for it: the system's words stand in the message.
  return status.IsIOError() && status.ToString().find(std::strerror(EMFILE)) != std::string::npos;
}

}  // namespace

absl::Status GoneError(const std::string& path, std::string_view why) {
  return CorruptStoreError(absl::StrCat("state in ", path,
                                        " is gone, or part of it: files were deleted while they were "
                                        "in use (",
                                        ToAbsl(why), "); nothing is lost, since the changelog has it all"));
}

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view what, const std::string& path) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsCorruption()) return CorruptError(path, status.ToString());
  // F7: a file that was there before is gone, so somebody deletes them while they are in use.
  if (status.IsPathNotFound()) return GoneError(path, status.ToString());
  const std::string message = absl::StrCat("state in ", path, ": ", ToAbsl(what), ": ", status.ToString());
  if (IsOfOpenFiles(status)) return absl::UnavailableError(absl::StrCat(message, "; ", FileLimitFix()));
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit) {
    return absl::ResourceExhaustedError(absl::StrCat(message, "; free disk space there, or set another --state_dir"));
  }
  // It may pass: the next checkpoint tries again.
  if (status.IsIOError() || status.IsBusy() || status.IsTryAgain() || status.IsTimedOut()) {
    return absl::UnavailableError(absl::StrCat(message, "; check the disk"));
  }
  return absl::InternalError(message);
}

bool IsLocked(const rocksdb::Status& status) {
  // RocksDB has no code of its own for it: "While lock file: .../LOCK: ..." or "lock hold by current process".
  const std::string text = status.ToString();
  return status.IsIOError() && !IsOfOpenFiles(status) &&
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
