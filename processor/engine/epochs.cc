// Epochs: opening, sealing, and what follows from each outcome. What is reported with one is in epoch_reports.cc.
#include "processor/engine/epochs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {

Epochs::Epochs(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks)
    : plan_(plan),
      options_(options),
      step_(step),
      tasks_(tasks),
      stamps_(*plan),
      committed_flows_(plan->graph->nodes.size(), plan->graph->sources.size(), plan->graph->sinks.size()),
      epoch_{.flows = committed_flows_, .arena = &arena_, .stamps = &stamps_},
      max_bytes_(options->max_epoch_bytes),
      committer_(options->transaction_timeout, options->retry_interval, log),
      failing_(plan, options, log, step, tasks) {}

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
    epoch_.flows.Clear();
    epoch_.sampled_ms.clear();
    epoch_.careful = nullptr;
    epoch_.is_note = false;
    epoch_.has_unrun = false;
    epoch_.last_event.reset();
    epoch_.ended.clear();
    epoch_.in_calls = {};
    epoch_.causes.clear();
    // X2: all that the one before brought has been heard by now.
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
  epoch_.sealed_at = step_->now;
  // X3: tasks that are given back say in this very epoch that they end in order.
  JoinEnding();
  std::vector<TopicPartitionOffset> offsets;
  for (size_t i = 0; i < epoch_.touched.size(); ++i) {
    Task* task = epoch_.touched[i];
    const absl::Status written = WriteChangelog(task, i);
    if (!written.ok()) {
      // Of a changelog that was written in part nothing may be sent; the abort takes back what was sent before.
      step_->actions->outputs.clear();
      return FailStore(task, written);
    }
    // Every input of the task, moved or not: the broker then checks our membership, and no offset expires (T1, T9).
    task->ForEachPosition([&](const InputPosition& input) { offsets.push_back({input.where, input.next}); });
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
  // While its end is under way, that decides (T5).
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
  // E6: the packed IDs come before the frontier, which is the last record (F1).
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
  if (task->control.has_value()) {
    frontier.mutable_control()->set_topic(task->control->position.where.topic);
    frontier.mutable_control()->set_next_offset(task->control->position.next.value());
  }
  // X5c: an opening sees by these whether an aggregate was renamed or moved.
  AddStores(*plan_, task->id.group, &frontier);
  AddIdentity(*plan_, *task, &frontier);
  // X3: an input that moves is progress, so this opening of the task was not in vain.
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

CommitVerdict Epochs::Judged(const kafka::Result& result, CommitVerdict verdict) {
  const bool is_given_up = committer_.phase() == CommitPhase::kAborting ||
                           committer_.phase() == CommitPhase::kRebuilding || verdict == CommitVerdict::kAborted;
  // The first reason counts: what fails afterwards, the abort included, follows from it.
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
  // X5f: nothing is committed to a changelog that is not the one it was.
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
    for (const Place& settled : task->suspects.OnCommitted(WhatRan(*task))) settled_.push_back(settled);
    task->state.CommitEpoch();
    task->window.CommitEpoch();
    task->parking.Commit();
    task->control_state.Commit();
    task->crashes.OnCommitted();
    const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
    if (entry.ok() && (*entry)->value().has_value()) {
      const std::string_view bytes = *(*entry)->value();
      task->frontier.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }
    task->ForEachPosition([](InputPosition& input) {
      input.committed = input.next;
      input.resume.reset();
    });
    // F1: without an offset in the report the older one stays; replaying more than needed does no harm.
    if (task->pending_changelog_position.has_value()) task->changelog_position = *task->pending_changelog_position;
    if (step_->now - task->breaker.window_start >= options_->breaker_window)
      task->breaker = {.window_start = step_->now};
    task->breaker += task->epoch_breaker;
    task->last_commit = step_->now;
    // F6: at this moment the changelog held nothing that we lack.
    task->current_at = step_->now;
  }
  CountCommit();
  failing_.OnCommit(epoch_);
  const std::vector<Task*> spoken_for = epoch_.touched;
  Close();
  // R4, R5: now, so that what was done before the limit was reached has committed.
  for (const PlannedPause& pause : std::exchange(pause_afterwards_, {})) {
    pause.task->breaker = {.window_start = step_->now};
    tasks_->Pause(pause.task, pause.why, pause.length, pause.retries_go_on);
  }
  for (Task* const task : spoken_for) tasks_->FollowCommands(task);
}

// X3: what no transaction can hold would be tried for ever, and hold up all that is in its epoch.
void Epochs::NoteOutgrown() {
  const Largest& largest = epoch_.largest;
  // One that failed before its time was over says nothing of sizes.
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
    absl::Status reverted = task->parking.Revert();
    reverted.Update(task->control_state.Revert());
    if (!reverted.ok()) failures.emplace_back(task, reverted);
    task->resumes = false;
    // I1: offsets go back with everything else of the epoch.
    task->ForEachPosition([](InputPosition& input) { input.next = input.stable(); });
  }
  const std::vector<Task*> spoken_for = epoch_.touched;
  const EpochFailure failure = std::move(failure_);
  failure_ = {};
  CountDrop(failure, !failures.empty());
  failing_.OnDrop(failure, epoch_);
  Close();
  // What asked for them is undone, and will ask again.
  pause_afterwards_.clear();
  // A resume that never was has ended the pause already.
  for (Task* const task : spoken_for) tasks_->FollowCommands(task);
  // Only now: a task must belong to no epoch when it is given up.
  for (const auto& [task, status] : failures) tasks_->StoreFailed(task, status);
}

void Epochs::Close() {
  for (Task* task : epoch_.touched) {
    task->touched = false;
    tasks_->Mark(task);
    task->epoch_breaker = {};
    task->epoch_records = 0;
    task->pending_changelog_position.reset();
  }
  epoch_.open = false;
  // X4: what failed, or is to be looked at again, has waited for this.
  for (Task* task : std::exchange(epoch_.touched, {})) tasks_->EndOf(task);
}

}  // namespace once
