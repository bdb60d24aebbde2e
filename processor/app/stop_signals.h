// Turns SIGTERM, SIGINT and SIGHUP into a call.
#ifndef ONCE_PROCESSOR_APP_STOP_SIGNALS_H_
#define ONCE_PROCESSOR_APP_STOP_SIGNALS_H_

#include <functional>
#include <thread>

namespace once {

// While it lives, the first SIGTERM, SIGINT or SIGHUP (which a process that ignores it goes on to ignore) calls
// `on_stop` on a thread of its own (so it may lock and log); a second, but for one that comes right behind it, ends the
// process at once with `second_exit_code`. One at a time in a process. The former handlers are put back after.
class StopSignals {
 public:
  StopSignals(std::function<void()> on_stop, int second_exit_code);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  const std::function<void()> on_stop_;
  std::thread thread_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_STOP_SIGNALS_H_
