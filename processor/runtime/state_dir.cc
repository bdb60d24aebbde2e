// The state directory: one process at a time, and the instance ID that stays with it.
#include "processor/runtime/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "processor/base/private_file.h"

namespace once {

absl::StatusOr<std::unique_ptr<LockedDir>> LockedDir::Open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat("state directory ", path, " cannot be made: ", error.message(),
                                                      "; set --state_dir to a place that can be written"));
  }
  // Somebody else's directory that we may write keeps its mode.
  std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  const std::string lock = path + "/LOCK";
  // Not passed on to programs that a handler starts, which would hold the directory.
  const int file = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return absl::FailedPreconditionError(absl::StrCat("state directory ", path,
                                                      " cannot be written: ", std::strerror(errno),
                                                      "; set --state_dir to a place that can be written"));
  }
  // The kernel lets go of it when the process dies, however that happens.
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    ::close(file);
    return absl::FailedPreconditionError(absl::StrCat(
        "state directory ", path, " is in use by another process; give each instance a --state_dir of its own"));
  }
  return std::unique_ptr<LockedDir>(new LockedDir(path, file));
}

LockedDir::~LockedDir() { ::close(file_); }

absl::StatusOr<std::string> LockedDir::InstanceId() const {
  const std::string path = path_ + "/instance_id";
  std::string id;
  // T12: the same name after a restart, so that it fences its own former self and nobody else.
  if (std::ifstream in(path); in >> id && !id.empty()) return id;
  std::random_device random;
  id = absl::StrFormat("%08x%08x", random(), random());
  if (absl::Status kept = KeepInstanceId(id); !kept.ok()) return kept;
  return id;
}

absl::Status LockedDir::KeepInstanceId(const std::string& id) const {
  const absl::Status written = WritePrivateFile(path_ + "/instance_id", id + "\n");
  if (written.ok()) return written;
  return absl::ResourceExhaustedError(absl::StrCat(written.message(), "; is the disk full?"));
}

bool LockedDir::is_gone() const {
  struct stat held = {};
  struct stat found = {};
  if (::fstat(file_, &held) != 0 || ::stat((path_ + "/LOCK").c_str(), &found) != 0) return true;
  // By what is held, not by its name: a directory that was made anew has another one of that.
  return held.st_ino != found.st_ino || held.st_dev != found.st_dev;
}

}  // namespace once
