// What --help prints.
#ifndef ONCE_PROCESSOR_CONFIG_HELP_H_
#define ONCE_PROCESSOR_CONFIG_HELP_H_

#include <string>

#include "processor/config/config.h"

namespace once {

// Everything that `config` was asked for so far, by group and with defaults, the topology's own options first; then the
// other ways to set them, and examples. `program` is argv[0], `description` the first line.
std::string HelpText(const std::string& program, const std::string& description, const Config& config);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_HELP_H_
