// R7: where a task's commands are read on when it is opened (F2).
#include <string>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"

namespace once {

namespace {

// Both ids are known and differ.
bool IsRemade(const Plan& plan, const ControlInput& control, const v1::InputOffset& known) {
  const auto at_start = plan.topic_ids.find(known.topic());
  const std::string& now =
      control.topic_id.empty() && at_start != plan.topic_ids.end() ? at_start->second : control.topic_id;
  return !now.empty() && !known.topic_id().empty() && now != known.topic_id();
}

}  // namespace

absl::Status PlaceControl(const Plan& plan, Task* task, std::string* passed) {
  if (!task->control.has_value()) return absl::OkStatus();
  InputPosition& position = task->control->position;
  const v1::InputOffset& known = task->frontier.control();
  const bool is_known = task->frontier.has_control() && known.topic() == position.where.topic;
  const bool is_remade = is_known && IsRemade(plan, *task->control, known);
  Offset next = position.next;
  if (is_remade) {
    task->control->retry_asked.reset();
    next = position.log.has_value() ? position.log->begin : Offset(0);
    *passed = absl::StrCat("control topic ", position.where.topic,
                           " was deleted and made anew; it is read from its beginning, and commands that the one before"
                           " still had are lost");
  } else if (is_known && position.committed.has_value() && *position.committed != Offset(known.next_offset())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the state of ", ToString(task->changelog), " stands for ",
        ToString(position.where, Offset(known.next_offset())), ", but group ", plan.application_id, " has committed ",
        position.committed->value(),
        " there: the offsets were moved from outside. Set the group's offset to what the state stands for, while no"
        " instance runs: `offsets reset --to=state --partition=",
        position.where.partition.value(),
        "`, a command of this program's, or with Kafka's tool: kafka-consumer-groups.sh --group ", plan.application_id,
        " --topic ", position.where.topic, ":", position.where.partition.value(),
        " --reset-offsets --execute --to-offset ", known.next_offset()));
  } else if (is_known) {
    next = Offset(known.next_offset());
  }
  if (position.log.has_value() && !is_remade && (next < position.log->begin || next > position.log->end)) {
    *passed = absl::StrCat("commands before ", ToString(position.where, position.log->begin),
                           " are gone, and were not carried out: it goes on there");
    next = position.log->begin;
  }
  // An abort comes back here, and not to the committed offset.
  if (next != position.next) position.resume = next;
  position.next = next;
  task->control->is_placed = true;
  return absl::OkStatus();
}

}  // namespace once
