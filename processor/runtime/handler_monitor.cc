// X1: a handler that does not return is told of, and in the end takes its process along: nothing else can stop it.
#include "processor/runtime/handler_monitor.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {
constexpr int kWarnAtPart = 10;
// So a handler's time is known to a fortieth of the timeout.
constexpr int kChecksPerTimeout = 40;
}  // namespace

HandlerMonitor::HandlerMonitor(const std::vector<HandlerWatch*>& watches, absl::Duration timeout, LogSink* log)
    : timeout_(timeout),
      period_(std::clamp(timeout / kChecksPerTimeout, absl::Milliseconds(1), absl::Seconds(1))),
      log_(log) {
  for (HandlerWatch* watch : watches) watched_.push_back({.watch = watch, .number = 0, .lasted = {}, .warned = false});
}

absl::Status HandlerMonitor::Check(absl::Time now) {
  // A process that was stopped, or a machine that slept, has not run handlers meanwhile.
  const absl::Duration passed = std::clamp(now - last_, absl::ZeroDuration(), 2 * period_);
  last_ = now;
  for (Watched& watched : watched_) {
    if (absl::Status status = CheckOne(&watched, passed); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HandlerMonitor::CheckOne(Watched* watched, absl::Duration passed) {
  const std::optional<HandlerWatch::Seen> seen = watched->watch->Look();
  const uint64_t number = seen.has_value() ? seen->number : 0;
  // Another event than last time: it began some time within a period.
  if (number != watched->number) {
    watched->number = number;
    watched->lasted = absl::ZeroDuration();
    watched->warned = false;
    return absl::OkStatus();
  }
  // Between two events.
  if (!seen.has_value()) return absl::OkStatus();
  watched->lasted += passed;
  const auto text = [&](std::string_view advice) {
    return absl::StrCat("the handlers of event ", ToString(seen->where, seen->offset), ", key \"", Printable(seen->key),
                        "\", have been running for ", absl::FormatDuration(absl::Trunc(watched->lasted, period_)),
                        ToAbsl(advice));
  };
  told_ = *seen;
  if (watched->lasted >= timeout_) {
    return absl::DeadlineExceededError(text(
        " (handler_timeout): the process ends, since nothing else can end them. Nothing is lost, and the event runs"
        " again after a restart: bound what the handler waits for, or raise --handler_timeout"));
  }
  if (watched->lasted >= timeout_ / kWarnAtPart && !watched->warned) {
    watched->warned = true;
    const std::string key = Printable(seen->key);
    log_->LogAbout(LogLevel::kWarning, text("; later events of its worker wait"),
                   {.topic = seen->where.topic,
                    .partition = seen->where.partition.value(),
                    .offset = seen->offset.value(),
                    .aggregate = key});
  }
  return absl::OkStatus();
}

}  // namespace once
