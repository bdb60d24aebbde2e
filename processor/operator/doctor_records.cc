// What is in the logs: keys in the right partitions, stamps of the present, and tasks that fit their offsets.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "processor/base/partitioner.h"
#include "processor/operator/doctor_checks.h"
#include "processor/operator/layout.h"
#include "processor/operator/log_scan.h"
#include "processor/operator/offsets.h"

namespace once {

namespace {

// Of one source.
struct Sample {
  int64_t keyed = 0;
  int64_t misplaced = 0;
  int64_t misplaced_by_murmur2 = 0;
  int64_t misplaced_by_crc32 = 0;
  std::string example = {};
  int64_t newest_ms = -1;
};

class Sampler {
 public:
  explicit Sampler(const Patient& patient) : patient_(patient), samples_(patient.plan->input_topics.size()) {}

  absl::Status Run() {
    std::vector<TopicPartition> partitions;
    for (SourceIndex source = 0; source < samples_.size(); ++source) {
      for (int32_t p = 0; p < patient_.plan->partition_counts[source]; ++p) {
        partitions.push_back({patient_.plan->input_topics[source], Partition(p)});
        by_topic_[patient_.plan->input_topics[source]] = source;
      }
    }
    const absl::Duration timeout = patient_.options.timeout;
    const auto begins = AllOf(patient_.admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, timeout));
    if (!begins.ok()) return begins.status();
    // Not what is open upstream: that may take its time.
    const auto ends = AllOf(patient_.admin->ReadLogOffsets(kafka::LogPoint::kLastStable, partitions, timeout));
    if (!ends.ok()) return ends.status();
    std::vector<LogRange> ranges;
    for (const TopicPartition& each : partitions) {
      const Offset first(ends->at(each).value() - patient_.options.sampled_records);
      ranges.push_back({each, std::max(begins->at(each), first), ends->at(each)});
    }
    return ScanLogs(patient_.client, ranges, timeout, [this](const auto& where, const auto& record) {
      Take(where, record);
      return true;
    });
  }

  const std::vector<Sample>& samples() const { return samples_; }

 private:
  void Take(const TopicPartition& where, const RecordView& record) {
    const SourceIndex source = by_topic_.at(where.topic);
    Sample& sample = samples_[source];
    sample.newest_ms = std::max(sample.newest_ms, record.timestamp_ms);
    const int32_t count = patient_.plan->partition_counts[source];
    const auto is_misplaced = [&](Partitioner partitioner) {
      const std::optional<Partition> expected = ExpectedPartition(partitioner, record.key, count);
      return expected.has_value() && *expected != where.partition;
    };
    if (!record.key.has_value() || record.key->empty()) return;
    ++sample.keyed;
    sample.misplaced_by_murmur2 += is_misplaced(Partitioner::kMurmur2) ? 1 : 0;
    sample.misplaced_by_crc32 += is_misplaced(Partitioner::kCrc32) ? 1 : 0;
    if (!is_misplaced(patient_.plan->graph->sources[source].partitioner)) return;
    if (sample.misplaced++ == 0) sample.example = ToString(where, record.offset);
  }

  const Patient& patient_;
  std::map<std::string, SourceIndex> by_topic_;
  std::vector<Sample> samples_;
};

std::string FixOf(const Sample& sample, Partitioner declared) {
  if (declared != Partitioner::kMurmur2 && sample.misplaced_by_murmur2 == 0) {
    return "they are where murmur2 puts them: leave SourceOptions.partitioner at kMurmur2";
  }
  if (declared != Partitioner::kCrc32 && sample.misplaced_by_crc32 == 0) {
    return "they are where CRC-32 puts them, librdkafka's default: set SourceOptions.partitioner to kCrc32, or the "
           "producers' partitioner to murmur2_random";
  }
  return "let all producers of the topic use one partitioner (murmur2), or, if no two sources meet in an aggregate, "
         "set "
         "SourceOptions.partitioner to kAny";
}

void CheckKeys(const Patient& patient, SourceIndex source, const Sample& sample, Findings* findings) {
  const SourceSpec& spec = patient.plan->graph->sources[source];
  if (sample.keyed == 0) return;
  if (sample.misplaced == 0) {
    return findings->Ok("keys", absl::StrCat("source ", spec.topic, ": all of ", sample.keyed,
                                             " sampled keys are in their partitions"));
  }
  const std::string what =
      absl::StrCat("source ", spec.topic, ": ", sample.misplaced, " of ", sample.keyed,
                   " sampled keys are in other partitions than its partitioner says, such as ", sample.example);
  const bool is_joined = patient.plan->group(patient.plan->group_of_source[source]).sources.size() > 1;
  if (is_joined) {
    return findings->Fail("keys", absl::StrCat(what, "; with other sources of their aggregates they do not meet"),
                          FixOf(sample, spec.partitioner));
  }
  findings->Warn("keys", absl::StrCat(what, "; a key that is in two partitions has two states"),
                 FixOf(sample, spec.partitioner));
}

void CheckClock(const Patient& patient, const std::vector<Sample>& samples, Findings* findings) {
  if (patient.options.now == absl::InfinitePast()) return;
  constexpr absl::Duration kAllowed = absl::Minutes(1);
  int64_t newest = -1;
  std::string topic;
  for (size_t source = 0; source < samples.size(); ++source) {
    if (samples[source].newest_ms <= newest) continue;
    newest = samples[source].newest_ms;
    topic = patient.plan->input_topics[source];
  }
  if (newest < 0) return;
  const absl::Duration ahead = absl::FromUnixMillis(newest) - patient.options.now;
  if (ahead <= kAllowed) {
    return findings->Ok("clock", "no sampled event is from this machine's future");
  }
  findings->Warn("clock",
                 absl::StrCat("the newest event of ", topic, " is stamped ",
                              absl::FormatDuration(absl::Trunc(ahead, absl::Seconds(1))),
                              " ahead of this machine's clock: one of the two clocks is wrong, and what carries the "
                              "event's time may be refused by topics with message.timestamp.after.max.ms"),
                 "set the clocks by NTP, here and where the events are made");
}

}  // namespace

void CheckRecords(const Patient& patient, Findings* findings) {
  if (patient.options.sampled_records <= 0) return;
  Sampler sampler(patient);
  if (const absl::Status sampled = sampler.Run(); !sampled.ok()) {
    return findings->Warn("keys", absl::StrCat("no events could be sampled: ", std::string(sampled.message())),
                          "give the application the right Read on its sources, and let `doctor` look again");
  }
  for (SourceIndex source = 0; source < sampler.samples().size(); ++source) {
    CheckKeys(patient, source, sampler.samples()[source], findings);
  }
  CheckClock(patient, sampler.samples(), findings);
}

void CheckTasks(const Patient& patient, Findings* findings) {
  const Plan& plan = *patient.plan;
  // Of an application that has never run there is nothing to say.
  for (uint16_t group = 0; group < plan.graph->groups.size(); ++group) {
    const auto changelog = patient.topics.find(plan.changelog_topics[group]);
    if (changelog == patient.topics.end()) return;
    for (const SourceIndex source : plan.group(group).sources) {
      if (plan.partition_counts[source] != changelog->second.partition_count) return;
    }
  }
  const size_t before = findings->size();
  const absl::StatusOr<std::vector<OffsetMove>> inputs =
      ReadOffsets(plan, patient.client, patient.admin, {}, {.timeout = patient.options.timeout});
  if (!inputs.ok()) {
    return findings->Warn(
        "tasks", absl::StrCat("where the tasks stand cannot be read: ", std::string(inputs.status().message())),
        "let `doctor` look again");
  }
  for (const OffsetMove& input : *inputs) {
    const OffsetFacts& facts = input.facts;
    const std::string selected =
        absl::StrCat(" --source=", facts.where.topic, " --partition=", facts.where.partition.value());
    // While it runs, offsets and state were read at two moments.
    if (patient.group.members.empty() && facts.committed != facts.state && facts.state.has_value()) {
      findings->Fail(
          "tasks",
          absl::StrCat("the state of the task stands for ", ToString(facts.where, *facts.state),
                       ", but the group has committed ",
                       facts.committed.has_value() ? absl::StrCat(facts.committed->value()) : std::string("nothing"),
                       " there: the task would fail"),
          absl::StrCat("`offsets reset --to=state", selected, "`"));
    } else if (facts.current().has_value() && *facts.current() < facts.begin) {
      findings->Fail("tasks",
                     absl::StrCat("the next event, ", ToString(facts.where, *facts.current()),
                                  ", is not in the log any more, which begins at ", facts.begin.value()),
                     absl::StrCat("stop all instances and `offsets reset --to=earliest", selected,
                                  "`, or start with --accept_gaps"));
    } else if (facts.current().has_value() && *facts.current() > facts.end) {
      findings->Fail(
          "tasks",
          absl::StrCat("the next event, ", ToString(facts.where, *facts.current()), ", is beyond the end of the log, ",
                       facts.end.value(), ": the topic was made anew, or its brokers lost records"),
          absl::StrCat("stop all instances and `offsets reset --to=earliest", selected, "`"));
    }
  }
  findings->OkUnlessFound(before, "tasks",
                          absl::StrCat("offsets and state of ", inputs->size(), " input partitions fit"));
}

}  // namespace once
