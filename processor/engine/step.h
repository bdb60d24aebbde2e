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

  // The clocks were read. Returns by how much the wall clock has stepped since they were read last.
  absl::Duration Look(const ClockReading& clock) {
    const bool is_first = now == absl::InfinitePast();
    PassTo(clock.now);
    const absl::Duration stepped = is_first ? absl::ZeroDuration() : clock.wall - wall;
    wall = clock.wall;
    return stepped;
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
