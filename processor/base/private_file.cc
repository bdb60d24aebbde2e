// X8: a file for its owner alone, replaced as a whole: readers see the old one or the new one.
#include "processor/base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

absl::Status WritePrivateFile(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const auto failed = [&](const char* what) {
    const absl::Status status = absl::UnavailableError(absl::StrCat(what, " ", fresh, " failed: ", strerror(errno)));
    unlink(fresh.c_str());
    return status;
  };
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("making");
  // One that a crash left keeps its mode.
  const bool written = fchmod(file, 0600) == 0 && WriteAll(file, text) && fsync(file) == 0;
  const absl::Status status = written ? absl::OkStatus() : failed("writing");
  close(file);
  if (!status.ok()) return status;
  // Only what is on the disk gets the name: a crash leaves the file of before, or this one.
  if (rename(fresh.c_str(), path.c_str()) != 0) return failed("renaming");
  return absl::OkStatus();
}

}  // namespace once
