// Files by way of a temporary one, which is on the disk before it gets its name, and so is the name before a put ends.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/stores.h"

namespace once::internal {

namespace {

constexpr char kIncoming[] = "incoming";
constexpr mode_t kDirectoryMode = 0770, kFileMode = 0640;

absl::Status Failed(const char* what, const std::string& path) {
  const int error = errno;
  const std::string text = absl::StrCat(what, " ", path, " failed: ", strerror(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

// Closes what it holds.
class File {
 public:
  explicit File(int number) : number_(number) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  const int number_;
};

bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

absl::Status SyncDirectory(const std::string& path) {
  const File directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || fsync(directory.number()) != 0) return Failed("syncing", path);
  return absl::OkStatus();
}

// Calls `take` with the name of each entry. OK if there is no such directory.
absl::Status ForEachEntry(const std::string& path, const std::function<void(const std::string&)>& take) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) return errno == ENOENT ? absl::OkStatus() : Failed("reading", path);
  for (errno = 0; const dirent* const entry = readdir(directory); errno = 0) take(entry->d_name);
  const absl::Status read = errno == 0 ? absl::OkStatus() : Failed("reading", path);
  closedir(directory);
  return read;
}

absl::Time WrittenAt(const struct stat& file) { return absl::TimeFromTimespec(file.st_mtim); }

class DirectoryStore final : public BlobStore {
 public:
  explicit DirectoryStore(std::string directory) : directory_(std::move(directory)) {}

  absl::Status Put(const std::string& name, std::string_view bytes) override {
    if (!IsBlobName(name)) return NoName(name);
    const std::string incoming = absl::StrCat(directory_, "/", kIncoming);
    if (absl::Status made = MakeDirectory(incoming); !made.ok()) return made;
    if (absl::Status made = MakeDirectory(ShelfOf(name)); !made.ok()) return made;
    static std::atomic<uint64_t> count{0};
    const std::string fresh = absl::StrCat(incoming, "/", name, ".", getpid(), ".", ++count);
    absl::Status status = Write(fresh, bytes);
    if (status.ok() && rename(fresh.c_str(), PathOf(name).c_str()) != 0) status = Failed("renaming", fresh);
    if (status.ok()) return SyncDirectory(ShelfOf(name));
    unlink(fresh.c_str());
    return NotMissing(status);
  }

  absl::StatusOr<std::string> Get(const std::string& name, int64_t max_bytes) override {
    if (!IsBlobName(name)) return NoName(name);
    const std::string path = PathOf(name);
    // Nothing but a file that lies there itself is read.
    const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.is_open()) {
      // That a whole store is away, such as a disk that is not mounted, is no news of one blob.
      if (errno == ENOENT && access(directory_.c_str(), X_OK) == 0) {
        return absl::NotFoundError(absl::StrCat("there is no blob ", path));
      }
      return NotMissing(Failed("opening", path));
    }
    struct stat about;
    if (fstat(file.number(), &about) != 0) return NotMissing(Failed("reading", path));
    if (!S_ISREG(about.st_mode)) return absl::DataLossError(absl::StrCat(path, " is no file"));
    if (about.st_size > max_bytes) return TooLarge(path, about.st_size);
    std::string bytes(static_cast<size_t>(about.st_size), '\0');
    size_t have = 0;
    while (have < bytes.size()) {
      const ssize_t count = read(file.number(), bytes.data() + have, bytes.size() - have);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return NotMissing(Failed("reading", path));
      if (count == 0) break;
      have += static_cast<size_t>(count);
    }
    bytes.resize(have);
    return bytes;
  }

  absl::Status List(const std::function<void(const BlobInfo&)>& take) override {
    if (access(directory_.c_str(), X_OK) != 0) return NotMissing(Failed("reading", directory_));
    for (int i = 0; i < 256; ++i) {
      const std::string shelf = absl::StrCat(directory_, "/", absl::Hex(i, absl::kZeroPad2));
      const absl::Status read = ForEachEntry(shelf, [&](const std::string& name) {
        struct stat about;
        if (!IsBlobName(name) || PathOf(name) != absl::StrCat(shelf, "/", name)) return;
        if (lstat(PathOf(name).c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return;
        take({.name = name, .bytes = about.st_size, .written = WrittenAt(about)});
      });
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  }

  absl::Status Delete(const std::string& name) override {
    if (!IsBlobName(name)) return NoName(name);
    if (unlink(PathOf(name).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return Failed("deleting", PathOf(name));
  }

  absl::Status Check() override {
    struct stat about;
    if (stat(directory_.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) || access(directory_.c_str(), W_OK | X_OK)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the blob store's directory ", directory_, " is not there, or may not be written to; make it"));
    }
    return absl::OkStatus();
  }

  absl::Status DropLeftovers(absl::Time before) override {
    const std::string incoming = absl::StrCat(directory_, "/", kIncoming);
    return ForEachEntry(incoming, [&](const std::string& name) {
      const std::string path = absl::StrCat(incoming, "/", name);
      struct stat about;
      if (lstat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) && WrittenAt(about) < before) unlink(path.c_str());
    });
  }

 private:
  static absl::Status NoName(const std::string&) {
    return absl::InvalidArgumentError("a blob's name is 80 hexadecimal digits, and this one is not");
  }
  static absl::Status TooLarge(const std::string& path, int64_t bytes) {
    return absl::OutOfRangeError(absl::StrCat("the blob ", path, " has ", bytes, " bytes, more than were put there"));
  }
  // NotFound is said of blobs alone.
  static absl::Status NotMissing(const absl::Status& status) {
    return absl::IsNotFound(status) ? absl::UnavailableError(status.message()) : status;
  }
  std::string ShelfOf(const std::string& name) const { return absl::StrCat(directory_, "/", name.substr(0, 2)); }
  std::string PathOf(const std::string& name) const { return absl::StrCat(ShelfOf(name), "/", name); }

  absl::Status MakeDirectory(const std::string& path) {
    if (mkdir(path.c_str(), kDirectoryMode) == 0) return SyncDirectory(directory_);
    return errno == EEXIST ? absl::OkStatus() : NotMissing(Failed("making", path));
  }

  static absl::Status Write(const std::string& path, std::string_view bytes) {
    const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
    if (!file.is_open()) return Failed("making", path);
    if (!WriteAll(file.number(), bytes) || fsync(file.number()) != 0) return Failed("writing", path);
    return absl::OkStatus();
  }

  const std::string directory_;
};

}  // namespace

std::shared_ptr<BlobStore> NewDirectoryStore(const std::string& directory) {
  return std::make_shared<DirectoryStore>(directory);
}

}  // namespace once::internal
