// Where Once's own messages go. The application injects a sink; nothing logs on its own.
#ifndef ONCE_PROCESSOR_BASE_LOG_H_
#define ONCE_PROCESSOR_BASE_LOG_H_

#include <string>

#include "absl/time/time.h"

namespace once {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Thread-safe; must not block for long, since workers call it, nor throw, since threads of clients do as well.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // What Once's messages quote of others (handlers, events, brokers) has no control characters left. What handlers log
  // themselves comes as it is.
  virtual void Log(LogLevel level, const std::string& message) = 0;
  // Waits until what was logged is written, for at most `patience`: to be called before the process ends.
  virtual void Flush(absl::Duration) {}
};

// Drops everything.
class NullLogSink final : public LogSink {
 public:
  void Log(LogLevel, const std::string&) override {}
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_LOG_H_
