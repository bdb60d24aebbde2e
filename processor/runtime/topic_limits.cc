// From settings, which are text, to a plan's numbers.
#include "processor/runtime/topic_limits.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace once {

namespace {

constexpr int64_t kDayMs = 24 * 3600 * 1000;

// A limit in milliseconds, some of which stand for "none".
absl::Duration TimeLimit(const kafka::TopicDescription& topic, const std::string& name, absl::Duration fallback) {
  // Some say "none" by the largest number there is.
  constexpr int64_t kNoLimitMs = 100 * 365 * kDayMs;
  const int64_t millis = NumberSetting(topic, name, -1);
  if (millis < 0) return fallback;
  return millis >= kNoLimitMs ? absl::InfiniteDuration() : absl::Milliseconds(millis);
}

void FillTimeLimits(size_t output, const kafka::TopicDescription& topic, Plan* plan) {
  // X2b: not readable, so the plan's defaults stay.
  if (topic.settings.empty()) return;
  // What brokers before 3.6 call both limits.
  const std::string both = "message.timestamp.difference.max.ms";
  plan->timestamp_after_max[output] =
      TimeLimit(topic, "message.timestamp.after.max.ms", TimeLimit(topic, both, kDefaultTimestampAfterMax));
  plan->timestamp_before_max[output] =
      TimeLimit(topic, "message.timestamp.before.max.ms", TimeLimit(topic, both, absl::InfiniteDuration()));
  const auto type = topic.settings.find("message.timestamp.type");
  plan->log_append_time[output] = type != topic.settings.end() && type->second == "LogAppendTime";
}

// What the topic deletes, and what it cannot keep.
void FillKeeping(size_t index, const kafka::TopicDescription& topic, Plan* plan) {
  const auto policy = topic.settings.find("cleanup.policy");
  const std::string cleanup = policy == topic.settings.end() ? "delete" : policy->second;
  // X3: such a topic refuses a record without a key, and the whole batch with it.
  plan->compacted[index] = cleanup.find("compact") != std::string::npos;
  const int64_t retention_ms = NumberSetting(topic, "retention.ms", -1);
  const bool deletes = cleanup.find("delete") != std::string::npos && retention_ms >= 0;
  plan->retention[index] = deletes ? absl::Milliseconds(retention_ms) : absl::InfiniteDuration();
}

void FillIds(const std::map<std::string, kafka::TopicDescription>& topics, Plan* plan) {
  for (const auto& [name, topic] : topics) {
    // X5c, X8: openings and the topics' watch hold what they find against these.
    if (!topic.id.empty()) plan->topic_ids[name] = topic.id;
  }
  for (size_t source = 0; source < plan->input_topics.size(); ++source) {
    const auto topic = topics.find(plan->input_topics[source]);
    if (topic == topics.end()) continue;
    plan->input_topic_ids[source] = topic->second.id;
    plan->partition_counts[source] = topic->second.partition_count;
  }
}

}  // namespace

int64_t NumberSetting(const kafka::TopicDescription& topic, const std::string& name, int64_t fallback) {
  const auto found = topic.settings.find(name);
  int64_t value = 0;
  return found != topic.settings.end() && absl::SimpleAtoi(found->second, &value) ? value : fallback;
}

void FillLimits(const std::map<std::string, kafka::TopicDescription>& topics, size_t max_record_bytes, Plan* plan) {
  FillIds(topics, plan);
  for (size_t i = 0; i < plan->output_topics.size(); ++i) {
    const auto topic = topics.find(plan->output_topics[i]);
    if (topic == topics.end()) continue;
    // E7: EstimatedSize is never below what the client counts (36 bytes, key, value, headers), nor what a broker does.
    plan->max_record_bytes[i] =
        std::min(static_cast<size_t>(NumberSetting(topic->second, "max.message.bytes", kDefaultMaxRecordBytes)),
                 max_record_bytes);
    FillTimeLimits(i, topic->second, plan);
    FillKeeping(i, topic->second, plan);
  }
  for (size_t group = 0; group < plan->changelog_topics.size(); ++group) {
    const auto topic = topics.find(plan->changelog_topics[group]);
    if (topic == topics.end()) continue;
    // F6: a checkpoint that is older than that may lack deletions that nobody can see any more.
    plan->delete_retention[group] = absl::Milliseconds(NumberSetting(topic->second, "delete.retention.ms", kDayMs));
  }
}

}  // namespace once
