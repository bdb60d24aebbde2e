// Tells of tasks whose opening takes long: how far each is, how long it may still take, and what it waits for (X5).
#ifndef ONCE_PROCESSOR_ENGINE_OPENING_PROGRESS_H_
#define ONCE_PROCESSOR_ENGINE_OPENING_PROGRESS_H_

#include <string>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/task.h"
#include "processor/engine/tasks.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class OpeningProgress {
 public:
  OpeningProgress(LogSink* log, Tasks* tasks) : log_(log), tasks_(tasks) {}

  // Every ten seconds, of the tasks that have been opening for longer than that. `is_full`: nothing is read since what
  // was read waits for the disk (X7).
  void TellIfDue(absl::Time now, bool is_full);

 private:
  LogSink* const log_;
  Tasks* const tasks_;
  absl::Time next_ = absl::InfinitePast();
};

// What there is to say of a task that opens.
std::string DescribeOpening(const Task& task, absl::Time now, bool is_full);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_OPENING_PROGRESS_H_
