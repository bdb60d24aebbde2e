// Checkpoints, written on a thread of their own, and who owns which task's local state in this instance (F5, F7).
#include "processor/runtime/checkpoint_writer.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

bool InlineCheckpointWriter::Acquire(int worker, const TaskId& task) {
  MutexLock lock(&mutex_);
  return owners_.emplace(task, worker).first->second == worker;
}

void InlineCheckpointWriter::Release(int worker, const TaskId& task) {
  MutexLock lock(&mutex_);
  const auto found = owners_.find(task);
  if (found != owners_.end() && found->second == worker) owners_.erase(found);
}

void InlineCheckpointWriter::Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) {
  const absl::Status status = store_->Write(batch.task_prefix, batch.entries, batch.meta);
  MutexLock lock(&mutex_);
  results_[worker].push_back({task, batch.generation, status});
}

std::vector<event::CheckpointWritten> InlineCheckpointWriter::TakeResults(int worker) {
  MutexLock lock(&mutex_);
  return std::exchange(results_[worker], {});
}

absl::Status InlineCheckpointWriter::Flush() { return store_->Flush(); }

bool CheckpointQueue::Acquire(int worker, const TaskId& task) {
  const auto found = owners_.find(task);
  if (found != owners_.end()) return found->second == worker;
  // Nobody's until its last write has ended, or that would land in the new owner's state.
  if (writing_.contains(task)) return false;
  owners_.emplace(task, worker);
  // It came back, so its copy is of use (X5j).
  left_.erase(task);
  return true;
}

void CheckpointQueue::Release(int worker, const TaskId& task, absl::Time now) {
  const auto found = owners_.find(task);
  if (found == owners_.end() || found->second != worker) return;
  owners_.erase(found);
  NoteLeft(task, now);
}

// What was left behind before is no younger for being noted again.
void CheckpointQueue::NoteLeft(const TaskId& task, absl::Time since) { left_.emplace(task, since); }

std::optional<TaskId> CheckpointQueue::PopLeft(absl::Time before) {
  for (const auto& [task, since] : left_) {
    // A write whose task was given back meanwhile is still under way.
    if (since > before || writing_.contains(task)) continue;
    const TaskId left = task;
    left_.erase(left);
    // As if it were being written: nobody takes the task over meanwhile.
    writing_.insert(left);
    return left;
  }
  return std::nullopt;
}

void CheckpointQueue::DoneDropping(const TaskId& task) { writing_.erase(writing_.find(task)); }

void CheckpointQueue::Push(Job job) {
  writing_.insert(job.task);
  jobs_.push_back(std::move(job));
}

std::optional<CheckpointQueue::Job> CheckpointQueue::Pop() {
  if (jobs_.empty()) return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void CheckpointQueue::Done(const Job& job, absl::Status status) {
  results_[job.worker].push_back({job.task, job.batch.generation, std::move(status)});
  // One of as many as there are writes of it.
  writing_.erase(writing_.find(job.task));
}

BackgroundCheckpointWriter::BackgroundCheckpointWriter(CheckpointStore* store, absl::Duration flush_interval,
                                                       Clock* clock, LogSink* log)
    : store_(store),
      flush_interval_(flush_interval),
      clock_(clock),
      log_(log),
      last_flush_(clock->Steady()),
      thread_([this] { Run(); }) {}

BackgroundCheckpointWriter::~BackgroundCheckpointWriter() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  // After the jobs that are queued: Run leaves when there are none.
  thread_.join();
}

bool BackgroundCheckpointWriter::Acquire(int worker, const TaskId& task) {
  MutexLock lock(&mutex_);
  return queue_.Acquire(worker, task);
}

void BackgroundCheckpointWriter::Release(int worker, const TaskId& task) {
  MutexLock lock(&mutex_);
  queue_.Release(worker, task, clock_->Steady());
}

void BackgroundCheckpointWriter::Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) {
  MutexLock lock(&mutex_);
  queue_.Push({worker, task, std::move(batch)});
  changed_.NotifyAll();
}

std::vector<event::CheckpointWritten> BackgroundCheckpointWriter::TakeResults(int worker) {
  MutexLock lock(&mutex_);
  return queue_.TakeResults(worker);
}

absl::Status BackgroundCheckpointWriter::Flush() {
  {
    MutexLock lock(&mutex_);
    // F5: what is still to be written is part of what is flushed.
    while (!queue_.idle()) changed_.Wait(&mutex_);
  }
  return store_->Flush();
}

void BackgroundCheckpointWriter::NoteCopies(const Plan& plan) {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Steady();
  for (size_t group = 0; group < plan.graph->groups.size(); ++group) {
    // There are as many tasks as the lead has partitions.
    const int32_t count = plan.partition_counts[plan.graph->groups[group].sources.front()];
    for (int32_t i = 0; i < count; ++i) queue_.NoteLeft({static_cast<uint16_t>(group), Partition(i)}, now);
  }
}

void BackgroundCheckpointWriter::DropOldCopies(const Plan& plan, absl::Duration retention, const BeginOf& begin_of) {
  while (true) {
    std::optional<TaskId> task;
    {
      MutexLock lock(&mutex_);
      task = queue_.PopLeft(clock_->Steady() - retention);
    }
    if (!task.has_value()) return;
    // Without the lock: it flushes, and workers do not wait for the disk.
    const bool is_done = DropCopy(plan, *task, retention, begin_of);
    MutexLock lock(&mutex_);
    queue_.DoneDropping(*task);
    if (!is_done) queue_.NoteLeft(*task, clock_->Steady());
    changed_.NotifyAll();
  }
}

// False: it is to be looked at again after a while.
bool BackgroundCheckpointWriter::DropCopy(const Plan& plan, const TaskId& task, absl::Duration retention,
                                          const BeginOf& begin_of) {
  const std::string prefix = TaskPrefix(plan.group(task.group).name, task.partition);
  const auto meta = store_->ReadMeta(prefix);
  if (!meta.ok()) return true;
  if (!meta->has_value()) {
    // There is no copy, but perhaps the rest of one whose wipe was cut short.
    const absl::StatusOr<bool> has_rest = store_->HasEntries(prefix);
    if (!has_rest.ok() || !*has_rest) return true;
  }
  const std::string name = ToString(plan.InputsOf(task).front());
  const TopicPartition changelog = plan.changelog(task);
  if (const absl::StatusOr<Offset> begin = begin_of(changelog); !begin.ok() || *begin != Offset(0)) {
    if (begin.ok()) {
      log_->Log(LogLevel::kWarning, absl::StrCat("the local copy of task ", name,
                                                 " stays, though another instance has the task: ", ToString(changelog),
                                                 " begins at ", begin->value(), ", and it may have what is gone"));
    }
    return false;
  }
  if (absl::Status wiped = store_->Wipe(prefix); !wiped.ok()) {
    log_->Log(LogLevel::kWarning, absl::StrCat("the local copy of task ", name,
                                               " cannot be dropped: ", std::string(wiped.message()), "; it stays"));
    return true;
  }
  log_->Log(LogLevel::kInfo,
            absl::StrCat("the local copy of task ", name, " is dropped: another instance has had the task for ",
                         absl::FormatDuration(retention),
                         " (local_copy_retention); if it comes back it is rebuilt from ", ToString(changelog)));
  return true;
}

void BackgroundCheckpointWriter::Run() {
  while (true) {
    std::optional<CheckpointQueue::Job> job;
    {
      MutexLock lock(&mutex_);
      // F5: what is queued is written also when all ends.
      while (!(job = queue_.Pop()).has_value() && !stopping_) changed_.Wait(&mutex_);
    }
    if (!job.has_value()) return;
    // X7: once files are damaged no write counts, until whoever runs us has made the store anew.
    absl::Status status =
        damage_.ok() ? store_->Write(job->batch.task_prefix, job->batch.entries, job->batch.meta) : damage_;
    {
      MutexLock lock(&mutex_);
      queue_.Done(*job, std::move(status));
      changed_.NotifyAll();
    }
    FlushIfDue();
  }
}

void BackgroundCheckpointWriter::FlushIfDue() {
  const absl::Time now = clock_->Steady();
  // F5: what is not flushed is replayed, some seconds' worth, for the sake of fewer and larger files.
  if (now - last_flush_ < flush_interval_) return;
  // Before the call: a disk that fails is tried again after the interval, not at once.
  last_flush_ = now;
  const absl::Status flushed = store_->Flush();
  if (flushed.ok()) return;
  log_->Log(LogLevel::kError, std::string(flushed.message()));
  // A full disk passes, damage does not.
  if (IsCorruptStore(flushed)) damage_ = flushed;
}

}  // namespace once
