// The terminal of this process, for what is shown on it again and again.
#ifndef ONCE_PROCESSOR_APP_TERMINAL_H_
#define ONCE_PROCESSOR_APP_TERMINAL_H_

#include "processor/cli/context.h"

namespace once {

// Of the standard input and output. While it shows something, keys come at once and are not echoed, SIGINT, SIGTERM and
// SIGHUP end the showing instead of the process, and what was on the screen before is kept.
cli::Terminal ProcessTerminal();

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_TERMINAL_H_
