// X7: whether a worker's engine keeps to its share of the memory, seen from outside after each of its turns.
//
//   what the engine counts        is what its tasks hold, by a pass over all entries, now and then and at the end
//   above the share               intake waits: no event is taken, no changelog is read on, until it does not any more.
//                                 The engine measures every 50 ms, so what comes in until then, and what the open epoch
//                                 brings at its end, may be above
//   at rest                       nothing is kept for convenience above three quarters of the share
#ifndef ONCE_TESTS_SIM_MEMORY_CHECKER_H_
#define ONCE_TESTS_SIM_MEMORY_CHECKER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "processor/engine/engine.h"

namespace once::sim {

// Of one worker of one process.
class MemoryChecker {
 public:
  // `is_tight`: the share may well be reached.
  explicit MemoryChecker(bool is_tight) : is_tight_(is_tight) {}

  // What is wrong after a turn that ended at `now`; empty if nothing is.
  std::string AfterTurn(const Engine& engine, absl::Time now);
  // The same at the end; with `has_rested` nothing has happened for long enough that all is measured and on the disk.
  static std::string AtRest(const Engine& engine, bool has_rested);

 private:
  // How far a task has come while intake waits.
  struct Taken {
    absl::Time opened_at;  // As of which its figures are.
    int64_t read = 0;      // Of its inputs, while it runs.
    int64_t replayed = 0;  // Of its changelog.
  };
  using TakenByTask = std::map<TaskId, Taken>;

  static TakenByTask LookAt(const Engine& engine);
  std::string CheckIntake(const Engine& engine);
  std::string CheckShare(const Engine& engine, absl::Time now);

  const bool is_tight_;
  int64_t turns_ = 0;
  int64_t times_waited_ = 0;
  TakenByTask taken_;
  absl::Time measured_at_ = absl::InfinitePast();
  absl::Time above_since_ = absl::InfiniteFuture();  // Of what that measurement has not seen.
  int above_turns_ = 0;                              // That ended when it should have been seen.
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_MEMORY_CHECKER_H_
