// When tasks write checkpoints, and what follows when they cannot.
#ifndef ONCE_PROCESSOR_ENGINE_CHECKPOINTS_H_
#define ONCE_PROCESSOR_ENGINE_CHECKPOINTS_H_

#include "absl/status/status.h"
#include "processor/base/log.h"
#include "processor/engine/memory.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class Checkpoints {
 public:
  Checkpoints(const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks, const Memory* memory)
      : options_(options), log_(log), step_(step), tasks_(tasks), memory_(memory) {}

  // Of the tasks that no epoch speaks for: those that are due, those whose memory is wanted, or with `all` those that
  // have anything to write.
  void Write(bool all);
  void OnWritten(const event::CheckpointWritten& written);

 private:
  bool MayWrite(const Task& task) const;
  void Start(Task* task);
  void Complain(Task* task, const absl::Status& status);

  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  Tasks* const tasks_;
  const Memory* const memory_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_CHECKPOINTS_H_
