// One instance of the application in the simulation: the real workers, on simulated ports and threads.
#ifndef ONCE_TESTS_SIM_POD_H_
#define ONCE_TESTS_SIM_POD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/clock.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/runtime/worker.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/offset_reader.h"
#include "tests/testkit/manual_clock.h"

namespace once::sim {

struct PodConfig {
  int index = 0;
  int workers = 1;
  EngineOptions engine = {};
  absl::Duration flush_interval = absl::Milliseconds(500);
  // The outputs' limits were lowered after each start had looked at them.
  bool limits_are_stale = false;
  absl::Duration slow_answers = absl::ZeroDuration();
};

// The machine's: its wall clock may be wrong.
class PodClock final : public Clock {
 public:
  explicit PodClock(testkit::ManualClock* clock) : clock_(clock) {}
  absl::Time Steady() override { return clock_->Steady(); }
  absl::Time Wall() override { return clock_->Now() + wrong_by_; }
  void set_wrong_by(absl::Duration wrong_by) { wrong_by_ = wrong_by; }

 private:
  testkit::ManualClock* const clock_;
  absl::Duration wrong_by_;
};

class SimPod {
 public:
  // All must outlive this.
  SimPod(const PodConfig& config, const Plan* plan, kafka::Client* cluster, Disk* disk, Network* network,
         Random* random, LogSink* log);
  // The process must be dead and its threads ended, or never have been started.
  ~SimPod();

  // What the processes started from now on run.
  void set_plan(const Plan* plan) { plan_ = plan; }
  // Nobody starts it meanwhile; how it ended is forgotten.
  void set_held(bool held) {
    held_ = held;
    failure_ = absl::OkStatus();
  }
  // Starts a process, unless one runs or it is held.
  void Start();
  // kill -9; the disk loses what a crash loses, or everything.
  void Crash(bool lose_disk);
  void Pause(absl::Duration duration);
  void Resume();
  // By how much the wall clock is wrong from now on, also after a restart.
  void SetWallClock(absl::Duration wrong_by) { clock_.set_wrong_by(wrong_by); }
  // Orderly: commits, checkpoints, leaves, ends.
  void RequestStop();

  bool running() const { return process_ != nullptr; }
  // Until then it stands still.
  absl::Time paused_until() const { return running() ? process_->paused_until : absl::InfinitePast(); }
  bool stopping() const { return stopping_; }
  int process_id() const { return config_.index; }
  // Why the process ended by itself; OK if it did not, or as asked.
  const absl::Status& failure() const { return failure_; }
  // What was found wrong with its use of memory; empty if nothing was.
  const std::string& memory_violation() const { return memory_violation_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  Disk& disk() { return *disk_; }
  // Null unless it runs, or ran last.
  const SimOffsetReader* offsets() const { return offsets_.get(); }

 private:
  void Boot();
  // Lays the plan out anew by what the brokers say of its topics, as each start does.
  absl::Status Prepare();
  bool AreTopicsThere() const;
  absl::Status StartWorkers();
  void WatchTopics();
  // Ends in words, as the program does.
  void Fail(const absl::Status& status);
  // The process is over; what it was is cleared away by the next start.
  void End();
  void RunWorker(size_t index);
  void RunToItsEnd(size_t index);
  void Clear();

  const PodConfig config_;
  const Plan* plan_;
  Plan checked_plan_;  // Of the process.
  kafka::Client* const cluster_;
  Disk* const disk_;
  Network* const network_;
  Random* const random_;
  LogSink* const log_;
  PodClock clock_;

  std::unique_ptr<Process> process_;
  std::vector<std::unique_ptr<Process>> dead_;  // Their threads may still be on their way out.
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<SimCheckpointWriter> checkpoints_;
  std::unique_ptr<Solitude> solitude_;
  std::unique_ptr<SimOffsetReader> offsets_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::string memory_violation_;
  size_t ended_workers_ = 0;
  bool stopping_ = false;
  bool held_ = false;
  absl::Status failure_;
  uint64_t starts_ = 0;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_POD_H_
