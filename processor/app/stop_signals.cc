// A handler may do next to nothing, so it writes a byte into a pipe; a thread reads that and does the rest.
#include "processor/app/stop_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace once {

namespace {

constexpr char kSignal = 's';
constexpr char kEnd = 'e';

// A signal handler reaches nothing but globals.
std::atomic<int> g_signals{0};
std::atomic<int> g_exit_code{0};
std::atomic<int64_t> g_first_ms{0};
int g_pipe[2] = {-1, -1};
constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGHUP};
struct sigaction g_old[std::size(kStopSignals)];

void Send(char what) {
  // write and _exit are among the few things that a handler may call.
  while (write(g_pipe[1], &what, 1) < 0 && errno == EINTR) {
  }
}

// `timeout` and shells signal a process and then its group: that is one wish, not two.
constexpr int64_t kSameWishMs = 300;

int64_t MonotonicMs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void OnSignal(int) {
  const int saved_errno = errno;
  if (g_signals.fetch_add(1) == 0) {
    g_first_ms.store(MonotonicMs());
    Send(kSignal);
  } else if (MonotonicMs() - g_first_ms.load() > kSameWishMs) {
    // A second wish does not wait for what the first one waits for.
    _exit(g_exit_code.load());
  }
  errno = saved_errno;
}

}  // namespace

StopSignals::StopSignals(std::function<void()> on_stop, int second_exit_code) : on_stop_(std::move(on_stop)) {
  g_signals.store(0);
  g_exit_code.store(second_exit_code);
  // Without descriptors left a process cannot work anyway.
  if (pipe2(g_pipe, O_CLOEXEC) != 0) abort();
  thread_ = std::thread([this] {
    for (;;) {
      char what = kEnd;
      const ssize_t got = read(g_pipe[0], &what, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got != 1 || what == kEnd) return;
      on_stop_();
    }
  });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  // Calls of other threads and libraries go on as if nothing had been.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < std::size(kStopSignals); ++i) {
    sigaction(kStopSignals[i], &action, &g_old[i]);
    // Whoever started us does not want a terminal's end to be ours.
    if (kStopSignals[i] == SIGHUP && g_old[i].sa_handler == SIG_IGN) sigaction(SIGHUP, &g_old[i], nullptr);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < std::size(kStopSignals); ++i) sigaction(kStopSignals[i], &g_old[i], nullptr);
  Send(kEnd);
  thread_.join();
  close(g_pipe[0]);
  close(g_pipe[1]);
}

}  // namespace once
