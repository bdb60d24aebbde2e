// Who writes checkpoints: a thread of the pod, or, in tests and simulation, the caller itself.
//
// It also keeps a task's local state from having two owners in one pod: a worker acquires the task before it reads its
// checkpoint, and the task is free again only when its last write has ended.
#ifndef ONCE_PROCESSOR_RUNTIME_CHECKPOINT_WRITER_H_
#define ONCE_PROCESSOR_RUNTIME_CHECKPOINT_WRITER_H_

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/engine/messages.h"
#include "processor/engine/plan.h"
#include "state/checkpoint_store.h"

namespace once {

// Thread-safe. `worker` numbers the workers of the pod.
class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;

  // False while another worker has the task, or a write of it is under way.
  virtual bool Acquire(int worker, const TaskId& task) = 0;
  // No effect if this worker does not have it.
  virtual void Release(int worker, const TaskId& task) = 0;
  // The outcome comes through TakeResults.
  virtual void Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) = 0;
  virtual std::vector<event::CheckpointWritten> TakeResults(int worker) = 0;
  // Makes all that was written durable; blocks.
  virtual absl::Status Flush() = 0;
};

// Writes at once, in the caller's thread.
class InlineCheckpointWriter final : public CheckpointWriter {
 public:
  explicit InlineCheckpointWriter(CheckpointStore* store) : store_(store) {}

  bool Acquire(int worker, const TaskId& task) override;
  void Release(int worker, const TaskId& task) override;
  void Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) override;
  std::vector<event::CheckpointWritten> TakeResults(int worker) override;
  absl::Status Flush() override;

 private:
  CheckpointStore* const store_;
  Mutex mutex_;
  std::map<TaskId, int> owners_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::vector<event::CheckpointWritten>> results_ ABSL_GUARDED_BY(mutex_);
};

// What a writer in the background has to do, and whose each task is. Not thread-safe.
class CheckpointQueue {
 public:
  struct Job {
    int worker = 0;
    TaskId task;
    TaskState::FrozenBatch batch;
  };

  bool Acquire(int worker, const TaskId& task);
  void Release(int worker, const TaskId& task, absl::Time now);
  void Push(Job job);

  // The task is nobody's, and what there may be of it was left behind at `since`.
  void NoteLeft(const TaskId& task, absl::Time since);
  // A task that is nobody's since `before` or earlier, and whom nobody gets before DoneDropping.
  std::optional<TaskId> PopLeft(absl::Time before);
  void DoneDropping(const TaskId& task);
  // The next job; Done must follow before the next Pop. Nothing if there is none.
  std::optional<Job> Pop();
  void Done(const Job& job, absl::Status status);
  std::vector<event::CheckpointWritten> TakeResults(int worker) { return std::exchange(results_[worker], {}); }
  // Nothing is queued or being written.
  bool idle() const { return writing_.empty(); }

 private:
  std::deque<Job> jobs_;
  std::map<TaskId, int> owners_;
  std::map<TaskId, absl::Time> left_;
  std::multiset<TaskId> writing_;  // Or being dropped.
  std::map<int, std::vector<event::CheckpointWritten>> results_;
};

// Writes on a thread of its own, and flushes the store when `flush_interval` has passed since the last flush.
class BackgroundCheckpointWriter final : public CheckpointWriter {
 public:
  // `store`, `clock` and `log` must outlive this.
  BackgroundCheckpointWriter(CheckpointStore* store, absl::Duration flush_interval, Clock* clock, LogSink* log);
  // Finishes what is queued.
  ~BackgroundCheckpointWriter() override;

  bool Acquire(int worker, const TaskId& task) override;
  void Release(int worker, const TaskId& task) override;
  void Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) override;
  std::vector<event::CheckpointWritten> TakeResults(int worker) override;
  absl::Status Flush() override;

  // F7: a copy has one owner at a time; who acquires a task meanwhile waits until it is gone.
  // Before any worker runs: whatever an earlier process left of the plan's tasks counts as left behind now.
  void NoteCopies(const Plan& plan);
  // Where a changelog begins, as its broker says now.
  using BeginOf = std::function<absl::StatusOr<Offset>(const TopicPartition& changelog)>;
  // Deletes the copies of tasks that have been nobody's in this instance for so long. Blocks. One whose changelog is not
  // known to be whole stays: it may be the only one that has what is gone (F10).
  void DropOldCopies(const Plan& plan, absl::Duration retention, const BeginOf& begin_of);

 private:
  bool DropCopy(const Plan& plan, const TaskId& task, absl::Duration retention, const BeginOf& begin_of);
  void Run();
  void FlushIfDue();

  CheckpointStore* const store_;
  const absl::Duration flush_interval_;
  Clock* const clock_;
  LogSink* const log_;
  // Of the thread alone.
  absl::Time last_flush_;
  absl::Status damage_;  // What a flush has found: no write counts any more.

  Mutex mutex_;
  CondVar changed_;
  CheckpointQueue queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_CHECKPOINT_WRITER_H_
