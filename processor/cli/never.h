// Commands about events that are never to be processed: `never ...`.
#ifndef ONCE_PROCESSOR_CLI_NEVER_H_
#define ONCE_PROCESSOR_CLI_NEVER_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddNeverCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_NEVER_H_
