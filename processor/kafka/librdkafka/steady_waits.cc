// librdkafka waits with C11's cnd_timedwait until a time of the wall clock, and such a wait under way goes on for an
// hour more when the clock is set back by one: heartbeats, transactions and flushes stand still for as long, in every
// version (before 2.10 also each wait that is taken up again after a call for others). This definition waits for what
// is left by the steady clock. The linker puts it before the C library's, for the program's libraries too; hardly
// anything else calls it. POSIX has the kernel's part: pthread_cond_timedwait, "Rationale", on clocks that are set.
#include "processor/kafka/librdkafka/steady_waits.h"

#include <features.h>

#ifdef __GLIBC__
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <ctime>

// glibc's types of both families have one layout.
static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mutexes are the same");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "condition variables are the same");

namespace {

constexpr long kNanosPerSecond = 1'000'000'000;

// `steady` and what `until` is after `wall`.
timespec Shifted(const timespec& until, const timespec& wall, const timespec& steady) {
  timespec end;
  end.tv_sec = steady.tv_sec + (until.tv_sec - wall.tv_sec);
  end.tv_nsec = steady.tv_nsec + (until.tv_nsec - wall.tv_nsec);
  if (end.tv_nsec < 0) {
    end.tv_nsec += kNanosPerSecond;
    --end.tv_sec;
  } else if (end.tv_nsec >= kNanosPerSecond) {
    end.tv_nsec -= kNanosPerSecond;
    ++end.tv_sec;
  }
  // Steady times begin at zero, and what is over need not be waited for.
  return end.tv_sec < 0 ? timespec{} : end;
}

}  // namespace

extern "C" int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  // Who was woken for something else waits again until the time of before: that wait ends when it would have, whatever
  // the wall clock did meanwhile.
  static thread_local timespec waits_until = {};
  static thread_local timespec ends = {};
  if (until->tv_sec != waits_until.tv_sec || until->tv_nsec != waits_until.tv_nsec) {
    timespec wall;
    timespec steady;
    ::clock_gettime(CLOCK_REALTIME, &wall);
    ::clock_gettime(CLOCK_MONOTONIC, &steady);
    waits_until = *until;
    ends = Shifted(*until, wall, steady);
  }
  switch (::pthread_cond_clockwait(reinterpret_cast<pthread_cond_t*>(condition),
                                   reinterpret_cast<pthread_mutex_t*>(mutex), CLOCK_MONOTONIC, &ends)) {
    case 0:
      return thrd_success;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

namespace once::kafka {
bool WaitsAreSteady() { return true; }
}  // namespace once::kafka

#else

namespace once::kafka {
bool WaitsAreSteady() { return false; }
}  // namespace once::kafka

#endif
