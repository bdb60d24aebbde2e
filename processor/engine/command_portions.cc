// R7: commands that concern many queues go in portions, each exactly once: what is done is remembered with its effect.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/commands.h"
#include "state/changelog.h"

namespace once {

namespace {

// What one turn does at most, so that it is a short one (X1): queues looked at, and queues changed.
constexpr size_t kMostLookedAt = 500;
constexpr int64_t kMostChanged = 50;

uint32_t PerSecond(const v1::Command& command) {
  if (command.has_release()) return command.release().all().per_second();
  if (command.has_retry_now()) return command.retry_now().all().per_second();
  return 0;
}

}  // namespace

Commands::Answer Commands::Begin(Task* task, const v1::Command& command, Offset offset) {
  v1::CommandUnderWay begun;
  *begun.mutable_command() = command;
  begun.set_offset(offset.value());
  return {.store = task->control_state.AddUnderWay(begun), .is_under_way = true};
}

Place Commands::PlaceOfPortion(const Task& task) {
  const ControlState& state = task.control_state;
  return {task.control->position.where, Offset(state.under_way().at(state.NextPortion()).offset())};
}

Outcome Commands::RunPortion(Task* task) {
  ControlState& state = task->control_state;
  // R3b: should its state be refused, that is the command's.
  epoch_->NoteEvent([&] { return PlaceOfPortion(*task); });
  const uint64_t sequence = state.NextPortion();
  v1::CommandUnderWay command = state.under_way().at(sequence);
  ControlState::Walk& walk = state.WalkOf(sequence);
  if (!walk.is_laid) {
    // What comes to wait later is not meant; after a restart that cannot be told.
    walk.left = task->parking.QueuesBehind(command.done_to());
    walk.is_laid = true;
  }
  const uint32_t per_second = PerSecond(command.command());
  const int64_t most = per_second == 0 ? kMostChanged : std::clamp<int64_t>(per_second / 10, 1, kMostChanged);
  int64_t changed = 0;
  for (size_t looked_at = 0; looked_at < kMostLookedAt && changed < most && !walk.left.empty(); ++looked_at) {
    const std::string queue = std::move(walk.left.back());
    walk.left.pop_back();
    const v1::AggregateStatus* const status = task->parking.FindQueue(queue);
    const int64_t events =
        status == nullptr ? 0 : static_cast<int64_t>(status->next_sequence() - status->head_sequence());
    const absl::StatusOr<bool> is_its = Visit(task, command.command(), queue);
    if (!is_its.ok()) return FromStore(is_its.status());
    command.set_done_to(queue);
    if (!*is_its) continue;
    ++changed;
    command.set_queues(command.queues() + 1);
    command.set_events(command.events() + events);
  }
  if (per_second > 0) walk.next = clock_->now + absl::Seconds(static_cast<double>(changed) / per_second);
  if (!walk.left.empty()) return FromStore(state.SetUnderWay(sequence, command));
  v1::CommandDone done;
  done.set_id(command.command().id());
  done.set_outcome(v1::CommandResult::APPLIED);
  Tell(task, &command.command(), command.command().id(), Offset(command.offset()),
       {.queues = command.queues(), .events = command.events()}, nullptr);
  if (absl::Status ended = state.EndUnderWay(sequence); !ended.ok()) return FromStore(ended);
  return FromStore(state.UpdateDone(done));
}

absl::StatusOr<bool> Commands::Visit(Task* task, const v1::Command& command, const std::string& queue) {
  const v1::AggregateStatus* const found = task->parking.FindQueue(queue);
  if (found == nullptr) return false;
  v1::AggregateStatus status = *found;
  const bool is_parked = status.state() == v1::AggregateStatus::PARKED;
  const bool is_retrying = status.state() == v1::AggregateStatus::RETRYING;
  if (command.has_never_add()) {
    if (!is_parked && !is_retrying) return false;
    const absl::StatusOr<bool> matches = failures_->MatchesRule(task, queue, status);
    if (!matches.ok() || !*matches) return matches;
    // R2: its drain asks the rules, and the rest follows.
    absl::Status run = failures_->Release(task, queue, std::move(status)).status;
    if (!run.ok()) return run;
    return true;
  }
  const bool is_release = command.has_release();
  if (is_release ? !is_parked : !is_retrying) return false;
  const v1::Selection& selection = is_release ? command.release().all() : command.retry_now().all();
  const absl::StatusOr<bool> selected = IsSelected(task, selection, queue, status);
  if (!selected.ok() || !*selected) return selected;
  absl::Status done;
  if (is_release) {
    ++epoch_->counters.released;
    done = failures_->Release(task, queue, std::move(status)).status;
  } else {
    done = RetryQueueNow(task, queue, std::move(status));
  }
  if (!done.ok()) return done;
  return true;
}

absl::Status Commands::RetryQueueNow(Task* task, const std::string& queue, v1::AggregateStatus status) {
  // For as long as attempts have failed by now, or it would be given up later than it should.
  status.set_retried_ms(absl::ToInt64Milliseconds(task->parking.RetriedFor(queue)));
  status.set_retry_at_ms(absl::ToUnixMillis(clock_->wall));
  return task->parking.SetStatus(queue, status);
}

absl::StatusOr<bool> Commands::IsSelected(Task* task, const v1::Selection& selection, const std::string& queue,
                                          const v1::AggregateStatus& status) {
  if (!selection.reason().empty() && selection.reason() != status.reason()) return false;
  const int64_t age_ms = absl::ToUnixMillis(epoch_->opened_wall) - status.first_failure_time_ms();
  if (selection.min_age_ms() > 0 && age_ms < selection.min_age_ms()) return false;
  if (selection.event_type().empty()) return true;
  const absl::StatusOr<v1::ParkedEvent> head = task->parking.Read(queue, status.head_sequence());
  if (!head.ok()) return head.status();
  return std::any_of(head->headers().begin(), head->headers().end(), [&](const v1::Header& header) {
    return header.name() == "ce_type" && header.value() == selection.event_type();
  });
}

}  // namespace once
