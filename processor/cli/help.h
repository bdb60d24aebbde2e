// Help of commands, made of what the registry knows.
#ifndef ONCE_PROCESSOR_CLI_HELP_H_
#define ONCE_PROCESSOR_CLI_HELP_H_

#include <string>
#include <string_view>

#include "processor/cli/command.h"

namespace once::cli {

// All commands, one a line.
std::string CommandsHelp(std::string_view program, const Registry& registry);
// Those of a group.
std::string GroupHelp(std::string_view program, std::string_view group, const Registry& registry);
// One command: arguments, options, examples, exit codes.
std::string CommandHelp(std::string_view program, const CommandSpec& command);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_HELP_H_
