// When tasks write checkpoints, and what follows when they cannot.
#include "processor/engine/checkpoints.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/task_checkpoint.h"

namespace once {
namespace {

// Between complaints of it.
constexpr absl::Duration kCheckpointComplaint = absl::Minutes(1);

}  // namespace

bool Checkpoints::MayWrite(const Task& task) const {
  const bool readable = task.phase != TaskPhase::kOpening && task.phase != TaskPhase::kFailed && task.state_is_loaded;
  // Between epochs only, so that what is frozen is a committed state (F5).
  if (!readable || task.touched || task.state.checkpoint_under_way() || task.state.dirty_bytes() == 0) return false;
  if (task.checkpoint_failures == 0) return true;
  // A disk that is full stays so for a while, and nobody who stops waits for it.
  return !step_->stopping &&
         step_->now - task.last_checkpoint >= std::max(options_->checkpoint_interval, kCheckpointRetry);
}

void Checkpoints::WriteAll() {
  tasks_->MarkAll();
  Write(tasks_->Due(), /*all=*/true);
}

void Checkpoints::Write(const std::vector<Task*>& tasks, bool all) {
  for (Task* const task : tasks) {
    tasks_->RebuildIfFree(task);
    if (step_->halted) return;
    if (!MayWrite(*task)) continue;
    const bool due =
        step_->now - task->last_checkpoint >= options_->checkpoint_interval && task->phase != TaskPhase::kReplaying;
    // X7: memory that is short asks for one before its time.
    if (all || due || memory_->WantsCheckpoint(*task)) Start(task);
  }
}

void Checkpoints::Start(Task* task) {
  task->last_checkpoint = step_->now;
  step_->Ask(action::WriteCheckpoint{task->id, task->state.Freeze(DescribeCheckpoint(*task, *step_))});
}

void Checkpoints::OnWritten(const event::CheckpointWritten& written) {
  Task* task = tasks_->Find(written.task);
  if (task == nullptr) return;
  tasks_->Mark(task);
  if (written.status.ok()) {
    task->state.OnCheckpointed(written.generation);
    if (const int failures = std::exchange(task->checkpoint_failures, 0); failures > 0) {
      LogOf(*task, log_, LogLevel::kInfo,
            absl::StrCat("the checkpoint of task ", ToString(task->inputs.front().where), " is written again, after ",
                         failures, " failures"));
    }
  } else {
    // What was frozen is dirty again: it is neither lost nor evicted.
    task->state.OnCheckpointFailed(written.generation);
    ++task->checkpoint_failures;
    Complain(task, written.status);
    // Damaged files do not mend themselves, and all tasks share them: who runs us makes them anew.
    if (absl::IsDataLoss(written.status) && !step_->stopping) return step_->Halt(written.status);
  }
  tasks_->RebuildIfFree(task);
}

// At first, and then once in a while.
void Checkpoints::Complain(Task* task, const absl::Status& status) {
  if (task->checkpoint_failures > 1 && !step_->stopping &&
      step_->now - task->last_checkpoint_complaint < kCheckpointComplaint)
    return;
  task->last_checkpoint_complaint = step_->now;
  LogOf(*task, log_, LogLevel::kError,
        absl::StrCat("the checkpoint of task ", ToString(task->inputs.front().where), " failed",
                     task->checkpoint_failures > 1 ? absl::StrCat(" (", task->checkpoint_failures, " in a row)") : "",
                     ": ", std::string(status.message()),
                     step_->stopping ? "; the next start replays from the changelog what it lacks"
                                     : "; the state stays in memory and in the changelog, and it is tried again"));
}

}  // namespace once
