// What a task's frontier says (once.v1.Frontier), and whether topology, group and changelog at hand are those that it
// was written for. All errors are FailedPrecondition unless stated, and say which side says what and what to do.
#ifndef ONCE_PROCESSOR_ENGINE_FRONTIER_H_
#define ONCE_PROCESSOR_ENGINE_FRONTIER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "once/v1/changelog.pb.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"

namespace once {

// Of the changelog's records: what this version writes, and the newest that it reads. See docs/formats.md for what the
// numbers mean, and why the second is raised one release before the first.
inline constexpr uint32_t kWrittenFormat = 1;
inline constexpr uint32_t kNewestFormat = 1;

// Whose state the frontier stands for. To be called when its inputs are set. Ids that were known once and are not now
// stay: those of `last`, the frontier before.
void AddIdentity(const Plan& plan, const TaskId& task, const v1::Frontier& last, v1::Frontier* frontier);
void AddIdentity(const Plan& plan, const Task& task, v1::Frontier* frontier);
// Sets the aggregates whose state the group's changelog holds.
void AddStores(const Plan& plan, uint16_t group, v1::Frontier* frontier);

// What the frontier of the group's tasks takes in its changelog at most (E7): records of the engine's own must fit,
// since they have no smaller form.
size_t LargestFrontierRecord(const Plan& plan, uint16_t group);

// DataLoss if the bytes are no frontier. The text has no place in it.
absl::StatusOr<v1::Frontier> ParseFrontier(std::string_view bytes);

// Of task.frontier, as read. CheckIdentity: it is of this application, in a format that we know, of this very topic.
// CheckTopology: all that it holds offsets and state of is still there; all that is not is told. With `accept_remade`
// an input may be another topic of its name.
absl::Status CheckIdentity(const Plan& plan, const Task& task);
// Its topics are those that the start has seen (X8), by the ids that the brokers have for them now.
absl::Status CheckTopicIds(const Plan& plan, const Task& task, const std::map<std::string, std::string>& ids_now);
absl::Status CheckTopology(const Plan& plan, const Task& task, bool accept_remade = false);
// Of a topic that was deleted and made anew, or deleted, while the application ran: what to do, as the end of a
// sentence.
std::string AdviceOnRemade(bool is_changelog);
// The input's topic was deleted and made anew since task.frontier was written; false if that is not known.
bool IsRemade(const Plan& plan, const Task& task, const InputPosition& input);

// The group's offsets are those that task.frontier stands for (F2); all that are not are told. With `accept_remade`
// those of another topic of its name count for nothing: brokers forget them with the topic.
absl::Status CheckOffsets(const Plan& plan, const Task& task, bool accept_remade = false);

// Sets where the task's commands are read on, if it takes any: what the frontier says. Commands that are gone are
// passed over, and told in `passed`; nothing else depends on them. FailedPrecondition if the group's offset is another
// one (F2), which may be seen for a moment only.
absl::Status PlaceControl(const Plan& plan, Task* task, std::string* passed);

// The open epoch's frontier was written at `delivered`: behind all that the task holds of its changelog and all that it
// has sent since, or the log is not the one it was.
absl::Status CheckDelivered(const Task& task, Offset delivered);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_FRONTIER_H_
