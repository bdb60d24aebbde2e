// Commands about records of the application's own that tell what happened: `audit ...`, `dlq ...`.
#ifndef ONCE_PROCESSOR_CLI_RECORDS_H_
#define ONCE_PROCESSOR_CLI_RECORDS_H_

#include "processor/cli/command.h"

namespace once::cli {

void AddAuditCommands(Registry* registry);       // audit.cc
void AddDeadLetterCommands(Registry* registry);  // dead_letters.cc
void AddRedrive(Registry* registry);             // redrive.cc

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_RECORDS_H_
