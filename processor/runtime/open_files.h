// How many files and sockets the process may have open, held against what it needs.
#ifndef ONCE_PROCESSOR_RUNTIME_OPEN_FILES_H_
#define ONCE_PROCESSOR_RUNTIME_OPEN_FILES_H_

#include <cstdint>
#include <string>

namespace once {

// What a pod needs, about, with some brokers: connections of the clients of each worker, and files of the local state.
int64_t OpenFilesNeeded(int workers, int state_open_files);

// Raises the process's limit (RLIMIT_NOFILE), if it is lower, as far as it may. Returns what to warn of, with a fix, if
// that is still less; else an empty text.
std::string RaiseOpenFiles(int64_t needed);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_OPEN_FILES_H_
