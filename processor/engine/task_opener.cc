// Opens tasks: offsets, replay, and the check that both tell the same story (F2, F3, F6, X5).
#include "processor/engine/task_opener.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "processor/engine/log_gaps.h"
#include "processor/engine/task_checkpoint.h"
#include "state/changelog.h"

namespace once {

namespace {

// X5g: however often nobody has answered, a request waits no longer than this.
constexpr absl::Duration kMostPatience = absl::Seconds(5);

std::string Name(const Task& task) { return ToString(task.inputs.front().where); }

// What was read once is no longer all that counts, or never was: a replay from the beginning mends it.
absl::Status OutdatedError(Task* task, absl::string_view why) {
  task->rebuilding = false;
  task->is_rebuilt = false;
  return absl::DataLossError(why);
}

}  // namespace

TaskOpener::TaskOpener(const Plan* plan, const EngineOptions* options, CheckpointStore* store, LogSink* log,
                       const ClockReading* clock, std::function<uint64_t()> new_incarnation)
    : plan_(plan),
      options_(options),
      store_(store),
      log_(log),
      clock_(clock),
      new_incarnation_(std::move(new_incarnation)) {}

// Those that failed before are asked for apart, with the more patience the more often: they delay no other.
void TaskOpener::Request(const std::vector<Task*>& tasks, absl::Time now, Actions* actions) {
  std::map<absl::Duration, action::FetchTaskOffsets> requests;
  for (Task* const task : tasks) {
    if (task->phase != TaskPhase::kOpening || task->offsets_request != 0 || now < task->opening_at) continue;
    // X5b: it is rebuilt before it opens.
    if (!task->rebuild_why.ok()) continue;
    const absl::Duration patience =
        std::min(action::kFirstPatience * (int64_t{1} << std::min(task->failed_requests, 10)), kMostPatience);
    action::FetchTaskOffsets& request = requests[patience];
    if (request.tasks.empty()) request.request = ++last_request_;
    request.patience = patience;
    request.tasks.push_back(task->id);
    task->offsets_request = request.request;
  }
  for (auto& [patience, request] : requests) actions->control.emplace_back(std::move(request));
}

absl::Status TaskOpener::OnOffsets(Task* task, const event::TaskOffsetsFetched& fetched, absl::Time now,
                                   Actions* actions) {
  // X5g: the answer to an older request may have been read before an unknown outcome.
  if (task->phase != TaskPhase::kOpening || fetched.request != task->offsets_request) return absl::OkStatus();
  task->offsets_request = 0;
  if (!task->rebuild_why.ok()) return absl::OkStatus();  // Asked for before; they are asked for again.
  if (!fetched.offsets.ok()) {
    task->opening_at = now + options_->retry_interval;
    ++task->failed_requests;
    task->opening_waits_for = fetched.offsets.status().ToString();
    // What passes is told with the progress, if it does not soon.
    const LogLevel level = absl::IsUnavailable(fetched.offsets.status()) ? LogLevel::kDebug : LogLevel::kWarning;
    task->lookups.Tell(
        now, level, absl::StatusCodeToString(fetched.offsets.status().code()),
        absl::StrCat("task ", Name(*task), " cannot be opened yet: ", task->opening_waits_for, "; trying again"), log_);
    return absl::OkStatus();
  }
  task->failed_requests = 0;
  task->opening_waits_for.clear();
  const event::TaskOffsets& offsets = *fetched.offsets;
  // X5c. One that has come as far as the one before can be told from it by nothing else.
  if (absl::Status same = CheckTopicIds(*plan_, *task, offsets.topic_ids); !same.ok()) return same;
  task->ForEachPosition([&](InputPosition& input) {
    const auto committed = offsets.committed.find(input.where);
    input.committed = std::nullopt;
    input.resume = std::nullopt;
    const auto log = offsets.logs.find(input.where);
    input.log = log == offsets.logs.end() ? std::nullopt : std::make_optional(log->second);
    if (committed != offsets.committed.end()) {
      input.committed = committed->second;
      input.next = committed->second;
    } else {
      // Where start_from says, or where the log begins if retention has passed that before the first commit.
      input.start = offsets.start.at(input.where);
      if (input.log.has_value()) input.start = std::max(input.start, input.log->begin);
      input.next = input.start;
    }
  });
  // F3: read after the stable offsets, so that all they stand for lies below.
  task->replay_target = offsets.changelog_end;
  task->looked_at = now;
  absl::StatusOr<Offset> start = ReplayStart(task, offsets);
  if (!start.ok()) return start.status();
  task->replayed_records = 0;
  task->replay_from = *start;
  task->replay_since = now;
  // What memory or checkpoint holds is all there is.
  if (*start >= task->replay_target) return Finish(task, now);
  task->phase = TaskPhase::kReplaying;
  actions->control.emplace_back(action::StartReplay{{task->changelog, *start}});
  return absl::OkStatus();
}

// Where the replay begins: after what memory holds, after the checkpoint, or at the beginning.
absl::StatusOr<Offset> TaskOpener::ReplayStart(Task* task, const event::TaskOffsets& offsets) {
  if (!task->state_is_loaded && !task->rebuilding) {
    if (absl::Status loaded = LoadCheckpoint(*plan_, *clock_, store_, task); !loaded.ok()) return loaded;
  }
  // Nothing to stand on: the whole changelog is read, and what it makes is as old as the beginning of that (F6).
  if (!task->state_is_loaded) {
    if (absl::Status whole = CheckHead(*task, offsets); !whole.ok()) return whole;
    task->rebuilding = true;
    task->state_is_loaded = true;
    task->changelog_position = offsets.changelog_begin;
    task->current_at = task->looked_at;
  }
  // Its own first epoch, committed since it was opened, has told.
  if (task->incarnation == 0 && task->frontier.epoch() > 0) task->incarnation = task->frontier.incarnation();
  // X5f: the state knows more than this log.
  if (task->changelog_position > offsets.changelog_end) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the local state of task ", Name(*task), " stands for changelog offset ",
        ToString(task->changelog, task->changelog_position), ", but that partition ends at ",
        offsets.changelog_end.value(),
        ": the changelog was truncated, or deleted and made anew. Start under a new application_id. If only its tail is"
        " gone, delete the state directory: the state is rebuilt from what the changelog still holds, and held against"
        " the group's offsets"));
  }
  if (task->changelog_position < offsets.changelog_begin) {
    if (absl::Status whole = CheckHead(*task, offsets); !whole.ok()) return whole;
    return OutdatedError(task, "the changelog's beginning moved past what it stands for");
  }
  return task->changelog_position;
}

// F10: compaction never moves a log's beginning, so what lay before it was deleted, whatever the frontier says. An
// empty log of a group that has committed nothing stands for nothing.
absl::Status TaskOpener::CheckHead(const Task& task, const event::TaskOffsets& offsets) const {
  const bool is_unused = offsets.changelog_begin == offsets.changelog_end && offsets.committed.empty();
  if (offsets.changelog_begin == Offset(0) || is_unused) return absl::OkStatus();
  const std::string local =
      task.state_is_loaded ? absl::StrCat("; the local state ends before that, at ", task.changelog_position.value())
                           : "";
  return absl::FailedPreconditionError(absl::StrCat(
      "the changelog of task ", Name(task), " begins at ", ToString(task.changelog, offsets.changelog_begin),
      ": its first records were deleted, by retention or by hand, and state that they held is lost", local,
      ". An instance whose state directory has all that is gone goes on; else start under a new application_id"));
}

bool TaskOpener::WouldRebuildMend(const Task& task, const absl::Status& status) {
  if (!absl::IsDataLoss(status) || task.rebuilding) return false;
  return !task.is_rebuilt || IsCorruptStore(status);
}

absl::Status TaskOpener::RebuildIfFree(Task* task) {
  if (task->rebuild_why.ok() || task->touched || task->state.checkpoint_under_way()) return absl::OkStatus();
  return Rebuild(task, std::string(std::exchange(task->rebuild_why, absl::OkStatus()).message()));
}

absl::Status TaskOpener::Rebuild(Task* task, const std::string& why) {
  LogOf(
      *task, log_, LogLevel::kWarning,
      absl::StrCat("the local state of task ", Name(*task), " is rebuilt from ", ToString(task->changelog), ": ", why));
  Forget(task);
  // Before the wipe: should that fail, no further rebuild is tried (Tasks::StoreFailed).
  task->rebuilding = true;
  if (absl::Status wiped = store_->Wipe(PrefixOf(*plan_, *task)); !wiped.ok()) return wiped;
  // The index goes with the state that it was made from.
  return task->parking.Load();
}

void TaskOpener::Forget(Task* task) {
  task->state.Clear();
  task->window.Clear();
  task->frontier.Clear();
  task->incarnation = 0;
  task->current_at = absl::InfinitePast();
  task->two_histories = false;
  task->base_changelog_id.clear();
  task->state_is_loaded = false;
  task->rebuilding = false;
  task->is_rebuilt = false;
}

absl::Status TaskOpener::OnReplayed(Task* task, const RecordView& record) {
  if (task->phase != TaskPhase::kReplaying || record.offset < task->changelog_position || !record.key.has_value()) {
    return absl::OkStatus();
  }
  task->changelog_position = record.offset + 1;
  ++task->replayed_records;
  task->state.ApplyCommitted(*record.key, record.value);
  if (record.key->empty()) return absl::OkStatus();
  if (record.key->front() == static_cast<char>(ChangelogKind::kFrontier)) NoteFrontier(task, record.value);
  if (record.key->front() == static_cast<char>(ChangelogKind::kEventIds)) {
    if (absl::Status loaded = LoadWindowRecord(task, *record.key, record.value); !loaded.ok()) {
      return absl::DataLossError(absl::StrCat(
          "changelog record ", ToString(task->changelog, record.offset),
          " is unreadable: ", std::string(loaded.message()),
          "; was it written by another program, or by a newer version of this one? Run the version that wrote it, or"
          " start under a new application_id"));
    }
  }
  return absl::OkStatus();
}

// Whose records these are. One that cannot be read says nothing, and is judged if it is the last.
void TaskOpener::NoteFrontier(Task* task, OptionalBytes value) const {
  const absl::StatusOr<v1::Frontier> frontier = ParseFrontier(value.value_or(std::string_view()));
  if (!frontier.ok() || frontier->incarnation() == 0) return;
  if (task->incarnation == 0) task->incarnation = frontier->incarnation();
  if (task->incarnation != frontier->incarnation()) task->two_histories = true;
}

absl::Status TaskOpener::OnReplayEnd(Task* task, Offset position, absl::Time now, Actions* actions) {
  if (task->phase != TaskPhase::kReplaying) return absl::OkStatus();
  // Past transaction markers, which no reader delivers: without them the target would not be reached (F3).
  if (position > task->changelog_position) task->changelog_position = position;
  if (position < task->replay_target) return absl::OkStatus();
  actions->control.emplace_back(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;  // Whatever comes now, the replay is not stopped twice.
  return Finish(task, now);
}

absl::Status TaskOpener::ReadFrontier(Task* task) {
  absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
  if (!entry.ok()) return entry.status();
  task->frontier.Clear();
  // Nothing was committed yet.
  if (!(*entry)->value().has_value()) return absl::OkStatus();
  absl::StatusOr<v1::Frontier> frontier = ParseFrontier(*(*entry)->value());
  if (!frontier.ok()) {
    return absl::DataLossError(absl::StrCat("the frontier in ", ToString(task->changelog), " ",
                                            std::string(frontier.status().message()),
                                            "; was it written by another program? Start under a new application_id"));
  }
  task->frontier = *std::move(frontier);
  return absl::OkStatus();
}

// Whether what the replay stood on was good for it: of this very changelog, and young enough for no deletion to have
// been compacted away unseen (F6). DataLoss if it is to begin anew.
absl::Status TaskOpener::CheckBase(Task* task, absl::Time now) const {
  const absl::Duration retention = plan_->delete_retention[task->id.group];
  const absl::Duration margin = std::min(options_->checkpoint_age_margin, retention / 2);
  const absl::Duration age = now - task->current_at;
  const bool other_history =
      task->two_histories || (task->incarnation != 0 && task->incarnation != task->frontier.incarnation());
  std::string why;
  if (other_history) {
    why = task->rebuilding ? "its changelog became another one while it was read"
                           : "its checkpoint belongs to another changelog";
  } else if (const std::string& id = task->frontier.changelog_id();
             !task->base_changelog_id.empty() && !id.empty() && id != task->base_changelog_id) {
    // A changelog was copied into a new topic, where the same offsets mean other records.
    why = "its checkpoint is of the topic that its changelog was copied from";
  } else if (age > retention - margin) {
    why = task->rebuilding ? "reading its changelog took longer than that keeps deletions"
                           : "its checkpoint is older than the changelog keeps deletions";
  } else if (age < -margin) {
    why = "its checkpoint is dated in the future, so that its age is not known";
  }
  if (why.empty()) return absl::OkStatus();
  // A checkpoint that is no good is replaced by a rebuild; that is repeated, but not for ever.
  constexpr int kVoidRebuilds = 3;
  if (!task->rebuilding || ++task->void_rebuilds < kVoidRebuilds) return OutdatedError(task, why);
  return absl::FailedPreconditionError(absl::StrCat(
      "task ", Name(*task), " cannot be rebuilt from ", ToString(task->changelog), ": ", why, ", ", kVoidRebuilds,
      " times in a row; keys that were deleted could be back. Raise its delete.retention.ms (",
      absl::FormatDuration(retention), " now) well above the time that reading it takes, and start again"));
}

absl::Status TaskOpener::Finish(Task* task, absl::Time now) {
  absl::Status ready = ReadFrontier(task);
  // First: of another application's changelog, or a newer format, nothing else can be judged.
  if (ready.ok()) ready = CheckIdentity(*plan_, *task);
  if (ready.ok()) ready = CheckBase(task, now);
  if (!ready.ok()) return ready;
  // What is held now lacks nothing of the changelog as of then, whether it opens now or waits for offsets that fit.
  task->current_at = task->looked_at;
  task->is_rebuilt |= std::exchange(task->rebuilding, false);
  task->void_rebuilds = 0;
  ready = task->parking.Load();
  if (ready.ok()) ready = task->control_state.Load();
  if (ready.ok()) ready = CheckTopology(*plan_, *task, options_->accept_gaps);
  if (!ready.ok()) return ready;
  absl::Status fits = CheckOffsets(*plan_, *task, options_->accept_gaps);
  // Only if both sides agree, since what is missing is counted from the committed offset.
  if (fits.ok()) fits = CheckGaps(task);
  if (fits.ok()) fits = CheckControl(task);
  // What retention has taken does not come back; every other difference may be a successor's doing.
  if (absl::IsOutOfRange(fits)) return fits;
  if (!fits.ok()) return AwaitFit(task, fits, now);
  task->misfit.clear();
  if (const std::string told = task->crashes.Load(task->frontier, &task->suspects); !told.empty()) {
    LogOf(*task, log_, LogLevel::kWarning, absl::StrCat("task ", Name(*task), ": ", told));
  }
  if (absl::Status forgotten = ForgetWhatIsOver(task); !forgotten.ok()) return forgotten;
  task->incarnation = task->frontier.incarnation();
  // By this number a checkpoint of another changelog with the same name is told (F6).
  if (task->incarnation == 0) task->frontier.set_incarnation(new_incarnation_());
  const int64_t window_ms = task->frontier.window_clock_ms();
  task->window_clock.Start(window_ms != 0 ? window_ms : absl::ToUnixMillis(clock_->wall), now);
  task->phase = TaskPhase::kRunning;
  task->awaiting_seek = true;
  if (task->control.has_value()) task->control->awaiting_seek = true;
  task->last_checkpoint = now;
  LogOf(*task, log_, LogLevel::kInfo,
        absl::StrCat("task ", Name(*task), " runs from offset ", task->inputs.front().next.value(), "; replayed ",
                     task->replayed_records, " changelog records"));
  return absl::OkStatus();
}

// T5, X3: what a commit of unknown outcome, or another worker, has ended, no commit of ours will. Suspected for ever,
// it would have each parked event run in a transaction of its own.
absl::Status TaskOpener::ForgetWhatIsOver(Task* task) const {
  if (task->suspects.empty() && !task->crashes.has_marks()) return absl::OkStatus();
  // A longer look would hold up others (X1); of so many some runs are slow anyway.
  constexpr int64_t kMostRead = 10'000;
  const bool is_known = task->parking.parked_events() <= kMostRead;
  std::set<Place> waiting;
  for (const std::string& queue : is_known ? task->parking.QueuesBehind({}) : std::vector<std::string>()) {
    const v1::AggregateStatus& status = *task->parking.FindQueue(queue);
    for (uint64_t sequence = status.head_sequence(); sequence < status.next_sequence(); ++sequence) {
      const absl::StatusOr<v1::ParkedEvent> event = task->parking.Read(queue, sequence);
      if (!event.ok()) return event.status();
      waiting.insert({{event->topic(), Partition(event->partition())}, Offset(event->offset())});
    }
  }
  const std::map<TopicPartition, Offset> read_to = task->ReadTo();
  const auto is_over = [&](const Place& place) {
    const auto read = read_to.find(place.where);
    const bool is_past = read != read_to.end() && place.offset < read->second;
    return is_past && is_known && !waiting.contains(place);
  };
  task->suspects.OnOpened(read_to, is_over);
  task->crashes.OnOpened(is_over);
  return absl::OkStatus();
}

// If the task went to another worker and we do not know it yet, that one has committed since the offsets were read, and
// may do so again and again. What does not fit in the same way for a while is none of its doing (F2).
absl::Status TaskOpener::AwaitFit(Task* task, const absl::Status& misfit, absl::Time now) const {
  constexpr absl::Duration kLongestWait = absl::Seconds(2);
  if (task->misfit.empty()) {
    LogOf(*task, log_, LogLevel::kInfo,
          absl::StrCat("task ", Name(*task), " does not open yet, but looks again: ", std::string(misfit.message())));
  }
  // F2: a difference that changes is somebody at work: the time begins anew.
  if (task->misfit != std::string_view(misfit.message().data(), misfit.message().size())) {
    task->misfit = std::string(misfit.message());
    task->misfit_since = now;
  }
  const absl::Duration lasting = now - task->misfit_since;
  if (lasting >= options_->misfit_patience) return misfit;
  task->phase = TaskPhase::kOpening;
  task->opening_at = now + std::clamp(lasting, options_->retry_interval, kLongestWait);
  return absl::OkStatus();
}

absl::Status TaskOpener::CheckGaps(Task* task) const {
  if (!options_->accept_gaps) return CheckLogs(*task);
  std::string lost;
  if (absl::Status accepted = AcceptGaps(*plan_, task, &lost); !accepted.ok()) return accepted;
  if (!lost.empty()) {
    LogOf(*task, log_, LogLevel::kError,
          absl::StrCat("task ", Name(*task), " goes on behind a gap, as --accept_gaps says: ", lost));
  }
  return absl::OkStatus();
}

absl::Status TaskOpener::CheckControl(Task* task) const {
  std::string passed;
  const absl::Status fits = PlaceControl(*plan_, task, &passed);
  if (!passed.empty()) LogOf(*task, log_, LogLevel::kWarning, absl::StrCat("task ", Name(*task), ": ", passed));
  return fits;
}

}  // namespace once
