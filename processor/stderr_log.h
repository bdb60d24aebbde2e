// Messages on the standard error, one a line: time in UTC, level, text; or an object of JSON a line, with the members
// "time", "level", "message" and, as far as they are known, "task", "topic", "partition", "offset", "aggregate",
// "event_id" and "trace_id". Whatever a message quotes, it is one line: control characters in it come as "\xNN".
#ifndef ONCE_PROCESSOR_STDERR_LOG_H_
#define ONCE_PROCESSOR_STDERR_LOG_H_

#include <cstddef>
#include <memory>
#include <string>

#include "processor/base/log.h"

namespace once {

// Thread-safe. Lines are written whole and in order, and are written when Log returns, as long as somebody takes them.
// Where the standard error is a pipe that nobody reads, or a file on a disk that stands still, nobody waits for it:
// lines are kept, up to kKeptBytes, and written when that is possible again; of what is beyond they are counted, and a
// line tells how many are lost. Errors have room for themselves.
class StderrLog final : public LogSink {
 public:
  static constexpr size_t kKeptBytes = size_t{1} << 20;
  static constexpr size_t kKeptBytesOfErrors = size_t{64} << 10;  // Beyond those.

  // Messages below `least` are dropped.
  explicit StderrLog(LogLevel least, LogFormat format = LogFormat::kText);
  // Waits for a second at most for what is kept; what is not written by then is lost.
  ~StderrLog() override;

  void Log(LogLevel level, const std::string& message) override;
  void LogAbout(LogLevel level, const std::string& message, const LogSubject& subject) override;
  bool Takes(LogLevel level) const override;
  void Flush(absl::Duration patience) override;

 private:
  struct Queue;
  // Shared with the thread that writes, which may be held up for ever.
  const std::shared_ptr<Queue> queue_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_STDERR_LOG_H_
