#include "processor/runtime/preflight.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace once {

namespace {

constexpr int64_t kMebibyte = 1 << 20;

int64_t NumberSetting(const kafka::TopicDescription& topic, const std::string& name, int64_t fallback) {
  const auto found = topic.settings.find(name);
  int64_t value = 0;
  return found != topic.settings.end() && absl::SimpleAtoi(found->second, &value) ? value : fallback;
}

class Checker {
 public:
  Checker(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan)
      : options_(options), admin_(admin), log_(log), plan_(*plan) {}

  absl::Status Run() {
    for (const std::string& topic : plan_.input_topics) Check(topic, "source topic");
    for (size_t sink = 0; sink < plan_.graph->sinks.size(); ++sink) Check(plan_.output_topics[sink], "sink topic");
    if (!plan_.graph->dead_letter_topic.empty()) Check(plan_.graph->dead_letter_topic, "dead-letter topic");
    for (uint16_t group = 0; group < plan_.graph->groups.size(); ++group) {
      if (fatal_.ok()) CheckGroup(group);
    }
    if (!fatal_.ok()) return fatal_;
    if (problems_.empty()) {
      FillLimits();
      return absl::OkStatus();
    }
    std::string text = absl::StrCat("preflight found ", problems_.size(), " problem(s):");
    for (size_t i = 0; i < problems_.size(); ++i) absl::StrAppend(&text, "\n  ", i + 1, ". ", problems_[i]);
    return absl::FailedPreconditionError(text);
  }

 private:
  const kafka::TopicDescription* Find(const std::string& topic) const {
    const auto found = topics_.find(topic);
    return found == topics_.end() ? nullptr : &found->second;
  }

  // Describes the topic; true if it is there.
  bool Describe(const std::string& topic) {
    if (!fatal_.ok()) return false;
    absl::StatusOr<kafka::TopicDescription> described = admin_->DescribeTopic(topic, options_.timeout);
    if (described.ok()) {
      topics_[topic] = *std::move(described);
      return true;
    }
    if (!absl::IsNotFound(described.status())) {
      fatal_ = absl::Status(
          described.status().code(),
          absl::StrCat("cannot describe topic ", topic, " at ", options_.bootstrap_servers, ": ",
                       std::string(described.status().message()), "; is the broker up, and bootstrap_servers right?"));
    }
    return false;
  }

  bool Create(const kafka::NewTopic& topic) {
    const absl::Status created = admin_->CreateTopic(topic, options_.timeout);
    if (!created.ok() && !absl::IsAlreadyExists(created)) {
      problems_.push_back(absl::StrCat("topic ", topic.name, " cannot be created: ", std::string(created.message())));
      return false;
    }
    log_->Log(LogLevel::kInfo,
              absl::StrCat("created topic ", topic.name, " with ", topic.partition_count, " partitions"));
    if (DescribeBefore(absl::Now() + options_.timeout, topic.name)) return true;
    problems_.push_back(
        absl::StrCat("topic ", topic.name, " was created but the broker does not show it; start again"));
    return false;
  }

  // A new topic takes a moment to be known to the broker that is asked: ours, or one that a script made just before.
  bool DescribeBefore(absl::Time deadline, const std::string& topic) {
    constexpr absl::Duration kPause = absl::Milliseconds(20);
    while (!Describe(topic)) {
      if (!fatal_.ok() || absl::Now() >= deadline) return false;
      absl::SleepFor(kPause);
    }
    return true;
  }

  void Check(const std::string& topic, const char* role) {
    if (!fatal_.ok() || Find(topic) != nullptr) return;
    if (options_.create_topics) {
      if (!Describe(topic) && fatal_.ok()) Create({.name = topic, .partition_count = options_.create_partitions});
      return;
    }
    if (DescribeBefore(patience_, topic) || !fatal_.ok()) return;
    problems_.push_back(absl::StrCat(role, " ", topic, " does not exist; create it, or start with --create_topics"));
  }

  void CheckGroup(uint16_t index) {
    const TaskGroupSpec& group = plan_.group(index);
    const std::string& lead_topic = plan_.input_topics[group.sources.front()];
    const kafka::TopicDescription* lead = Find(lead_topic);
    if (lead == nullptr) return;
    for (const SourceIndex source : group.sources) {
      const kafka::TopicDescription* topic = Find(plan_.input_topics[source]);
      if (topic == nullptr || topic->partition_count == lead->partition_count) continue;
      problems_.push_back(absl::StrCat("source topics ", lead_topic, " and ", plan_.input_topics[source],
                                       " feed the same aggregate, so they need equally many partitions, but have ",
                                       lead->partition_count, " and ", topic->partition_count,
                                       "; recreate one with the other's count"));
    }
    CheckChangelog(index, lead_topic, *lead);
  }

  void CheckChangelog(uint16_t index, const std::string& lead_topic, const kafka::TopicDescription& lead) {
    const std::string& changelog = plan_.changelog_topics[index];
    if (!Describe(changelog)) {
      if (!fatal_.ok() || !problems_.empty()) return;
      Create({.name = changelog,
              .partition_count = lead.partition_count,
              .settings = {{"cleanup.policy", "compact"},
                           {"max.message.bytes", absl::StrCat(2 * LargestSource(index) + kMebibyte)}}});
      return;
    }
    const kafka::TopicDescription& found = *Find(changelog);
    if (found.partition_count != lead.partition_count) {
      problems_.push_back(
          absl::StrCat("changelog ", changelog, " has ", found.partition_count, " partitions but source topic ",
                       lead_topic, " has ", lead.partition_count,
                       ": the source's count was changed, so keys would meet other tasks' state. Restore the"
                       " count, or start under a new application_id"));
    }
    const auto policy = found.settings.find("cleanup.policy");
    if (policy != found.settings.end() && policy->second != "compact") {
      problems_.push_back(absl::StrCat("changelog ", changelog, " has cleanup.policy=", policy->second,
                                       ", which would delete state; set it to compact"));
    }
  }

  int64_t LargestSource(uint16_t group) const {
    int64_t largest = 0;
    for (const SourceIndex source : plan_.group(group).sources) {
      const kafka::TopicDescription* topic = Find(plan_.input_topics[source]);
      if (topic == nullptr) continue;
      largest = std::max(largest, NumberSetting(*topic, "max.message.bytes", kDefaultMaxRecordBytes));
    }
    return largest;
  }

  void FillLimits() {
    for (size_t i = 0; i < plan_.output_topics.size(); ++i) {
      const kafka::TopicDescription* topic = Find(plan_.output_topics[i]);
      if (topic == nullptr) continue;
      // E7: EstimatedSize is never below what the client counts (36 bytes, key, value, headers), nor what a broker does.
      plan_.max_record_bytes[i] =
          std::min(static_cast<size_t>(NumberSetting(*topic, "max.message.bytes", kDefaultMaxRecordBytes)),
                   options_.max_record_bytes);
    }
    constexpr int64_t kDayMs = 24 * 3600 * 1000;
    for (size_t group = 0; group < plan_.changelog_topics.size(); ++group) {
      const kafka::TopicDescription* topic = Find(plan_.changelog_topics[group]);
      if (topic == nullptr) continue;
      plan_.delete_retention[group] = absl::Milliseconds(NumberSetting(*topic, "delete.retention.ms", kDayMs));
    }
  }

  const PreflightOptions& options_;
  kafka::Admin* const admin_;
  LogSink* const log_;
  Plan& plan_;
  std::map<std::string, kafka::TopicDescription> topics_;
  std::vector<std::string> problems_;
  absl::Status fatal_;
  // Until when a missing topic may still turn up; one wait for all.
  const absl::Time patience_ = absl::Now() + absl::Seconds(1);
};

}  // namespace

absl::Status Preflight(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan) {
  return Checker(options, admin, log, plan).Run();
}

}  // namespace once
