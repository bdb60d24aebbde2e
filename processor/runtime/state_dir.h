// The state directory, held against other processes while this lives.
#ifndef ONCE_PROCESSOR_RUNTIME_STATE_DIR_H_
#define ONCE_PROCESSOR_RUNTIME_STATE_DIR_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace once {

class LockedDir {
 public:
  // Makes the directory if need be, for its owner alone (mode 0700): it holds copies of events and state.
  // FailedPrecondition, with a fix, if it cannot be made or written, or another process holds it.
  static absl::StatusOr<std::unique_ptr<LockedDir>> Open(const std::string& path);
  ~LockedDir();
  LockedDir(const LockedDir&) = delete;
  LockedDir& operator=(const LockedDir&) = delete;

  // The instance ID that this directory was given at first, drawn at random: two instances with one ID would fence each
  // other for ever (T12).
  absl::StatusOr<std::string> InstanceId() const;
  // Writes down that the directory's instance ID is this one.
  absl::Status KeepInstanceId(const std::string& id) const;
  // Somebody deleted the directory, or replaced it: what is held is in nobody's way.
  bool is_gone() const;

 private:
  LockedDir(std::string path, int file) : path_(std::move(path)), file_(file) {}

  const std::string path_;
  const int file_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_STATE_DIR_H_
