#include "processor/stderr_log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "processor/base/strings.h"

namespace once {

namespace {

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

}  // namespace

struct StderrLog::Impl {
  spdlog::logger logger{"once", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

StderrLog::StderrLog(LogLevel least) : impl_(std::make_unique<Impl>()) {
  impl_->logger.set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  impl_->logger.set_level(ToSpdlog(least));
  impl_->logger.flush_on(spdlog::level::trace);
}

StderrLog::~StderrLog() = default;

void StderrLog::Log(LogLevel level, const std::string& message) {
  const std::string line = OneLine(message);
  impl_->logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace once
