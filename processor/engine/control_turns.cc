// R7: turns of commands. They are heard also while a task's inputs are paused, and have a turn of their own, so that
// none waits behind what was fetched of these.
#include <utility>

#include "processor/engine/scheduler.h"

namespace once {

namespace {

// Of what was fetched and waits; beyond it commands are left at the broker.
constexpr int64_t kMostCommands = 1'000;
constexpr size_t kMostBytes = size_t{4} << 20;

}  // namespace

void Scheduler::TakeCommands(Task* task, Fetched fetched) {
  ControlInput& control = *task->control;
  if (step_->stopping || control.awaiting_seek || task->is_ending()) return;
  if (task->phase == TaskPhase::kFailed && fetched.kind == Fetched::Kind::kRecords) {
    // It has no transaction to carry anything out in, so all are read again when it runs.
    for (size_t i = fetched.begin; i < fetched.end; ++i) {
      const RecordView& record = fetched.batch->records[i];
      // It has tried, and failed again.
      if (control.retry_asked.has_value() && record.offset <= *control.retry_asked) continue;
      const absl::StatusOr<v1::Command> command = ParseCommand(record);
      if (!command.ok() || !command->has_retry_task() || !tasks_->Retry(task->id)) continue;
      control.retry_asked = record.offset;
      break;
    }
    return;
  }
  if (task->phase == TaskPhase::kFailed && fetched.kind == Fetched::Kind::kError && control.is_placed) {
    // Retention has passed what it had not carried out: it hears what comes from now on.
    control.is_placed = false;
    control.awaiting_seek = true;
    tasks_->Mark(task);
  }
  if (!IsWritable(*task) || control.is_holding) return;
  const auto count = static_cast<int64_t>(fetched.end - fetched.begin);
  const bool is_too_much =
      control.backlog.records() + count > kMostCommands || control.backlog.bytes() + fetched.bytes > kMostBytes;
  if (fetched.kind == Fetched::Kind::kRecords && !control.backlog.empty() && is_too_much) {
    control.is_holding = true;
    return;
  }
  control.backlog.Push(std::move(fetched));
  AddTurn(task, Kind::kControl);
}

bool Scheduler::RunControl(Task* task) {
  ControlInput& control = *task->control;
  if (control.awaiting_seek || control.backlog.empty()) {
    if (!JoinForCommand(task, Commands::PlaceOfPortion(*task))) return false;
    const Outcome outcome = commands_->RunPortion(task);
    epochs_->NoteRecord(task);
    return HandleOutcome(task, outcome);
  }
  const Fetched next = control.backlog.front();
  switch (next.kind) {
    case Fetched::Kind::kRecords:
      if (!RunCommand(task, next.batch->records[next.begin])) return false;
      break;
    case Fetched::Kind::kEnd:
      ProcessEnd(task, &control.position, next.batch->ends[next.begin]);
      break;
    case Fetched::Kind::kError:
      control.backlog.Advance();
      ProcessError(task, &control.position, next.batch->errors[next.begin]);
      return true;
  }
  control.backlog.Advance();
  if (control.backlog.empty() && control.is_holding) {
    // What was left at the broker is fetched now.
    control.awaiting_seek = true;
    tasks_->Mark(task);
  }
  return true;
}

bool Scheduler::JoinForCommand(Task* task, const Place& place) {
  auto treatment = Suspects::Treatment::kFree;
  if (!task->suspects.empty()) treatment = task->suspects.TreatmentOf(place);
  if (treatment == Suspects::Treatment::kAlone && !IsAlone()) return false;
  return JoinApart(task, treatment, GroupOf(*task));
}

bool Scheduler::RunCommand(Task* task, const RecordView& record) {
  InputPosition& position = task->control->position;
  if (record.offset < position.next) return true;
  if (!JoinForCommand(task, {position.where, record.offset})) return false;
  const Outcome outcome = commands_->Process(task, record);
  if (outcome.kind != Outcome::Kind::kDone) return HandleOutcome(task, outcome);
  // In the transaction of its effect; an abort takes both back.
  position.next = record.offset + 1;
  epochs_->NoteRecord(task);
  if (task->control_state.paused() != nullptr && task->phase == TaskPhase::kRunning) {
    // What comes behind it is not taken in any more.
    task->awaiting_seek = true;
    epochs_->Seal();
  }
  return true;
}

}  // namespace once
