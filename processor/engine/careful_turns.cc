// X3: turns of tasks whose events have ended their process. What is about to run is written down first, so that the one
// that is to blame is known after the next death, and nobody else is.
#include <algorithm>
#include <optional>
#include <utility>

#include "processor/engine/scheduler.h"

namespace once {

// X3: from the announcement of an event until a commit has taken that back nothing but the event is run, so that it is
// to blame for what happens. False while there is one.
bool Scheduler::RunNamed() {
  // Nothing is run then, and what was announced is taken back with all else that ends.
  if (step_->stopping || tasks_->leaving()) return true;
  Task* const task = FindNamed();
  if (task == nullptr || !IsWritable(*task)) return true;
  if (!epochs_->accepting()) return false;
  if (task->crashes.is_about_to_run() && HasWork(*task, named_->kind)) {
    named_->kind == Kind::kNew ? RunNext(task) : RunParked(task);
    if (epochs_->open() && epochs_->current().IsCarefulAndFull()) epochs_->Seal();
    unfinished_ = Turn{.used = {}, .number = 0, .task = task->id, .kind = named_->kind};
    return false;
  }
  // It has come back without taking effect, or has to be fetched again: others do not wait for that.
  if (epochs_->current().MayJoin(task, Suspects::Treatment::kFree)) {
    epochs_->JoinToNote(task);
    task->crashes.CameBack();
  }
  epochs_->Seal();
  return false;
}

Task* Scheduler::FindNamed() const {
  Task* task = named_.has_value() ? tasks_->Find(named_->task) : nullptr;
  return task != nullptr && task->crashes.may_be_named() ? task : nullptr;
}

// X3: also when it has come back without taking effect, until a commit says so. A task that is opened anew meanwhile
// cannot say anything, and what ends the process then would be put down to its event; but others do not wait for long
// for one that takes its time, or has failed.
bool Scheduler::needs_solitude() const {
  constexpr absl::Duration kLongestWait = absl::Seconds(10);
  const Task* task = FindNamed();
  return task != nullptr && (IsWritable(*task) || step_->now - named_writable_at_ < kLongestWait);
}

bool Scheduler::waits_for_named() const {
  const Task* task = FindNamed();
  return task != nullptr && !IsWritable(*task) && needs_solitude();
}

void Scheduler::LookAtNamed() {
  const Task* task = FindNamed();
  if (task != nullptr && IsWritable(*task)) named_writable_at_ = step_->now;
}

// What is known of work that the process ended at goes before the work (X3).
void Scheduler::BeginLanes(Task* task, size_t lane) {
  const auto begin = [&](Task* its, size_t number) {
    if (its->crashes.HasBegun(number)) return;
    epochs_->JoinToNote(its);
    its->crashes.Begin(number, number == its->crashes.parked_lane() ? 2 * its->parking.CountRunnable(step_->now) : 0);
  };
  begin(task, lane);
  // Of others that have work as well, in the same transaction; those that have none are not looked at (X7a).
  for (const Turn& turn : turns_.all()) {
    Task* const other = tasks_->Find(turn.task);
    // Commands run none of the user's code.
    if (other == nullptr || turn.kind == Kind::kControl || !HasWork(*other, turn.kind)) continue;
    begin(other, turn.kind == Kind::kNew ? LaneOf(*other, other->backlog.front().input) : other->crashes.parked_lane());
  }
}

bool Scheduler::Prepare(Task* task, Kind kind, size_t lane, const std::optional<Place>& place,
                        Suspects::Treatment* treatment) {
  CrashMemory& crashes = task->crashes;
  Suspects::Treatment wanted = Suspects::Treatment::kFree;
  if (crashes.HasBegun(lane)) {
    if (!place.has_value() || task->suspects.BlamedFor(*place) != nullptr) return true;
    wanted = crashes.TreatmentOf(lane, *place);
    const bool is_alone = wanted == Suspects::Treatment::kAlone;
    if (is_alone ? crashes.IsAnnounced(*place) : !crashes.is_about_to_run()) {
      *treatment = std::max(*treatment, wanted);
      return true;
    }
    if (is_alone && !IsAlone()) return false;
  }
  // Not together with suspects of the broker's.
  if (epochs_->current().MayJoin(task, Suspects::Treatment::kFree)) {
    // What has come back is taken back first: others have their turns before it is announced again.
    const bool is_taken_back = !crashes.has_news();
    if (!crashes.HasBegun(lane)) {
      BeginLanes(task, lane);
    } else {
      epochs_->JoinToNote(task);
      crashes.CameBack();
    }
    if (wanted == Suspects::Treatment::kAlone && is_taken_back) {
      crashes.Announce(lane, *place);
      named_ = {task->id, kind};
      named_writable_at_ = step_->now;
    }
  }
  epochs_->Seal();
  return false;
}

}  // namespace once
