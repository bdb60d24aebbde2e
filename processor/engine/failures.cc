// What becomes of an event that failed: retried, parked, dead-lettered, skipped, or the end of its task (R1 to R6). How
// it is parked is in parked_events.cc.
#include "processor/engine/failures.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/base/trace_context.h"
#include "processor/engine/parking_limits.h"

namespace once {
namespace {

// A handler's message in a line of the log.
std::string Told(const absl::Status& status) {
  constexpr size_t kMaxToldBytes = 500;
  return OneLine(CutUtf8(ToStd(status.message()), kMaxToldBytes));
}

TallySubject SubjectOf(const Attempt& attempt, const std::string& aggregate) {
  const RecordView& record = *attempt.record;
  const auto trace = ParseTraceParent(FindHeader(record.headers, kTraceParentHeader).value_or(std::string_view()));
  return {.task = ToString(attempt.task->inputs.front().where),
          .topic = *attempt.topic,
          .partition = record.partition.value(),
          .offset = record.offset.value(),
          .aggregate = aggregate,
          .event_id = Printable(EventIdOf(record, *attempt.topic), kMaxStoredTextBytes),
          .trace_id = trace.has_value() ? std::string(trace->trace_id) : ""};
}

}  // namespace

Outcome FromStore(absl::Status status) {
  if (status.ok()) return {};
  return {Outcome::Kind::kStoreFailed, std::move(status)};
}

Place PlaceOf(const Attempt& attempt) { return {{*attempt.topic, attempt.record->partition}, attempt.record->offset}; }

std::string PrintableKey(const RecordView& record) {
  const std::string_view key = record.key.value_or(std::string_view());
  return Printable(key.substr(0, kMaxStoredTextBytes), kMaxStoredTextBytes);
}

Failures::Failures(const Plan* plan, const EngineOptions* options, Epoch* epoch, LogSink* log,
                   HandlerObserver* observer)
    : plan_(plan),
      options_(options),
      epoch_(epoch),
      log_(log),
      observer_(observer),
      kept_values_(plan->graph->large_values.get(), log),
      unwritten_(LogLevel::kError,
                 absl::StrCat("dead letters that ", plan->graph->dead_letter_topic, " has no room for"),
                 "raise its max.message.bytes; the events are still at these places"),
      failed_(LogLevel::kWarning, "events that failed for good", "see the dead letters for all of them"),
      rejected_(LogLevel::kWarning, "events that were rejected", "see the dead letters for all of them"),
      retried_(LogLevel::kWarning, "attempts that failed for now and are made again", "") {}

void Failures::ReleaseStep() {
  revived_.clear();
  kept_values_.ReleaseStep(epoch_->opened_at);
  for (Tally* tally : {&unwritten_, &failed_, &rejected_, &retried_}) tally->Tell(epoch_->opened_at, log_);
}

std::string Failures::KeyText(const Attempt& attempt) const {
  const RecordView& record = *attempt.record;
  if (!record.key.has_value()) return "";
  const SourceSpec& spec = plan_->graph->sources[attempt.source];
  const Suspects& suspects = attempt.task->suspects;
  // X3: the key's codec may be what ended the process.
  const bool is_deadly = !suspects.empty() && suspects.IsDeadly(PlaceOf(attempt));
  if (is_deadly || spec.key_to_text == nullptr) return PrintableKey(record);
  const Observed observed(observer_, *attempt.topic, record);
  return spec.key_to_text(*record.key);
}

SourceIndex Failures::SourceOf(const Task& task, std::string_view topic) const {
  for (const InputPosition& input : task.inputs) {
    if (input.where.topic == topic) return input.source;
  }
  // Not met: an opening refuses a topology that lacks an input of the state's (X5c).
  return task.inputs.front().source;
}

bool Failures::EmitDeadLetter(const Attempt& attempt, const DeadLetter& letter) {
  const size_t before = epoch_->outputs->size();
  const uint32_t index = plan_->dead_letter_index();
  const DeadLetterLimits limits{.max_bytes = plan_->max_record_bytes[index],
                                .stamp_ms = epoch_->stamps->Present(index, NowMs()),
                                .needs_key = plan_->compacted[index],
                                .only_minimal = attempt.task->suspects.NeedsMinimalLetter(PlaceOf(attempt)),
                                .families = options_->letter_families};
  OutputRecord record = MakeDeadLetter(*attempt.record, *attempt.topic, letter, limits, epoch_->arena);
  const bool has_value = record.value == attempt.record->value;
  if (!has_value && !letter.value_is_lost && !limits.only_minimal) {
    // With a reference instead it is still an event, which can be sent back (R6).
    if (const auto kept = kept_values_.Keep(*attempt.record, epoch_->arena); kept.has_value()) {
      const OutputRecord with = MakeDeadLetter(*kept, *attempt.topic, letter, limits, epoch_->arena);
      if (with.value == kept->value) record = with;
    }
  }
  // X3: a dead letter that fits nowhere is told of in the log; the event is over all the same.
  if (EstimatedSize(record) > limits.max_bytes) {
    unwritten_.Count([&] { return OriginOf(*attempt.record, *attempt.topic); });
    return false;
  }
  // R6: a letter that lost its key, or got its origin as one, does not lead back to its queue by it.
  const bool has_key = record.key == attempt.record->key;
  record.topic_index = index;
  // R3b: if the broker refuses the letter, its event is found by this.
  record.token = epoch_->AddCause(attempt.task, plan_->input_topics[attempt.source], attempt.record->partition,
                                  attempt.record->offset);
  // R1: a notice only; what became of the event is in the parking state.
  epoch_->outputs->push_back(record);
  epoch_->counters.dead_letters.Count(letter.disposition, StatusCodeOf(letter.reason));
  epoch_->Account(before);
  return has_key;
}

bool Failures::SendDeadLetter(const Attempt& attempt, Disposition disposition, const Verdict& verdict, uint32_t round,
                              const std::string& aggregate) {
  const absl::Status& status = verdict.status;
  const std::string reason = StatusCodeName(status.code());
  // What is rejected no node has failed at.
  const bool failed = disposition == Disposition::kFailed;
  if (failed) epoch_->flows.CountFailed(verdict.node);
  Tally& tally = failed ? failed_ : rejected_;
  const auto example = [&] {
    return absl::StrCat(OriginOf(*attempt.record, *attempt.topic), " (event ",
                        Printable(EventIdOf(*attempt.record, *attempt.topic)), ", key \"", Printable(aggregate),
                        "\"): ", reason, ": ", Told(status));
  };
  tally.Count(example, [&] { return SubjectOf(attempt, aggregate); });
  return EmitDeadLetter(attempt,
                        {.disposition = disposition,
                         .reason = reason,
                         .message = ToStd(status.message()),
                         .node = failed ? plan_->graph->nodes[verdict.node].name : std::string_view(),
                         .attempts = static_cast<uint32_t>(attempt.number),
                         .first_failure_ms = attempt.first_failure_ms != 0 ? attempt.first_failure_ms : NowMs(),
                         .application = plan_->application_id,
                         .aggregate = aggregate,
                         .round = round,
                         .value_is_lost = attempt.omitted});
}

void Failures::SendHeadNotice(const Attempt& attempt, const Verdict& why, v1::AggregateStatus* status) {
  const std::string aggregate = KeyText(attempt);
  // X3: kept, so that followers' notices call no codec; left out where the bytes read alike.
  const std::string_view shown = CutUtf8(aggregate, kMaxStoredTextBytes);
  status->set_aggregate(shown == PrintableKey(*attempt.record) ? "" : std::string(shown));
  const bool has_key = SendDeadLetter(attempt, Disposition::kFailed, why, 0, aggregate);
  // Only where the key does not lead back to the queue.
  status->set_head_origin(has_key ? "" : OriginOf(*attempt.record, *attempt.topic));
  CountFailure(attempt.task);
}

uint32_t Failures::NextRound(const Attempt& attempt) const {
  // R6: the letter says which copy the next one will be.
  return ReadRedrive(attempt.record->headers, plan_->application_id, *attempt.topic).round + 1;
}

void Failures::Reject(const Attempt& attempt, const Verdict& verdict) {
  SendDeadLetter(attempt, Disposition::kRejected, verdict, NextRound(attempt), KeyText(attempt));
  ++epoch_->counters.rejected;
}

void Failures::EndForGood(const Attempt& attempt, const Verdict& verdict) {
  SendDeadLetter(attempt, Disposition::kFailed, verdict, NextRound(attempt), KeyText(attempt));
  CountFailure(attempt.task);
}

void Failures::CountFailure(Task* task) {
  ++epoch_->counters.failed;
  ++task->epoch_breaker.failed;
}

bool Failures::WillRetry(const Attempt& attempt, const Verdict& verdict) const {
  if (verdict.status.ok() || verdict.rejected) return false;
  // What ended the process is not tried again, whatever codes pass: nobody would count that attempt (X3).
  const Suspects& suspects = attempt.task->suspects;
  if (!suspects.empty() && suspects.IsDeadly(PlaceOf(attempt))) return false;
  const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
  // X4: giving up is by time, whatever the number of attempts.
  return policy.IsTransient(verdict.status.code()) && attempt.retried < policy.give_up_after;
}

// What the status says is bounded, so that no event and no handler makes the state large (X3).
void Failures::FillFailure(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status) const {
  status->set_attempts(static_cast<uint32_t>(attempt.number));
  status->set_first_failure_time_ms(attempt.first_failure_ms != 0 ? attempt.first_failure_ms : NowMs());
  status->set_retried_ms(absl::ToInt64Milliseconds(attempt.retried));
  status->set_reason(StatusCodeName(verdict.status.code()));
  status->set_message(std::string(CutUtf8(ToStd(verdict.status.message()), kMaxStoredMessageBytes)));
  status->set_blocking_event_id(std::string(CutUtf8(EventIdOf(*attempt.record, *attempt.topic), kMaxStoredTextBytes)));
}

void Failures::SetRetry(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status) {
  const FailurePolicy& policy = plan_->graph->nodes[verdict.node].policy;
  // The last attempt is made when its time is over, not long before.
  const absl::Duration left = policy.give_up_after - absl::Milliseconds(status->retried_ms());
  const absl::Duration delay = std::min(policy.BackoffAfter(attempt.number), left);
  status->set_state(v1::AggregateStatus::RETRYING);
  // R3: nothing waits in place; the parking index knows when it is due. A millisecond more, lest rounding make it
  // early.
  status->set_retry_at_ms(absl::ToUnixMillis(attempt.task->parking.clock().wall + delay + absl::Milliseconds(1)));
  ++epoch_->counters.put_off;
  retried_.Count([&] {
    return absl::StrCat("attempt ", attempt.number, " at event ", OriginOf(*attempt.record, *attempt.topic), " (key \"",
                        Printable(KeyText(attempt)), "\"), ",
                        absl::FormatDuration(absl::Trunc(attempt.retried, absl::Seconds(1))),
                        " after its first: ", StatusCodeName(verdict.status.code()), ": ", Told(verdict.status));
  });
}

Outcome Failures::Fail(const Attempt& attempt, const Verdict& verdict) {
  if (verdict.rejected) {
    Reject(attempt, verdict);
    return {};
  }
  if (WillRetry(attempt, verdict)) return Block(attempt, verdict, v1::AggregateStatus::RETRYING);
  const FailureAction then = plan_->graph->nodes[verdict.node].after_failure();
  if (then == FailureAction::kStop) return Stop(attempt, verdict);
  // Without a key there is nothing to block.
  const bool keyed = attempt.record->key.has_value();
  if (keyed && then == FailureAction::kBlockAggregate) {
    return Block(attempt, verdict, v1::AggregateStatus::PARKED);
  }
  EndForGood(attempt, verdict);
  return {};
}

Outcome Failures::Stop(const Attempt& attempt, const Verdict& verdict) const {
  return {Outcome::Kind::kHalt,
          absl::Status(
              verdict.status.code(),
              absl::StrCat("event ", OriginOf(*attempt.record, *attempt.topic), " (key \"", Printable(KeyText(attempt)),
                           "\") failed in \"", plan_->graph->nodes[verdict.node].name, "\", whose policy is to stop: ",
                           OneLine(CutUtf8(ToStd(verdict.status.message()), kMaxStoredMessageBytes)),
                           "; mend the event's cause, or the handler and start again"))};
}

// The first failure of an open aggregate, or of an event without one: it becomes the head of a new queue.
Outcome Failures::Block(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus::State state) {
  // R4: at a limit the task pauses, and this event is read again after it.
  if (Outcome limits = CheckParkingLimits(*attempt.task, nullptr); limits.kind != Outcome::Kind::kDone) return limits;
  const std::string queue = Parking::QueueOf(*attempt.record, *attempt.topic);
  if (!CanPark(attempt, queue)) {
    // Nothing of this key can be in the changelog, its state neither: there is no order to keep.
    EndForGood(attempt, verdict);
    return {};
  }
  v1::AggregateStatus status;
  FillFailure(attempt, verdict, &status);
  if (state == v1::AggregateStatus::RETRYING) {
    SetRetry(attempt, verdict, &status);
    ++attempt.task->epoch_breaker.waiting;
  } else {
    status.set_state(v1::AggregateStatus::PARKED);
    // Its own notice, the first of the queue, goes out with it.
    status.set_notice_sequence(1);
    SendHeadNotice(attempt, verdict, &status);
  }
  return Park(attempt, queue, std::move(status));
}

Outcome Failures::Park(const Attempt& attempt, const std::string& queue, v1::AggregateStatus status) {
  const v1::ParkedEvent event = Pack(attempt, queue);
  epoch_->bytes += static_cast<int64_t>(event.ByteSizeLong());
  return FromStore(attempt.task->parking.Push(queue, event, std::move(status)));
}

Outcome Failures::NoticeCameBack(const Attempt& attempt, const Redrive& redrive, bool* released) {
  *released = false;
  if (redrive.kind != Redrive::Kind::kFailedNotice) return {};
  // A letter may have lost its key, and then have another one on a compacted topic.
  const std::string queue =
      attempt.task->parking.QueueOfHead(redrive.origin).value_or(Parking::QueueOf(*attempt.record, *attempt.topic));
  const v1::AggregateStatus* found = attempt.task->parking.FindQueue(queue);
  // R6: it was released before, or has drained: a further copy changes nothing.
  if (found == nullptr || found->state() != v1::AggregateStatus::PARKED) return {};
  v1::AggregateStatus status = *found;
  const absl::StatusOr<Attempt> head = Revive(attempt.task, queue, status.head_sequence());
  if (!head.ok()) return FromStore(head.status());
  // R6: the notice of an earlier head of this queue.
  if (OriginOf(*head->record, *head->topic) != redrive.origin) return {};
  // Two IDs in one place: the topic was made anew. A hollow letter has none to tell by.
  const bool has_ids = !head->omitted && !redrive.is_hollow;
  if (has_ids && FindHeader(head->record->headers, "ce_id") != FindHeader(attempt.record->headers, "ce_id")) {
    return {};
  }
  // R3a: the head is still the first of its queue, so it is run before those behind it.
  *released = true;
  return Release(attempt.task, queue, std::move(status));
}

absl::StatusOr<Attempt> Failures::Revive(Task* task, const std::string& queue, uint64_t sequence) {
  absl::StatusOr<v1::ParkedEvent> event = task->parking.Read(queue, sequence);
  if (!event.ok()) return event.status();
  revived_.push_back(std::make_unique<Revived>());
  Revived& revived = *revived_.back();
  revived.queue = queue;
  revived.event = *std::move(event);
  const SourceIndex source = SourceOf(*task, revived.event.topic());
  revived.record = ToRecordView(revived.event, source, epoch_->arena);
  // The queue's name has the key that the record had no room for.
  const bool keyed = queue.starts_with(KindPrefix(ChangelogKind::kAggregateStatus));
  if (revived.event.omitted() && keyed) revived.record.key = std::string_view(revived.queue).substr(1);
  return Attempt{.task = task,
                 .source = source,
                 .record = &revived.record,
                 .topic = &plan_->input_topics[source],
                 .queue = &revived.queue,
                 .omitted = revived.event.omitted()};
}

absl::StatusOr<Attempt> Failures::Head(Task* task, const std::string& queue, const v1::AggregateStatus& status) {
  absl::StatusOr<Attempt> head = Revive(task, queue, status.head_sequence());
  if (!head.ok()) return head;
  head->number = static_cast<int>(status.attempts()) + 1;
  head->first_failure_ms = status.first_failure_time_ms();
  head->retried = task->parking.RetriedFor(queue);
  return head;
}

Outcome Failures::HeadProcessed(const Attempt& attempt, v1::AggregateStatus status) {
  // What is behind it runs next, with attempts of its own.
  status.set_state(v1::AggregateStatus::DRAINING);
  status.set_attempts(0);
  status.set_first_failure_time_ms(0);
  status.set_retried_ms(0);
  return FromStore(attempt.task->parking.Pop(*attempt.queue, std::move(status)));
}

Outcome Failures::HeadFailed(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus status) {
  if (verdict.rejected) {
    // It was parked under another topology: one letter, and the queue goes on.
    Reject(attempt, verdict);
    return HeadProcessed(attempt, std::move(status));
  }
  const FailureAction then = plan_->graph->nodes[verdict.node].after_failure();
  if (WillRetry(attempt, verdict)) {
    FillFailure(attempt, verdict, &status);
    SetRetry(attempt, verdict, &status);
    return FromStore(attempt.task->parking.SetStatus(*attempt.queue, status));
  }
  if (then == FailureAction::kStop) return Stop(attempt, verdict);
  // A keyless one waited for its retries in a queue of its own, which ends here.
  if (then == FailureAction::kSkip || !attempt.record->key.has_value()) {
    EndForGood(attempt, verdict);
    return HeadProcessed(attempt, std::move(status));
  }
  FillFailure(attempt, verdict, &status);
  SendHeadNotice(attempt, verdict, &status);
  status.set_state(v1::AggregateStatus::PARKED);
  // R2: followers that came while it was retried have had no notices; they follow one by one.
  status.set_notice_sequence(std::max(status.notice_sequence(), status.head_sequence() + 1));
  return FromStore(attempt.task->parking.SetStatus(*attempt.queue, status));
}

}  // namespace once
