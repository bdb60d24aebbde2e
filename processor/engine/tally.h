// Tells of what may happen often: at most once a minute, with how many there were and one of them.
#ifndef ONCE_PROCESSOR_ENGINE_TALLY_H_
#define ONCE_PROCESSOR_ENGINE_TALLY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/base/log.h"

namespace once {

// What an example is about, kept until it is told.
struct TallySubject {
  std::string task = {};
  std::string topic = {};
  int32_t partition = 0;
  int64_t offset = 0;
  std::string aggregate = {};
  std::string event_id = {};
  std::string trace_id = {};
};

// Not thread-safe. Counts attempts: what an aborted transaction had counted counts again.
class Tally {
 public:
  // `what` begins the message, and `advice` ends it.
  Tally(LogLevel level, std::string what, std::string advice)
      : level_(level), what_(std::move(what)), advice_(std::move(advice)) {}

  // Counts one. `example` is called when one is wanted.
  template <typename Example>
  void Count(const Example& example) {
    if (count_++ == 0) example_ = example();
  }
  // Likewise, with the event that the example is about.
  template <typename Example, typename Subject>
  void Count(const Example& example, const Subject& subject) {
    if (count_ == 0) subject_ = subject();
    Count(example);
  }

  // Says what was counted, unless it has spoken within the minute before `now`.
  void Tell(absl::Time now, LogSink* log) {
    if (count_ == 0 || now - told_ < absl::Minutes(1)) return;
    const std::string message =
        absl::StrCat(what_, ": ", count_, ", such as ", example_, advice_.empty() ? "" : "; ", advice_);
    LogSubject about;
    if (subject_.has_value()) {
      about = {.task = subject_->task,
               .topic = subject_->topic,
               .partition = subject_->partition,
               .offset = subject_->offset,
               .aggregate = subject_->aggregate,
               .event_id = subject_->event_id,
               .trace_id = subject_->trace_id};
    }
    log->LogAbout(level_, message, about);
    subject_.reset();
    told_ = now;
    count_ = 0;
  }

 private:
  const LogLevel level_;
  const std::string what_;
  const std::string advice_;
  int64_t count_ = 0;
  std::string example_;
  std::optional<TallySubject> subject_;
  absl::Time told_ = absl::InfinitePast();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TALLY_H_
