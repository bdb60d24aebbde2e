#ifndef ONCE_PROCESSOR_APP_STANDARD_FILES_H_
#define ONCE_PROCESSOR_APP_STANDARD_FILES_H_

namespace once {

// Descriptors 0 to 2 that a process was started without are opened on /dev/null. Else the next files opened have them:
// a handler that prints would write into the local state, and the log into the pipe of the signals. Before anything
// else is opened; may be called again.
void OpenStandardFiles();

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_STANDARD_FILES_H_
