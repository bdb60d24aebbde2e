#ifndef ONCE_PROCESSOR_CLI_TOP_H_
#define ONCE_PROCESSOR_CLI_TOP_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddTopCommand(Registry* registry);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_TOP_H_
