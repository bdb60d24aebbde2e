// The disks of simulated pods: they outlive processes, and lose in a crash what was not flushed.
#ifndef ONCE_TESTS_SIM_DISK_H_
#define ONCE_TESTS_SIM_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/plan.h"
#include "processor/runtime/checkpoint_writer.h"
#include "state/checkpoint_store.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"

namespace once::sim {

class Disk {
 public:
  virtual ~Disk() = default;
  // The store that a process opens on it; the one before is invalid.
  virtual absl::Status Mount() = 0;
  virtual CheckpointStore* store() = 0;
  // The process died. Of what was not flushed some of the oldest writes may be left.
  virtual void Crash(Random* random) = 0;
  // A new, empty disk.
  virtual void Lose() = 0;
  virtual void SetFull(bool full) = 0;
  // Some of what is stored can no longer be read as it was.
  virtual void Corrupt(Random* random, const Plan& plan) = 0;
  // While no process has it: of what was written last only a part is there.
  virtual void Tear(Random* random, const Plan& plan) = 0;
};

// Wipes take time, and a crash may fall into one. `scheduler` must outlive it.
std::unique_ptr<Disk> MakeMemoryDisk(Scheduler* scheduler, uint64_t seed);
// A real RocksDB in a directory of its own below `parent`, deleted at the end. It cannot be full, nor corrupt while in
// use.
std::unique_ptr<Disk> MakeRocksDbDisk(const std::string& parent, LogSink* log);

// The background writer on a simulated thread: writes take time, and a crash may fall between any two of its steps.
class SimCheckpointWriter final : public CheckpointWriter {
 public:
  // All must outlive this; its thread belongs to `process`.
  SimCheckpointWriter(CheckpointStore* store, absl::Duration flush_interval, Process* process, Scheduler* scheduler,
                      Random* random);

  bool Acquire(int worker, const TaskId& task) override { return queue_.Acquire(worker, task); }
  void Release(int worker, const TaskId& task) override { queue_.Release(worker, task, scheduler_->now()); }
  void Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) override;
  std::vector<event::CheckpointWritten> TakeResults(int worker) override { return queue_.TakeResults(worker); }
  absl::Status Flush() override;

 private:
  void Run();

  CheckpointStore* const store_;
  const absl::Duration flush_interval_;
  Process* const process_;
  Scheduler* const scheduler_;
  Random* const random_;
  CheckpointQueue queue_;
  absl::Time last_flush_;
  bool running_ = false;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_DISK_H_
