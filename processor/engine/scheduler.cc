// What runs next, and how long (X1). How carefully, where an event has ended its process, is in careful_turns.cc.
#include "processor/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/breaker.h"

namespace once {

namespace {

// What is fetched of such a task counts for nothing: it is read again by a later seek.
bool IsVoid(const Task& task) { return task.phase != TaskPhase::kRunning || task.awaiting_seek || task.is_ending(); }

// The event that a turn of that queue runs handlers of, if it does.
std::optional<Place> HeadOf(Task* task, const std::string& queue) {
  const v1::AggregateStatus* status = task->parking.FindQueue(queue);
  // The turn of a PARKED queue writes a notice and runs no handler (R2).
  if (status == nullptr || status->state() == v1::AggregateStatus::PARKED) return std::nullopt;
  const absl::StatusOr<v1::ParkedEvent> head = task->parking.Read(queue, status->head_sequence());
  if (!head.ok()) return std::nullopt;
  return Place{{head->topic(), Partition(head->partition())}, Offset(head->offset())};
}

bool IsEndOfReading(const Fetched& fetched) {
  return fetched.kind == Fetched::Kind::kError && absl::IsOutOfRange(fetched.batch->errors[fetched.begin].status);
}

}  // namespace

void Scheduler::Take(const std::shared_ptr<const kafka::Batch>& batch) {
  // What was worked out ahead is known by its batch's address, which the new one may have got.
  keys_of_ = nullptr;
  TakeRecords(batch);
  for (size_t i = 0; i < batch->errors.size(); ++i) {
    const InputRef ref = tasks_->FindInput(batch->errors[i].topic_index, batch->errors[i].partition);
    Push(ref, {batch, Fetched::Kind::kError, ref.input, i, i + 1});
  }
  // An end says that everything fetched before it is all there is, so it comes behind the records (T10).
  for (size_t i = 0; i < batch->ends.size(); ++i) {
    const InputRef ref = tasks_->FindInput(batch->ends[i].topic_index, batch->ends[i].partition);
    Push(ref, {batch, Fetched::Kind::kEnd, ref.input, i, i + 1});
  }
}

void Scheduler::TakeRecords(const std::shared_ptr<const kafka::Batch>& batch) {
  // Beside its bytes, a record is an object of the client's and a view of ours.
  constexpr size_t kObjects = 400;
  const std::vector<RecordView>& records = batch->records;
  const auto bytes_of = [&](size_t i) {
    return kObjects + records[i].key.value_or("").size() + records[i].value.value_or("").size();
  };
  size_t begin = 0;
  size_t bytes = records.empty() ? 0 : bytes_of(0);
  for (size_t i = 1; i <= records.size(); ++i) {
    if (i < records.size() && records[i].partition == records[begin].partition &&
        records[i].topic_index == records[begin].topic_index) {
      bytes += bytes_of(i);
      continue;
    }
    const InputRef ref = tasks_->FindInput(records[begin].topic_index, records[begin].partition);
    Push(ref, {batch, Fetched::Kind::kRecords, ref.input, begin, i, bytes});
    begin = i;
    bytes = i < records.size() ? bytes_of(i) : 0;
  }
}

void Scheduler::Push(const InputRef& ref, Fetched fetched) {
  Task* const task = ref.task;
  // X4: known from now on, whatever the task is doing and whatever becomes of what was fetched.
  if (task != nullptr && IsEndOfReading(fetched)) tasks_->NoteEnded(task, ref);
  if (task != nullptr && ref.is_control) return TakeCommands(task, std::move(fetched));
  // T7: of a partition that was given back meanwhile, or of a task whose inputs are sought before it goes on.
  if (task == nullptr || step_->stopping || IsVoid(*task)) return;
  // What comes behind something that was left at the broker must be left there, too.
  if (task->holding != Task::Holding::kNo) return;
  const int64_t waiting = task->backlog.records();
  const size_t most_bytes = std::min(options_->max_backlog_bytes, task->max_backlog_bytes);
  const bool is_too_much =
      waiting + static_cast<int64_t>(fetched.end - fetched.begin) > options_->max_backlog_records ||
      task->backlog.bytes() + fetched.bytes > most_bytes;
  // X7: with an empty backlog whatever comes is taken, or what is too large would never be.
  if (fetched.kind == Fetched::Kind::kRecords && waiting > 0 && is_too_much) {
    task->holding = Task::Holding::kToBeSought;
    tasks_->Mark(task);
    return;
  }
  task->backlog.Push(std::move(fetched));
  AddTurn(task, Kind::kNew);
}

void Scheduler::AddTurn(Task* task, Kind kind) {
  bool& has_turn = HasTurn(task, kind);
  if (has_turn) return;
  has_turn = true;
  absl::Duration& used = UsedBy(task, kind);
  // One that had nothing to do has no credit for it, or it would hold up the others with what it saved.
  used = std::max(used, pace_);
  turns_.push({used, next_turn_++, task->id, kind});
}

bool Scheduler::HasWork(const Task& task, Kind kind) const {
  // Who waits for us in a rebalance waits for one commit, not for the backlog.
  if (step_->stopping || tasks_->leaving()) return false;
  if (kind == Kind::kNew) return !IsVoid(task) && !task.backlog.empty();
  // X2: whatever it does would fail like what it is held back for.
  if (task.is_ending() || IsHeld(task, step_->now)) return false;
  if (kind == Kind::kControl) {
    if (!IsWritable(task)) return false;
    const bool has_commands = !task.control->awaiting_seek && !task.control->backlog.empty();
    return has_commands || task.control_state.NextPortionAt() <= step_->now;
  }
  // R4, R5: a pause for want of room lets attempts go on, since they alone make room.
  const bool may_retry =
      task.phase == TaskPhase::kRunning || (task.phase == TaskPhase::kPaused && task.retries_while_paused);
  return may_retry && task.parking.IsRunnable(step_->now);
}

bool Scheduler::IsAnyTaskHungry() const {
  return std::any_of(tasks_->all().begin(), tasks_->all().end(), [](const auto& entry) {
    const Task& task = *entry.second;
    return !IsVoid(task) && task.holding == Task::Holding::kNo && task.backlog.empty();
  });
}

void Scheduler::Charge() {
  LookAtNamed();
  if (!unfinished_.has_value()) return;
  const Turn turn = *std::exchange(unfinished_, std::nullopt);
  Task* const task = tasks_->Find(turn.task);
  if (task == nullptr) return;
  UsedBy(task, turn.kind) += step_->now - slice_began_;
  if (HasWork(*task, turn.kind)) AddTurn(task, turn.kind);
}

void Scheduler::AddDueRetries(const std::vector<Task*>& due) {
  for (Task* const task : due) {
    if (!task->has_parked_turn && HasWork(*task, Kind::kParked)) AddTurn(task, Kind::kParked);
    if (task->control.has_value() && HasWork(*task, Kind::kControl)) AddTurn(task, Kind::kControl);
  }
}

void Scheduler::RunSlice() {
  slice_began_ = step_->now;
  if (!RunNamed()) return;
  while (!turns_.empty() && epochs_->accepting() && !step_->halted) {
    const Turn turn = turns_.top();
    turns_.pop();
    Task* const task = tasks_->Find(turn.task);
    if (task == nullptr) continue;
    HasTurn(task, turn.kind) = false;
    pace_ = std::max(pace_, turn.used);
    if (!RunTurn(task, turn.kind)) return;
  }
}

bool Scheduler::RunTurn(Task* task, Kind kind) {
  tasks_->Mark(task);
  while (!step_->halted && HasWork(*task, kind)) {
    if (!epochs_->accepting() || !RunKind(task, kind)) {
      AddTurn(task, kind);
      return false;
    }
    // X1: not left to the next tick: until then the slice would fill it far beyond its bounds.
    if (epochs_->open() && (epochs_->IsFull() || epochs_->current().IsCarefulAndFull())) epochs_->Seal();
    if (observer_ == nullptr || !observer_->IsSliceOver()) continue;
    // What it took is known when the clock is read next, see Charge.
    unfinished_ = Turn{.used = {}, .number = 0, .task = task->id, .kind = kind};
    break;
  }
  if (kind == Kind::kNew && task->backlog.empty() && task->holding != Task::Holding::kNo) {
    // What was left at the broker is fetched now.
    task->holding = Task::Holding::kNo;
    task->awaiting_seek = true;
  }
  return !unfinished_.has_value();
}

bool Scheduler::RunKind(Task* task, Kind kind) {
  switch (kind) {
    case Kind::kNew:
      return RunNext(task);
    case Kind::kParked:
      return RunParked(task);
    case Kind::kControl:
      return RunControl(task);
  }
  return false;
}

bool Scheduler::RunNext(Task* task) {
  const Fetched& next = task->backlog.front();
  switch (next.kind) {
    case Fetched::Kind::kRecords:
      if (!ProcessRecord(task, next.input, next.batch->records[next.begin], WindowKeyOf(*task, next))) return false;
      break;
    case Fetched::Kind::kEnd:
      ProcessEnd(task, next.input, next.batch->ends[next.begin]);
      break;
    case Fetched::Kind::kError: {
      const Fetched error = next;  // The backlog is void if the task is opened anew.
      task->backlog.Advance();
      ProcessError(task, error.input, error.batch->errors[error.begin]);
      return true;
    }
  }
  task->backlog.Advance();
  return true;
}

const WindowKey& Scheduler::WindowKeyOf(const Task& task, const Fetched& run) {
  // A header is an object of the client's, somewhere in memory.
  constexpr size_t kRecordAhead = 8;
  // The state's table leads to an entry, and that to its bytes: each is fetched when the one before has come.
  constexpr size_t kEntryAhead = 8;
  constexpr size_t kBytesAhead = 4;
  const auto key_of = [this](size_t i) -> WindowKey& { return window_keys_[i % window_keys_.size()]; };
  if (keys_of_ != run.batch.get() || run.begin < keys_begin_ || run.begin > keys_end_) {
    keys_of_ = run.batch.get();
    keys_end_ = run.begin;
  }
  keys_begin_ = run.begin;
  for (; keys_end_ < std::min(run.begin + window_keys_.size(), run.end); ++keys_end_) {
    const std::vector<RecordView>& records = run.batch->records;
    if (const size_t i = keys_end_ + kRecordAhead; i < run.end && !records[i].headers.empty()) {
      __builtin_prefetch(records[i].headers.front().name.data());
    }
    pipeline_->LookAhead(task, run.input->source, records[keys_end_], &key_of(keys_end_));
  }
  const auto has_state = [&](size_t i) { return i < keys_end_ && key_of(i).has_state; };
  if (const size_t i = run.begin + kEntryAhead; has_state(i)) task.state.PrefetchEntry(key_of(i).state_hash);
  if (const size_t i = run.begin + kBytesAhead; has_state(i)) task.state.PrefetchBytes(key_of(i).state_hash);
  return key_of(run.begin);
}

// False if the epoch must end first: events that the broker may have refused run apart from others (R3b).
bool Scheduler::JoinApart(Task* task, Suspects::Treatment treatment, int64_t group) {
  if (!epochs_->current().MayJoin(task, treatment)) {
    epochs_->Seal();
    return false;
  }
  epochs_->Join(task);
  epochs_->current().NoteTreatment(task, treatment, group);
  return true;
}

bool Scheduler::ProcessRecord(Task* task, InputPosition* input, const RecordView& record, const WindowKey& key) {
  // Read again after a rewind or a rebalance: it is done (X5p).
  if (record.offset < input->next) return true;
  Suspects::Treatment treatment = pipeline_->TreatmentOf(*task, input->source, record);
  const size_t lane = LaneOf(*task, input);
  std::optional<Place> place;
  if (!task->crashes.IsCalm(lane)) {
    place = {input->where, record.offset};
    if (!Prepare(task, Kind::kNew, lane, place, &treatment)) return false;
  }
  // One that the process died of before, as its own memory has it.
  if (treatment == Suspects::Treatment::kAlone && !IsAlone()) return false;
  if (!JoinApart(task, treatment, GroupOf(*task))) return false;
  const Outcome outcome = pipeline_->Process(task, input->source, record, key);
  if (outcome.kind != Outcome::Kind::kDone) return HandleOutcome(task, outcome);
  // Ours, never the client's position (X5p); an abort takes it back.
  input->next = record.offset + 1;
  if (place.has_value()) task->crashes.NoteRan(lane, place);
  epochs_->NoteRecord(task);
  epochs_->current().has_unrun |= outcome.is_unrun;
  ++task->epoch_breaker.finished;
  CountForBreaker(task);
  return true;
}

// Whether the slice goes on. What was not processed is read again by a later seek.
bool Scheduler::HandleOutcome(Task* task, const Outcome& outcome) {
  // R3b: it is none of the epoch's, whose event it is not to pass for.
  if (outcome.kind != Outcome::Kind::kDone && epochs_->current().records > 0) epochs_->current().last_event.reset();
  // X3: it has not ended the process, so what was announced of it is taken back.
  if (outcome.kind != Outcome::Kind::kDone) task->crashes.CameBack();
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      return true;
    case Outcome::Kind::kPauseTask:
      task->awaiting_seek = true;  // Discards the rest of the task's records.
      epochs_->PauseAfterwards(task, outcome.status, options_->breaker_backoff, /*retries_go_on=*/true);
      epochs_->Seal();
      return true;
    case Outcome::Kind::kHalt:
      // X3: what was known of it has had its effect.
      task->crashes.ForgetBlamed();
      for (const Place& place : task->suspects.OnStopped()) {
        if (observer_ != nullptr) observer_->Settled(place);
      }
      tasks_->Fail(task, outcome.status);
      epochs_->Seal();
      return true;
    case Outcome::Kind::kStoreFailed:
      epochs_->FailStore(task, outcome.status);
      return false;
  }
  return false;
}

void Scheduler::ProcessError(Task* task, InputPosition* input, const kafka::PartitionError& error) {
  if (!absl::IsOutOfRange(error.status)) {
    log_->Log(LogLevel::kWarning, absl::StrCat(ToString(input->where), ": ", error.status.ToString()));
    // A seek inside a rebalance failed, and where the client reads on is not known.
    if (absl::IsUnavailable(error.status)) task->awaiting_seek = true;
    return;
  }
  // The opening finds out what is missing, of this input and of the task's others.
  tasks_->LookAgain(task, input);
  epochs_->Seal();
}

// All that was fetched of the partition is done, so the position may pass trailing control markers (T10).
void Scheduler::ProcessEnd(Task* task, InputPosition* input, const kafka::EndOfPartition& end) {
  input->end_seen = end.position;
  // As at each end that is told twice: no epoch is opened for it.
  if (end.position <= input->next) return;
  epochs_->Join(task);
  input->next = end.position;
}

// One parked event: the head of a queue that is due or drained, or an outstanding notice.
bool Scheduler::RunParked(Task* task) {
  const std::optional<std::string> queue = task->parking.NextRunnable(step_->now);
  if (!queue.has_value()) return true;
  // X3: what a command lets run runs when a commit says that it may. In one transaction with the command, an event that
  // ends the process would leave no trace, and be let run again and again as long as other parked events make progress.
  if (task->control_state.is_changed()) {
    epochs_->Seal();
    return false;
  }
  // R3b: groups are known by offsets still to be read, so a parked event runs alone while anything is suspected.
  auto treatment = task->suspects.empty() ? Suspects::Treatment::kFree : Suspects::Treatment::kAlone;
  const size_t lane = task->crashes.parked_lane();
  std::optional<Place> place;
  if (!task->crashes.IsCalm(lane)) {
    place = HeadOf(task, *queue);
    if (!Prepare(task, Kind::kParked, lane, place, &treatment)) return false;
  }
  if (treatment == Suspects::Treatment::kAlone && !IsAlone()) return false;
  if (!JoinApart(task, treatment, GroupOf(*task))) return false;
  task->parking.NoteTurn(*queue);
  const Outcome outcome = pipeline_->RunParked(task, *queue);
  epochs_->NoteRecord(task);
  if (outcome.kind != Outcome::Kind::kDone) return HandleOutcome(task, outcome);
  epochs_->current().has_unrun |= outcome.is_unrun;
  if (outcome.is_unrun) {
    // X3: that says nothing for it, so what is known of its deaths stays.
    task->crashes.CameBack();
  } else {
    task->crashes.NoteRan(lane, place, !task->parking.IsRunnable(step_->now));
  }
  return true;
}

void Scheduler::CountForBreaker(Task* task) {
  if (task->epoch_breaker.bad() == 0) return;
  const BreakerCounts window = BreakerWindow(*task);
  const absl::Status tripped = JudgeBreaker(window, *options_);
  if (tripped.ok()) return;
  // What is fetched is void: the task is sought to where it stands when the pause is over.
  task->awaiting_seek = true;
  epochs_->PauseAfterwards(task, tripped, NextBreakerPause(*options_, step_->now, task),
                           /*retries_go_on=*/window.waiting > 0);
  epochs_->Seal();
}

// A few at a time: the tasks that have just opened by the hundred must not hold up the commits of those that run.
void Scheduler::TouchOverdue(const std::vector<Task*>& due) {
  constexpr size_t kAtATime = 100;
  for (Task* const task : due) {
    if (epochs_->current().touched.size() >= kAtATime) return;
    if (task->crashes.has_news() && IsWritable(*task)) epochs_->JoinToNote(task);
    if (!KeepsItsOffsets(*task) || task->touched) continue;
    const bool first = HasUncommittedOffset(*task);
    if (!first && step_->now - task->last_commit < options_->recommit_interval) continue;
    // T9: committed by whoever had the task before, at a time that nobody knows: the hour counts from now.
    if (!first && task->last_commit == absl::InfinitePast()) {
      task->last_commit = step_->now;
      continue;
    }
    epochs_->Join(task);
  }
}

}  // namespace once
