// Where Once's own messages go. The application injects a sink; nothing logs on its own.
#ifndef ONCE_PROCESSOR_BASE_LOG_H_
#define ONCE_PROCESSOR_BASE_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace once {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// How a sink writes: lines for people, or an object of JSON a line.
enum class LogFormat { kText, kJson };

// What a message is about, as far as that is known, for sinks that keep it apart. The message says it as well. Views
// hold during the call.
struct LogSubject {
  std::string_view task = {};   // "orders-3": its first input.
  std::string_view topic = {};  // Of an event, with its partition and offset.
  std::optional<int32_t> partition = {};
  std::optional<int64_t> offset = {};
  std::string_view aggregate = {};  // The event's key as text.
  std::string_view event_id = {};
  std::string_view trace_id = {};  // 32 hexadecimal digits.
};

// Thread-safe; must not block for long, since workers call it, nor throw, since threads of clients do as well.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // What Once's messages quote of others (handlers, events, brokers) has no control characters left. What handlers log
  // themselves comes as it is.
  virtual void Log(LogLevel level, const std::string& message) = 0;
  // The same, with what it is about; by default that is left out.
  virtual void LogAbout(LogLevel level, const std::string& message, const LogSubject&) { Log(level, message); }
  // Whether messages of that level are kept at all: who makes them at some cost may ask first.
  virtual bool Takes(LogLevel) const { return true; }
  // Waits until what was logged is written, for at most `patience`: to be called before the process ends.
  virtual void Flush(absl::Duration) {}
};

// Drops everything.
class NullLogSink final : public LogSink {
 public:
  void Log(LogLevel, const std::string&) override {}
  bool Takes(LogLevel) const override { return false; }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_LOG_H_
