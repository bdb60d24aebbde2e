#include "processor/engine/task_checkpoint.h"

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {
namespace {

// A state directory may have served another application, whose tasks have the same names.
absl::Status CheckOwner(const Plan& plan, Task* task) {
  const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
  if (!entry.ok()) return entry.status();
  const absl::StatusOr<v1::Frontier> frontier = ParseFrontier((*entry)->value().value_or(std::string_view()));
  // What cannot be read is judged at the end of the replay, by what it is then.
  if (!frontier.ok()) return absl::OkStatus();
  task->base_changelog_id = frontier->changelog_id();
  if (frontier->application().empty() || frontier->application() == plan.application_id) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("its checkpoint is of application \"", frontier->application(), "\""));
}

// F7: without an offset it stands for nothing. Gone on from, keys would be back whose deletions the changelog no longer
// tells, and another application's frontier would pass for this one's.
absl::Status CheckEmpty(CheckpointStore* store, const std::string& prefix) {
  const absl::StatusOr<bool> has_entries = store->HasEntries(prefix);
  if (!has_entries.ok()) return has_entries.status();
  if (!*has_entries) return absl::OkStatus();
  return absl::DataLossError("its checkpoint is what a wipe that was cut short has left");
}

// E6: IDs are all in memory; of other kinds each is read from the disk when it is asked for.
absl::Status LoadWindow(Task* task) {
  absl::Status failure;
  const absl::Status scanned =
      task->state.Scan(KindPrefix(ChangelogKind::kEventIds), [&](std::string_view key, std::string_view value) {
        failure = LoadWindowRecord(task, key, value);
        return failure.ok();
      });
  return scanned.ok() ? failure : scanned;
}

}  // namespace

std::string PrefixOf(const Plan& plan, const Task& task) {
  return TaskPrefix(plan.group(task.id.group).name, task.id.partition);
}

CheckpointMeta DescribeCheckpoint(const Task& task, const ClockReading& clock) {
  const bool is_judged = task.phase == TaskPhase::kRunning || task.phase == TaskPhase::kPaused;
  return {.changelog_offset = task.changelog_position,
          .incarnation = is_judged ? task.frontier.incarnation() : task.incarnation,
          .written_ms = absl::ToUnixMillis(clock.wall - (clock.now - task.current_at))};
}

absl::Status LoadWindowRecord(Task* task, std::string_view key, OptionalBytes value) {
  absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(key);
  if (!parsed.ok()) return parsed.status();
  return task->window.Load(*parsed, value);
}

absl::Status LoadCheckpoint(const Plan& plan, const ClockReading& clock, CheckpointStore* store, Task* task) {
  const std::string prefix = PrefixOf(plan, *task);
  const absl::StatusOr<std::optional<CheckpointMeta>> meta = store->ReadMeta(prefix);
  if (!meta.ok()) return meta.status();
  if (!meta->has_value()) return CheckEmpty(store, prefix);
  if ((*meta)->incarnation == 0) {
    return absl::DataLossError(
        "its checkpoint is of a rebuild that did not come far enough to tell of which changelog");
  }
  if (absl::Status ours = CheckOwner(plan, task); !ours.ok()) return ours;
  if (absl::Status loaded = LoadWindow(task); !loaded.ok()) return loaded;
  task->changelog_position = (*meta)->changelog_offset;
  task->incarnation = (*meta)->incarnation;
  // X6: what the wall clocks of then and now make of it. From here on it ages by the steady clock.
  task->current_at = clock.now - (clock.wall - absl::FromUnixMillis((*meta)->written_ms));
  task->state_is_loaded = true;
  return absl::OkStatus();
}

}  // namespace once
