// Preloaded into pods: while the file $CHAOS_SLOW_DISK exists, each write to a file and each fsync takes as many
// milliseconds as its size in bytes.
#include <dlfcn.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

namespace {

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void Delay(int file) {
  static const char* const path = std::getenv("CHAOS_SLOW_DISK");
  struct stat state = {};
  // Neither logs nor sockets.
  if (path == nullptr || file <= STDERR_FILENO || stat(path, &state) != 0) return;
  const off_t milliseconds = state.st_size;
  if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) return;
  const timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, nullptr);
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t)>("write");
  Delay(file);
  return next(file, data, size);
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

}  // extern "C"
