// Scripts by which a shell completes the command lines of an application.
#ifndef ONCE_PROCESSOR_CLI_COMPLETION_H_
#define ONCE_PROCESSOR_CLI_COMPLETION_H_

#include <string>
#include <string_view>
#include <vector>

#include "processor/cli/command.h"

namespace once::cli {

// For `program`, a name without a directory. `settings`: names of the application's own options, without "--".
std::string BashCompletion(std::string_view program, const Registry& registry,
                           const std::vector<std::string>& settings);
std::string ZshCompletion(std::string_view program, const Registry& registry, const std::vector<std::string>& settings);
std::string FishCompletion(std::string_view program, const Registry& registry,
                           const std::vector<std::string>& settings);

// `completion` and `help`.
void AddGeneralCommands(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_COMPLETION_H_
