#include "tests/sim/command_model.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace once::sim {

void CommandModel::OnSent(int32_t partition, int64_t offset, const v1::Command& command) {
  tasks_[partition].sent[offset] = command;
}

std::string CommandModel::Describe(const TaskModel& task, int64_t offset) {
  const auto found = task.sent.find(offset);
  return absl::StrCat("command ", found == task.sent.end() ? "?" : found->second.ShortDebugString(), " at offset ",
                      offset);
}

// A command whose offset is committed now.
std::string CommandModel::Pass(TaskModel* task, int64_t offset, Passed* passed) {
  const v1::Command& command = passed->command;
  const v1::CommandResult::Outcome outcome = passed->result.outcome();
  const bool is_second = !command.id().empty() && !task->seen.insert(command.id()).second;
  const bool may_take_long = command.has_never_add() || command.release().has_all();
  if (outcome == v1::CommandResult::UNKNOWN) {
    if (!may_take_long || is_second) return absl::StrCat(Describe(*task, offset), " was passed without a result");
    task->under_way.insert(offset);
  }
  if (is_second != (outcome == v1::CommandResult::DUPLICATE)) {
    return absl::StrCat(Describe(*task, offset), " was sent ", is_second ? "twice" : "once", " and is ",
                        v1::CommandResult::Outcome_Name(outcome));
  }
  if (is_second) return "";
  const bool is_refused = outcome == v1::CommandResult::REFUSED;
  if (command.has_never_add() || command.has_never_remove()) {
    const bool is_add = command.has_never_add();
    const std::string& id = is_add ? command.never_add().rule().event_id() : command.never_remove().rule().event_id();
    if (task->rules.contains(id) != (is_add == is_refused))
      return absl::StrCat(Describe(*task, offset), is_refused ? " was refused" : " was carried out", " wrongly");
    if (is_refused) return "";
    is_add ? static_cast<void>(task->rules.insert(id)) : static_cast<void>(task->rules.erase(id));
    task->changed_rules.insert(id);
    task->all_rules.insert(id);
  }
  if (command.has_pause()) {
    if (task->is_paused != is_refused) return absl::StrCat(Describe(*task, offset), " has the wrong outcome");
    task->is_paused = true;
  }
  if (command.has_resume()) {
    // It may have ended another pause.
    if (task->is_paused && is_refused) return absl::StrCat(Describe(*task, offset), " was refused");
    task->is_paused = task->was_paused = false;
  }
  return "";
}

std::string CommandModel::Read(const testkit::CommittedTransaction& transaction) {
  std::map<std::pair<int32_t, int64_t>, v1::CommandResult> results;
  for (const auto& [where, record] : transaction.records) {
    if (where.topic != plan_->output_topics[plan_->audit_index(0)]) continue;
    v1::CommandResult result;
    if (!result.ParseFromString(record->value.value_or(""))) return "an audit record is unreadable";
    const std::pair<int32_t, int64_t> place{where.partition.value(), result.offset()};
    if (!results.emplace(place, result).second) {
      return absl::StrCat(Describe(tasks_[place.first], place.second), " has two results");
    }
  }
  for (auto& [partition, task] : tasks_) {
    task.passed.clear();
    task.changed_rules.clear();
    task.was_paused = task.is_paused;
    const auto offset =
        cluster_->PeekCommittedOffset(plan_->application_id, {plan_->control_topics[0], Partition(partition)});
    if (!offset.has_value()) continue;
    if (offset->value() < task.committed) return "the committed offset of commands went back";
    for (auto it = task.sent.lower_bound(task.committed); it != task.sent.end() && it->first < offset->value(); ++it) {
      Passed passed{.command = it->second, .result = {}};
      const auto result = results.find({partition, it->first});
      if (result != results.end()) passed.result = std::move(result->second);
      if (result != results.end()) results.erase(result);
      if (std::string wrong = Pass(&task, it->first, &passed); !wrong.empty()) return wrong;
      task.passed.push_back(std::move(passed));
    }
    task.committed = offset->value();
  }
  for (const auto& [place, result] : results) {
    TaskModel& task = tasks_[place.first];
    if (task.under_way.erase(place.second) == 0)
      return absl::StrCat(Describe(task, place.second), " has a result in another transaction than its offset");
    if (result.outcome() != v1::CommandResult::APPLIED)
      return absl::StrCat(Describe(task, place.second), " was begun and then refused");
  }
  return "";
}

bool CommandModel::MustEnd(int32_t partition, const std::string& event_id) const {
  const auto task = tasks_.find(partition);
  return task != tasks_.end() && task->second.rules.contains(event_id) &&
         !task->second.changed_rules.contains(event_id);
}

bool CommandModel::MayEnd(int32_t partition, const std::string& event_id) const {
  const auto task = tasks_.find(partition);
  return task != tasks_.end() &&
         (task->second.rules.contains(event_id) || task->second.changed_rules.contains(event_id));
}

bool CommandModel::WasMatched(int32_t partition, const std::string& event_id) const {
  const auto task = tasks_.find(partition);
  return task != tasks_.end() && task->second.all_rules.contains(event_id);
}

bool CommandModel::IsPaused(int32_t partition) const {
  const auto task = tasks_.find(partition);
  return task != tasks_.end() && task->second.was_paused;
}

std::string CommandModel::Unsettled() const {
  for (const auto& [partition, task] : tasks_) {
    if (!task.under_way.empty()) return absl::StrCat(Describe(task, *task.under_way.begin()), " has no result");
    if (!task.sent.empty() && task.sent.rbegin()->first >= task.committed)
      return absl::StrCat(Describe(task, task.sent.rbegin()->first), " was not read");
  }
  return "";
}

}  // namespace once::sim
