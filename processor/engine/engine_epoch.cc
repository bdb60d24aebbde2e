// Steps of the engine that concern epochs: opening, sealing, and what follows from each outcome.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/engine.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {

void Engine::OpenEpoch() {
  epoch_.open = true;
  epoch_.number = epoch_.number + 1;
  epoch_.opened_at = now_;
  epoch_.records = 0;
  epoch_.bytes = 0;
  epoch_.counters = {};
  actions_->begin = true;
}

bool Engine::MustSeal() const {
  return stopping_ || !leaving_.empty() || now_ - epoch_.opened_at >= options_.commit_interval ||
         epoch_.records >= options_.max_epoch_records || epoch_.bytes >= options_.max_epoch_bytes;
}

void Engine::SealEpoch() {
  if (!epoch_.open || !committer_.idle()) return;
  std::vector<TopicPartitionOffset> offsets;
  for (size_t i = 0; i < epoch_.touched.size(); ++i) {
    Task* task = epoch_.touched[i];
    const absl::Status written = WriteChangelog(task, i);
    if (!written.ok()) {
      actions_->outputs.clear();
      store_failure_.emplace(task, written);
      return AbortEpoch();
    }
    // Every input of the task, moved or not: the broker then checks our membership, and no offset expires.
    for (const InputPosition& input : task->inputs) offsets.push_back({input.where, input.next});
  }
  committer_.Seal(std::move(offsets), now_, actions_);
}

// Sends the task's writes, its frontier last.
absl::Status Engine::WriteChangelog(Task* task, uint64_t touched_index) {
  const int64_t clock_ms = std::max(task->frontier.window_clock_ms(), absl::ToUnixMillis(now_));
  if (options_.idempotency_retention > absl::ZeroDuration()) {
    if (absl::Status sealed = task->window.Seal(clock_ms, &task->state); !sealed.ok()) return sealed;
  }
  v1::Frontier frontier = task->frontier;
  frontier.set_epoch(frontier.epoch() + 1);
  frontier.set_window_clock_ms(clock_ms);
  frontier.clear_inputs();
  for (const InputPosition& input : task->inputs) {
    v1::InputOffset* offset = frontier.add_inputs();
    offset->set_topic(input.where.topic);
    offset->set_next_offset(input.next.value());
  }
  frontier.clear_stores();
  for (const NodeIndex node : plan_->aggregates[task->id.group]) {
    v1::Store* store = frontier.add_stores();
    store->set_aggregate(plan_->graph->nodes[node].name);
    store->set_type(plan_->graph->nodes[node].state_type);
  }
  AddIdentity(*plan_, *task, &frontier);
  absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
  if (!entry.ok()) return entry.status();
  task->state.Put(*entry, frontier.SerializeAsString());
  for (const TaskState::Entry* write : task->state.epoch_writes()) {
    OutputRecord record;
    record.topic_index = plan_->changelog_index(task->id.group);
    record.partition = task->id.partition;
    record.timestamp_ms = clock_ms;
    record.key = write->key();
    record.value = write->value();
    if (write == *entry) {
      record.token = kFrontierToken + touched_index;
      record.want_offset = true;
    }
    actions_->outputs.push_back(record);
  }
  return absl::OkStatus();
}

void Engine::AbortEpoch() {
  if (epoch_.open && committer_.idle()) committer_.Abort(now_, actions_);
}

void Engine::On(const event::SendFailed& failed) {
  log_->Log(LogLevel::kWarning, absl::StrCat("a record could not be sent: ", kafka::ToString(failed.result)));
  // Whatever the step wanted next, the transaction cannot stand.
  if (epoch_.open) committer_.Abort(now_, actions_);
}

void Engine::On(const event::Flushed& flushed) {
  NoteRefusals(flushed.deliveries);
  absl::Status same_log;
  for (const kafka::Delivery& delivery : flushed.deliveries) {
    if (delivery.failed || delivery.token < kFrontierToken || !delivery.offset.has_value()) continue;
    same_log.Update(CheckDelivered(*epoch_.touched[delivery.token - kFrontierToken], *delivery.offset));
    epoch_.touched[delivery.token - kFrontierToken]->pending_changelog_position = *delivery.offset + 1;
  }
  if (!same_log.ok() && committer_.phase() == CommitPhase::kFlushing) {
    halt_after_commit_ = same_log;
    return committer_.Abort(now_, actions_);
  }
  if (committer_.phase() == CommitPhase::kFlushing) Conclude(committer_.OnFlushed(flushed.result, now_, actions_));
}

// A record that the broker refuses would abort its epoch for ever: its event is failed when it is seen again.
void Engine::NoteRefusals(const std::vector<kafka::Delivery>& deliveries) {
  for (const kafka::Delivery& delivery : deliveries) {
    if (!delivery.record_refused) continue;
    if (delivery.token == 0 || delivery.token > epoch_.causes.size()) {
      halt_after_commit_ = absl::FailedPreconditionError(
          absl::StrCat("topic ", plan_->output_topics[delivery.topic_index], " refuses a record of the engine's own: ",
                       delivery.error, "; set its max.message.bytes to at least twice the largest source's"));
      continue;
    }
    const Cause& cause = epoch_.causes[delivery.token - 1];
    const auto [refusal, is_new] = cause.task->refused.emplace(
        std::pair{TopicPartition{*cause.topic, cause.partition}, cause.offset}, Refusal{delivery.error, epoch_.number});
    if (is_new || refusal->second.epoch == epoch_.number) continue;
    halt_after_commit_ = absl::FailedPreconditionError(
        absl::StrCat("topic ", plan_->output_topics[delivery.topic_index], " refuses the dead letter of event ",
                     ToString(TopicPartition{*cause.topic, cause.partition}, cause.offset), ": ", delivery.error,
                     "; mend the topic's settings and start again"));
  }
}

void Engine::On(const event::OffsetsSent& sent) { Conclude(committer_.OnOffsetsSent(sent.result, now_, actions_)); }

void Engine::On(const event::CommitDone& done) { Conclude(committer_.OnCommitDone(done, now_, actions_)); }

void Engine::On(const event::AbortDone& done) { Conclude(committer_.OnAbortDone(done, now_, actions_)); }

void Engine::On(const event::ProducerReady& ready) { Conclude(committer_.OnProducerReady(ready.result, now_)); }

void Engine::Conclude(CommitVerdict verdict) {
  switch (verdict) {
    case CommitVerdict::kPending:
    case CommitVerdict::kReady:
      return;
    case CommitVerdict::kCommitted:
      CommitEpoch();
      if (!committer_.idle()) RewindRunningTasks();
      return;
    case CommitVerdict::kAborted:
      DropEpoch();
      RewindRunningTasks();
      return;
    case CommitVerdict::kUnknown:
      DropEpoch();
      for (const auto& [id, task] : tasks_) Reopen(task.get());
      return;
    case CommitVerdict::kHopeless:
      return Halt(absl::FailedPreconditionError(
          absl::StrCat(committer_.error(),
                       "; check that the application may write with its transactional.id and that no other"
                       " instance runs under the same instance_id")));
  }
}

void Engine::CommitEpoch() {
  for (Task* task : epoch_.touched) {
    task->state.CommitEpoch();
    task->window.CommitEpoch();
    task->parking.Commit();
    const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(FrontierKey());
    if (entry.ok() && (*entry)->value().has_value()) {
      const std::string_view bytes = *(*entry)->value();
      task->frontier.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    }
    for (InputPosition& input : task->inputs) input.committed = input.next;
    if (task->pending_changelog_position.has_value()) task->changelog_position = *task->pending_changelog_position;
    if (now_ - task->breaker.window_start >= options_.breaker_window) task->breaker = {.window_start = now_};
    task->breaker.finished += task->epoch_breaker.finished;
    task->breaker.failed += task->epoch_breaker.failed;
    task->refused.clear();
    task->last_commit = now_;
    task->current_at = now_;
  }
  committed_counters_ += epoch_.counters;
  ++committed_epochs_;
  CloseEpoch();
  if (halt_after_commit_.has_value()) return Halt(*halt_after_commit_);
  for (auto& [task, why] : std::exchange(pause_after_commit_, {})) {
    task->breaker = {.window_start = now_};
    Pause(task, why);
  }
  CheckpointTasks(stopping_);
}

// Nothing of the epoch ever was: state, IDs, statuses and positions are as committed.
void Engine::DropEpoch() {
  std::vector<std::pair<Task*, absl::Status>> failures;
  if (store_failure_.has_value()) failures.push_back(*std::exchange(store_failure_, std::nullopt));
  for (Task* task : epoch_.touched) {
    task->state.DropEpoch();
    task->window.DropEpoch();
    if (absl::Status reverted = task->parking.Revert(); !reverted.ok()) failures.emplace_back(task, reverted);
    for (InputPosition& input : task->inputs) input.next = input.committed.value_or(input.start);
  }
  CloseEpoch();
  pause_after_commit_.clear();
  if (halt_after_commit_.has_value()) return Halt(*halt_after_commit_);
  for (const auto& [task, status] : failures) StoreFailed(task, status);
}

void Engine::CloseEpoch() {
  for (Task* task : epoch_.touched) {
    task->touched = false;
    task->epoch_breaker = {};
    task->pending_changelog_position.reset();
  }
  epoch_.touched.clear();
  epoch_.causes.clear();
  epoch_.open = false;
}

// What was fetched is discarded; the next tick seeks to our own positions.
void Engine::RewindRunningTasks() {
  batch_ = nullptr;
  for (const auto& [id, task] : tasks_) {
    if (task->phase == TaskPhase::kRunning) task->awaiting_seek = true;
  }
}

void Engine::Reopen(Task* task) {
  if (task->phase == TaskPhase::kReplaying) actions_->control.emplace_back(action::StopReplay{task->changelog});
  task->phase = TaskPhase::kOpening;
  task->opening_at = now_;
  task->offsets_requested = false;
  task->awaiting_seek = true;
}

void Engine::On(const event::StopRequested&) {
  stopping_ = true;
  // Each may try once more.
  for (const auto& [id, task] : tasks_) task->checkpoint_failures = 0;
  if (epoch_.open) {
    SealEpoch();
  } else if (committer_.idle()) {
    CheckpointTasks(/*all=*/true);
  }
}

bool Engine::stopped() const {
  if (!stopping_ || !idle()) return false;
  return std::none_of(tasks_.begin(), tasks_.end(),
                      [](const auto& entry) { return entry.second->state.checkpoint_under_way(); });
}

}  // namespace once
