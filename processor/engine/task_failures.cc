// Failed tasks: how long each rests, and what is told of it (X4).
#include "processor/engine/task_failures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/recurring_failure.h"

namespace once {

std::string TaskFailures::Name(const Task& task) const {
  return absl::StrCat("task ", ToString(task.inputs.front().where), " of task group \"",
                      plan_->group(task.id.group).name, "\"");
}

void TaskFailures::Note(Task* task, const absl::Status& why) {
  TaskFailure& failure = task->failure;
  // A failure after a good while begins a new series: it says nothing of the one before.
  const bool was_well = failure.count > 0 && step_->now - failure.running_since > failure.rest;
  if (failure.count == 0 || was_well) {
    failure.count = 0;
    failure.since = step_->now;
    failure.rest = options_->first_task_rest;
  } else {
    failure.rest = std::min(2 * failure.rest, options_->longest_task_rest);
  }
  ++failure.count;
  ++failure.untold;
  failure.why = why;
  // Until it runs again, however long that takes.
  failure.running_since = absl::InfiniteFuture();
  failure.retry_at = step_->now + failure.rest;
  // What fails for hours fills no log: once a minute, with the number.
  if (step_->now - failure.told_at < kTellingInterval) return;
  LogOf(*task, log_, LogLevel::kError,
        absl::StrCat(Name(*task), " has failed",
                     failure.untold > 1 ? absl::StrCat(" (", failure.untold, " times since that was said last)") : "",
                     ": ", OneLine(ToStd(why.message())),
                     ". Its offsets stay as they are, other tasks run on; it is"
                     " tried again in ",
                     absl::FormatDuration(failure.rest)));
  failure.told_at = step_->now;
  failure.untold = 0;
}

void TaskFailures::NoteRunning(Task* task) {
  TaskFailure& failure = task->failure;
  if (failure.count == 0 || failure.running_since <= step_->now) return;
  failure.running_since = step_->now;
  LogOf(*task, log_, LogLevel::kInfo,
        absl::StrCat(Name(*task), " runs again, after ", failure.count, failure.count == 1 ? " failure" : " failures",
                     " in ", absl::FormatDuration(absl::Trunc(step_->now - failure.since, absl::Milliseconds(1)))));
}

void TaskFailures::TellThatAllHave(size_t count) {
  if (step_->now - all_told_at_ < kTellingInterval) return;
  all_told_at_ = step_->now;
  log_->Log(LogLevel::kError, absl::StrCat("all tasks of this worker (", count,
                                           ") have failed, so it processes nothing; it lives on and"
                                           " tries them again (with --exit_on_task_failure it would end)"));
}

bool TaskFailures::IsNews(const TopicProblem& problem) const {
  return std::none_of(problems_.begin(), problems_.end(), [&](const TopicProblem& known) {
    return known.topic == problem.topic && known.partition == problem.partition && known.why == problem.why;
  });
}

absl::Status TaskFailures::TopicProblemOf(const Task& task) const {
  absl::Status all;
  for (const TopicProblem& problem : problems_) {
    // A topic that is gone concerns all partitions, a leader that is gone one.
    const bool is_here = !problem.partition.has_value() || *problem.partition == task.id.partition;
    const bool is_its = task.changelog.topic == problem.topic ||
                        std::any_of(task.inputs.begin(), task.inputs.end(),
                                    [&](const InputPosition& input) { return input.where.topic == problem.topic; });
    if (!is_here || !is_its) continue;
    // X4: all that is wrong is told at once.
    all = all.ok() ? problem.why
                   : absl::Status(all.code(), absl::StrCat(std::string(all.message()), "; and ",
                                                           std::string(problem.why.message())));
  }
  return all;
}

}  // namespace once
