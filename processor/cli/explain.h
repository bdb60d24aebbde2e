// Commands about the application itself, which ask no broker: `topology`, `config explain`.
#ifndef ONCE_PROCESSOR_CLI_EXPLAIN_H_
#define ONCE_PROCESSOR_CLI_EXPLAIN_H_

#include <string>

#include "processor/cli/command.h"

namespace once::cli {

void AddExplainingCommands(Registry* registry);

// The value with passwords in URLs (scheme://user:password@host) masked.
std::string WithoutPasswords(const std::string& value);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_EXPLAIN_H_
