// What the rooms of one engine share: the step under way.
#ifndef ONCE_PROCESSOR_ENGINE_STEP_H_
#define ONCE_PROCESSOR_ENGINE_STEP_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/engine/messages.h"

namespace once {

struct Step {
  absl::Time now = absl::InfinitePast();  // As of the last tick; never goes back.
  Actions* actions = nullptr;
  bool stopping = false;
  bool halted = false;

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
