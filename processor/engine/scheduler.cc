// What runs next within a step.
#include "processor/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

void Scheduler::Take(const kafka::Batch* batch) {
  batch_ = batch;
  batch_cursor_ = 0;
  window_keys_.clear();
}

void Scheduler::ProcessBacklog() {
  if (batch_ == nullptr) return;
  const auto& records = batch_->records;
  while (batch_cursor_ < records.size()) {
    if (!epochs_->accepting() || !ProcessRecord(records[batch_cursor_], WindowKeyOf(batch_cursor_))) return;
    ++batch_cursor_;
    if (epochs_->open() && (epochs_->IsFull() || epochs_->current().IsCarefulAndFull())) epochs_->Seal();
  }
  // The ends come once only: they wait for the epoch that the last record sealed.
  if (!epochs_->accepting()) return;
  const kafka::Batch* batch = std::exchange(batch_, nullptr);
  ProcessErrors(*batch);
  ProcessEnds(*batch);
  if (epochs_->open() && epochs_->accepting() && epochs_->MustSeal()) epochs_->Seal();
}

const EventPipeline::WindowKey& Scheduler::WindowKeyOf(size_t index) {
  constexpr size_t kAhead = 12;
  const auto& records = batch_->records;
  for (size_t i = window_keys_.size(); i < std::min(index + kAhead, records.size()); ++i) {
    const InputRef ref = tasks_->FindInput(records[i].topic_index, records[i].partition);
    window_keys_.push_back(ref.task == nullptr ? EventPipeline::WindowKey{}
                                               : pipeline_->LookAhead(*ref.task, ref.input->source, records[i]));
  }
  return window_keys_[index];
}

// False if the record must wait: the epoch is being ended before it.
bool Scheduler::ProcessRecord(const RecordView& record, const EventPipeline::WindowKey& key) {
  const InputRef ref = tasks_->FindInput(record.topic_index, record.partition);
  if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek ||
      record.offset < ref.input->next || step_->stopping) {
    return true;
  }
  const Suspects::Treatment treatment = pipeline_->TreatmentOf(*ref.task, ref.input->source, record);
  if (!epochs_->current().MayJoin(ref.task, treatment)) {
    epochs_->Seal();
    return false;
  }
  epochs_->Join(ref.task);
  epochs_->current().NoteTreatment(ref.task, treatment);
  const Outcome outcome = pipeline_->Process(ref.task, ref.input->source, record, key);
  if (outcome.kind != Outcome::Kind::kDone) return HandleOutcome(ref.task, outcome);
  ref.input->next = record.offset + 1;
  ++epochs_->current().records;
  ++ref.task->epoch_breaker.finished;
  CountForBreaker(ref.task);
  return true;
}

// Whether the batch goes on. What was not processed is read again by a later seek.
bool Scheduler::HandleOutcome(Task* task, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      return true;
    case Outcome::Kind::kPauseTask:
      task->awaiting_seek = true;  // Discards the rest of the task's records.
      epochs_->PauseAfterwards(task, outcome.status);
      epochs_->Seal();
      return true;
    case Outcome::Kind::kHalt:
      epochs_->HaltAfterwards(outcome.status);
      epochs_->Seal();
      return false;
    case Outcome::Kind::kStoreFailed:
      epochs_->FailStore(task, outcome.status);
      return false;
  }
  return false;
}

void Scheduler::ProcessErrors(const kafka::Batch& batch) {
  for (const kafka::PartitionError& error : batch.errors) {
    const InputRef ref = tasks_->FindInput(error.topic_index, error.partition);
    if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek) continue;
    if (!absl::IsOutOfRange(error.status)) {
      log_->Log(LogLevel::kWarning, absl::StrCat(ToString(ref.input->where), ": ", error.status.ToString()));
      continue;
    }
    step_->Halt(absl::OutOfRangeError(absl::StrCat(
        "offset ", ToString(ref.input->where, ref.input->next),
        ", the next to process, is not in the log: ", std::string(error.status.message()),
        ". Events between it and the log's beginning are gone (retention too short for the time the application stood"
        " still?); decide where to go on and set the group's offset")));
  }
}

// All that was fetched of these partitions is done, so the position may pass trailing control markers.
void Scheduler::ProcessEnds(const kafka::Batch& batch) {
  if (!epochs_->accepting() || step_->stopping) return;
  for (const kafka::EndOfPartition& end : batch.ends) {
    const InputRef ref = tasks_->FindInput(end.topic_index, end.partition);
    if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek) continue;
    if (end.position <= ref.input->next) continue;
    epochs_->Join(ref.task);
    ref.input->next = end.position;
  }
}

void Scheduler::RunParked() {
  if (!epochs_->accepting()) return;
  const int64_t now_ms = absl::ToUnixMillis(step_->now);
  int64_t budget = options_->max_drained_per_step;
  for (const auto& [id, task] : tasks_->all()) {
    if (task->phase != TaskPhase::kRunning) continue;
    while (budget > 0) {
      const std::optional<std::string> key = task->parking.NextRunnable(now_ms);
      if (!key.has_value()) break;
      const auto treatment = task->suspects.empty() ? Suspects::Treatment::kFree : Suspects::Treatment::kAlone;
      if (!epochs_->current().MayJoin(task.get(), treatment)) return epochs_->Seal();
      epochs_->Join(task.get());
      epochs_->current().NoteTreatment(task.get(), treatment);
      --budget;
      const Outcome outcome = pipeline_->RunParked(task.get(), *key);
      ++epochs_->current().records;
      if (outcome.kind != Outcome::Kind::kDone) {
        HandleOutcome(task.get(), outcome);
        return;
      }
      if (epochs_->current().IsCarefulAndFull()) return epochs_->Seal();
    }
  }
}

// Trips when too large a share of what the task finished, committed or about to be, failed for good.
void Scheduler::CountForBreaker(Task* task) {
  const int64_t failed = task->breaker.failed + task->epoch_breaker.failed;
  if (task->epoch_breaker.failed == 0 || failed < options_->breaker_min_failures) return;
  const int64_t finished = task->breaker.finished + task->epoch_breaker.finished;
  if (static_cast<double>(failed) < options_->breaker_failure_ratio * static_cast<double>(finished)) return;
  task->awaiting_seek = true;
  epochs_->PauseAfterwards(task, absl::ResourceExhaustedError(absl::StrCat(
                                     failed, " of the last ", finished,
                                     " events failed for good (breaker_min_failures, "
                                     "breaker_failure_ratio); see the dead-letter topic for their reasons")));
  epochs_->Seal();
}

void Scheduler::TouchOverdue() {
  for (const auto& [id, task] : tasks_->all()) {
    if (task->phase != TaskPhase::kRunning || task->touched) continue;
    const bool first = std::any_of(task->inputs.begin(), task->inputs.end(),
                                   [](const InputPosition& input) { return !input.committed.has_value(); });
    if (!first && step_->now - task->last_commit < options_->recommit_interval) continue;
    if (!first && task->last_commit == absl::InfinitePast()) {
      task->last_commit = step_->now;
      continue;
    }
    epochs_->Join(task.get());
  }
}

}  // namespace once
