// R4: the limits of what a task parks. At one it pauses: nothing is dead-lettered out of order.
#include "processor/engine/parking_limits.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

absl::Status CheckParkingLimits(const EngineOptions& options, const Task& task, const v1::AggregateStatus* status) {
  const auto name = [&task] { return ToString(task.inputs.front().where); };
  if (task.parking.parked_events() >= options.max_parked_per_task) {
    return absl::ResourceExhaustedError(absl::StrCat("task ", name(), " has ", task.parking.parked_events(),
                                                     " parked events, its limit (max_parked_per_task); release or "
                                                     "discard some, or raise the limit"));
  }
  if (task.parking.parked_bytes() >= options.max_parked_bytes_per_task) {
    return absl::ResourceExhaustedError(absl::StrCat("the parked events of task ", name(), " take ",
                                                     task.parking.parked_bytes(),
                                                     " bytes, its limit (max_parked_bytes_per_task); release or "
                                                     "discard some, or raise the limit"));
  }
  // X7: only a further queue takes room in the index, an event more in a queue does not.
  if (status == nullptr) {
    if (task.parking.memory_bytes() < task.max_parking_bytes) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("task ", name(), " has ", task.parking.blocked_aggregates(),
                     " blocked aggregates, as many as its part of the memory holds; release or discard some, or raise "
                     "memory_bytes"));
  }
  const auto queued = static_cast<int64_t>(status->next_sequence() - status->head_sequence());
  if (queued < options.max_parked_per_aggregate) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "an aggregate of task ", name(), " has ", queued, " parked events, its limit (max_parked_per_aggregate), behind ",
      "event ", Printable(status->blocking_event_id()), "; release or discard them, or raise the limit"));
}

}  // namespace once
