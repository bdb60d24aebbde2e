// What has a task take no new events for a while: its breaker, a limit, epochs that fail (X2), a command (R7).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/tasks.h"

namespace once {

void Tasks::Pause(Task* task, const absl::Status& why, absl::Duration length, bool retries_go_on) {
  if (task->phase == TaskPhase::kFailed) return;
  LogOf(*task, log_, LogLevel::kError,
        absl::StrCat("task ", ToString(task->inputs.front().where), " pauses for ", absl::FormatDuration(length), ": ",
                     OneLine(ToStd(why.message()))));
  Mark(task);
  // Each pause in a row is twice as long as the one before (NextBreakerPause).
  ++task->breaker_trips;
  task->phase = TaskPhase::kPaused;
  task->retries_while_paused = retries_go_on;
  task->awaiting_seek = true;
  // R5: a pause for an outage ends when half of what waited has succeeded, see ResumeAt.
  task->retrying_at_pause = retries_go_on ? task->parking.retrying() : 0;
  task->resume_at = step_->now + length;
}

void Tasks::Hold(Task* task, absl::Time until) {
  // X2: waiting grows, and no later report shortens it.
  task->held_until = std::max(task->held_until, until);
  Mark(task);
  if (task->phase == TaskPhase::kPaused) task->resume_at = std::max(task->resume_at, task->held_until);
  KeepHeld(task);
}

void Tasks::KeepHeld(Task* task) {
  if (task->phase != TaskPhase::kRunning || task->held_until <= step_->now) return;
  task->phase = TaskPhase::kPaused;
  task->retries_while_paused = false;
  task->awaiting_seek = true;
  task->resume_at = task->held_until;
}

void Tasks::FollowCommands(Task* task) {
  if (std::exchange(task->resumes, false) && task->phase == TaskPhase::kPaused) {
    task->resume_at = std::max(step_->now, task->held_until);
    Mark(task);
  }
  if (task->control_state.paused() == nullptr || !IsWritable(*task)) return;
  // R7: whatever else had paused it, its queues go on now.
  if (task->phase == TaskPhase::kPaused && task->retries_while_paused) return;
  const v1::InputsPaused& by = *task->control_state.paused();
  LogOf(*task, log_, LogLevel::kWarning,
        absl::StrCat("task ", ToString(task->inputs.front().where), " takes no new events, by command ",
                     Printable(by.command_id()), by.issuer().empty() ? "" : absl::StrCat(" of ", by.issuer()),
                     by.reason().empty() ? "" : absl::StrCat(": ", OneLine(by.reason())),
                     "; what waits in its queues goes on. The command resume has it go on"));
  task->phase = TaskPhase::kPaused;
  task->retries_while_paused = true;
  task->retrying_at_pause = 0;
  task->awaiting_seek = true;
  task->resume_at = step_->now;
  Mark(task);
}

}  // namespace once
