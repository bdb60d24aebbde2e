// What must be right before the first event is read: topics, partitions, settings, limits. Nothing is changed but what
// is missing and asked for.
#include "processor/runtime/preflight.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/engine/frontier.h"
#include "processor/runtime/prepare_commands.h"
#include "processor/runtime/topic_limits.h"

namespace once {

namespace {

constexpr int64_t kMebibyte = 1 << 20;
constexpr int64_t kDayMs = 24 * 3600 * 1000;

class Checker {
 public:
  Checker(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan)
      : options_(options), admin_(admin), log_(log), plan_(*plan) {}

  absl::Status Run() {
    Look();
    if (!fatal_.ok()) return fatal_;
    if (problems_.empty()) {
      Conclude();
      return absl::OkStatus();
    }
    // X4: all at once.
    std::string text = absl::StrCat("preflight found ", problems_.size(), " problem(s):");
    for (size_t i = 0; i < problems_.size(); ++i) absl::StrAppend(&text, "\n  ", i + 1, ". ", problems_[i]);
    return absl::FailedPreconditionError(text);
  }

  // Makes nothing, and goes on to the end whatever it finds.
  absl::StatusOr<TopicReport> Inspect() {
    makes_changelogs_ = false;
    Look();
    if (!fatal_.ok()) return fatal_;
    Conclude();
    return TopicReport{.problems = std::move(problems_), .topics = std::move(topics_)};
  }

 private:
  void Look() {
    for (const std::string& topic : plan_.input_topics) Check(topic, "source topic");
    for (size_t sink = 0; sink < plan_.graph->sinks.size(); ++sink) Check(plan_.output_topics[sink], "sink topic");
    if (!plan_.graph->dead_letter_topic.empty()) CheckDeadLetters(plan_.graph->dead_letter_topic);
    // Whoever only looks makes nothing, no schemas either.
    if (makes_changelogs_ && options_.checks_beside_kafka && fatal_.ok()) CheckBesidesKafka();
    for (uint16_t group = 0; group < plan_.graph->groups.size(); ++group) {
      // Changelogs last: they are made only if all else is well.
      if (fatal_.ok()) CheckGroup(group);
    }
  }

  // What nobody could tell holds up no start: who needs it waits for it (X5).
  void CheckBesidesKafka() {
    for (const StartCheck& check : plan_.graph->start_checks) {
      const absl::Status checked = check.run();
      if (checked.ok()) continue;
      if (absl::IsUnavailable(checked) || absl::IsDeadlineExceeded(checked)) {
        log_->Log(LogLevel::kWarning,
                  absl::StrCat(check.what, " could not be checked: ", std::string(checked.message()),
                               "; what needs it is tried again until it answers"));
      } else {
        problems_.push_back(absl::StrCat(check.what, ": ", std::string(checked.message())));
      }
    }
  }

  void Conclude() {
    WarnOfUnknownSettings();
    // What was found is what the engine goes by: sizes (E7), stamps (X3), ids (X5c).
    FillLimits(topics_, options_.max_record_bytes, &plan_);
    WarnOfNarrowDeadLetters();
    WarnOfNarrowResponses();
  }

  const kafka::TopicDescription* Find(const std::string& topic) const {
    const auto found = topics_.find(topic);
    return found == topics_.end() ? nullptr : &found->second;
  }

  std::string RightsOn(const std::string& topic) const {
    const auto is_one_of = [&](const std::vector<std::string>& topics) {
      return std::find(topics.begin(), topics.end(), topic) != topics.end();
    };
    const bool reads = is_one_of(plan_.ConsumedTopics()) || is_one_of(plan_.changelog_topics);
    const bool writes = is_one_of(plan_.output_topics);
    return reads && writes ? "Read and Write" : reads ? "Read" : "Write";
  }

  // Describes the topic; true if it is there. What keeps it from being described is told as a problem, once.
  bool Describe(const std::string& topic) {
    if (!fatal_.ok() || refused_.contains(topic)) return false;
    absl::StatusOr<kafka::TopicDescription> described = admin_->DescribeTopic(topic, options_.timeout);
    if (described.ok()) {
      // Asked once: all checks look here.
      topics_[topic] = *std::move(described);
      return true;
    }
    const absl::Status& why = described.status();
    // The caller knows whether that is a problem.
    if (absl::IsNotFound(why)) return false;
    // Nothing else can be found out while nobody answers.
    if (absl::IsUnauthenticated(why)) {
      fatal_ = why;
      return false;
    }
    if (absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why)) {
      fatal_ = absl::Status(
          why.code(), absl::StrCat("cannot describe topic ", topic, " at ", options_.bootstrap_servers, ": ",
                                   std::string(why.message()), "; is the broker up, and bootstrap_servers right?"));
      return false;
    }
    refused_.insert(topic);
    const std::string fix =
        absl::IsPermissionDenied(why)
            ? absl::StrCat("; give the application the right ", RightsOn(topic), " on the topic, and Describe with it")
            : "";
    problems_.push_back(absl::StrCat("topic ", topic, " cannot be described: ", std::string(why.message()), fix));
    return false;
  }

  bool Create(const kafka::NewTopic& topic) {
    const absl::Status created = admin_->CreateTopic(topic, options_.timeout);
    // No mistake of anybody's: it is tried again.
    if (absl::IsUnavailable(created) || absl::IsDeadlineExceeded(created)) {
      fatal_ = absl::Status(created.code(),
                            absl::StrCat("cannot create topic ", topic.name, " at ", options_.bootstrap_servers, ": ",
                                         std::string(created.message()), "; is the broker up?"));
      return false;
    }
    if (!created.ok() && !absl::IsAlreadyExists(created)) {
      std::string problem = absl::StrCat("topic ", topic.name, " cannot be created: ", std::string(created.message()));
      if (absl::IsPermissionDenied(created)) {
        absl::StrAppend(&problem, "; give the application the right Create on it, or create it yourself with ",
                        topic.partition_count, " partitions");
        for (const auto& [name, value] : topic.settings) absl::StrAppend(&problem, ", ", name, "=", value);
      }
      problems_.push_back(std::move(problem));
      return false;
    }
    log_->Log(LogLevel::kInfo,
              absl::StrCat("created topic ", topic.name, " with ", topic.partition_count, " partitions"));
    if (DescribeBefore(SteadyNow() + options_.timeout, topic.name)) return true;
    if (fatal_.ok() && !refused_.contains(topic.name)) {
      // X5: of many partitions, or by a busy controller, it takes its time. No mistake of anybody's either.
      fatal_ = absl::UnavailableError(absl::StrCat("topic ", topic.name, " was created, but ",
                                                   options_.bootstrap_servers, " does not show it yet"));
    }
    return false;
  }

  // A new topic takes a moment to be known to the broker that is asked: ours, or one that a script made just before.
  bool DescribeBefore(absl::Time deadline, const std::string& topic) {
    constexpr absl::Duration kPause = absl::Milliseconds(20);
    while (!Describe(topic)) {
      if (!fatal_.ok() || refused_.contains(topic) || SteadyNow() >= deadline) return false;
      absl::SleepFor(kPause);
    }
    return true;
  }

  void Check(const std::string& topic, const char* role) {
    // X8: a topic may be a sink's and a source's; it is looked at once.
    if (!fatal_.ok() || Find(topic) != nullptr || refused_.contains(topic)) return;
    if (options_.create_topics) {
      if (!Describe(topic) && fatal_.ok() && !refused_.contains(topic))
        Create({.name = topic, .partition_count = options_.create_partitions});
      return;
    }
    if (DescribeBefore(patience_, topic) || !fatal_.ok() || refused_.contains(topic)) return;
    problems_.push_back(absl::StrCat(role, " ", topic, " does not exist; create it, or start with --create_topics"));
  }

  // What the smallest form of a dead letter takes, at most: it has its disposition and its origin.
  int64_t LeastDeadLetter() const {
    size_t least = 0;
    for (const std::string& topic : plan_.input_topics) {
      const std::string origin =
          absl::StrCat(topic, "-", std::numeric_limits<int32_t>::max(), "-", std::numeric_limits<int64_t>::max());
      const HeaderView headers[] = {{"once.disposition", "REJECTED"}, {"once.origin", origin}};
      least = std::max(least, EstimatedSize({.headers = headers}));
    }
    return static_cast<int64_t>(least);
  }

  // A dead letter shrinks to what its topic takes, but not to nothing (X3).
  void CheckDeadLetters(const std::string& name) {
    Check(name, "dead-letter topic");
    const kafka::TopicDescription* topic = Find(name);
    if (topic == nullptr) return;
    const int64_t limit = NumberSetting(*topic, "max.message.bytes", kDefaultMaxRecordBytes);
    const int64_t least = LeastDeadLetter();
    if (limit >= least) return;
    problems_.push_back(absl::StrCat("dead-letter topic ", name, " has max.message.bytes=", limit,
                                     ", which dead letters may exceed in their smallest form; raise it to at least ",
                                     least));
  }

  void CheckGroup(uint16_t index) {
    const TaskGroupSpec& group = plan_.group(index);
    const std::string& lead_topic = plan_.input_topics[group.sources.front()];
    const kafka::TopicDescription* lead = Find(lead_topic);
    if (lead == nullptr) return;
    for (const SourceIndex source : group.sources) {
      const kafka::TopicDescription* topic = Find(plan_.input_topics[source]);
      // Partition p of one is processed with partition p of the others.
      if (topic == nullptr || topic->partition_count == lead->partition_count) continue;
      const bool lead_has_more = lead->partition_count > topic->partition_count;
      const std::string& smaller = lead_has_more ? plan_.input_topics[source] : lead_topic;
      problems_.push_back(absl::StrCat("source topics ", lead_topic, " and ", plan_.input_topics[source],
                                       " feed the same aggregate, so they need equally many partitions, but have ",
                                       lead->partition_count, " and ", topic->partition_count, "; add partitions to ",
                                       smaller, ", up to ", std::max(lead->partition_count, topic->partition_count),
                                       ", or make it anew with so many"));
    }
    CheckProducerLimit(index);
    CheckChangelog(index, lead_topic, *lead);
  }

  // Records of the engine's own have no smaller form (E7).
  void CheckProducerLimit(uint16_t index) {
    const size_t least = LargestFrontierRecord(plan_, index);
    if (options_.max_record_bytes >= least) return;
    problems_.push_back(absl::StrCat("the producer's message.max.bytes=", options_.max_record_bytes,
                                     " is less than the engine's own records in changelog ",
                                     plan_.changelog_topics[index],
                                     " may take; leave kafka.message.max.bytes away, or raise it to at least ", least));
  }

  // Nor have they in a topic that is there already; and deletions must be seen before they are gone (F6).
  void CheckChangelogLimits(uint16_t index, const kafka::TopicDescription& found) {
    const std::string& changelog = plan_.changelog_topics[index];
    const auto least = static_cast<int64_t>(LargestFrontierRecord(plan_, index));
    const int64_t limit = NumberSetting(found, "max.message.bytes", kDefaultMaxRecordBytes);
    if (limit < least) {
      problems_.push_back(absl::StrCat("changelog ", changelog, " has max.message.bytes=", limit,
                                       ", less than the engine's own records may take; raise it to at least ", least,
                                       ", or better to ", 2 * LargestSource(index) + kMebibyte,
                                       ", so that it takes state and whole events that have to wait"));
    }
    const int64_t kept_ms = NumberSetting(found, "delete.retention.ms", kDayMs);
    const int64_t least_kept_ms = absl::ToInt64Milliseconds(options_.least_delete_retention);
    if (kept_ms < least_kept_ms) {
      problems_.push_back(absl::StrCat(
          "changelog ", changelog, " has delete.retention.ms=", kept_ms,
          ": it forgets deletions before anybody who reads it has seen them, so that deleted state would come back; "
          "set it to at least ",
          least_kept_ms, ", or better to Kafka's default, ", kDayMs));
    }
  }

  void CheckChangelog(uint16_t index, const std::string& lead_topic, const kafka::TopicDescription& lead) {
    const std::string& changelog = plan_.changelog_topics[index];
    if (!Describe(changelog)) {
      // Nothing is made for an application that will not start.
      if (!fatal_.ok() || !problems_.empty() || !makes_changelogs_) return;
      Create({.name = changelog,
              .partition_count = lead.partition_count,
              // E7: state and parked events of the largest event fit, with all that is around them.
              .settings = {{"cleanup.policy", "compact"},
                           {"max.message.bytes", absl::StrCat(2 * LargestSource(index) + kMebibyte)}}});
      return;
    }
    const kafka::TopicDescription& found = *Find(changelog);
    // X8: keys have other partitions since, and their state is where they were.
    if (found.partition_count != lead.partition_count) {
      // Kafka takes no partitions away.
      const std::string fix = found.partition_count > lead.partition_count
                                  ? absl::StrCat("Add partitions to the source, up to ", found.partition_count,
                                                 ", or start under a new application_id")
                                  : "Start under a new application_id";
      problems_.push_back(absl::StrCat(
          "changelog ", changelog, " has ", found.partition_count, " partitions but source topic ", lead_topic, " has ",
          lead.partition_count, ": the source's count was changed, so keys would meet other tasks' state. ", fix));
    }
    const auto policy = found.settings.find("cleanup.policy");
    // Settings that cannot be read are told of below; the start does not fail for them (X2b).
    if (policy != found.settings.end() && policy->second != "compact") {
      problems_.push_back(absl::StrCat("changelog ", changelog, " has cleanup.policy=", policy->second,
                                       ", which would delete state; set it to compact"));
    }
    CheckChangelogLimits(index, found);
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

  // E7: what is larger than the client takes is asked for again and again, and nothing behind it is read. Our own limit
  // is above all that a librdkafka producer can write.
  void WarnOfNarrowResponses() const {
    constexpr int64_t kAround = 1024;
    std::string wide;
    int64_t largest = 0;
    const auto look = [&](const std::string& name) {
      const kafka::TopicDescription* topic = Find(name);
      if (topic == nullptr) return;
      const int64_t limit = NumberSetting(*topic, "max.message.bytes", kDefaultMaxRecordBytes);
      if (limit <= options_.max_response_bytes - kAround) return;
      absl::StrAppend(&wide, wide.empty() ? "" : ", ", name);
      largest = std::max(largest, limit);
    };
    for (const std::string& name : plan_.input_topics) look(name);
    for (const std::string& name : plan_.changelog_topics) look(name);
    if (wide.empty()) return;
    log_->Log(LogLevel::kWarning,
              absl::StrCat("readers take ", options_.max_response_bytes, " bytes in one response, as ",
                           "kafka.receive.message.max.bytes says, and these topics larger records, up to ", largest,
                           " bytes: ", wide,
                           ". One that is larger would stop its partition; leave the property away, or "
                           "raise it to at least ",
                           largest + kAround));
  }

  void WarnOfUnknownSettings() const {
    std::string names;
    const absl::Status* why = nullptr;
    for (const auto& [name, topic] : topics_) {
      if (topic.settings_error.ok()) continue;
      absl::StrAppend(&names, names.empty() ? "" : ", ", name);
      why = &topic.settings_error;
    }
    if (why == nullptr) return;
    log_->Log(LogLevel::kWarning,
              absl::StrCat("the settings of these topics cannot be read: ", names, " (", std::string(why->message()),
                           "). Unchecked stay the changelogs' cleanup.policy and all limits on sizes and timestamps; "
                           "Kafka's defaults are assumed: max.message.bytes=",
                           kDefaultMaxRecordBytes, ", message.timestamp.after.max.ms=",
                           absl::ToInt64Milliseconds(kDefaultTimestampAfterMax), ", delete.retention.ms=", kDayMs,
                           ". Give the application the right DescribeConfigs on these topics"));
  }

  // What a dead letter had no room for is missing when it is sent back (R6).
  void WarnOfNarrowDeadLetters() const {
    if (Find(plan_.graph->dead_letter_topic) == nullptr) return;
    int64_t largest = 0;
    for (uint16_t group = 0; group < plan_.graph->groups.size(); ++group) {
      largest = std::max(largest, LargestSource(group));
    }
    const auto limit = static_cast<int64_t>(plan_.max_record_bytes[plan_.dead_letter_index()]);
    if (limit >= largest) return;
    log_->Log(LogLevel::kWarning,
              absl::StrCat("dead-letter topic ", plan_.graph->dead_letter_topic, " takes ", limit,
                           " bytes a record and the sources up to ", largest,
                           ": dead letters of larger events have no value, so that they cannot be sent back as events,"
                           " and the largest no key; raise its max.message.bytes to at least ",
                           largest, ", and the producer's, kafka.message.max.bytes"));
  }

  const PreflightOptions& options_;
  kafka::Admin* const admin_;
  LogSink* const log_;
  Plan& plan_;
  std::map<std::string, kafka::TopicDescription> topics_;
  std::vector<std::string> problems_;
  bool makes_changelogs_ = true;
  std::set<std::string> refused_;  // Topics that cannot be described, as the problems say.
  absl::Status fatal_;
  // Until when a missing topic may still turn up; one wait for all.
  const absl::Time patience_ = SteadyNow() + options_.patience;
};

}  // namespace

absl::Status Preflight(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan) {
  const absl::Status checked = Checker(options, admin, log, plan).Run();
  return checked.ok() && options.takes_commands ? PrepareCommands(options, admin, log, plan) : checked;
}

absl::StatusOr<TopicReport> InspectTopics(const PreflightOptions& options, kafka::Admin* admin, LogSink* log,
                                          Plan* plan) {
  return Checker(options, admin, log, plan).Inspect();
}

}  // namespace once
