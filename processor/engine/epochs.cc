// Epochs: opening, sealing, and what follows from each outcome.
#include "processor/engine/epochs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {

namespace {

// The only refusal that is told apart by its name.
constexpr std::string_view kRefusedStamp = "INVALID_TIMESTAMP";

}  // namespace

Epochs::Epochs(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks)
    : plan_(plan),
      options_(options),
      step_(step),
      tasks_(tasks),
      stamps_(*plan),
      epoch_{.arena = &arena_, .stamps = &stamps_},
      max_bytes_(options->max_epoch_bytes),
      committer_(options->transaction_timeout, options->retry_interval, log),
      troubles_(plan, options, log, step, tasks) {}

void Epochs::BeginStep() {
  arena_.Reset();
  epoch_.outputs = &step_->actions->outputs;
}

void Epochs::Join(Task* task) {
  if (!epoch_.open) {
    epoch_.open = true;
    // The transaction begins with its first event, not before: an idle worker holds none open.
    epoch_.number = epoch_.number + 1;
    epoch_.opened_at = step_->now;
    epoch_.opened_wall = step_->wall;
    epoch_.records = 0;
    epoch_.largest = {};
    epoch_.bytes = 0;
    epoch_.counters = {};
    epoch_.careful = nullptr;
    epoch_.is_note = false;
    epoch_.in_calls = {};
    epoch_.causes.clear();
    failure_ = {};
    same_log_ = absl::OkStatus();
    ran_.clear();
    step_->actions->begin = true;
  }
  epoch_.Touch(task);
  tasks_->Mark(task);
}

bool Epochs::MustSeal() const {
  return step_->stopping || tasks_->leaving() || step_->now - epoch_.opened_at >= options_->commit_interval || IsFull();
}

void Epochs::Seal() {
  // T2, T3: one epoch at a time; no event joins one that is sealed.
  if (!epoch_.open || !committer_.idle()) return;
  JoinEnding();
  std::vector<TopicPartitionOffset> offsets;
  for (size_t i = 0; i < epoch_.touched.size(); ++i) {
    Task* task = epoch_.touched[i];
    const absl::Status written = WriteChangelog(task, i);
    if (!written.ok()) {
      step_->actions->outputs.clear();
      return FailStore(task, written);
    }
    // Every input of the task, moved or not: the broker then checks our membership, and no offset expires (T1, T9).
    for (const InputPosition& input : task->inputs) offsets.push_back({input.where, input.next});
  }
  committer_.Seal(std::move(offsets), step_->now, step_->actions);
}

void Epochs::JoinEnding() {
  const bool is_end = step_->stopping;
  const auto end = [this](Task* task) {
    if (task != nullptr && IsWritable(*task) && task->crashes.TakeBack()) Join(task);
  };
  for (const TaskId& id : tasks_->leaving_tasks()) end(tasks_->Find(id));
  if (!is_end) return;
  for (const auto& [id, task] : tasks_->all()) end(task.get());
}

bool Epochs::EndOrderly() {
  if (epoch_.open || !committer_.idle()) return false;
  JoinEnding();
  if (!epoch_.open) return false;
  Seal();
  return true;
}

void Epochs::Abort() {
  if (epoch_.open && committer_.idle()) committer_.Abort(step_->now, step_->actions);
}

void Epochs::FailStore(Task* task, absl::Status status) {
  store_failure_.emplace(task, std::move(status));
  Abort();
}

// Sends the task's writes, its frontier last.
absl::Status Epochs::WriteChangelog(Task* task, uint64_t touched_index) {
  // E5: the window goes by the time that the task was open, carried on in the frontier.
  const int64_t clock_ms = task->window_clock.ReadMs(step_->now);
  if (options_->idempotency_retention > absl::ZeroDuration()) {
    if (absl::Status sealed = task->window.Seal(clock_ms, &task->state); !sealed.ok()) return sealed;
  }
  v1::Frontier frontier = task->frontier;
  frontier.set_epoch(frontier.epoch() + 1);
  frontier.set_window_clock_ms(clock_ms);
  // F1: all inputs, moved or not; an opening compares them with the committed offsets (F2).
  frontier.clear_inputs();
  for (const InputPosition& input : task->inputs) {
    v1::InputOffset* offset = frontier.add_inputs();
    offset->set_topic(input.where.topic);
    offset->set_next_offset(input.next.value());
  }
  // X5c: an opening sees by these whether an aggregate was renamed or moved.
  frontier.clear_stores();
  for (const NodeIndex node : plan_->aggregates[task->id.group]) {
    v1::Store* store = frontier.add_stores();
    store->set_aggregate(plan_->graph->nodes[node].name);
    store->set_type(plan_->graph->nodes[node].state_type);
  }
  AddIdentity(*plan_, *task, &frontier);
  for (size_t i = 0; i < task->inputs.size(); ++i) {
    const InputPosition& input = task->inputs[i];
    if (input.next != input.committed.value_or(input.start)) task->crashes.NoteMoved(i);
  }
  task->crashes.AddTo(task->parking.parked_events() > 0, &frontier);
  absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
  if (!entry.ok()) return entry.status();
  task->state.Put(*entry, frontier.SerializeAsString());
  for (const TaskState::Entry* write : task->state.epoch_writes()) {
    OutputRecord record;
    record.topic_index = plan_->changelog_index(task->id.group);
    record.partition = task->id.partition;
    record.timestamp_ms = stamps_.OwnRecord(record.topic_index, absl::ToUnixMillis(step_->wall));
    record.key = write->key();
    record.value = write->value();
    // Put last, so it is the last of the writes; its offset is where a checkpoint stands (F1).
    if (write == *entry) {
      record.token = kFrontierToken + touched_index;
      record.want_offset = true;
    }
    step_->actions->outputs.push_back(record);
  }
  return absl::OkStatus();
}

Task* Epochs::TaskOf(const kafka::Delivery& delivery) const {
  if (delivery.token > 0 && delivery.token <= epoch_.causes.size()) {
    return tasks_->Find(epoch_.causes[delivery.token - 1].task);
  }
  // A record of the engine's own.
  if (delivery.topic_index < plan_->changelog_index(0)) return nullptr;
  return tasks_->Find({static_cast<uint16_t>(delivery.topic_index - plan_->changelog_index(0)), delivery.partition});
}

void Epochs::Hear(const event::ProducerOutcome& outcome) {
  step_->PassTo(outcome.at);
  epoch_.in_calls += outcome.took;
  if (outcome.suspicious) committer_.NoteSuspicion();
  for (const kafka::Delivery& delivery : outcome.deliveries) {
    if (!delivery.failed) {
      NoteDelivered(delivery);
    } else if (delivery.refusal == kafka::Refusal::kNone) {
      NoteFailure(delivery);
    }
  }
  NoteRefusals(outcome.deliveries);
}

void Epochs::NoteDelivered(const kafka::Delivery& delivery) {
  if (!epoch_.open || delivery.token < kFrontierToken || !delivery.offset.has_value()) return;
  const uint64_t index = delivery.token - kFrontierToken;
  if (index >= epoch_.touched.size()) return;
  // X5f: a frontier that lands before what the state stands for is in another log.
  if (absl::Status same = CheckDelivered(*epoch_.touched[index], *delivery.offset); !same.ok()) {
    tasks_->Fail(epoch_.touched[index], same);
    same_log_.Update(same);
  }
  epoch_.touched[index]->pending_changelog_position = *delivery.offset + 1;
}

void Epochs::NoteFailure(const kafka::Delivery& delivery) {
  const std::string code = CodeOf(delivery);
  // Followers of a failure, which say nothing of its cause.
  if (code == "_STATE" || code == "_PURGE_QUEUE" || code == "_PURGE_INFLIGHT") return;
  if (!failure_.topic_index.has_value()) {
    failure_.topic_index = delivery.topic_index;
    failure_.code = code;
    failure_.error = delivery.error;
    failure_.lasting = failure_.lasting || delivery.lasting;
  }
  if (failure_.topic_index != delivery.topic_index) return;
  if (const Task* task = TaskOf(delivery); task != nullptr) failure_.tasks.insert(task->id);
}

Suspects::Ran Epochs::WhatRan(const Task& task) const {
  // Reports of a producer that is replaced come when its epoch has been dropped.
  if (const auto dropped = ran_.find(task.id); dropped != ran_.end()) return dropped->second;
  Suspects::Ran ran;
  ran.events = epoch_.records;
  if (epoch_.records == 1) ran.only = epoch_.last_event;
  for (const InputPosition& input : task.inputs) ran.read_to[input.where] = input.next;
  return ran;
}

// X3, X6: a stamp that is refused is the fault of our clock or of the topic's bounds, never of an event: the next try
// is with another one. Where all were tried in vain the topic's tasks are held back, and are told of, as in any
// trouble.
void Epochs::NoteRefusedStamp(const kafka::Delivery& delivery) {
  Restamped& restamped = restamped_[delivery.topic_index];
  // Further reports of an epoch are of stamps from before.
  if (restamped.in != epoch_.number) restamped = {epoch_.number, stamps_.Refused(delivery.topic_index)};
  if (!restamped.is_new) return NoteFailure(delivery);
  failure_.refusal = absl::StrCat("topic ", plan_->output_topics[delivery.topic_index],
                                  " refuses timestamps of this instance: ", delivery.error,
                                  "; the transaction is aborted, and its records are stamped with the present, or else"
                                  " earlier or later. Widen the topic's message.timestamp bounds, or set this machine's"
                                  " clock, or the brokers'");
}

// A record that the broker refuses would abort its epoch for ever: its task finds out whose fault it is (R3b).
void Epochs::NoteRefusals(const std::vector<kafka::Delivery>& deliveries) {
  std::map<Task*, std::vector<Suspects::Refused>> by_task;
  for (const kafka::Delivery& delivery : deliveries) {
    if (delivery.refusal == kafka::Refusal::kNone) continue;
    if (delivery.code == kRefusedStamp) {
      NoteRefusedStamp(delivery);
      continue;
    }
    Task* const task = TaskOf(delivery);
    if (task == nullptr) continue;
    Suspects::Refused refused{.refusal = delivery.refusal,
                              .likeliest = delivery.record_refused,
                              .topic = plan_->output_topics[delivery.topic_index],
                              .code = CodeOf(delivery),
                              .error = delivery.error};
    if (delivery.token == 0 || delivery.token > epoch_.causes.size()) {
      refused.what = Suspects::Refused::What::kOwn;
    } else {
      const Cause& cause = epoch_.causes[delivery.token - 1];
      const bool is_letter = delivery.topic_index == plan_->dead_letter_index();
      refused.what = is_letter ? Suspects::Refused::What::kDeadLetter : Suspects::Refused::What::kOutput;
      refused.cause = {{*cause.topic, cause.partition}, cause.offset};
    }
    by_task[task].push_back(std::move(refused));
  }
  for (const auto& [task, refused] : by_task) {
    const absl::Status judged = task->suspects.OnRefused(WhatRan(*task), refused);
    if (!judged.ok()) tasks_->Fail(task, judged);
    // Progress: the next try is another one.
    const Suspects::Refused& first = refused.front();
    const bool is_own = first.what == Suspects::Refused::What::kOwn;
    const std::string fix = WhatToDo(AdviceFor(first.code), absl::StrCat("topic ", first.topic));
    failure_.refusal =
        absl::StrCat("topic ", first.topic, " refuses ",
                     is_own ? "what the engine writes of state and event IDs"
                            : absl::StrCat("an output of event ", ToString(first.cause.where, first.cause.offset)),
                     refused.size() > 1 ? absl::StrCat(" and ", refused.size() - 1, " more") : "", ": ", first.error,
                     "; the transaction is aborted, and ",
                     is_own ? "its events run again, fewer at a time" : "the event fails when it runs again",
                     is_own && !fix.empty() ? absl::StrCat("; ", fix) : "");
  }
}

CommitVerdict Epochs::Judged(const kafka::Result& result, CommitVerdict verdict) {
  const bool is_given_up = committer_.phase() == CommitPhase::kAborting ||
                           committer_.phase() == CommitPhase::kRebuilding || verdict == CommitVerdict::kAborted;
  if (result.ok() || !is_given_up || failure_.result.has_value()) return verdict;
  failure_.result = result;
  failure_.what = committer_.error();
  failure_.lasting = failure_.lasting || result.lasting;
  return verdict;
}

CommitVerdict Epochs::On(const event::BeginFailed& failed) {
  if (!epoch_.open) return CommitVerdict::kPending;
  return Judged(failed.result, committer_.OnBeginFailed(failed.result, step_->now, step_->actions));
}

CommitVerdict Epochs::On(const event::SendFailed& failed) {
  if (!epoch_.open) return CommitVerdict::kPending;
  return Judged(failed.result, committer_.OnSendFailed(failed.result, step_->now, step_->actions));
}

// Refused or lost between our calls: the transaction cannot stand. While its end is under way, that will say so.
CommitVerdict Epochs::On(const event::Delivered& delivered) {
  const bool has_failed = std::any_of(delivered.deliveries.begin(), delivered.deliveries.end(),
                                      [](const kafka::Delivery& each) { return each.failed; });
  if (has_failed) Abort();
  return CommitVerdict::kPending;
}

CommitVerdict Epochs::On(const event::Flushed& flushed) {
  if (committer_.phase() != CommitPhase::kFlushing) return CommitVerdict::kPending;
  if (!same_log_.ok()) {
    committer_.Abort(step_->now, step_->actions);
    return CommitVerdict::kPending;
  }
  return Judged(flushed.result, committer_.OnFlushed(flushed.result, step_->now, step_->actions));
}

CommitVerdict Epochs::On(const event::OffsetsSent& sent) {
  return Judged(sent.result, committer_.OnOffsetsSent(sent.result, step_->now, step_->actions));
}

CommitVerdict Epochs::On(const event::CommitDone& done) {
  return Judged(done.result, committer_.OnCommitDone(done.result, step_->now, step_->actions));
}

CommitVerdict Epochs::On(const event::AbortDone& done) {
  return Judged(done.result, committer_.OnAbortDone(done.result, step_->now, step_->actions));
}

CommitVerdict Epochs::On(const event::ProducerReady& ready) {
  return committer_.OnProducerReady(ready.result, step_->now);
}

void Epochs::Commit() {
  for (Task* task : epoch_.touched) {
    // Before positions move: it asks what this epoch has read.
    if (std::optional<Place> settled = task->suspects.OnCommitted(WhatRan(*task)); settled.has_value()) {
      settled_.push_back(*std::move(settled));
    }
    task->state.CommitEpoch();
    task->window.CommitEpoch();
    task->parking.Commit();
    task->crashes.OnCommitted();
    const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
    if (entry.ok() && (*entry)->value().has_value()) {
      const std::string_view bytes = *(*entry)->value();
      task->frontier.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }
    for (InputPosition& input : task->inputs) {
      input.committed = input.next;
      input.resume.reset();
    }
    // F1: without an offset in the report the older one stays; replaying more than needed does no harm.
    if (task->pending_changelog_position.has_value()) task->changelog_position = *task->pending_changelog_position;
    if (step_->now - task->breaker.window_start >= options_->breaker_window)
      task->breaker = {.window_start = step_->now};
    task->breaker += task->epoch_breaker;
    task->last_commit = step_->now;
    task->current_at = step_->now;
  }
  committed_counters_ += epoch_.counters;
  ++committed_epochs_;
  troubles_.OnCommit(epoch_);
  Close();
  for (const PlannedPause& pause : std::exchange(pause_afterwards_, {})) {
    pause.task->breaker = {.window_start = step_->now};
    tasks_->Pause(pause.task, pause.why, pause.length, pause.retries_go_on);
  }
}

// X3: what no transaction can hold would be tried for ever, and hold up all that is in its epoch.
void Epochs::NoteOutgrown() {
  const Largest& largest = epoch_.largest;
  if (!failure_.happened() || step_->now - epoch_.opened_at < options_->transaction_timeout) return;
  Task* const task = tasks_->Find(largest.task);
  if (task == nullptr || largest.bytes < max_bytes_) return;
  task->suspects.OnOutgrown(largest.place, /*was_alone=*/epoch_.records == 1,
                            absl::StrCat("its ", largest.outputs, " outputs and state, ", largest.bytes,
                                         " bytes, did not fit into a transaction of its own within ",
                                         absl::FormatDuration(options_->transaction_timeout),
                                         ", three times; let it make less, or raise transaction_timeout"));
}

void Epochs::Drop() {
  NoteOutgrown();
  std::vector<std::pair<Task*, absl::Status>> failures;
  if (store_failure_.has_value()) failures.push_back(*std::exchange(store_failure_, std::nullopt));
  for (Task* task : epoch_.touched) {
    ran_.emplace(task->id, WhatRan(*task));
    task->state.DropEpoch();
    task->window.DropEpoch();
    task->crashes.OnDropped();
    if (absl::Status reverted = task->parking.Revert(); !reverted.ok()) failures.emplace_back(task, reverted);
    // I1: offsets go back with everything else of the epoch.
    for (InputPosition& input : task->inputs) input.next = input.stable();
  }
  troubles_.OnDrop(std::exchange(failure_, {}), epoch_);
  Close();
  pause_afterwards_.clear();
  // Only now: a task must belong to no epoch when it is given up.
  for (const auto& [task, status] : failures) tasks_->StoreFailed(task, status);
}

void Epochs::Close() {
  for (Task* task : epoch_.touched) {
    task->touched = false;
    tasks_->Mark(task);
    task->epoch_breaker = {};
    task->pending_changelog_position.reset();
  }
  epoch_.open = false;
  for (Task* task : std::exchange(epoch_.touched, {})) tasks_->EndOf(task);
}

}  // namespace once
