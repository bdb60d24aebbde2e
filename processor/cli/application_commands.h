// reset, topics create, doctor: an application and its surroundings as a whole.
#ifndef ONCE_PROCESSOR_CLI_APPLICATION_COMMANDS_H_
#define ONCE_PROCESSOR_CLI_APPLICATION_COMMANDS_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddApplicationCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_APPLICATION_COMMANDS_H_
