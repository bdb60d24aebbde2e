// What a changelog says of its tasks: whose it is, how far it has come, and what commands have left there.
#ifndef ONCE_PROCESSOR_CLI_TASK_MARKS_H_
#define ONCE_PROCESSOR_CLI_TASK_MARKS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "once/v1/changelog.pb.h"
#include "once/v1/control.pb.h"
#include "processor/cli/context.h"

namespace once::cli {

struct TaskMarks {
  std::vector<v1::NeverRuleAdded> rules = {};
  std::optional<v1::InputsPaused> paused = {};
  std::vector<v1::CommandUnderWay> under_way = {};
  std::optional<v1::Frontier> frontier = {};
  int64_t blocked = 0;  // Queues.
  int64_t waiting = 0;  // Events in them.
};

// By partition: of all of a group.
absl::StatusOr<std::vector<TaskMarks>> ReadTaskMarks(Context* context, uint16_t group);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_TASK_MARKS_H_
