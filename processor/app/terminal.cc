#include "processor/app/terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>

#include "processor/base/clock.h"

namespace once {

namespace {

// Another screen, without a cursor; and back.
constexpr std::string_view kBegin = "\033[?1049h\033[?25l\033[2J";
constexpr std::string_view kEnd = "\033[?25h\033[?1049l";
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

volatile sig_atomic_t interrupted = 0;

void Interrupt(int) { interrupted = 1; }

void Print(std::string_view text) {
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

class Screen {
 public:
  void Begin() {
    interrupted = 0;
    struct sigaction action = {};
    action.sa_handler = Interrupt;
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &action, &before_[i]);
    has_keys_ = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &modes_) == 0;
    if (has_keys_) {
      termios raw = modes_;
      raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      raw.c_cc[VMIN] = 0;
      raw.c_cc[VTIME] = 0;
      tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    Print(kBegin);
  }

  void End() {
    Print(kEnd);
    if (has_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &modes_);
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

  // False: q was pressed, or a signal came.
  bool Wait(absl::Duration duration) {
    const absl::Time until = SteadyNow() + duration;
    while (interrupted == 0) {
      const absl::Duration left = until - SteadyNow();
      if (left <= absl::ZeroDuration()) return true;
      // A signal between the look at it and the wait is seen a moment later.
      const absl::Duration turn = std::min(left, absl::Milliseconds(200));
      pollfd keys = {.fd = has_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
      if (poll(&keys, 1, static_cast<int>(absl::ToInt64Milliseconds(turn)) + 1) <= 0) continue;
      char key = 0;
      const ssize_t count = read(STDIN_FILENO, &key, 1);
      if (count == 1 && (key == 'q' || key == 'Q')) return false;
      // Nobody is at the keys any more.
      if (count <= 0) has_keys_ = false;
    }
    return false;
  }

 private:
  struct sigaction before_[std::size(kSignals)] = {};
  termios modes_ = {};
  bool has_keys_ = false;
};

std::pair<int, int> Size() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {25, 80};
  return {size.ws_row, size.ws_col};
}

}  // namespace

cli::Terminal ProcessTerminal() {
  const auto screen = std::make_shared<Screen>();
  return {.begin = [screen] { screen->Begin(); },
          .end = [screen] { screen->End(); },
          .wait = [screen](absl::Duration duration) { return screen->Wait(duration); },
          .size = Size};
}

}  // namespace once
