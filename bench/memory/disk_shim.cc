// Preloaded into the application under test: while the file $ONCE_BENCH_DISK exists, the disk is as it says. "full":
// nothing can be written. A number: all writes together go at so many MB a second.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace {

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

constexpr int64_t kFull = 0;
constexpr int64_t kAsItIs = -1;

// MB a second, or one of the above.
int64_t Speed() {
  static const char* const path = std::getenv("ONCE_BENCH_DISK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return kAsItIs;
  char text[32] = {};
  const ssize_t size = read(file, text, sizeof(text) - 1);
  close(file);
  if (size <= 0) return kAsItIs;
  return std::strncmp(text, "full", 4) == 0 ? kFull : std::max<int64_t>(std::atoll(text), 1);
}

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// One disk: who writes waits behind all others.
void Wait(size_t bytes, int64_t mb_per_second) {
  static std::mutex mutex;
  static int64_t free_at_ns = 0;
  int64_t pause_ns = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const int64_t now_ns = NowNs();
    free_at_ns = std::max(free_at_ns, now_ns) + static_cast<int64_t>(bytes) * 1'000 / mb_per_second;
    pause_ns = free_at_ns - now_ns;
  }
  const timespec pause = {pause_ns / 1'000'000'000, pause_ns % 1'000'000'000};
  nanosleep(&pause, nullptr);
}

// False, with errno, if nothing more fits. Neither logs nor sockets.
bool Admit(int file, size_t bytes) {
  if (file <= STDERR_FILENO) return true;
  const int64_t speed = Speed();
  struct stat state = {};
  if (speed == kAsItIs || fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) return true;
  if (speed == kFull) {
    errno = ENOSPC;
    return false;
  }
  Wait(bytes, speed);
  return true;
}

template <typename Call>
int Space(const Call& call, struct statvfs* space) {
  const int result = call();
  if (result == 0 && Speed() == kFull) space->f_bfree = space->f_bavail = 0;
  return result;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t)>("write");
  return Admit(file, size) ? next(file, data, size) : -1;
}

ssize_t pwrite(int file, const void* data, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return Admit(file, size) ? next(file, data, size, offset) : -1;
}

ssize_t pwrite64(int file, const void* data, size_t size, off_t offset) {
  static const auto next = Next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  return Admit(file, size) ? next(file, data, size, offset) : -1;
}

int statvfs(const char* path, struct statvfs* space) {
  static const auto next = Next<int (*)(const char*, struct statvfs*)>("statvfs");
  return Space([&] { return next(path, space); }, space);
}

int fstatvfs(int file, struct statvfs* space) {
  static const auto next = Next<int (*)(int, struct statvfs*)>("fstatvfs");
  return Space([&] { return next(file, space); }, space);
}

}  // extern "C"
