// Preloaded into a process, it makes its wall clock wrong: by as many seconds as the file $WALL_CLOCK_SHIM says, an
// int64_t that may change at any time. The steady clock stays as it is. A wait until a time of the wall clock ends when
// the clock, as it is then, gets there, and not before: the kernel wakes nobody when somebody sets the clock.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iterator>

namespace {

const volatile int64_t* wrong_by = nullptr;

// Before anything asks for the time of day that matters.
__attribute__((constructor)) void Open() {
  const char* const path = std::getenv("WALL_CLOCK_SHIM");
  if (path == nullptr) return;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* const page = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  if (page != MAP_FAILED) wrong_by = static_cast<const volatile int64_t*>(page);
}

int64_t WrongBy() { return wrong_by == nullptr ? 0 : *wrong_by; }

template <typename Function>
Function Next(const char* name, const char* version = nullptr) {
  void* const found = version == nullptr ? ::dlsym(RTLD_NEXT, name) : ::dlvsym(RTLD_NEXT, name, version);
  return reinterpret_cast<Function>(found);
}

bool IsBefore(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

using Gettime = int (*)(clockid_t, timespec*);

int RealGettime(clockid_t clock, timespec* time) {
  static const auto next = Next<Gettime>("clock_gettime");
  return next(clock, time);
}

// How often each condition variable was signalled; those of one hash share a count.
std::atomic<uint32_t> signals[4096];

std::atomic<uint32_t>& SignalsOf(const void* condition) {
  return signals[(reinterpret_cast<uintptr_t>(condition) >> 4) % std::size(signals)];
}

// Waits by slices, to see what becomes of the clock. A signal that came as a slice ended had nobody to wake, so then
// the wait is over as well; and only then, lest a clock that was set wakes anybody.
template <typename Wait>
int WaitUntil(const void* condition, const timespec& until, int timed_out, const Wait& wait) {
  // One that counts from the machine's start is of the steady clock.
  constexpr time_t kYearsOfUptime = 1'000'000'000;
  if (until.tv_sec < kYearsOfUptime) return wait(until);
  constexpr long kSliceNanos = 20'000'000;
  const uint32_t signals_before = SignalsOf(condition);
  for (;;) {
    timespec slice;
    RealGettime(CLOCK_REALTIME, &slice);
    slice.tv_nsec += kSliceNanos;
    slice.tv_sec += slice.tv_nsec / 1'000'000'000;
    slice.tv_nsec %= 1'000'000'000;
    timespec end = until;
    end.tv_sec -= WrongBy();
    const bool is_last = IsBefore(end, slice);
    const int result = wait(is_last ? end : slice);
    if (result != timed_out || is_last) return result;
    if (SignalsOf(condition) != signals_before) return 0;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = RealGettime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += WrongBy();
  return result;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now;
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t* where) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where != nullptr) *where = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(timespec* time, int base) noexcept {
  if (base != TIME_UTC) return 0;
  return clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
  static const Wait next = Next<Wait>("pthread_cond_timedwait", "GLIBC_2.3.2");
  return WaitUntil(condition, *until, ETIMEDOUT, [&](const timespec& end) { return next(condition, mutex, &end); });
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  using Wait = int (*)(cnd_t*, mtx_t*, const timespec*);
  static const Wait next = Next<Wait>("cnd_timedwait");
  return WaitUntil(condition, *until, thrd_timedout, [&](const timespec& end) { return next(condition, mutex, &end); });
}

int cnd_signal(cnd_t* condition) {
  static const auto next = Next<int (*)(cnd_t*)>("cnd_signal");
  ++SignalsOf(condition);
  return next(condition);
}

int cnd_broadcast(cnd_t* condition) {
  static const auto next = Next<int (*)(cnd_t*)>("cnd_broadcast");
  ++SignalsOf(condition);
  return next(condition);
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static const auto next = Next<int (*)(pthread_cond_t*)>("pthread_cond_signal", "GLIBC_2.3.2");
  ++SignalsOf(condition);
  return next(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static const auto next = Next<int (*)(pthread_cond_t*)>("pthread_cond_broadcast", "GLIBC_2.3.2");
  ++SignalsOf(condition);
  return next(condition);
}

}  // extern "C"
