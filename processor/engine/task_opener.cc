#include "processor/engine/task_opener.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "state/changelog.h"

namespace once {

namespace {

std::string Name(const Task& task) { return ToString(task.inputs.front().where); }

absl::Status LoadWindowRecord(Task* task, std::string_view key, OptionalBytes value) {
  absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(key);
  if (!parsed.ok()) return parsed.status();
  return task->window.Load(*parsed, value);
}

}  // namespace

TaskOpener::TaskOpener(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log,
                       std::function<uint64_t()> new_incarnation)
    : plan_(plan), options_(options), store_(store), log_(log), new_incarnation_(std::move(new_incarnation)) {}

void TaskOpener::Request(Task* task, absl::Time now, Actions* actions) {
  if (task->phase != TaskPhase::kOpening || task->offsets_requested || now < task->opening_at) return;
  task->offsets_requested = true;
  actions->control.emplace_back(action::FetchTaskOffsets{task->id});
}

absl::Status TaskOpener::OnOffsets(Task* task, const event::TaskOffsetsFetched& fetched, absl::Time now,
                                   Actions* actions) {
  if (task->phase != TaskPhase::kOpening) return absl::OkStatus();
  task->offsets_requested = false;
  if (!fetched.offsets.ok()) {
    task->opening_at = now + options_->retry_interval;
    log_->Log(LogLevel::kWarning, absl::StrCat("task ", Name(*task), " cannot be opened yet: ",
                                               fetched.offsets.status().ToString(), "; trying again"));
    return absl::OkStatus();
  }
  const event::TaskOffsets& offsets = *fetched.offsets;
  for (InputPosition& input : task->inputs) {
    const auto committed = offsets.committed.find(input.where);
    input.committed = std::nullopt;
    if (committed != offsets.committed.end()) {
      input.committed = committed->second;
      input.next = committed->second;
    } else {
      input.next = offsets.start.at(input.where);
      input.start = input.next;
    }
  }
  task->replay_target = offsets.changelog_end;
  absl::StatusOr<Offset> start = ReplayStart(task, offsets);
  if (!start.ok()) return start.status();
  task->replayed_records = 0;
  task->changelog_position = *start;
  if (*start >= task->replay_target) return Finish(task, now);
  task->phase = TaskPhase::kReplaying;
  actions->control.emplace_back(action::StartReplay{{task->changelog, *start}});
  return absl::OkStatus();
}

// Where the replay begins: after what memory holds, after the checkpoint, or at the beginning.
absl::StatusOr<Offset> TaskOpener::ReplayStart(Task* task, const event::TaskOffsets& offsets) {
  if (task->state_is_loaded) {
    if (task->changelog_position >= offsets.changelog_begin) return task->changelog_position;
    task->rebuilding = false;  // A replay that was overtaken begins anew.
    return absl::DataLossError("the changelog's beginning moved past what it stands for");
  }
  if (!task->rebuilding) {
    if (absl::Status loaded = LoadFromCheckpoint(task); !loaded.ok()) return loaded;
  }
  if (!task->checkpoint.has_value()) {
    task->rebuilding = true;
    task->state_is_loaded = true;
    return offsets.changelog_begin;
  }
  const Offset checkpoint = task->checkpoint->changelog_offset;
  if (checkpoint > offsets.changelog_end) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the local state of task ", Name(*task), " stands for changelog offset ", ToString(task->changelog, checkpoint),
        ", but that partition ends at ", offsets.changelog_end.value(),
        ": the changelog was truncated or recreated. If that was meant, delete the state directory; the state is then"
        " rebuilt from what the changelog holds"));
  }
  if (checkpoint < offsets.changelog_begin) {
    return absl::DataLossError("its checkpoint is older than the changelog's beginning");
  }
  task->state_is_loaded = true;
  return checkpoint;
}

absl::Status TaskOpener::LoadFromCheckpoint(Task* task) {
  const std::string prefix = TaskPrefix(plan_->group(task->id.group).name, task->id.partition);
  absl::StatusOr<std::optional<CheckpointMeta>> meta = store_->ReadMeta(prefix);
  if (!meta.ok()) return meta.status();
  task->checkpoint = *meta;
  if (!task->checkpoint.has_value()) return absl::OkStatus();
  absl::Status failure;
  const absl::Status scanned =
      task->state.Scan(KindPrefix(ChangelogKind::kEventIds), [&](std::string_view key, std::string_view value) {
        failure = LoadWindowRecord(task, key, value);
        return failure.ok();
      });
  return scanned.ok() ? failure : scanned;
}

absl::Status TaskOpener::Rebuild(Task* task, const std::string& why) {
  log_->Log(LogLevel::kWarning, absl::StrCat("the local state of task ", Name(*task), " is rebuilt from ",
                                             ToString(task->changelog), ": ", why));
  task->state.Clear();
  task->window.Clear();
  task->frontier.Clear();
  task->checkpoint.reset();
  task->state_is_loaded = false;
  task->rebuilding = true;
  if (absl::Status loaded = store_->Wipe(TaskPrefix(plan_->group(task->id.group).name, task->id.partition));
      !loaded.ok()) {
    return loaded;
  }
  return task->parking.Load();
}

absl::Status TaskOpener::OnReplayed(Task* task, const RecordView& record) {
  if (task->phase != TaskPhase::kReplaying || record.offset < task->changelog_position || !record.key.has_value()) {
    return absl::OkStatus();
  }
  task->changelog_position = record.offset + 1;
  ++task->replayed_records;
  task->state.ApplyCommitted(*record.key, record.value);
  if (!record.key->empty() && record.key->front() == static_cast<char>(ChangelogKind::kEventIds)) {
    if (absl::Status loaded = LoadWindowRecord(task, *record.key, record.value); !loaded.ok()) {
      return absl::DataLossError(absl::StrCat("changelog record ", ToString(task->changelog, record.offset),
                                              " is unreadable: ", std::string(loaded.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status TaskOpener::OnReplayEnd(Task* task, Offset position, absl::Time now, Actions* actions) {
  if (task->phase != TaskPhase::kReplaying) return absl::OkStatus();
  if (position > task->changelog_position) task->changelog_position = position;
  if (position < task->replay_target) return absl::OkStatus();
  actions->control.emplace_back(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;  // Whatever comes now, the replay is not stopped twice.
  return Finish(task, now);
}

bool TaskOpener::CheckpointTooOld(const Task& task, absl::Time now) const {
  if (task.rebuilding || !task.checkpoint.has_value()) return false;
  const absl::Duration retention = plan_->delete_retention[task.id.group];
  const absl::Duration margin = std::min(options_->checkpoint_age_margin, retention / 2);
  return now - absl::FromUnixMillis(task.checkpoint->written_ms) > retention - margin;
}

absl::Status TaskOpener::ReadFrontier(Task* task) {
  absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
  if (!entry.ok()) return entry.status();
  task->frontier.Clear();
  const OptionalBytes value = (*entry)->value();
  if (value.has_value() && !task->frontier.ParseFromArray(value->data(), static_cast<int>(value->size()))) {
    return absl::DataLossError(absl::StrCat("the frontier in ", ToString(task->changelog), " is unreadable"));
  }
  return absl::OkStatus();
}

absl::Status TaskOpener::Finish(Task* task, absl::Time now) {
  absl::Status ready = ReadFrontier(task);
  const bool other_history = ready.ok() && !task->rebuilding && task->checkpoint.has_value() &&
                             task->checkpoint->incarnation != 0 &&
                             task->checkpoint->incarnation != task->frontier.incarnation();
  if (other_history) return absl::DataLossError("its checkpoint belongs to another changelog");
  if (CheckpointTooOld(*task, now)) {
    return absl::DataLossError("its checkpoint is older than the changelog keeps deletions");
  }
  if (ready.ok()) ready = task->parking.Load();
  if (ready.ok()) ready = CheckStores(*task);
  if (!ready.ok()) return ready;
  if (absl::Status fits = CheckOffsets(*task); !fits.ok()) {
    // If the task went to another worker and we do not know it yet, that one has committed since the offsets were read,
    // and may do so again and again. What does not fit in the same way twice is none of its doing.
    const std::string misfit = std::exchange(task->misfit, std::string(fits.message()));
    if (misfit == task->misfit) return fits;
    task->phase = TaskPhase::kOpening;
    task->opening_at = now + options_->retry_interval;
    return absl::OkStatus();
  }
  task->misfit.clear();
  if (task->frontier.incarnation() == 0) task->frontier.set_incarnation(new_incarnation_());
  task->rebuilding = false;
  // From here on the age of the checkpoint that was found matters no more: memory is ahead of it.
  task->checkpoint.reset();
  task->phase = TaskPhase::kRunning;
  task->awaiting_seek = true;
  task->last_checkpoint = now;
  log_->Log(LogLevel::kInfo, absl::StrCat("task ", Name(*task), " runs from offset ", task->inputs.front().next.value(),
                                          "; replayed ", task->replayed_records, " changelog records"));
  return absl::OkStatus();
}

// Every aggregate that has state must still be there, with that state: of an aggregate that was renamed nothing would
// be found, in silence.
absl::Status TaskOpener::CheckStores(const Task& task) const {
  for (const v1::Store& known : task.frontier.stores()) {
    const std::string written = absl::StrCat("the changelog ", task.changelog.topic, " holds state of aggregate \"",
                                             known.aggregate(), "\", of type ", known.type());
    const NodeSpec* now = nullptr;
    for (const NodeIndex node : plan_->aggregates[task.id.group]) {
      if (plan_->graph->nodes[node].name == known.aggregate()) now = &plan_->graph->nodes[node];
    }
    if (now == nullptr) {
      return absl::FailedPreconditionError(absl::StrCat(
          written,
          ", but the topology has no such aggregate there: was it renamed or removed? Give it back its name, or"
          " start under a new application_id"));
    }
    if (now->state_type != known.type()) {
      return absl::FailedPreconditionError(absl::StrCat(
          written, ", but the topology's is of type ", now->state_type,
          ": it would be read wrong. Keep the type (fields may be added to a protobuf message), or start under a new"
          " application_id"));
    }
  }
  return absl::OkStatus();
}

// The committed offsets must be those that the state stands for.
absl::Status TaskOpener::CheckOffsets(const Task& task) const {
  if (task.frontier.inputs().empty()) {
    if (plan_->aggregates[task.id.group].empty()) return absl::OkStatus();
    for (const InputPosition& input : task.inputs) {
      if (!input.committed.has_value()) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          "group ", plan_->application_id, " has the committed offset ", ToString(input.where, *input.committed),
          " but the changelog ", ToString(task.changelog),
          " holds no state for it: the changelog was lost, or the group was used by another program. Restore the"
          " changelog, or start under a new application_id"));
    }
    return absl::OkStatus();
  }
  for (const v1::InputOffset& known : task.frontier.inputs()) {
    for (const InputPosition& input : task.inputs) {
      if (input.where.topic != known.topic()) continue;
      if (input.committed.has_value() && input.committed->value() == known.next_offset()) continue;
      const std::string state_side = absl::StrCat("the state of ", ToString(task.changelog), " stands for ",
                                                  ToString(input.where, Offset(known.next_offset())));
      if (!input.committed.has_value()) {
        return absl::FailedPreconditionError(absl::StrCat(
            state_side, ", but group ", plan_->application_id,
            " has no committed offset there: it expired or was deleted. Set it to that offset before starting"));
      }
      return absl::FailedPreconditionError(absl::StrCat(
          state_side, ", but group ", plan_->application_id, " has committed ", input.committed->value(), " there: ",
          input.committed->value() > known.next_offset()
              ? "the offsets were moved forward from outside, or the changelog"
                " was restored from an older copy"
              : "the offsets were moved back from outside",
          ". Set the group's offset to ", known.next_offset(), ", or start under a new application_id"));
    }
  }
  return absl::OkStatus();
}

}  // namespace once
