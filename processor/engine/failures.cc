#include "processor/engine/failures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

Outcome FromStore(absl::Status status) {
  if (status.ok()) return {};
  return {Outcome::Kind::kStoreFailed, std::move(status)};
}

Failures::Failures(const Plan* plan, const EngineOptions* options, Epoch* epoch)
    : plan_(plan), options_(options), epoch_(epoch) {}

std::string Failures::KeyText(SourceIndex source, const RecordView& record) const {
  if (!record.key.has_value()) return "";
  const SourceSpec& spec = plan_->graph->sources[source];
  return spec.key_to_text == nullptr ? std::string(*record.key) : spec.key_to_text(*record.key);
}

SourceIndex Failures::SourceOf(const Task& task, std::string_view topic) const {
  for (const InputPosition& input : task.inputs) {
    if (input.where.topic == topic) return input.source;
  }
  return task.inputs.front().source;
}

void Failures::EmitDeadLetter(const Attempt& attempt, const DeadLetter& letter) {
  const size_t before = epoch_->outputs->size();
  const uint32_t index = plan_->dead_letter_index();
  OutputRecord record =
      MakeDeadLetter(*attempt.record, *attempt.topic, letter, plan_->max_record_bytes[index], epoch_->arena);
  record.topic_index = index;
  record.token = epoch_->AddCause(attempt.task, plan_->input_topics[attempt.source], attempt.record->partition,
                                  attempt.record->offset);
  epoch_->outputs->push_back(record);
  epoch_->Account(before);
}

void Failures::SendDeadLetter(const Attempt& attempt, Disposition disposition, const absl::Status& status,
                                   std::string_view blocked_by) {
  const std::string reason = StatusCodeName(status.code());
  const std::string aggregate = KeyText(attempt.source, *attempt.record);
  EmitDeadLetter(attempt, {.disposition = disposition,
                           .reason = reason,
                           .message = ToStd(status.message()),
                           .blocked_by = blocked_by,
                           .attempts = static_cast<uint32_t>(attempt.number),
                           .first_failure_ms = attempt.first_failure_ms != 0 ? attempt.first_failure_ms : NowMs(),
                           .application = plan_->application_id,
                           .aggregate = aggregate});
}

void Failures::CountFailure(Task* task) {
  ++epoch_->counters.failed;
  ++task->epoch_breaker.failed;
}

bool Failures::WillRetry(const Attempt& attempt, const Verdict& verdict) const {
  if (verdict.status.ok() || verdict.rejected) return false;
  const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
  return policy.IsTransient(verdict.status.code()) && attempt.number < policy.max_attempts;
}

void Failures::FillFailure(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status) const {
  status->set_attempts(static_cast<uint32_t>(attempt.number));
  status->set_first_failure_time_ms(attempt.first_failure_ms != 0 ? attempt.first_failure_ms : NowMs());
  status->set_reason(StatusCodeName(verdict.status.code()));
  status->set_message(std::string(verdict.status.message()));
  status->set_blocking_event_id(EventIdOf(*attempt.record, *attempt.topic));
}

Outcome Failures::Fail(const Attempt& attempt, const Verdict& verdict) {
  if (verdict.rejected) {
    SendDeadLetter(attempt, Disposition::kRejected, verdict.status, "");
    ++epoch_->counters.rejected;
    return {};
  }
  const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
  const bool keyed = attempt.record->key.has_value();
  if (keyed && WillRetry(attempt, verdict)) return Block(attempt, verdict, v1::AggregateStatus::RETRYING);
  if (policy.then == FailureAction::kStop) {
    return {Outcome::Kind::kHalt,
            absl::Status(verdict.status.code(),
                         absl::StrCat("event ", OriginOf(*attempt.record, *attempt.topic), " (key \"",
                                      Printable(KeyText(attempt.source, *attempt.record)), "\") failed in \"",
                                      plan_->graph->nodes[verdict.node].name,
                                      "\", whose policy is to stop: ", std::string(verdict.status.message()),
                                      "; mend the handler or the event's cause and start again"))};
  }
  if (keyed && policy.then == FailureAction::kBlockAggregate) {
    return Block(attempt, verdict, v1::AggregateStatus::PARKED);
  }
  SendDeadLetter(attempt, Disposition::kFailed, verdict.status, "");
  CountFailure(attempt.task);
  return {};
}

// The first failure of an open aggregate: its event becomes the head of a new queue.
Outcome Failures::Block(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus::State state) {
  if (Outcome limits = CheckParkingLimits(*attempt.task, nullptr); limits.kind != Outcome::Kind::kDone) return limits;
  v1::AggregateStatus status;
  status.set_state(state);
  FillFailure(attempt, verdict, &status);
  if (state == v1::AggregateStatus::RETRYING) {
    const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
    status.set_retry_at_ms(NowMs() + absl::ToInt64Milliseconds(policy.BackoffAfter(attempt.number)));
  } else {
    status.set_notice_sequence(1);
    SendDeadLetter(attempt, Disposition::kFailed, verdict.status, "");
    CountFailure(attempt.task);
  }
  return FromStore(attempt.task->parking.Push(*attempt.record->key, ToParkedEvent(*attempt.record, *attempt.topic),
                                              std::move(status)));
}

Outcome Failures::CheckParkingLimits(const Task& task, const v1::AggregateStatus* status) const {
  if (task.parking.parked_events() >= options_->max_parked_per_task) {
    return {Outcome::Kind::kPauseTask,
            absl::ResourceExhaustedError(absl::StrCat("task ", ToString(task.inputs.front().where), " has ",
                                                      task.parking.parked_events(),
                                                      " parked events, its limit (max_parked_per_task); release or "
                                                      "discard some, or raise the limit"))};
  }
  if (status == nullptr) return {};
  const auto queued = static_cast<int64_t>(status->next_sequence() - status->head_sequence());
  if (queued >= options_->max_parked_per_aggregate) {
    return {Outcome::Kind::kPauseTask,
            absl::ResourceExhaustedError(
                absl::StrCat("an aggregate of task ", ToString(task.inputs.front().where), " has ", queued,
                             " parked events, its limit (max_parked_per_aggregate), behind event ",
                             status->blocking_event_id(), "; release or discard them, or raise the limit"))};
  }
  return {};
}

void Failures::SendBlockedNotice(const Attempt& attempt, const v1::AggregateStatus& status) {
  const std::string aggregate = KeyText(attempt.source, *attempt.record);
  EmitDeadLetter(attempt, {.disposition = Disposition::kBlocked,
                           .reason = status.reason(),
                           .message = status.message(),
                           .blocked_by = status.blocking_event_id(),
                           .attempts = 0,
                           .first_failure_ms = status.first_failure_time_ms(),
                           .application = plan_->application_id,
                           .aggregate = aggregate});
}

Outcome Failures::ParkBehind(const Attempt& attempt, const v1::AggregateStatus& found) {
  if (Outcome limits = CheckParkingLimits(*attempt.task, &found); limits.kind != Outcome::Kind::kDone) return limits;
  v1::AggregateStatus status = found;
  // With notices outstanding this one waits its turn, so that they come in the order of the events.
  if (status.state() == v1::AggregateStatus::PARKED && status.notice_sequence() == status.next_sequence()) {
    SendBlockedNotice(attempt, status);
    status.set_notice_sequence(status.notice_sequence() + 1);
  }
  ++epoch_->counters.blocked;
  return FromStore(attempt.task->parking.Push(*attempt.record->key, ToParkedEvent(*attempt.record, *attempt.topic),
                                              std::move(status)));
}

absl::StatusOr<Attempt> Failures::Revive(Task* task, const std::string& key, uint64_t sequence) {
  absl::StatusOr<v1::ParkedEvent> event = task->parking.Read(key, sequence);
  if (!event.ok()) return event.status();
  revived_.push_back(std::make_unique<Revived>());
  Revived& revived = *revived_.back();
  revived.event = *std::move(event);
  const SourceIndex source = SourceOf(*task, revived.event.topic());
  revived.record = ToRecordView(revived.event, source, epoch_->arena);
  return Attempt{.task = task, .source = source, .record = &revived.record, .topic = &plan_->input_topics[source]};
}

Outcome Failures::Notice(Task* task, const std::string& key, v1::AggregateStatus status) {
  const absl::StatusOr<Attempt> follower = Revive(task, key, status.notice_sequence());
  if (!follower.ok()) return FromStore(follower.status());
  SendBlockedNotice(*follower, status);
  status.set_notice_sequence(status.notice_sequence() + 1);
  return FromStore(task->parking.SetStatus(key, status));
}

absl::StatusOr<Attempt> Failures::Head(Task* task, const std::string& key, const v1::AggregateStatus& status) {
  absl::StatusOr<Attempt> head = Revive(task, key, status.head_sequence());
  if (!head.ok()) return head;
  head->number = static_cast<int>(status.attempts()) + 1;
  head->first_failure_ms = status.first_failure_time_ms();
  if (head->number > 1) ++epoch_->counters.retries;
  return head;
}

Outcome Failures::HeadProcessed(const Attempt& attempt, const std::string& key, v1::AggregateStatus status) {
  status.set_state(v1::AggregateStatus::DRAINING);
  status.set_attempts(0);
  status.set_first_failure_time_ms(0);
  return FromStore(attempt.task->parking.Pop(key, std::move(status)));
}

Outcome Failures::HeadFailed(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus status) {
  const std::string key(*attempt.record->key);
  const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
  FillFailure(attempt, verdict, &status);
  if (WillRetry(attempt, verdict)) {
    status.set_state(v1::AggregateStatus::RETRYING);
    status.set_retry_at_ms(NowMs() + absl::ToInt64Milliseconds(policy.BackoffAfter(attempt.number)));
    return FromStore(attempt.task->parking.SetStatus(key, status));
  }
  if (policy.then == FailureAction::kStop) return Fail(attempt, verdict);
  SendDeadLetter(attempt, Disposition::kFailed, verdict.status, "");
  CountFailure(attempt.task);
  if (policy.then == FailureAction::kSkip) {
    status.set_state(v1::AggregateStatus::DRAINING);
    status.set_attempts(0);
    status.set_first_failure_time_ms(0);
    return FromStore(attempt.task->parking.Pop(key, std::move(status)));
  }
  status.set_state(v1::AggregateStatus::PARKED);
  status.set_notice_sequence(std::max(status.notice_sequence(), status.head_sequence() + 1));
  return FromStore(attempt.task->parking.SetStatus(key, status));
}

}  // namespace once
