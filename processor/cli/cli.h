// Runs one command of an application: from its command line to an exit code.
#ifndef ONCE_PROCESSOR_CLI_CLI_H_
#define ONCE_PROCESSOR_CLI_CLI_H_

#include "processor/cli/command.h"
#include "processor/cli/command_line.h"
#include "processor/cli/context.h"
#include "processor/main.h"

namespace once::cli {

// `line` is not run(). Prints what the command has to show, and errors; returns the exit code (command.h).
int RunCommand(const CommandLine& line, const Registry& registry, const TopologyFactory& factory,
               const Environment& environment);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_CLI_H_
