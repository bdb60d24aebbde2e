#include "processor/cli/task_marks.h"

#include <map>
#include <string>
#include <utility>

#include "processor/cli/changelog_owner.h"
#include "processor/cli/log_scan.h"
#include "processor/topology/graph.h"
#include "state/changelog.h"

namespace once::cli {

absl::StatusOr<std::vector<TaskMarks>> ReadTaskMarks(Context* context, uint16_t group) {
  const std::string changelog = ChangelogTopic(context->application_id(), context->graph().groups[group]);
  // By partition and key: those of the kinds that are asked for, which are few.
  std::map<Partition, std::map<std::string, std::string>> marks;
  absl::Status failure;
  const auto keep = [&](const RecordView& record) {
    if (!record.key.has_value()) return;
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record.key);
    if (!key.ok()) failure = Unreadable(changelog, record, key.status());
    if (!key.ok()) return;
    const bool is_status = key->kind == ChangelogKind::kAggregateStatus || key->kind == ChangelogKind::kKeylessStatus;
    const bool is_mark = key->kind == ChangelogKind::kControl && key->control != ControlKind::kDone;
    if (!is_status && !is_mark && key->kind != ChangelogKind::kFrontier) return;
    if (record.value.has_value()) {
      marks[record.partition][std::string(*record.key)] = *record.value;
    } else {
      marks[record.partition].erase(std::string(*record.key));
    }
  };
  const absl::StatusOr<ScanEnd> end = ScanLog(context, {.topic = changelog, .take = keep});
  if (!end.ok()) return end.status();
  if (!failure.ok()) return failure;
  NotePending(context, changelog, *end);
  std::vector<TaskMarks> tasks(static_cast<size_t>(end->partition_count));
  for (const auto& [partition, by_key] : marks) {
    TaskMarks& task = tasks[static_cast<size_t>(partition.value())];
    for (const auto& [bytes, value] : by_key) {
      const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(bytes);
      if (key->kind == ChangelogKind::kFrontier) {
        if (!task.frontier.emplace().ParseFromString(value)) task.frontier.reset();
      } else if (key->kind != ChangelogKind::kControl) {
        v1::AggregateStatus status;
        if (!status.ParseFromString(value) || status.state() == v1::AggregateStatus::OPEN) continue;
        ++task.blocked;
        task.waiting += static_cast<int64_t>(status.next_sequence() - status.head_sequence());
      } else if (key->control == ControlKind::kNever) {
        if (!task.rules.emplace_back().ParseFromString(value)) task.rules.pop_back();
      } else if (key->control == ControlKind::kPaused) {
        if (!task.paused.emplace().ParseFromString(value)) task.paused.reset();
      } else if (!task.under_way.emplace_back().ParseFromString(value)) {
        task.under_way.pop_back();
      }
    }
    if (!task.frontier.has_value()) continue;
    if (absl::Status owner = CheckOwner(*context, changelog, *task.frontier); !owner.ok()) return owner;
  }
  return tasks;
}

}  // namespace once::cli
