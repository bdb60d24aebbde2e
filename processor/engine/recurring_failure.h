// What fails alike again and again: how long to wait before it is tried again, what to tell of it, and whether waiting
// mends it (rule X2).
#ifndef ONCE_PROCESSOR_ENGINE_RECURRING_FAILURE_H_
#define ONCE_PROCESSOR_ENGINE_RECURRING_FAILURE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"

namespace once {

inline constexpr absl::Duration kLongestPause = absl::Seconds(30);
inline constexpr absl::Duration kTellingInterval = absl::Minutes(1);

enum class Remedy {
  kWaiting,  // It may pass by itself, or nobody has said that it does not.
  kPeople,   // A right, a topic or a setting that somebody has to give back: tried again, for as long as it takes.
  kProgram,  // A mistake in this program or its configuration, which only another start mends.
};

struct Advice {
  Remedy remedy = Remedy::kWaiting;
  std::string_view what_to_do = {};  // "%s" stands for the topic; empty if there is nothing to say.
};

// By the client's or broker's error name.
Advice AdviceFor(std::string_view code);
// The advice in words; `topics` is what it calls the topic, or topics, that it is about.
std::string WhatToDo(const Advice& advice, std::string_view topics);
// The error's name: `delivery.code`, or what `delivery.error` begins with.
std::string CodeOf(const kafka::Delivery& delivery);

// Not thread-safe.
class RecurringFailure {
 public:
  // It failed (again). The first time there is nothing to wait for, then from `first_pause` on twice as long each time,
  // up to kLongestPause. While a pause is under way, what fails as well is no further failure.
  void Fail(absl::Time now, absl::Duration first_pause);
  // Until when it is not to be tried again.
  absl::Time until() const { return until_; }
  // Of those in a row.
  int64_t failures() const { return failures_; }
  absl::Time since() const { return since_; }

  // Says `what`, unless something of that `kind`, the error's name, was said within kTellingInterval before `now`; then
  // also how often it has failed. What comes of the first failure may be the first to name the cause, so it is not kept
  // back for the first one's sake.
  void Tell(absl::Time now, LogLevel level, std::string_view kind, const std::string& what, LogSink* log);
  // It went well. Says so if it was told of before as lasting: `what` is what goes on again.
  void End(absl::Time now, const std::string& what, LogSink* log);
  // Nothing is left to remember.
  bool over(absl::Time now) const;

 private:
  int64_t failures_ = 0;
  absl::Time since_ = absl::InfiniteFuture();
  absl::Time until_ = absl::InfinitePast();
  std::map<std::string, absl::Time, std::less<>> told_at_;  // By kind; few.
  int64_t untold_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_RECURRING_FAILURE_H_
