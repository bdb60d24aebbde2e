// Told which event's handlers run, so that somebody outside can see when they do not return; says when a step has run
// long enough.
#ifndef ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_
#define ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_

#include <string>

#include "processor/base/record.h"
#include "processor/base/types.h"

namespace once {

class HandlerObserver {
 public:
  virtual ~HandlerObserver() = default;
  // Around all of the user's code that runs for one event: its handlers, and whatever codecs are called for it. May
  // come several times for one. What the arguments point to stays as it is until the engine's step has ended.
  virtual void Enter(const std::string& topic, const RecordView& record) = 0;
  virtual void Leave() = 0;
  // X3: the event, of EngineOptions::crash_suspects, has come to an end: it failed, or came back, and that took effect;
  // or it ended its task, as its policy has it, and is to be run when that is tried again.
  virtual void Settled(const TopicPartitionOffset&) {}
  // X1: whether the step should end, asked between any two events. What it says is an input of the engine.
  virtual bool IsSliceOver() { return false; }
  // X3: whether no other handlers of the process run, and none will before the step has ended, or as long as
  // Engine::needs_solitude(). Where they do it is asked again later.
  virtual bool IsAlone() { return true; }
};

// The user's code runs for an event as long as this lives. `observer` may be null.
class Observed {
 public:
  Observed(HandlerObserver* observer, const std::string& topic, const RecordView& record) : observer_(observer) {
    if (observer_ != nullptr) observer_->Enter(topic, record);
  }
  ~Observed() {
    if (observer_ != nullptr) observer_->Leave();
  }
  Observed(const Observed&) = delete;
  Observed& operator=(const Observed&) = delete;

 private:
  HandlerObserver* const observer_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_
