// Commands that are given again under their IDs (--command_id), by scripts that were run again.
#ifndef ONCE_PROCESSOR_CLI_SENT_BEFORE_H_
#define ONCE_PROCESSOR_CLI_SENT_BEFORE_H_

#include <functional>

#include "absl/status/status.h"
#include "processor/cli/context.h"

namespace once::cli {

using RunsCommand = std::function<absl::Status(Context&)>;

// R7: what the command is about may be gone by what it did the first time, so its results are looked for in the audit
// topic before anything else, and shown and judged as if they came now.
RunsCommand UnlessSentBefore(RunsCommand run);

// The same for commands to several tasks, of which some may have answered and some not: they are given again, and the
// audit is asked only when nothing is left to be done.
RunsCommand OrSentBefore(RunsCommand run);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_SENT_BEFORE_H_
