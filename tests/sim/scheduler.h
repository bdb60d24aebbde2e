// Virtual time: fibers and calls in the order in which they are due. One thread; the same calls give the same run.
#ifndef ONCE_TESTS_SIM_SCHEDULER_H_
#define ONCE_TESTS_SIM_SCHEDULER_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/fiber.h"
#include "tests/testkit/manual_clock.h"

namespace once::sim {

// Thrown out of whatever a fiber waits for when its process died.
struct Crashed {};

// A simulated operating system's process: what dies and stands still together.
struct Process {
  int id = 0;
  bool dead = false;
  absl::Time paused_until = absl::InfinitePast();
};

class Scheduler {
 public:
  Scheduler() = default;
  // All fibers must have ended: see KillAll.
  ~Scheduler() = default;

  testkit::ManualClock& clock() { return clock_; }
  absl::Time now() { return clock_.Now(); }

  // Calls `what` at that time, outside of fibers.
  void At(absl::Time when, std::function<void()> what);
  // Starts a thread of the process. `process` must live until the thread has ended. A Crashed that leaves `body` ends
  // it.
  void Spawn(Process* process, std::function<void()> body);
  // The process's threads end by Crashed, now.
  void Kill(Process* process);
  // Nothing of it runs until then, or until the end of a pause that is under way and longer.
  void Pause(Process* process, absl::Time until) { process->paused_until = std::max(process->paused_until, until); }
  // It goes on at once.
  void Resume(Process* process);

  // From inside a thread. Throws Crashed once its process is dead.
  void Sleep(absl::Duration pause);
  // The same for code that is not to be thrown through: returns at once when the process is dead.
  void Pass(absl::Duration pause);
  // The process of the thread that runs; null outside of threads.
  Process* current() const { return current_ == nullptr ? nullptr : current_->process; }
  // Names that thread for as long as it lives.
  const void* current_thread() const { return current_; }

  // Runs what is due until then. The clock is at `until` afterwards, or where Stop was called.
  void RunUntil(absl::Time until);
  // Ends RunUntil after the current step.
  void Stop() { stopped_ = true; }
  int64_t steps() const { return steps_; }

 private:
  struct Thread {
    Process* process = nullptr;
    std::unique_ptr<Fiber> fiber;
    uint64_t wake = 0;  // The entry that may resume it.
  };
  struct Entry {
    int64_t at_ns = 0;
    uint64_t number = 0;
    Thread* thread = nullptr;
    std::shared_ptr<std::function<void()>> call;

    bool operator>(const Entry& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : number > other.number;
    }
  };

  void Wake(Thread* thread, absl::Time when);
  void Run(Thread* thread);

  testkit::ManualClock clock_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> entries_;
  std::vector<std::unique_ptr<Thread>> threads_;
  Thread* current_ = nullptr;
  uint64_t next_number_ = 1;
  int64_t steps_ = 0;
  bool stopped_ = false;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_SCHEDULER_H_
