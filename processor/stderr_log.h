// Messages on the standard error, one a line: time in UTC, level, text. Whatever a message quotes, it is one line:
// control characters in it come as "\xNN".
#ifndef ONCE_PROCESSOR_STDERR_LOG_H_
#define ONCE_PROCESSOR_STDERR_LOG_H_

#include <memory>
#include <string>

#include "processor/base/log.h"

namespace once {

// Thread-safe. Lines are written whole and at once.
class StderrLog final : public LogSink {
 public:
  // Messages below `least` are dropped.
  explicit StderrLog(LogLevel least);
  ~StderrLog() override;

  void Log(LogLevel level, const std::string& message) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_STDERR_LOG_H_
