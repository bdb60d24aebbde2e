// By spdlog, which writes each line with one call.
#include "processor/stderr_log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// Whoever logs waits so long for the line to be written, once: then nobody does until all is written.
constexpr absl::Duration kPatience = absl::Milliseconds(50);
constexpr absl::Duration kPatienceAtEnd = absl::Seconds(1);

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

const char* NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

// Members that say nothing are left out.
std::string JsonLine(LogLevel level, const std::string& message, const LogSubject& subject) {
  nlohmann::ordered_json json;
  json["time"] = std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone()));
  json["level"] = NameOf(level);
  json["message"] = message;
  const auto add = [&json](const char* name, std::string_view text) {
    if (!text.empty()) json[name] = OneLine(text);
  };
  add("task", subject.task);
  add("topic", subject.topic);
  if (subject.partition.has_value()) json["partition"] = *subject.partition;
  if (subject.offset.has_value()) json["offset"] = *subject.offset;
  add("aggregate", subject.aggregate);
  add("event_id", subject.event_id);
  add("trace_id", subject.trace_id);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// What the standard error does not take for another reason than that it is full is dropped.
void WriteAll(const std::string& line) {
  for (size_t done = 0; done < line.size();) {
    const ssize_t written = write(STDERR_FILENO, line.data() + done, line.size() - done);
    if (written >= 0) {
      done += static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      // Somebody has made it non-blocking: it is shared with whoever started this process.
      pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace

struct StderrLog::Queue {
  Queue(LogLevel its_least, LogFormat its_format) : least(its_least), format(its_format) {}

  std::string Line(LogLevel level, const std::string& message, const LogSubject& subject)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (format == LogFormat::kJson) return JsonLine(level, message, subject);
    spdlog::memory_buf_t text;
    formatter.format(spdlog::details::log_msg(spdlog::string_view_t(), ToSpdlog(level),
                                              spdlog::string_view_t(message.data(), message.size())),
                     text);
    return std::string(text.data(), text.size());
  }

  void Push(LogLevel level, const std::string& message, const LogSubject& subject = {})
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    // By whoever logs, so that the line has the time of what it tells.
    lines.push_back(Line(level, message, subject));
    bytes += lines.back().size();
    ++pushed;
    changed.NotifyAll();
  }

  void TellOfLost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (lost == 0) return;
    Push(LogLevel::kWarning, absl::StrCat(lost, " lines of this log are lost, since nobody read them in time"));
    lost = 0;
  }

  // Until the line with this number is written; false if that takes too long.
  bool Await(uint64_t line, absl::Duration patience) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const absl::Time deadline = SteadyNow() + patience;
    while (written < line) {
      const absl::Duration left = deadline - SteadyNow();
      if (left <= absl::ZeroDuration()) return false;
      // In pieces, since patience may be without end.
      changed.WaitFor(&mutex, std::min(left, absl::Seconds(60)));
    }
    return true;
  }

  void Run() {
    mutex.Lock();
    while (true) {
      // All that was kept is written, so somebody reads again.
      if (lines.empty()) TellOfLost();
      if (lines.empty()) {
        stalled = false;
        if (closed) break;
        changed.Wait(&mutex);
        continue;
      }
      const std::string line = std::move(lines.front());
      lines.pop_front();
      // X2: without the lock, so that a pipe that nobody reads holds up this thread alone.
      mutex.Unlock();
      WriteAll(line);
      mutex.Lock();
      bytes -= line.size();
      ++written;
      changed.NotifyAll();
    }
    mutex.Unlock();
  }

  const LogLevel least;
  const LogFormat format;
  Mutex mutex;
  CondVar changed;
  spdlog::pattern_formatter formatter ABSL_GUARDED_BY(mutex){"%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                                                             spdlog::pattern_time_type::utc};
  std::deque<std::string> lines ABSL_GUARDED_BY(mutex);
  size_t bytes ABSL_GUARDED_BY(mutex) = 0;      // Of `lines`, and the one that is being written.
  uint64_t pushed ABSL_GUARDED_BY(mutex) = 0;   // Lines, since the start.
  uint64_t written ABSL_GUARDED_BY(mutex) = 0;  // Of these.
  uint64_t lost ABSL_GUARDED_BY(mutex) = 0;     // Since that was told last.
  bool stalled ABSL_GUARDED_BY(mutex) = false;  // Nobody waits for what they log.
  bool closed ABSL_GUARDED_BY(mutex) = false;
};

StderrLog::StderrLog(LogLevel least, LogFormat format) : queue_(std::make_shared<Queue>(least, format)) {
  // Signals are for the threads that expect them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Nobody waits for it, since a write to such a pipe never returns; it owns what it uses.
  std::thread([queue = queue_] { queue->Run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StderrLog::~StderrLog() {
  Flush(kPatienceAtEnd);
  MutexLock lock(&queue_->mutex);
  queue_->closed = true;
  // What was not read by now is given up.
  queue_->lines.clear();
  queue_->changed.NotifyAll();
}

void StderrLog::Log(LogLevel level, const std::string& message) { LogAbout(level, message, {}); }

void StderrLog::LogAbout(LogLevel level, const std::string& message, const LogSubject& subject) {
  if (!Takes(level)) return;
  MutexLock lock(&queue_->mutex);
  // Errors have room of their own, or a flood of other lines would hide why it all ended.
  const size_t room = kKeptBytes + (level == LogLevel::kError ? kKeptBytesOfErrors : 0);
  // One line is kept whatever its size.
  if (queue_->bytes + message.size() > room && queue_->bytes > 0) {
    ++queue_->lost;
    return;
  }
  queue_->TellOfLost();
  queue_->Push(level, OneLine(message), subject);
  if (!queue_->stalled && !queue_->Await(queue_->pushed, kPatience)) queue_->stalled = true;
}

bool StderrLog::Takes(LogLevel level) const { return level >= queue_->least; }

void StderrLog::Flush(absl::Duration patience) {
  MutexLock lock(&queue_->mutex);
  queue_->Await(queue_->pushed, patience);
}

}  // namespace once
