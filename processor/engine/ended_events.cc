// Events that commands end: skipped, discarded, never to be processed. None of the user's code sees them, so that also
// those can be ended which end their process (X3).
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/failures.h"

namespace once {

Outcome Failures::Release(Task* task, const std::string& queue, v1::AggregateStatus status) {
  status.set_state(v1::AggregateStatus::DRAINING);
  // X4: who releases it gives it its whole time again.
  status.set_attempts(0);
  status.set_retried_ms(0);
  status.clear_aggregate();
  status.clear_head_origin();
  return FromStore(task->parking.SetStatus(queue, status));
}

void Failures::SendEndNotice(const Attempt& attempt, Disposition disposition, const std::string& why,
                             const std::string& aggregate) {
  EmitDeadLetter(attempt, {.disposition = disposition,
                           .reason = "CANCELLED",
                           .message = why,
                           .attempts = static_cast<uint32_t>(attempt.number - 1),
                           .first_failure_ms = attempt.first_failure_ms != 0 ? attempt.first_failure_ms : NowMs(),
                           .application = plan_->application_id,
                           .aggregate = aggregate.empty() ? PrintableKey(*attempt.record) : aggregate,
                           .round = NextRound(attempt),
                           .value_is_lost = attempt.omitted});
}

Outcome Failures::EndHead(Task* task, const std::string& queue, v1::AggregateStatus status, Disposition disposition,
                          const std::string& why) {
  const absl::StatusOr<Attempt> head = Head(task, queue, status);
  if (!head.ok()) return FromStore(head.status());
  SendEndNotice(*head, disposition, why, status.aggregate());
  // X3: whatever was known of it is over with it.
  const Place place = PlaceOf(*head);
  if (!task->suspects.empty()) epoch_->ended.emplace_back(task, place);
  task->crashes.NoteEnded(place);
  status.clear_aggregate();
  status.clear_head_origin();
  return HeadProcessed(*head, std::move(status));
}

bool Failures::EndUnrun(const Attempt& head, const v1::AggregateStatus& status, Outcome* outcome) {
  if (status.head_sequence() < status.discard_below()) {
    ++epoch_->counters.discarded;
    *outcome = EndHead(head.task, *head.queue, status, Disposition::kDiscarded, status.message());
    return true;
  }
  const ControlState& control = head.task->control_state;
  if (!control.has_rules()) return false;
  const v1::NeverRuleAdded* const rule = control.FindRule(*head.record, *head.topic);
  if (rule == nullptr) return false;
  ++epoch_->counters.never_processed;
  *outcome = EndHead(head.task, *head.queue, status, Disposition::kNeverProcessed, WordsOf(*rule));
  return true;
}

absl::StatusOr<bool> Failures::MatchesRule(Task* task, const std::string& queue, const v1::AggregateStatus& status) {
  const absl::StatusOr<Attempt> head = Revive(task, queue, status.head_sequence());
  if (!head.ok()) return head.status();
  return task->control_state.FindRule(*head->record, *head->topic) != nullptr;
}

void Failures::NeverProcess(const Attempt& attempt, const v1::NeverRuleAdded& rule) {
  ++epoch_->counters.never_processed;
  SendEndNotice(attempt, Disposition::kNeverProcessed, WordsOf(rule), "");
}

std::string WordsOf(const v1::NeverRuleAdded& rule) {
  return absl::StrCat("a rule for ", Describe(rule.rule()), ", added by command ", Printable(rule.command_id()),
                      rule.issuer().empty() ? "" : absl::StrCat(" of ", rule.issuer()),
                      rule.reason().empty() ? "" : absl::StrCat(": ", rule.reason()));
}

}  // namespace once
