// X2: what fails alike again and again backs off to half a minute, and is told once a minute with its number.
#include "processor/engine/recurring_failure.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr char kMakeTopicAgain[] = "make %s again, with as many partitions as before";

// All that is not here is waited for.
constexpr std::array<std::pair<std::string_view, Advice>, 22> kAdvice = {{
    {"TOPIC_AUTHORIZATION_FAILED", {Remedy::kPeople, "give the application the rights Write and Describe on %s"}},
    {"GROUP_AUTHORIZATION_FAILED", {Remedy::kPeople, "give the application the right Read on its group"}},
    {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
     {Remedy::kPeople, "give the application the rights Write and Describe on its transactional ids"}},
    {"CLUSTER_AUTHORIZATION_FAILED",
     {Remedy::kPeople, "give the application the right IdempotentWrite on the cluster"}},
    {"SASL_AUTHENTICATION_FAILED", {Remedy::kPeople, "check the credentials in the kafka.* settings"}},
    {"_AUTHENTICATION", {Remedy::kPeople, "check the credentials in the kafka.* settings"}},
    {"_SSL", {Remedy::kPeople, "check the certificates in the kafka.* settings"}},
    {"UNKNOWN_TOPIC_OR_PART", {Remedy::kPeople, kMakeTopicAgain}},
    {"UNKNOWN_TOPIC_ID", {Remedy::kPeople, kMakeTopicAgain}},
    {"_UNKNOWN_TOPIC", {Remedy::kPeople, kMakeTopicAgain}},
    {"_UNKNOWN_PARTITION", {Remedy::kPeople, kMakeTopicAgain}},
    {"TOPIC_EXCEPTION", {Remedy::kPeople, kMakeTopicAgain}},
    {"MSG_SIZE_TOO_LARGE", {Remedy::kPeople, "raise max.message.bytes of %s to what it was at the start"}},
    {"INVALID_RECORD", {Remedy::kPeople, "give %s the settings back that it had at the start"}},
    {"INVALID_TIMESTAMP",
     {Remedy::kPeople, "widen the message.timestamp bounds of %s, or set this machine's clock, or the brokers'"}},
    {"POLICY_VIOLATION", {Remedy::kPeople, "give %s the settings back that it had at the start"}},
    {"INVALID_TRANSACTION_TIMEOUT", {Remedy::kProgram, "raise the brokers' transaction.max.timeout.ms"}},
    {"UNSUPPORTED_VERSION", {Remedy::kProgram, "the brokers must be of Apache Kafka 2.5 or newer"}},
    {"_UNSUPPORTED_FEATURE", {Remedy::kProgram, "the brokers must be of Apache Kafka 2.5 or newer"}},
    {"UNSUPPORTED_FOR_MESSAGE_FORMAT", {Remedy::kProgram, "the message format of %s must be 2"}},
    {"_INVALID_ARG", {Remedy::kProgram, ""}},
    {"_NOT_CONFIGURED", {Remedy::kProgram, ""}},
}};

}  // namespace

Advice AdviceFor(std::string_view code) {
  const auto* found =
      std::find_if(kAdvice.begin(), kAdvice.end(), [&](const auto& each) { return each.first == code; });
  // X2a: an error that nobody thought of is waited for here; that it lasts shows in the log.
  return found == kAdvice.end() ? Advice{} : found->second;
}

std::string WhatToDo(const Advice& advice, std::string_view topics) {
  return absl::StrReplaceAll(ToAbsl(advice.what_to_do), {{"%s", ToAbsl(topics)}});
}

std::string CodeOf(const kafka::Delivery& delivery) {
  return delivery.code.empty() ? delivery.error.substr(0, delivery.error.find(':')) : delivery.code;
}

void RecurringFailure::Fail(absl::Time now, absl::Duration first_pause) {
  ++untold_;
  // What fails while it rests was begun before.
  if (failures_ > 0 && now < until_) return;
  if (failures_++ == 0) since_ = now;
  constexpr int64_t kDoublings = 20;
  const int64_t doublings = std::min(failures_ - 2, kDoublings);
  // The first time may be chance, so the second try is at once.
  until_ = failures_ == 1 ? now : now + std::min(first_pause * (int64_t{1} << doublings), kLongestPause);
}

void RecurringFailure::Tell(absl::Time now, LogLevel level, std::string_view kind, const std::string& what,
                            LogSink* log) {
  auto told = told_at_.find(kind);
  if (told == told_at_.end()) told = told_at_.emplace(kind, absl::InfinitePast()).first;
  // It is counted, and said with the next one.
  if (now - told->second < kTellingInterval) return;
  std::string often;
  if (untold_ > 1) often = absl::StrCat(" (", untold_, " times since that was said last)");
  log->Log(level, OneLine(absl::StrCat(what, often)));
  told->second = now;
  untold_ = 0;
}

bool RecurringFailure::over(absl::Time now) const {
  return failures_ == 0 && std::all_of(told_at_.begin(), told_at_.end(),
                                       [&](const auto& told) { return now - told.second >= kTellingInterval; });
}

void RecurringFailure::End(absl::Time now, const std::string& what, LogSink* log) {
  // As it was told of before.
  if (failures_ > 2) {
    log->Log(LogLevel::kInfo, absl::StrCat(OneLine(what), " after ", failures_, " failures in ",
                                           absl::FormatDuration(absl::Trunc(now - since_, absl::Milliseconds(1)))));
  }
  failures_ = 0;
  until_ = absl::InfinitePast();
}

}  // namespace once
