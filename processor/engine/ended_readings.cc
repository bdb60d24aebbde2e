// X4: inputs that the client has given up, as it does where it was sent to an offset that the log does not have, or
// could not find out its end. It refuses to seek them until they were assigned anew.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/engine/tasks.h"

namespace once {

namespace {

// One of them must be.
const TopicPartition& EndedOf(const Task& task) {
  if (task.control.has_value() && task.control->position.is_broken) return task.control->position.where;
  return std::find_if(task.inputs.begin(), task.inputs.end(), [](const auto& each) { return each.is_broken; })->where;
}

}  // namespace

void Tasks::LookAgain(Task* task, InputPosition* input) {
  input->is_broken = true;
  Mark(task);
  task->looks_again = true;
  if (!task->touched) EndOf(task);
}

void Tasks::NoteEnded(Task* task, const InputRef& ref) {
  ref.input->is_broken = true;
  Mark(task);
}

void Tasks::LookAtEnded() {
  for (Task* const task : Due()) {
    const bool hears_no_more = task->control.has_value() && task->control->position.is_broken;
    // R7: a failed one is told to try again by a command.
    if (task->phase == TaskPhase::kFailed && hears_no_more) AskToRejoin(task->control->position.where);
    const bool is_paused = task->phase == TaskPhase::kPaused;
    if (task->is_ending() || (!is_paused && task->phase != TaskPhase::kRunning)) continue;
    const auto ended = std::find_if(task->inputs.begin(), task->inputs.end(),
                                    [](const InputPosition& each) { return each.is_broken; });
    if (hears_no_more && task->control->awaiting_seek) {
      LookAgain(task, &task->control->position);
    } else if (!is_paused && task->awaiting_seek && ended != task->inputs.end()) {
      LookAgain(task, &*ended);
    }
  }
}

// All is well again but for the client.
void Tasks::AssignAnew(Task* task) {
  task->phase = TaskPhase::kOpening;
  // Where the worker has joined anew just now, this task is looked at again when it may do so once more.
  task->opening_at = std::max(step_->now + options_->retry_interval, next_rejoin_);
  AskToRejoin(EndedOf(*task));
}

// With what is to be read again the worker's other tasks are opened anew, so not all the time.
void Tasks::AskToRejoin(const TopicPartition& where) {
  constexpr absl::Duration kBetweenRejoins = absl::Seconds(10);
  if (step_->now < next_rejoin_) return;
  next_rejoin_ = step_->now + kBetweenRejoins;
  log_->Log(LogLevel::kInfo, absl::StrCat("the worker joins its group anew, to read ", ToString(where), " again"));
  step_->Ask(action::Rejoin{});
}

}  // namespace once
