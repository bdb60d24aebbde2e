// When tasks write checkpoints, and what follows when they cannot.
#ifndef ONCE_PROCESSOR_ENGINE_CHECKPOINTS_H_
#define ONCE_PROCESSOR_ENGINE_CHECKPOINTS_H_

#include <vector>

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

  // Of those among the tasks that no epoch speaks for: those whose time it is, or whose memory is wanted.
  void Write(const std::vector<Task*>& tasks) { Write(tasks, /*all=*/false); }
  // Of all tasks, those that have anything to write.
  void WriteAll();
  void OnWritten(const event::CheckpointWritten& written);

 private:
  void Write(const std::vector<Task*>& tasks, bool all);
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
