// Epochs: opening, sealing, and what follows from each outcome.
#include "processor/engine/epochs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {

Epochs::Epochs(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks)
    : plan_(plan),
      options_(options),
      log_(log),
      step_(step),
      tasks_(tasks),
      epoch_{.arena = &arena_},
      committer_(options->transaction_timeout, options->retry_interval, log) {}

void Epochs::BeginStep() {
  arena_.Reset();
  epoch_.outputs = &step_->actions->outputs;
}

void Epochs::Join(Task* task) {
  if (!epoch_.open) {
    epoch_.open = true;
    epoch_.number = epoch_.number + 1;
    epoch_.opened_at = step_->now;
    epoch_.records = 0;
    epoch_.bytes = 0;
    epoch_.counters = {};
    step_->actions->begin = true;
  }
  epoch_.Touch(task);
}

bool Epochs::MustSeal() const {
  return step_->stopping || tasks_->leaving() || step_->now - epoch_.opened_at >= options_->commit_interval || IsFull();
}

void Epochs::Seal() {
  if (!epoch_.open || !committer_.idle()) return;
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

void Epochs::Abort() {
  if (epoch_.open && committer_.idle()) committer_.Abort(step_->now, step_->actions);
}

void Epochs::FailStore(Task* task, absl::Status status) {
  store_failure_.emplace(task, std::move(status));
  Abort();
}

// Sends the task's writes, its frontier last.
absl::Status Epochs::WriteChangelog(Task* task, uint64_t touched_index) {
  const int64_t clock_ms = std::max(task->frontier.window_clock_ms(), absl::ToUnixMillis(step_->now));
  if (options_->idempotency_retention > absl::ZeroDuration()) {
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
    step_->actions->outputs.push_back(record);
  }
  return absl::OkStatus();
}

void Epochs::OnSendFailed(const kafka::Result& result) {
  log_->Log(LogLevel::kWarning, absl::StrCat("a record could not be sent: ", kafka::ToString(result)));
  // Whatever the step wanted next, the transaction cannot stand.
  if (epoch_.open) committer_.Abort(step_->now, step_->actions);
}

CommitVerdict Epochs::OnFlushed(const event::Flushed& flushed) {
  NoteRefusals(flushed.deliveries);
  absl::Status same_log;
  for (const kafka::Delivery& delivery : flushed.deliveries) {
    if (delivery.failed || delivery.token < kFrontierToken || !delivery.offset.has_value()) continue;
    same_log.Update(CheckDelivered(*epoch_.touched[delivery.token - kFrontierToken], *delivery.offset));
    epoch_.touched[delivery.token - kFrontierToken]->pending_changelog_position = *delivery.offset + 1;
  }
  if (committer_.phase() != CommitPhase::kFlushing) return CommitVerdict::kPending;
  if (!same_log.ok()) {
    HaltAfterwards(same_log);
    committer_.Abort(step_->now, step_->actions);
    return CommitVerdict::kPending;
  }
  return committer_.OnFlushed(flushed.result, step_->now, step_->actions);
}

// A record that the broker refuses would abort its epoch for ever: its event is failed when it is seen again.
void Epochs::NoteRefusals(const std::vector<kafka::Delivery>& deliveries) {
  for (const kafka::Delivery& delivery : deliveries) {
    if (!delivery.record_refused) continue;
    if (delivery.token == 0 || delivery.token > epoch_.causes.size()) {
      halt_afterwards_ = absl::FailedPreconditionError(
          absl::StrCat("topic ", plan_->output_topics[delivery.topic_index], " refuses a record of the engine's own: ",
                       delivery.error, "; set its max.message.bytes to at least twice the largest source's"));
      continue;
    }
    const Cause& cause = epoch_.causes[delivery.token - 1];
    const auto [refusal, is_new] = cause.task->refused.emplace(
        std::pair{TopicPartition{*cause.topic, cause.partition}, cause.offset}, Refusal{delivery.error, epoch_.number});
    if (is_new || refusal->second.epoch == epoch_.number) continue;
    halt_afterwards_ = absl::FailedPreconditionError(
        absl::StrCat("topic ", plan_->output_topics[delivery.topic_index], " refuses the dead letter of event ",
                     ToString(TopicPartition{*cause.topic, cause.partition}, cause.offset), ": ", delivery.error,
                     "; mend the topic's settings and start again"));
  }
}

void Epochs::Commit() {
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
    if (step_->now - task->breaker.window_start >= options_->breaker_window) task->breaker = {.window_start = step_->now};
    task->breaker.finished += task->epoch_breaker.finished;
    task->breaker.failed += task->epoch_breaker.failed;
    task->refused.clear();
    task->last_commit = step_->now;
    task->current_at = step_->now;
  }
  committed_counters_ += epoch_.counters;
  ++committed_epochs_;
  Close();
  if (halt_afterwards_.has_value()) return step_->Halt(*halt_afterwards_);
  for (const PlannedPause& pause : std::exchange(pause_afterwards_, {})) {
    pause.task->breaker = {.window_start = step_->now};
    tasks_->Pause(pause.task, pause.why, pause.retries_go_on);
  }
}

void Epochs::Drop() {
  std::vector<std::pair<Task*, absl::Status>> failures;
  if (store_failure_.has_value()) failures.push_back(*std::exchange(store_failure_, std::nullopt));
  for (Task* task : epoch_.touched) {
    task->state.DropEpoch();
    task->window.DropEpoch();
    if (absl::Status reverted = task->parking.Revert(); !reverted.ok()) failures.emplace_back(task, reverted);
    for (InputPosition& input : task->inputs) input.next = input.committed.value_or(input.start);
  }
  Close();
  pause_afterwards_.clear();
  if (halt_afterwards_.has_value()) return step_->Halt(*halt_afterwards_);
  for (const auto& [task, status] : failures) tasks_->StoreFailed(task, status);
}

void Epochs::Close() {
  for (Task* task : epoch_.touched) {
    task->touched = false;
    task->epoch_breaker = {};
    task->pending_changelog_position.reset();
  }
  epoch_.touched.clear();
  epoch_.causes.clear();
  epoch_.open = false;
}

}  // namespace once
