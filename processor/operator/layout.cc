// What commands know of an application before they do anything.
#include "processor/operator/layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "processor/operator/log_scan.h"
#include "state/changelog.h"

namespace once {

namespace {

absl::Status DescribeSources(kafka::Admin* admin, absl::Duration timeout, Plan* plan) {
  for (size_t source = 0; source < plan->input_topics.size(); ++source) {
    const std::string& topic = plan->input_topics[source];
    absl::StatusOr<kafka::TopicDescription> found = admin->DescribeTopic(topic, timeout);
    if (absl::IsNotFound(found.status())) {
      return absl::NotFoundError(
          absl::StrCat("source topic ", topic, " does not exist; create it, as `topics create` does"));
    }
    if (!found.ok()) return found.status();
    plan->partition_counts[source] = found->partition_count;
    plan->input_topic_ids[source] = found->id;
    if (!found->id.empty()) plan->topic_ids[topic] = found->id;
  }
  return absl::OkStatus();
}

absl::Status DescribeChangelogs(kafka::Admin* admin, absl::Duration timeout, Plan* plan) {
  for (uint16_t group = 0; group < plan->graph->groups.size(); ++group) {
    const std::string& topic = plan->changelog_topics[group];
    absl::StatusOr<kafka::TopicDescription> found = admin->DescribeTopic(topic, timeout);
    if (absl::IsNotFound(found.status())) {
      return absl::NotFoundError(absl::StrCat("changelog ", topic, " does not exist: application ",
                                              plan->application_id,
                                              " has never run there. Is the application_id right? Its first start "
                                              "makes the topic, and so does `topics create`"));
    }
    if (!found.ok()) return found.status();
    if (!found->id.empty()) plan->topic_ids[topic] = found->id;
    const SourceIndex lead = plan->group(group).sources.front();
    for (const SourceIndex source : plan->group(group).sources) {
      if (plan->partition_counts[source] == found->partition_count) continue;
      return absl::FailedPreconditionError(absl::StrCat("topics ", plan->input_topics[source], " and ", topic, " have ",
                                                        plan->partition_counts[source], " and ", found->partition_count,
                                                        " partitions, and each task needs one of both (lead source ",
                                                        plan->input_topics[lead], "); `doctor` says more"));
    }
  }
  return absl::OkStatus();
}

// The application takes commands if it could have read any.
absl::Status DescribeControl(kafka::Admin* admin, absl::Duration timeout, Plan* plan) {
  for (const TaskGroupSpec& group : plan->graph->groups) {
    const std::string topic = ControlTopic(plan->application_id, group);
    absl::StatusOr<kafka::TopicDescription> found = admin->DescribeTopic(topic, timeout);
    if (absl::IsNotFound(found.status())) return absl::OkStatus();
    if (!found.ok()) return found.status();
    if (!found->id.empty()) plan->topic_ids[topic] = found->id;
  }
  AddCommands(plan);
  return absl::OkStatus();
}

// Looks for the frontiers of `tasks` among the last `window` offsets of their changelogs; removes those that it has
// found, or that are not there at all.
class FrontierSearch {
 public:
  FrontierSearch(const Plan& plan, kafka::Client* client, absl::Duration timeout)
      : plan_(plan), client_(client), timeout_(timeout) {}

  absl::Status Run(const std::map<TopicPartition, Offset>& begins, const std::map<TopicPartition, Offset>& ends,
                   std::vector<TaskId> tasks) {
    // F1: the frontier is the last record of its epoch, so it is near the end.
    for (int64_t window = kFirstWindow; !tasks.empty(); window *= kGrowth) {
      std::vector<LogRange> ranges;
      for (const TaskId& task : tasks) {
        const TopicPartition where = plan_.changelog(task);
        const Offset end = ends.at(where);
        by_changelog_[where] = task;
        ranges.push_back({where, std::max(begins.at(where), Offset(end.value() - window)), end});
      }
      if (absl::Status scanned = ScanLogs(
              client_, ranges, timeout_, [this](const auto& where, const auto& record) { return Take(where, record); });
          !scanned.ok()) {
        return scanned;
      }
      if (!failure_.ok()) return failure_;
      std::erase_if(tasks, [&](const TaskId& task) {
        const TopicPartition where = plan_.changelog(task);
        return found_.contains(task) || ends.at(where).value() - window <= begins.at(where).value();
      });
    }
    return absl::OkStatus();
  }

  std::map<TaskId, v1::Frontier>& found() { return found_; }

 private:
  static constexpr int64_t kFirstWindow = 5'000;
  static constexpr int64_t kGrowth = 20;

  bool Take(const TopicPartition& where, const RecordView& record) {
    if (record.key != FrontierKey() || !record.value.has_value()) return true;
    absl::StatusOr<v1::Frontier> frontier = ParseFrontier(*record.value);
    if (!frontier.ok()) {
      failure_ = absl::DataLossError(absl::StrCat("changelog record ", ToString(where, record.offset), " ",
                                                  std::string(frontier.status().message()),
                                                  "; was it written by another program?"));
      return false;
    }
    found_[by_changelog_.at(where)] = *std::move(frontier);
    return true;
  }

  const Plan& plan_;
  kafka::Client* const client_;
  const absl::Duration timeout_;
  std::map<TopicPartition, TaskId> by_changelog_;
  std::map<TaskId, v1::Frontier> found_;
  absl::Status failure_;
};

}  // namespace

absl::Status DescribeLayout(kafka::Admin* admin, absl::Duration timeout, Plan* plan) {
  if (absl::Status sources = DescribeSources(admin, timeout, plan); !sources.ok()) return sources;
  if (absl::Status changelogs = DescribeChangelogs(admin, timeout, plan); !changelogs.ok()) return changelogs;
  return DescribeControl(admin, timeout, plan);
}

std::vector<TaskId> TasksOf(const Plan& plan) {
  std::vector<TaskId> tasks;
  for (uint16_t group = 0; group < plan.graph->groups.size(); ++group) {
    const int32_t count = plan.partition_counts[plan.group(group).sources.front()];
    for (int32_t partition = 0; partition < count; ++partition) tasks.push_back({group, Partition(partition)});
  }
  return tasks;
}

absl::StatusOr<std::map<TopicPartition, Offset>> AllOf(const kafka::LogOffsets& answers) {
  std::map<TopicPartition, Offset> offsets;
  for (const auto& [where, answer] : answers) {
    if (!answer.ok()) return answer.status();
    offsets[where] = *answer;
  }
  return offsets;
}

absl::StatusOr<std::map<TaskId, v1::Frontier>> ReadFrontiers(const Plan& plan, kafka::Client* client,
                                                             kafka::Admin* admin, const std::vector<TaskId>& tasks,
                                                             absl::Duration timeout) {
  std::vector<TopicPartition> changelogs;
  for (const TaskId& task : tasks) changelogs.push_back(plan.changelog(task));
  // F3: the high watermark, since a commit is acknowledged before its markers are written.
  auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kHighWatermark, changelogs, timeout));
  if (!ends.ok()) return ends.status();
  auto begins = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kBeginning, changelogs, timeout));
  if (!begins.ok()) return begins.status();
  FrontierSearch search(plan, client, timeout);
  if (absl::Status searched = search.Run(*begins, *ends, tasks); !searched.ok()) return searched;
  return std::move(search.found());
}

}  // namespace once
