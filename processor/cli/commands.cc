#include "processor/cli/commands.h"

#include "processor/cli/application_commands.h"
#include "processor/cli/completion.h"
#include "processor/cli/explain.h"
#include "processor/cli/never.h"
#include "processor/cli/offsets_commands.h"
#include "processor/cli/parked.h"
#include "processor/cli/records.h"
#include "processor/cli/tasks.h"
#include "processor/cli/top.h"
#include "processor/cli/view_commands.h"

namespace once::cli {

Registry AllCommands() {
  Registry registry;
  registry.AddGroup("parked", "Blocked aggregates: events that failed, and those that wait behind them.");
  AddParkedViews(&registry);
  AddParkedActions(&registry);
  AddDeadLetterCommands(&registry);
  AddNeverCommands(&registry);
  AddTaskCommands(&registry);
  AddAuditCommands(&registry);
  AddViewCommands(&registry);
  AddTopCommand(&registry);
  AddOffsetsCommands(&registry);
  AddApplicationCommands(&registry);
  AddExplainingCommands(&registry);
  AddGeneralCommands(&registry);
  return registry;
}

}  // namespace once::cli
