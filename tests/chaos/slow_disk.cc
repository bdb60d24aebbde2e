// Preloaded into pods: while the file $CHAOS_SLOW_DISK exists, each write to a file and each fsync takes as many
// milliseconds as its size in bytes. While $CHAOS_FROZEN_DISK exists, nothing that changes a file or a directory
// returns, as on a disk that has gone away for a while.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void Sleep(long milliseconds) {
  const timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}

void AwaitThaw() {
  static const char* const path = std::getenv("CHAOS_FROZEN_DISK");
  if (path == nullptr) return;
  const int error = errno;
  while (access(path, F_OK) == 0) Sleep(10);
  errno = error;
}

void Delay(int file) {
  static const char* const path = std::getenv("CHAOS_SLOW_DISK");
  struct stat state = {};
  // Neither logs nor sockets.
  if (file <= STDERR_FILENO || fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) return;
  AwaitThaw();
  if (path != nullptr && stat(path, &state) == 0) Sleep(state.st_size);
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t)>("write");
  Delay(file);
  return next(file, data, size);
}

ssize_t writev(int file, const iovec* parts, int count) {
  static const auto next = Next<ssize_t (*)(int, const iovec*, int)>("writev");
  Delay(file);
  return next(file, parts, count);
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  Delay(file);
  return next(file, data, size, offset);
}

ssize_t pwrite64(int file, const void* data, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  Delay(file);
  return next(file, data, size, offset);
}

int fsync(int file) {
  static const auto next = Next<int (*)(int)>("fsync");
  Delay(file);
  return next(file);
}

int fdatasync(int file) {
  static const auto next = Next<int (*)(int)>("fdatasync");
  Delay(file);
  return next(file);
}

// --- what only a frozen disk holds up ---

int sync_file_range(int file, off64_t offset, off64_t size, unsigned int flags) {
  static const auto next = Next<int (*)(int, off64_t, off64_t, unsigned int)>("sync_file_range");
  AwaitThaw();
  return next(file, offset, size, flags);
}

int fallocate(int file, int mode, off_t offset, off_t size) {
  static const auto next = Next<int (*)(int, int, off_t, off_t)>("fallocate");
  AwaitThaw();
  return next(file, mode, offset, size);
}

int ftruncate(int file, off_t size) noexcept {
  static const auto next = Next<int (*)(int, off_t)>("ftruncate");
  AwaitThaw();
  return next(file, size);
}

int rename(const char* from, const char* to) noexcept {
  static const auto next = Next<int (*)(const char*, const char*)>("rename");
  AwaitThaw();
  return next(from, to);
}

int unlink(const char* path) noexcept {
  static const auto next = Next<int (*)(const char*)>("unlink");
  AwaitThaw();
  return next(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto next = Next<int (*)(const char*, mode_t)>("mkdir");
  AwaitThaw();
  return next(path, mode);
}

}  // extern "C"
