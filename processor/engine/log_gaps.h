// Inputs whose next event is not in their log any more: retention has passed it, or the topic was made anew (X4).
#ifndef ONCE_PROCESSOR_ENGINE_LOG_GAPS_H_
#define ONCE_PROCESSOR_ENGINE_LOG_GAPS_H_

#include <string>

#include "absl/status/status.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"

namespace once {

// Of inputs whose logs are known: the next event is in the log, or will be. Else all that are not, and what to do:
// OutOfRange if they are gone, which nothing mends, and FailedPrecondition if a log ends before, which may be seen for
// a moment only.
absl::Status CheckLogs(const Task& task);

// Instead: lets inputs go on at the beginning of their logs where what was next is gone, or where the topic is another
// one by now. Their `resume` is set; the next commit moves frontier and offsets there together. What was done and is
// lost is told in `told`, which stays empty if nothing was. FailedPrecondition as above for what is no gap.
absl::Status AcceptGaps(const Plan& plan, Task* task, std::string* told);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_LOG_GAPS_H_
