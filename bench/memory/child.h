// Runs this very program as the application under test, and watches what memory it takes.
#ifndef ONCE_BENCH_MEMORY_CHILD_H_
#define ONCE_BENCH_MEMORY_CHILD_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace once::bench {

// Killed at the latest when this is destroyed. Not thread-safe.
class Child {
 public:
  // Runs /proc/self/exe with `arguments` and our environment plus `environment`; what it says goes to `log_path`.
  Child(const std::vector<std::string>& arguments, const std::vector<std::pair<std::string, std::string>>& environment,
        std::string log_path);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Looks at it; an error if it has ended.
  absl::Status Look();
  // Tells it to stop, and waits for that.
  absl::Status Stop();

  // In MiB, as of the last look: the most that was resident, and what is.
  int64_t peak_mb() const { return peak_kb_ / 1024; }
  int64_t resident_mb() const { return resident_kb_ / 1024; }
  // How many lines of its log have this.
  int CountInLog(const std::string& text) const;

 private:
  void ReadMemory();
  bool HasEnded();

  const std::string log_path_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int exit_status_ = 0;
  int64_t peak_kb_ = 0;
  int64_t resident_kb_ = 0;
};

}  // namespace once::bench

#endif  // ONCE_BENCH_MEMORY_CHILD_H_
