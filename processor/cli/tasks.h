// Commands about tasks: `tasks ...`.
#ifndef ONCE_PROCESSOR_CLI_TASKS_H_
#define ONCE_PROCESSOR_CLI_TASKS_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddTaskCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_TASKS_H_
