// What the tasks of one worker take of its share of the pod's memory, and what follows when that runs short (X7).
//
//   above 3/4 of the share        values that the checkpoint has are dropped, of all tasks alike
//   an eighth of it not written   checkpoints are written although they are not due
//   above the share               intake waits: no event begins, no changelog is read on, the epoch ends
//
// What the checkpoint lacks counts four times, since on its way to the disk it is there so often: here, in the batch
// for the writing thread, in the store's own batch, and in the store's buffer.
//
// Intake waits only for what passes: an epoch to end, a checkpoint to be written. Event IDs and the index of parked
// queues stay in memory, so each of the two has a quarter of the share at most, and what is fetched has an eighth.
// Tasks share that by need: those that take less than an equal part leave the rest to the others. IDs beyond it are
// forgotten, oldest first; a task that would block more aggregates pauses (R4); records are left at the broker.
#ifndef ONCE_PROCESSOR_ENGINE_MEMORY_H_
#define ONCE_PROCESSOR_ENGINE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/epochs.h"
#include "processor/engine/options.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Bytes of memory, by what they are for.
struct MemoryUse {
  size_t clean = 0;    // Values that are in the checkpoint as well.
  size_t dirty = 0;    // Values that are not.
  size_t copies = 0;   // Room for those on their way to the disk.
  size_t window = 0;   // Event IDs.
  size_t parking = 0;  // The index of parked queues.
  size_t backlog = 0;  // Records that were fetched and wait.
  size_t epoch = 0;    // What the open epoch has written, outputs included.

  // What dropping clean values does not free.
  size_t fixed() const { return dirty + copies + window + parking + backlog + epoch; }
  size_t total() const { return clean + fixed(); }
};

// Not thread-safe; arguments must outlive this.
class Memory {
 public:
  Memory(const EngineOptions* options, LogSink* log, const struct Step* step, Tasks* tasks, const Epochs* epochs)
      : options_(options), log_(log), step_(step), tasks_(tasks), epochs_(epochs), share_(options->memory_bytes) {}

  // The worker may use so many bytes from now on.
  void SetShare(size_t bytes) {
    changed_ = changed_ || bytes != share_;
    share_ = bytes;
  }

  // Something happened to some task, so what they take may have changed.
  void NoteChange() { changed_ = true; }
  // Measures, and drops clean values if need be; a pass over all tasks, so not at each call, unless tasks have come,
  // and not while nothing happens (X7a).
  void Measure(bool now);
  const MemoryUse& use() const { return use_; }
  absl::Time measured_at() const { return measured_at_; }
  size_t share() const { return share_; }

  // An epoch may have so many bytes of what goes to the brokers, of which the client keeps a copy.
  int64_t max_epoch_bytes() const;
  // Intake waits.
  bool full() const { return full_; }
  // How often it has begun to wait.
  int64_t times_full() const { return times_full_; }
  // The task's checkpoint is to be written so that memory becomes free.
  bool WantsCheckpoint(const Task& task) const;

 private:
  void Add(const Task& task);
  void ShareOut();
  void Trim();
  void Judge();
  void MarkTasks();

  const EngineOptions* const options_;
  LogSink* const log_;
  const struct Step* const step_;
  Tasks* const tasks_;
  const Epochs* const epochs_;

  size_t share_;
  MemoryUse use_;
  size_t dirty_tasks_ = 0;
  absl::Time measured_at_ = absl::InfinitePast();
  std::vector<size_t> sizes_;  // Scratch.
  bool changed_ = true;        // Since it was measured.
  bool full_ = false;
  absl::Time full_since_;  // While it is.
  int64_t times_full_ = 0;
  absl::Time told_at_ = absl::InfinitePast();
};

// The largest part that each of `sizes` may have, so that together they are at most `total`: the small ones are left as
// they are, the others get as much as each other. At least total / (sizes.size() + 1), the room of one that is to come.
// Reorders `sizes`.
size_t FairLimit(size_t total, std::vector<size_t>* sizes);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_MEMORY_H_
