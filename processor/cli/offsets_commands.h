// offsets show, reset, skip: where the tasks of an application stand, and moving them while it is stopped.
#ifndef ONCE_PROCESSOR_CLI_OFFSETS_COMMANDS_H_
#define ONCE_PROCESSOR_CLI_OFFSETS_COMMANDS_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddOffsetsCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_OFFSETS_COMMANDS_H_
