// Failures of single tasks (X4): a topic that is another one for a while, and a changelog that cannot be read. Whatever
// else happens, such a task keeps its offsets, ends nobody else, and is back soon after.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

constexpr char kInjected[] = "injected by the simulator";

}  // namespace

void World::FailTask(const ScheduledFault& fault) {
  const Partition partition(fault.output % scenario_.partitions);
  const absl::Time end = scheduler_.now() + fault.length;
  if (fault.kind == FaultKind::kUnreadableChangelog) {
    network_.set_unreadable(partition, absl::DataLossError(kInjected));
    return scheduler_.At(end, [this] { network_.set_unreadable(std::nullopt, absl::OkStatus()); });
  }
  SetTopicProblems({{plan_->input_topics[0], partition, absl::FailedPreconditionError(kInjected)}});
  scheduler_.At(end, [this] { SetTopicProblems({}); });
}

void World::SetTopicProblems(const std::vector<TopicProblem>& problems) {
  for (const auto& pod : pods_) {
    for (const auto& worker : pod->workers()) worker->SetTopicProblems(problems);
  }
}

void World::EndTaskFailures() {
  network_.set_unreadable(std::nullopt, absl::OkStatus());
  SetTopicProblems({});
}

void World::CheckTaskFailures() {
  for (const auto& pod : pods_) {
    for (const auto& worker : pod->workers()) {
      for (const auto& [id, task] : worker->engine().tasks()) {
        const absl::Status& why = task->failure.why;
        // A disk that is corrupt again while its checkpoint is rebuilt.
        const bool is_excused = absl::IsDataLoss(why);
        if (why.ok() || is_excused || absl::StrContains(why.message(), kInjected)) continue;
        Fail(absl::StrCat("X4: task ", once::ToString(task->inputs.front().where), " of pod ", pod->process_id(),
                          " failed: ", why.ToString()));
      }
    }
  }
}

}  // namespace once::sim
