// Told which event's handlers run, so that somebody outside can see when they do not return.
#ifndef ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_
#define ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_

#include <string>

#include "processor/base/record.h"

namespace once {

class HandlerObserver {
 public:
  virtual ~HandlerObserver() = default;
  // Around the handlers of one event. What the arguments point to stays as it is until the engine's step has ended.
  virtual void Enter(const std::string& topic, const RecordView& record) = 0;
  virtual void Leave() = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_HANDLER_OBSERVER_H_
