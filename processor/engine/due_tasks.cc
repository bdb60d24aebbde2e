// What a task waits for next. A turn looks at tasks whose time has come or that something happened to, and at no other.
#include "processor/engine/due_tasks.h"

#include <algorithm>
#include <utility>

namespace once {

namespace {

absl::Time NextRetry(const Task& task, absl::Time now) {
  const bool may_retry =
      task.phase == TaskPhase::kRunning || (task.phase == TaskPhase::kPaused && task.retries_while_paused);
  // One that has a turn already is run by that.
  if (!may_retry || task.has_parked_turn) return absl::InfiniteFuture();
  const absl::Time next = task.parking.IsRunnable(now) ? now : task.parking.NextRetry();
  return IsHeld(task, now) ? std::max(next, task.held_until) : next;
}

// T9.
absl::Time NextRecommit(const Task& task, const EngineOptions& options, absl::Time now) {
  if (!KeepsItsOffsets(task) || task.touched) return absl::InfiniteFuture();
  const bool first = HasUncommittedOffset(task);
  // The first commit writes offsets for every input, even 0, before any event does.
  if (first || task.last_commit == absl::InfinitePast()) return now;
  return task.last_commit + options.recommit_interval;
}

absl::Time NextCheckpoint(const Task& task, const EngineOptions& options) {
  const bool readable = task.phase != TaskPhase::kOpening && task.phase != TaskPhase::kFailed && task.state_is_loaded;
  if (!readable || task.touched || task.state.checkpoint_under_way() || task.state.dirty_bytes() == 0) {
    return absl::InfiniteFuture();
  }
  if (task.checkpoint_failures > 0) {
    return task.last_checkpoint + std::max(options.checkpoint_interval, kCheckpointRetry);
  }
  // During a replay memory that is short asks for one, and nothing else (Checkpoints::Write).
  return task.phase == TaskPhase::kReplaying ? absl::InfiniteFuture()
                                             : task.last_checkpoint + options.checkpoint_interval;
}

// What is done of its commands, besides those that were fetched, which have a turn.
absl::Time NextPortion(const Task& task, absl::Time now) {
  // Without commands what is under way stands still.
  const bool may_go_on = task.control.has_value() && !task.control->has_turn && IsWritable(task);
  if (!may_go_on) return absl::InfiniteFuture();
  // What was fetched lost its turn while the task was held.
  if (IsHeld(task, now)) return task.held_until;
  return task.control_state.NextPortionAt();
}

}  // namespace

// A pause by command may last for longer than brokers remember offsets.
bool KeepsItsOffsets(const Task& task) {
  return task.phase == TaskPhase::kRunning ||
         (task.phase == TaskPhase::kPaused && task.control_state.paused() != nullptr);
}

bool HasUncommittedOffset(const Task& task) {
  const auto is_uncommitted = [](const InputPosition& input) {
    return !input.committed.has_value() || input.resume.has_value();
  };
  return std::any_of(task.inputs.begin(), task.inputs.end(), is_uncommitted) ||
         (task.control.has_value() && is_uncommitted(task.control->position));
}

absl::Time LooksAgainAt(const Task& task) {
  constexpr absl::Duration kPatience = absl::Seconds(30);
  return std::max(task.replay_since, task.replayed_at) + kPatience;
}

bool HasBrokenInput(const Task& task) {
  if (task.control.has_value() && task.control->position.is_broken) return true;
  return std::any_of(task.inputs.begin(), task.inputs.end(),
                     [](const InputPosition& input) { return input.is_broken; });
}

bool WantsSeek(const Task& task) {
  if (!task.awaiting_seek && task.holding != Task::Holding::kToBeSought) return false;
  if (task.phase == TaskPhase::kOpening || task.phase == TaskPhase::kReplaying) return false;
  return !task.is_ending() && !HasBrokenInput(task);
}

bool WantsControlSeek(const Task& task) {
  if (!task.control.has_value() || !task.control->awaiting_seek) return false;
  if (task.phase == TaskPhase::kOpening || task.phase == TaskPhase::kReplaying) return false;
  return !task.is_ending() && !task.control->position.is_broken;
}

absl::Time ResumeAt(const Task& task) {
  // R7: not before a command says so.
  if (task.control_state.paused() != nullptr) return absl::InfiniteFuture();
  // R5: no longer than what it waits for is away.
  const bool recovered = task.retrying_at_pause > 0 && 2 * task.parking.retrying() <= task.retrying_at_pause;
  return recovered ? task.held_until : task.resume_at;
}

absl::Time NextDue(const Task& task, const EngineOptions& options, absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  if (!task.rebuild_why.ok()) {
    next = now + options.retry_interval;
  } else if (task.phase == TaskPhase::kOpening && task.offsets_request == 0) {
    next = task.opening_at;
  }
  if (task.phase == TaskPhase::kReplaying) next = std::min(next, LooksAgainAt(task));
  // X3: what is committed names an event that has come back: as long as it does, an end would be put down to it.
  if (task.crashes.has_news() && IsWritable(task)) next = now;
  if (WantsSeek(task)) next = std::min(next, task.seeks.until());
  if (WantsControlSeek(task)) next = std::min(next, task.control->seeks.until());
  next = std::min(next, NextPortion(task, now));
  if (task.phase == TaskPhase::kPaused) next = std::min(next, ResumeAt(task));
  if (task.phase == TaskPhase::kFailed) {
    // While its checkpoint is written it has to wait.
    next = std::min(next, std::max(task.failure.retry_at, now + options.retry_interval));
  }
  next = std::min(next, NextRetry(task, now));
  next = std::min(next, NextRecommit(task, options, now));
  return std::min(next, NextCheckpoint(task, options));
}

void DueTasks::Mark(Task* task) {
  if (std::exchange(task->is_marked, true)) return;
  marked_.insert(task);
}

void DueTasks::Remove(Task* task) {
  deadlines_.erase({task->due, task});
  marked_.erase(task);
}

std::vector<Task*> DueTasks::At(absl::Time now) const {
  std::vector<Task*> tasks(marked_.begin(), marked_.end());
  for (auto it = deadlines_.begin(); it != deadlines_.end() && it->first <= now; ++it) {
    if (!it->second->is_marked) tasks.push_back(it->second);
  }
  // E8: not in the order of addresses, or two runs of the same events would differ.
  std::sort(tasks.begin(), tasks.end(), [](const Task* a, const Task* b) { return a->id < b->id; });
  return tasks;
}

void DueTasks::Settle(Task* task, absl::Time due) {
  if (std::exchange(task->is_marked, false)) marked_.erase(task);
  // Nearly always: a set is not touched for tasks that have nothing to do (X7a).
  if (task->due == due) return;
  if (task->due != absl::InfiniteFuture()) deadlines_.erase({task->due, task});
  task->due = due;
  if (due != absl::InfiniteFuture()) deadlines_.insert({due, task});
}

absl::Time DueTasks::next() const {
  if (!marked_.empty()) return absl::InfinitePast();
  return deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first;
}

}  // namespace once
