// What the rooms of one engine share: the step under way.
#ifndef ONCE_PROCESSOR_ENGINE_STEP_H_
#define ONCE_PROCESSOR_ENGINE_STEP_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/engine/messages.h"

namespace once {

// X6: `now` is the steady clock, for all that is measured or waited for; it never goes back. `wall` is for stamps.
struct Step : ClockReading {
  Actions* actions = nullptr;
  bool stopping = false;
  bool halted = false;

  // The clocks were read.
  void Look(const ClockReading& clock) {
    wall = clock.wall;
    if (clock.now > now) now = clock.now;
  }
  // The steady clock was read, so the wall clock stands as much later as well.
  void PassTo(absl::Time at) {
    if (at <= now) return;
    wall += at - now;
    now = at;
  }
  void Ask(Action action) { actions->control.push_back(std::move(action)); }
  // Nothing more is possible; the first reason counts.
  void Halt(const absl::Status& status) {
    if (halted) return;
    halted = true;
    Ask(action::Halt{status});
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_STEP_H_
