// The topics of commands and their results: made at the start, like all that an application has for itself.
#ifndef ONCE_PROCESSOR_RUNTIME_PREPARE_COMMANDS_H_
#define ONCE_PROCESSOR_RUNTIME_PREPARE_COMMANDS_H_

#include "absl/status/status.h"
#include "processor/base/log.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/preflight.h"

namespace once {

// The application takes commands (AddCommands) if each task group has its control and its audit topic, or they can be
// made; else it runs without, and a warning says why. FailedPrecondition if one has other partitions than its sources;
// Unavailable or DeadlineExceeded if the broker cannot be reached. `plan` is one that Preflight has found right.
// Blocks.
absl::Status PrepareCommands(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_PREPARE_COMMANDS_H_
