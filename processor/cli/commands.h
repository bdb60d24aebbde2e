// All commands that an application has.
#ifndef ONCE_PROCESSOR_CLI_COMMANDS_H_
#define ONCE_PROCESSOR_CLI_COMMANDS_H_

#include "processor/cli/command.h"

namespace once::cli {

Registry AllCommands();

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_COMMANDS_H_
