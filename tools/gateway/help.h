// What --help prints.
#ifndef ONCE_TOOLS_GATEWAY_HELP_H_
#define ONCE_TOOLS_GATEWAY_HELP_H_

#include <string>

#include "processor/config/config.h"

namespace once::gateway {

// All options that `config` was asked for, by group, and examples. `program` is argv[0].
std::string GatewayHelp(const std::string& program, const Config& config);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_HELP_H_
