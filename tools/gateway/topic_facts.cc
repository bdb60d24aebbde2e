#include "tools/gateway/topic_facts.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {
constexpr absl::Duration kFresh = absl::Seconds(30);
constexpr size_t kMostKnown = 10'000;
}  // namespace

TopicFacts::TopicFacts(kafka::Admin* admin, std::vector<std::string> allowed, std::string own)
    : admin_(admin), allowed_(std::move(allowed)), own_(std::move(own)) {}

bool TopicFacts::IsAllowed(const std::string& topic) const {
  // Consumer offsets, transaction states, and what decides about retries.
  if (absl::StartsWith(topic, "__") || topic == own_) return false;
  if (allowed_.empty()) return true;
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& name) {
    if (name.empty() || name.back() != '*') return name == topic;
    return absl::StartsWith(topic, name.substr(0, name.size() - 1));
  });
}

absl::StatusOr<kafka::TopicDescription> TopicFacts::Look(const std::string& topic, absl::Time deadline) {
  if (std::string mistake = TopicNameMistake(topic); !mistake.empty()) return absl::InvalidArgumentError(mistake);
  if (!IsAllowed(topic)) {
    return absl::PermissionDeniedError(absl::StrCat("topic ", topic, " is not for clients of this gateway (--topics)"));
  }
  {
    MutexLock lock(&mutex_);
    const auto found = known_.find(topic);
    if (found != known_.end() && SteadyNow() - found->second.asked < kFresh) return found->second.topic;
  }
  const absl::Duration left = deadline - SteadyNow();
  if (left <= absl::ZeroDuration()) return absl::UnavailableError("too late to ask the brokers");
  absl::StatusOr<kafka::TopicDescription> asked = admin_->DescribeTopic(topic, left);
  MutexLock lock(&mutex_);
  if (!asked.ok()) {
    known_.erase(topic);
    if (absl::IsNotFound(asked.status())) return absl::NotFoundError(absl::StrCat("there is no topic ", topic));
    if (absl::IsPermissionDenied(asked.status())) return asked.status();
    return absl::UnavailableError(std::string(asked.status().message()));
  }
  if (known_.size() >= kMostKnown) known_.clear();
  known_[topic] = {*asked, SteadyNow()};
  return asked;
}

absl::Status TopicFacts::Check(std::span<const Event> events, absl::Time deadline) {
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = events[i];
    absl::StatusOr<kafka::TopicDescription> topic = Look(event.topic, deadline);
    const std::string where = absl::StrCat("events[", i, "].");
    if (!topic.ok()) {
      return absl::Status(topic.status().code(), absl::StrCat(where, "topic: ", std::string(topic.status().message())));
    }
    if (event.partition.value() >= topic->partition_count) {
      return absl::InvalidArgumentError(absl::StrCat(where, "partition: topic ", event.topic, " has ",
                                                     topic->partition_count, " of them, from 0 on"));
    }
    const auto limit = topic->settings.find("max.message.bytes");
    int64_t most = 0;
    if (limit != topic->settings.end() && absl::SimpleAtoi(limit->second, &most) &&
        event.bytes() > static_cast<size_t>(most)) {
      return absl::OutOfRangeError(
          absl::StrCat(where, "value: the event has ", event.bytes(), " bytes, topic ", event.topic, " takes ", most));
    }
    // A compacted topic takes no record without a key.
    const auto policy = topic->settings.find("cleanup.policy");
    if (!event.key.has_value() && policy != topic->settings.end() && absl::StrContains(policy->second, "compact")) {
      return absl::InvalidArgumentError(absl::StrCat(where, "key is missing: topic ", event.topic, " is compacted"));
    }
  }
  return absl::OkStatus();
}

}  // namespace once::gateway
