// A snapshot of a worker: of its engine's tasks, counts and memory.
#include "processor/runtime/status_writer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr absl::Duration kCountInterval = absl::Seconds(1);
// So much is counted at a time, a task at the least: about as many queues as half a millisecond suffices for.
constexpr int64_t kMostCounted = 5'000;
// As many queues are passed while one is described.
constexpr int64_t kDescribed = 20;
constexpr size_t kMaxTextBytes = 500;

std::string Text(std::string_view text) { return OneLine(CutUtf8(text, kMaxTextBytes)); }
std::string Text(const absl::Status& status) { return Text(status.ToString()); }

// It has failed, and does not run again yet: what is done for that is no opening that one waits for.
bool HasFailed(const Task& task) {
  if (task.phase == TaskPhase::kFailed) return true;
  const bool opens = task.phase == TaskPhase::kOpening || task.phase == TaskPhase::kReplaying;
  return opens && task.failure.count > 0 && task.failure.running_since == absl::InfiniteFuture();
}

TaskPhaseStatus PhaseOf(const Task& task) {
  if (HasFailed(task)) return TaskPhaseStatus::kFailed;
  switch (task.phase) {
    case TaskPhase::kOpening:
      break;
    case TaskPhase::kReplaying:
      return TaskPhaseStatus::kRestoring;
    case TaskPhase::kRunning:
      return TaskPhaseStatus::kRunning;
    case TaskPhase::kPaused:
      return TaskPhaseStatus::kPaused;
    case TaskPhase::kFailed:
      return TaskPhaseStatus::kFailed;
  }
  return TaskPhaseStatus::kOpening;
}

std::string WhyOf(const Task& task, const ClockReading& now, bool is_full) {
  if (HasFailed(task)) return Text(task.failure.why);
  switch (task.phase) {
    case TaskPhase::kRunning:
      return "";
    case TaskPhase::kOpening:
    case TaskPhase::kReplaying:
      return Text(DescribeOpening(task, now.now, is_full));
    case TaskPhase::kFailed:
    case TaskPhase::kPaused:
      break;
  }
  if (const v1::InputsPaused* by = task.control_state.paused(); by != nullptr) {
    return Text(absl::StrCat("by command ", by->command_id(), by->issuer().empty() ? "" : " of ", by->issuer(),
                             by->reason().empty() ? "" : ": ", by->reason()));
  }
  if (task.held_until > now.now) return "its transactions fail, so it waits longer each time";
  return task.retries_while_paused
             ? "too many of its events wait for another attempt, or a limit of parked events is "
               "reached"
             : "too many of its events fail (the breaker), or a limit of parked events is reached";
}

std::optional<RestoreStatus> RestoreOf(const Task& task, const ClockReading& now) {
  if (PhaseOf(task) != TaskPhaseStatus::kRestoring) return std::nullopt;
  RestoreStatus restore;
  restore.target = std::max<int64_t>(task.replay_target.value() - task.replay_from.value(), 0);
  restore.done = std::clamp<int64_t>(task.changelog_position.value() - task.replay_from.value(), 0, restore.target);
  const double seconds = absl::ToDoubleSeconds(now.now - task.replay_since);
  if (restore.done > 0 && seconds > 0) {
    restore.left =
        absl::Seconds(static_cast<double>(restore.target - restore.done) * seconds / static_cast<double>(restore.done));
  }
  return restore;
}

// How old the oldest event is that was fetched and waits; nothing if there is none, or if it has no timestamp.
std::optional<absl::Duration> BehindOf(const Task& task, const ClockReading& now) {
  if (task.backlog.empty() || task.awaiting_seek) return std::nullopt;
  const Fetched& next = task.backlog.front();
  if (next.kind != Fetched::Kind::kRecords) return std::nullopt;
  const int64_t stamped_ms = next.batch->records[next.begin].timestamp_ms;
  if (stamped_ms < 0) return std::nullopt;
  return std::max(now.wall - absl::FromUnixMillis(stamped_ms), absl::ZeroDuration());
}

MemoryStatus MemoryOf(const Engine& engine) {
  const MemoryUse& use = engine.memory_use();
  return {.clean_state = use.clean,
          .dirty_state = use.dirty,
          .copies_for_disk = use.copies,
          .event_ids = use.window,
          .parked_queues = use.parking,
          .fetched = use.backlog,
          .open_transaction = use.epoch,
          .share = engine.memory_share()};
}

BlockedStatus BlockedOf(const std::string& queue, const v1::AggregateStatus& status) {
  BlockedStatus blocked;
  if (status.state() == v1::AggregateStatus::RETRYING) blocked.state = BlockedStatus::State::kRetrying;
  if (status.state() == v1::AggregateStatus::DRAINING) blocked.state = BlockedStatus::State::kDraining;
  // The queue's name is its kind, then the key.
  const bool is_keyed = !queue.empty() && queue.front() == static_cast<char>(ChangelogKind::kAggregateStatus);
  if (is_keyed) blocked.aggregate = Printable(queue.substr(1), kMaxTextBytes);
  blocked.events = static_cast<int64_t>(status.next_sequence() - status.head_sequence());
  blocked.event_id = Text(status.blocking_event_id());
  blocked.reason = Text(absl::StrCat(status.reason(), ": ", status.message()));
  blocked.attempts = status.attempts();
  blocked.since = absl::FromUnixMillis(status.first_failure_time_ms());
  return blocked;
}

}  // namespace

void StatusWriter::Publish(const ClockReading& now, const Engine& engine, const WorkerClients& clients,
                           const Summary& summary) {
  if (board_ == nullptr) return;
  if (ready_ != nullptr && board_->Publish(worker_, &ready_)) ready_ = nullptr;
  if (now.now < next_) return;
  // Not since `now`: meanwhile the log may have kept the worker waiting. Counting has an interval of its own.
  const absl::Time began = clock_->Steady();
  Gather(now, engine, clients, summary);
  const absl::Duration took = clock_->Steady() - began - counting_took_;
  next_ = now.now + std::clamp(kMostOfTime * took, kInterval, kLongestInterval);
  if (board_->Publish(worker_, &ready_)) ready_ = nullptr;
}

void StatusWriter::Gather(const ClockReading& now, const Engine& engine, const WorkerClients& clients,
                          const Summary& summary) {
  NoteOwned(now, engine);
  counting_took_ = absl::ZeroDuration();
  if (now.now >= next_count_) {
    const absl::Time began = clock_->Steady();
    const bool has_all = CountParked(engine);
    counting_took_ = clock_->Steady() - began;
    next_count_ = now.now + std::max(has_all ? kCountInterval : kInterval, kMostOfTime * counting_took_);
  }
  auto status = std::make_shared<WorkerStatus>();
  status->at = now.wall;
  status->tasks.reserve(engine.tasks().size());
  for (const auto& entry : engine.tasks()) {
    status->tasks.push_back(StatusOf(*entry.second, now, engine, clients, summary));
  }
  status->events = engine.committed_counters();
  status->epochs = engine.epoch_counters();
  status->flows = engine.committed_flows();
  status->producer_rebuilds = engine.committer().rebuilds();
  status->waits_for_memory = engine.intake_waits();
  status->memory = MemoryOf(engine);
  if (clients.producer != nullptr) status->producer = clients.producer->TakeStatistics();
  if (clients.consumer != nullptr) status->consumer = clients.consumer->statistics();
  status->last_error = Text(engine.last_failure());
  status->last_error_at = engine.last_failure_at();
  ready_ = std::move(status);
}

bool StatusWriter::CountParked(const Engine& engine) {
  const auto& tasks = engine.tasks();
  int64_t counted = 0;
  // Each in its turn, however long those before it take.
  auto next = last_counted_.has_value() ? tasks.upper_bound(*last_counted_) : tasks.begin();
  for (size_t i = 0; i < tasks.size(); ++i, ++next) {
    if (counted >= kMostCounted) return false;
    if (next == tasks.end()) next = tasks.begin();
    const Parking& parking = next->second->parking;
    // Nearly all tasks have none.
    const int64_t queues = parking.blocked_aggregates();
    if (queues == 0) continue;
    last_counted_ = next->first;
    CountParkedOf(parking, &seldom_[next->first]);
    counted += queues + kDescribed * std::min(queues, static_cast<int64_t>(TaskStatus::kMostBlocked));
  }
  return true;
}

void StatusWriter::CountParkedOf(const Parking& parking, Seldom* seldom) {
  std::vector<const std::string*> oldest;
  const Parking::Blocked blocked = parking.CountBlocked(TaskStatus::kMostBlocked, &oldest);
  seldom->oldest_failure = blocked.aggregates > 0 ? absl::FromUnixMillis(blocked.since_ms) : absl::InfiniteFuture();
  std::vector<BlockedStatus> shown;
  for (const std::string* queue : oldest) shown.push_back(BlockedOf(*queue, *parking.FindQueue(*queue)));
  seldom->blocked = std::make_shared<const std::vector<BlockedStatus>>(std::move(shown));
}

void StatusWriter::NoteOwned(const ClockReading& now, const Engine& engine) {
  std::erase_if(seldom_, [&](const auto& each) { return !engine.tasks().contains(each.first); });
  for (const auto& entry : engine.tasks()) {
    Seldom& seldom = seldom_[entry.first];
    if (seldom.owner_since == absl::InfinitePast()) seldom.owner_since = now.wall;
    if (entry.second->parking.blocked_aggregates() > 0) continue;
    // What was counted last is not shown any more when nothing is left of it.
    seldom.oldest_failure = absl::InfiniteFuture();
    seldom.blocked.reset();
  }
}

TaskStatus StatusWriter::StatusOf(const Task& task, const ClockReading& now, const Engine& engine,
                                  const WorkerClients& clients, const Summary& summary) const {
  TaskStatus status;
  status.name = ToString(task.inputs.front().where);
  status.group = plan_->group(task.id.group).name;
  status.partition = task.id.partition.value();
  status.phase = PhaseOf(task);
  status.why = WhyOf(task, now, engine.intake_waits());
  const Seldom& seldom = seldom_.at(task.id);
  status.owner_since = seldom.owner_since;
  for (const InputPosition& input : task.inputs) {
    InputStatus& in = status.inputs.emplace_back();
    in.where = input.where;
    in.next_offset = input.next.value();
    const std::optional<Offset> end =
        clients.consumer == nullptr ? std::nullopt : clients.consumer->KnownEnd(input.where);
    if (end.has_value()) in.end_offset = end->value();
    if (input.end_seen.has_value()) in.last_stable_offset = input.end_seen->value();
    in.held_back = summary.HeldBackFor(input.where, now.now);
  }
  status.behind = BehindOf(task, now);
  status.restore = RestoreOf(task, now);
  status.blocked_aggregates = task.parking.blocked_aggregates();
  status.retrying_aggregates = task.parking.retrying();
  status.parked_events = task.parking.parked_events();
  status.parked_bytes = task.parking.parked_bytes();
  status.oldest_failure = seldom.oldest_failure;
  status.blocked = seldom.blocked;
  status.window_ids = task.window.size();
  status.window_bytes = task.window.memory_bytes();
  status.window_forgotten_early = task.window.forgotten_by_count();
  status.state_dirty_bytes = task.state.dirty_bytes();
  status.state_clean_bytes = task.state.memory_bytes() - std::min(task.state.dirty_bytes(), task.state.memory_bytes());
  if (task.last_checkpoint != absl::InfinitePast()) status.checkpoint_age = now.now - task.last_checkpoint;
  return status;
}

}  // namespace once
