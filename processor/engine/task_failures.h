// Tasks that have failed (X4): what one task suffers stops that task alone. Its offsets stay, its inputs are not read
// on, it is given back in a rebalance like any other, and it is opened anew once in a while, since whoever mends what
// was wrong need not know of us.
#ifndef ONCE_PROCESSOR_ENGINE_TASK_FAILURES_H_
#define ONCE_PROCESSOR_ENGINE_TASK_FAILURES_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/step.h"
#include "processor/engine/task.h"

namespace once {

// Counts failures, says when a task is to be tried again, and tells of both: at once, then at most once a minute for
// each task. Not thread-safe; arguments must outlive this.
class TaskFailures {
 public:
  TaskFailures(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step)
      : plan_(plan), options_(options), log_(log), step_(step) {}

  // `task` has failed. Sets task.failure, and tells. A task that has run for as long as it rested before is taken to
  // have been well, and begins anew.
  void Note(Task* task, const absl::Status& why);
  // It runs, whether it had failed or not.
  void NoteRunning(Task* task);
  // Of `count` tasks all have failed; the process lives on.
  void TellThatAllHave(size_t count);

  // What the topics' watch found last, all of it.
  void SetTopicProblems(std::vector<TopicProblem> problems) { problems_ = std::move(problems); }
  // It was not in what was found the time before.
  bool IsNews(const TopicProblem& problem) const;
  // All that concerns a topic of the task, or this partition of it; OK: nothing.
  absl::Status TopicProblemOf(const Task& task) const;

 private:
  // "task orders-3 of group "orders"".
  std::string Name(const Task& task) const;

  const Plan* const plan_;
  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  std::vector<TopicProblem> problems_;
  absl::Time all_told_at_ = absl::InfinitePast();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_FAILURES_H_
