// Starts programs of ours and ends them, by their process id.
#ifndef ONCE_TESTS_INTEGRATION_PROCESS_H_
#define ONCE_TESTS_INTEGRATION_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace once {

// How a process ended.
struct ExitState {
  std::optional<int> code;    // Exit code, or
  std::optional<int> signal;  // the signal that killed it.
};

// Killed at the latest when this is destroyed. Not thread-safe.
class Process {
 public:
  // Runs `args` (args[0] is a path) with our environment plus `environment`; output goes to `log_path`.
  Process(const std::vector<std::string>& args, const std::vector<std::pair<std::string, std::string>>& environment,
          std::string log_path);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal);
  // Nothing if it still runs after `timeout`.
  std::optional<ExitState> Wait(absl::Duration timeout);
  bool Running() { return !Wait(absl::ZeroDuration()).has_value(); }
  // What it wrote so far.
  std::string Log() const;

 private:
  std::string log_path_;
  pid_t pid_ = -1;
  std::optional<ExitState> ended_;
};

// The first number after the last occurrence of `label` in `text`, or -1.
int64_t NumberAfter(const std::string& text, const std::string& label);
// The sum of the numbers after all its occurrences.
int64_t SumAfter(const std::string& text, const std::string& label);

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_PROCESS_H_
