// A worker's part in rebalances: what it is given, what it gives back, and what it has lost (T7).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/runtime/worker.h"

namespace once {

std::vector<TaskId> Worker::TasksOf(std::span<const TopicPartition> leads) const {
  std::vector<TaskId> tasks;
  for (const TopicPartition& lead : leads) {
    const std::optional<TaskId> task = plan_->TaskOfLead(lead);
    if (task.has_value()) tasks.push_back(*task);
  }
  return tasks;
}

std::vector<TopicPartition> Worker::InputsOf(const std::vector<TaskId>& tasks) const {
  std::vector<TopicPartition> inputs;
  for (const TaskId& task : tasks) {
    for (TopicPartition& each : plan_->PartitionsOf(task)) inputs.push_back(std::move(each));
  }
  return inputs;
}

void Worker::OnAssigned(std::span<const TopicPartition> partitions) {
  in_callback_ = true;
  TellOfRebalance("is given", partitions);
  // T6: commits under another member ID than this are refused.
  served_member_id_ = consumer_->group_metadata().member_id;
  const std::vector<TaskId> tasks = TasksOf(partitions);
  // T7: lead and followers in one call, inside the callback.
  if (absl::Status assigned = consumer_->Assign(InputsOf(tasks)); !assigned.ok()) {
    Do(action::Halt{assigned});
  } else {
    Dispatch(event::Assigned{tasks});
  }
  in_callback_ = false;
}

// At info, with the partitions of the leads: their tasks are named after them.
void Worker::TellOfRebalance(std::string_view what, std::span<const TopicPartition> leads) {
  constexpr size_t kMostNamed = 20;
  if (leads.empty()) return;
  std::vector<std::string> names;
  for (const TopicPartition& lead : leads.first(std::min(leads.size(), kMostNamed))) names.push_back(ToString(lead));
  deps_.log->Log(LogLevel::kInfo, absl::StrCat("worker ", config_.index, " ", ToAbsl(what), " ", leads.size(),
                                               leads.size() == 1 ? " task: " : " tasks: ", absl::StrJoin(names, ", "),
                                               leads.size() > kMostNamed ? ", ..." : ""));
}

void Worker::OnRevoked(std::span<const TopicPartition> partitions) {
  TellOfRebalance("gives back", partitions);
  const std::vector<TaskId> tasks = TasksOf(partitions);
  GiveUp(event::Revoked{tasks}, tasks);
}

void Worker::OnLost(std::span<const TopicPartition> partitions) {
  TellOfRebalance("has lost", partitions);
  const std::vector<TaskId> tasks = TasksOf(partitions);
  GiveUp(event::Lost{tasks}, tasks);
}

void Worker::GiveUp(Event event, const std::vector<TaskId>& tasks) {
  in_callback_ = true;
  unassigned_ = false;
  // X2: what the producer has reported is heard before the epoch is sealed.
  Tick();
  if (!tasks.empty()) Dispatch(std::move(event));
  // The epoch that speaks for them commits first, or is aborted; ticks bound that by the transaction's timeout.
  while (!tasks.empty() && !unassigned_ && !halted_) {
    deps_.sleep(config_.retry_pause);
    Tick();
  }
  // The callback must answer, whatever became of the engine.
  if (!unassigned_) Do(action::Unassign{tasks});
  in_callback_ = false;
}

}  // namespace once
