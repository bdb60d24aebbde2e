// What the topics' watch has found, and what follows from it: tasks fail (X8), or hear their commands anew (R7).
#include <string>
#include <utility>

#include "processor/engine/tasks.h"

namespace once {

void Tasks::SetTopicProblems(std::vector<TopicProblem> problems) {
  for (const TopicProblem& problem : problems) {
    if (failures_.IsNews(problem)) HearOfCommands(problem);
  }
  failures_.SetTopicProblems(std::move(problems));
  for (const auto& [id, task] : tasks_) {
    if (absl::Status problem = failures_.TopicProblemOf(*task); !problem.ok()) Fail(task.get(), problem);
  }
}

// R7: whatever becomes of the topics of commands and their results, events go on. One of commands that was made anew
// the client reads only when it was assigned anew.
void Tasks::HearOfCommands(const TopicProblem& problem) {
  bool is_told = false;
  for (const auto& [id, task] : tasks_) {
    if (!task->control.has_value()) continue;
    const bool is_control = task->control->position.where.topic == problem.topic;
    const bool is_audit = plan_->output_topics[plan_->audit_index(id.group)] == problem.topic;
    const bool is_here = !problem.partition.has_value() || *problem.partition == id.partition;
    if (!is_here || (!is_control && !is_audit)) continue;
    if (!std::exchange(is_told, true)) log_->Log(LogLevel::kWarning, std::string(problem.why.message()));
    if (!is_control || !absl::IsUnavailable(problem.why)) continue;
    // One that is paused by a command is let go by another.
    if (task->phase == TaskPhase::kRunning || task->phase == TaskPhase::kPaused) {
      LookAgain(task.get(), &task->control->position);
    } else {
      // As soon as it runs.
      task->control->position.is_broken = true;
    }
  }
}

}  // namespace once
