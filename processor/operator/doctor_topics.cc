// Topics: what a start would refuse or warn of, and what it does not look at.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/operator/doctor_checks.h"
#include "processor/operator/topics.h"
#include "processor/runtime/topic_limits.h"

namespace once {

namespace {

constexpr char kCheck[] = "topics";

// Warnings of the preflight, which it logs.
struct Overheard final : LogSink {
  void Log(LogLevel level, const std::string& message) override {
    if (level == LogLevel::kWarning || level == LogLevel::kError) warnings.push_back(message);
  }
  std::vector<std::string> warnings;
};

// A message ends with what to do, behind its last semicolon.
Finding Split(FindingLevel level, const std::string& message) {
  const size_t semicolon = message.rfind("; ");
  if (semicolon == std::string::npos) return {level, kCheck, message, "see there"};
  return {level, kCheck, message.substr(0, semicolon), message.substr(semicolon + 2)};
}

void Add(Finding finding, Findings* findings) {
  if (finding.level == FindingLevel::kFail) {
    findings->Fail(finding.check, finding.what, finding.fix);
  } else {
    findings->Warn(finding.check, finding.what, finding.fix);
  }
}

// Of commands and their results, which a start makes where it can.
void CheckCommandTopics(Patient* patient, const std::vector<TopicState>& states, Findings* findings) {
  for (const TopicState& state : states) {
    if (!state.exists || (state.role != "commands" && state.role != "audit")) continue;
    const absl::StatusOr<kafka::TopicDescription> found =
        patient->admin->DescribeTopic(state.topic, patient->options.timeout);
    if (found.ok()) patient->topics[state.topic] = *found;
  }
  for (const TaskGroupSpec& group : patient->plan->graph->groups) {
    const int32_t wanted = patient->plan->partition_counts[group.sources.front()];
    for (const std::string& topic :
         {ControlTopic(patient->plan->application_id, group), AuditTopic(patient->plan->application_id, group)}) {
      const auto found = patient->topics.find(topic);
      if (found == patient->topics.end() || wanted == 0 || found->second.partition_count == wanted) continue;
      findings->Fail(kCheck,
                     absl::StrCat("topic ", topic, " has ", found->second.partition_count,
                                  " partitions, but its source has ", wanted, ", and each task needs one of both"),
                     "delete it, and a start makes it anew, or start with --commands=false");
    }
  }
}

}  // namespace

bool CheckTopics(Patient* patient, Findings* findings) {
  const size_t before = findings->size();
  PreflightOptions options = patient->options.preflight;
  options.create_topics = false;
  Overheard overheard;
  absl::StatusOr<TopicReport> report = InspectTopics(options, patient->admin, &overheard, patient->plan);
  if (!report.ok()) {
    findings->Fail(kCheck, std::string(report.status().message()),
                   "see that the brokers answer, and let `doctor` look again");
    return false;
  }
  for (const std::string& problem : report->problems) Add(Split(FindingLevel::kFail, problem), findings);
  for (const std::string& warning : overheard.warnings) Add(Split(FindingLevel::kWarn, warning), findings);
  patient->topics = std::move(report->topics);
  const absl::StatusOr<std::vector<TopicState>> states = ListTopics(options, patient->admin, *patient->plan);
  if (!states.ok()) return false;
  CheckCommandTopics(patient, *states, findings);
  std::vector<std::string> to_be_made;
  for (const TopicState& state : *states) {
    if (!state.exists && state.is_internal) to_be_made.push_back(state.topic);
  }
  findings->OkUnlessFound(before, kCheck, absl::StrCat(patient->topics.size(), " topics are there, as they should be"));
  if (!to_be_made.empty()) {
    findings->Ok(kCheck, absl::StrCat("a start makes ", absl::StrJoin(to_be_made, ", ")));
  }
  return std::all_of(patient->plan->input_topics.begin(), patient->plan->input_topics.end(),
                     [&](const std::string& topic) { return patient->topics.contains(topic); });
}

void CheckReplication(const Patient& patient, Findings* findings) {
  const size_t before = findings->size();
  constexpr int32_t kWanted = 3;
  std::vector<std::string> few;
  std::vector<std::string> narrow;
  for (const auto& [name, topic] : patient.topics) {
    const int64_t least_in_sync = NumberSetting(topic, "min.insync.replicas", 1);
    if (topic.replicas == 0) continue;
    if (topic.in_sync < least_in_sync) {
      findings->Fail("replication",
                     absl::StrCat("topic ", name, " has ", topic.in_sync, " replicas in sync and needs ", least_in_sync,
                                  " (min.insync.replicas): nothing can be written to it"),
                     least_in_sync > topic.replicas ? "set its min.insync.replicas to less than its replicas"
                                                    : "bring the brokers back that have its other replicas");
    } else if (topic.in_sync < topic.replicas) {
      findings->Warn("replication",
                     absl::StrCat("topic ", name, " has ", topic.in_sync, " of ", topic.replicas, " replicas in sync"),
                     "see what is wrong with the brokers that have the others");
    }
    if (topic.replicas < kWanted) {
      few.push_back(absl::StrCat(name, " (", topic.replicas, ")"));
    } else if (least_in_sync < 2) {
      narrow.push_back(name);
    }
  }
  if (!few.empty()) {
    findings->Warn("replication",
                   absl::StrCat("fewer than ", kWanted, " replicas: ", absl::StrJoin(few, ", "),
                                "; what the brokers have acknowledged is lost with the disks of so many"),
                   patient.cluster.brokers < kWanted
                       ? absl::StrCat("use at least ", kWanted, " brokers, and as many replicas")
                       : absl::StrCat("raise their number of replicas to ", kWanted,
                                      ", and the brokers' default.replication.factor for those to come"));
  }
  if (!narrow.empty()) {
    findings->Warn("replication",
                   absl::StrCat("min.insync.replicas is 1 for ", absl::StrJoin(narrow, ", "),
                                ": what one broker alone has acknowledged is lost with it"),
                   "set it to 2");
  }
  if (!patient.topics.empty()) {
    findings->OkUnlessFound(before, "replication",
                            "all topics have three replicas or more, and two of them must be in sync");
  }
}

void CheckRights(const Patient& patient, Findings* findings) {
  const size_t before = findings->size();
  std::map<std::string, std::set<std::string>> needed;
  const Plan& plan = *patient.plan;
  for (const std::string& topic : plan.input_topics) needed[topic].insert("READ");
  for (const std::string& topic : plan.output_topics) {
    if (!topic.empty()) needed[topic].insert("WRITE");
  }
  for (const std::string& topic : plan.changelog_topics) needed[topic].insert("READ");
  if (patient.options.preflight.takes_commands) {
    for (const TaskGroupSpec& group : plan.graph->groups) {
      needed[ControlTopic(plan.application_id, group)].insert("READ");
      needed[AuditTopic(plan.application_id, group)].insert("WRITE");
    }
  }
  std::vector<std::string> topics;
  for (const auto& [topic, rights] : needed) {
    if (patient.topics.contains(topic)) topics.push_back(topic);
  }
  const auto found = patient.admin->ReadTopicRights(topics, patient.options.timeout);
  if (!found.ok() || found->empty()) {
    if (topics.empty()) return;
    return findings->Warn(
        "rights",
        absl::StrCat("which rights there are on topics is not told",
                     found.ok() ? std::string() : absl::StrCat(": ", std::string(found.status().message()))),
        "use librdkafka 2.3 or later, and Kafka 2.3 or later, to have them checked");
  }
  for (const std::string& topic : topics) {
    const auto rights = found->find(topic);
    if (rights == found->end()) continue;
    for (const std::string& right : needed.at(topic)) {
      if (rights->second.contains(right)) continue;
      findings->Fail("rights", absl::StrCat("there is no right ", right, " on topic ", topic),
                     absl::StrCat("give the application the right ", right, " on it"));
    }
  }
  findings->OkUnlessFound(before, "rights", absl::StrCat("all that is needed on ", topics.size(), " topics"));
}

void CheckLimits(const Patient& patient, Findings* findings) {
  const size_t before = findings->size();
  const Plan& plan = *patient.plan;
  size_t largest_source = 0;
  for (const std::string& topic : plan.input_topics) {
    const auto found = patient.topics.find(topic);
    if (found == patient.topics.end()) continue;
    const int64_t limit = NumberSetting(found->second, "max.message.bytes", kDefaultMaxRecordBytes);
    largest_source = std::max(largest_source, static_cast<size_t>(std::max<int64_t>(limit, 0)));
  }
  for (size_t i = 0; i < plan.graph->sinks.size(); ++i) {
    const std::string& topic = plan.output_topics[i];
    if (!patient.topics.contains(topic)) continue;
    if (plan.max_record_bytes[i] < largest_source) {
      findings->Warn(
          "limits",
          absl::StrCat("sink topic ", topic, " takes ", plan.max_record_bytes[i], " bytes a record, and sources up to ",
                       largest_source, ": an event whose output is larger fails, as OUT_OF_RANGE"),
          absl::StrCat("raise its max.message.bytes, and the producer's, to ", largest_source,
                       " if events are passed on whole"));
    }
    if (plan.timestamp_before_max[i] < absl::Hours(24) && !plan.log_append_time[i]) {
      findings->Warn("limits",
                     absl::StrCat("sink topic ", topic, " takes timestamps up to ",
                                  absl::FormatDuration(plan.timestamp_before_max[i]),
                                  " old: outputs of older events carry the present, and their own time in a header"),
                     "raise its message.timestamp.before.max.ms if readers go by the timestamp");
    }
  }
  for (size_t group = 0; group < plan.changelog_topics.size(); ++group) {
    if (!patient.topics.contains(plan.changelog_topics[group])) continue;
    if (plan.delete_retention[group] < absl::Hours(2)) {
      findings->Warn(
          "limits",
          absl::StrCat("changelog ", plan.changelog_topics[group], " keeps deletions for ",
                       absl::FormatDuration(plan.delete_retention[group]),
                       " (delete.retention.ms): an instance that was down for longer rebuilds its state from "
                       "the whole changelog"),
          "set it to a day, Kafka's default");
    }
  }
  if (!patient.topics.empty()) {
    findings->OkUnlessFound(before, "limits", "sizes, timestamps and retention fit together");
  }
}

}  // namespace once
