// lag, state get, state list: what is committed, decoded with the application's own codecs.
#ifndef ONCE_PROCESSOR_CLI_VIEW_COMMANDS_H_
#define ONCE_PROCESSOR_CLI_VIEW_COMMANDS_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddViewCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_VIEW_COMMANDS_H_
