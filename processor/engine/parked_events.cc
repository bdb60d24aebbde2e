// What is parked of an event, until when there is room for it (R4), and what is told of those that wait behind (R2).
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/failures.h"
#include "processor/engine/parking_limits.h"

namespace once {

bool Failures::FitsChangelog(const Task& task, size_t key_bytes, size_t value_bytes) const {
  constexpr size_t kRecordBytes = 128;  // Of the batch and the record around them.
  const size_t limit = plan_->max_record_bytes[plan_->changelog_index(task.id.group)];
  return key_bytes <= limit && value_bytes <= limit && key_bytes + value_bytes + kRecordBytes <= limit;
}

bool Failures::CanPark(const Attempt& attempt, const std::string& queue) const {
  constexpr size_t kMaxTopicBytes = 249;
  // The most that a status can become: texts at their bounds, an origin, numbers.
  constexpr size_t kStatusBytes = kMaxStoredMessageBytes + 2 * kMaxStoredTextBytes + kMaxTopicBytes + 288;
  return FitsChangelog(*attempt.task, queue.size() + 32, kStatusBytes);
}

// A record that the changelog takes (E7): the whole event, or with a reference instead of its value, or else where it
// is. The queue's name has the key then.
v1::ParkedEvent Failures::Pack(const Attempt& attempt, const std::string& queue) {
  const RecordView& record = *attempt.record;
  const auto fits = [&](const RecordView& whole) {
    size_t bytes = whole.key.value_or("").size() + whole.value.value_or("").size();
    for (const HeaderView& header : whole.headers) {
      bytes += header.name.size() + header.value.value_or("").size() + 16;
    }
    bytes += attempt.topic->size() + 64;
    return FitsChangelog(*attempt.task, queue.size() + 16, bytes);
  };
  // A broker that refused it may say another size than it did at the start.
  const Suspects& suspects = attempt.task->suspects;
  // A head has no queue yet when it is packed.
  const bool follows = attempt.task->parking.FindQueue(queue) != nullptr;
  const bool refused = !suspects.empty() && suspects.NeedsOmission(PlaceOf(attempt), follows);
  if (!refused) {
    if (fits(record)) return ToParkedEvent(record, *attempt.topic);
    const std::optional<RecordView> kept = kept_values_.Keep(record, epoch_->arena);
    if (kept.has_value() && fits(*kept)) return ToParkedEvent(*kept, *attempt.topic);
  }
  v1::ParkedEvent place;
  place.set_topic(*attempt.topic);
  place.set_partition(record.partition.value());
  place.set_offset(record.offset.value());
  place.set_timestamp_ms(record.timestamp_ms);
  place.set_omitted(true);
  return place;
}

Outcome Failures::CheckParkingLimits(const Task& task, const v1::AggregateStatus* status) const {
  absl::Status reached = once::CheckParkingLimits(*options_, task, status);
  if (reached.ok()) return {};
  return {Outcome::Kind::kPauseTask, std::move(reached)};
}

void Failures::SendBlockedNotice(const Attempt& attempt, const v1::AggregateStatus& status) {
  // Without the user's code, which a follower that is only told of must not meet (X3).
  const std::string aggregate = status.aggregate().empty() ? PrintableKey(*attempt.record) : status.aggregate();
  EmitDeadLetter(attempt, {.disposition = Disposition::kBlocked,
                           .reason = status.reason(),
                           .message = status.message(),
                           .blocked_by = status.blocking_event_id(),
                           .attempts = 0,
                           .first_failure_ms = status.first_failure_time_ms(),
                           .application = plan_->application_id,
                           .aggregate = aggregate,
                           .value_is_lost = attempt.omitted});
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
  if (status.state() == v1::AggregateStatus::PARKED) ++attempt.task->epoch_breaker.blocked;
  if (status.state() == v1::AggregateStatus::RETRYING) ++attempt.task->epoch_breaker.waiting;
  const std::string queue = Parking::QueueOf(*attempt.record, *attempt.topic);
  return Park(attempt, queue, std::move(status));
}

Outcome Failures::Notice(Task* task, const std::string& queue, v1::AggregateStatus status) {
  const absl::StatusOr<Attempt> follower = Revive(task, queue, status.notice_sequence());
  if (!follower.ok()) return FromStore(follower.status());
  // R3b: should the letter be refused in an epoch without anything else, this is its event.
  epoch_->NoteEvent([&] { return PlaceOf(*follower); });
  SendBlockedNotice(*follower, status);
  status.set_notice_sequence(status.notice_sequence() + 1);
  return FromStore(task->parking.SetStatus(queue, status));
}

}  // namespace once
