// R7: an application has commands unless told otherwise; where their topics cannot be had it runs all the same.
#include "processor/runtime/prepare_commands.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"

namespace once {

namespace {

bool IsPassing(const absl::Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

// A new topic takes a moment to be known to the broker that is asked.
absl::StatusOr<kafka::TopicDescription> DescribeNew(const PreflightOptions& options, kafka::Admin* admin,
                                                    const std::string& name) {
  constexpr absl::Duration kPause = absl::Milliseconds(20);
  const absl::Time deadline = SteadyNow() + options.timeout;
  while (true) {
    absl::StatusOr<kafka::TopicDescription> described = admin->DescribeTopic(name, options.timeout);
    if (!absl::IsNotFound(described.status()) || SteadyNow() >= deadline) return described;
    absl::SleepFor(kPause);
  }
}

absl::StatusOr<kafka::TopicDescription> DescribeOrCreate(const PreflightOptions& options, kafka::Admin* admin,
                                                         LogSink* log, const kafka::NewTopic& topic) {
  absl::StatusOr<kafka::TopicDescription> described = admin->DescribeTopic(topic.name, options.timeout);
  if (!absl::IsNotFound(described.status())) return described;
  const absl::Status created = admin->CreateTopic(topic, options.timeout);
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  log->Log(LogLevel::kInfo, absl::StrCat("created topic ", topic.name, " with ", topic.partition_count, " partitions"));
  return DescribeNew(options, admin, topic.name);
}

}  // namespace

absl::Status PrepareCommands(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan) {
  std::vector<size_t> limits;  // Of what each topic takes, two for each group.
  for (uint16_t index = 0; index < plan->graph->groups.size(); ++index) {
    const TaskGroupSpec& group = plan->group(index);
    const int32_t partitions = plan->partition_counts[group.sources.front()];
    const kafka::NewTopic topics[] = {
        {.name = ControlTopic(plan->application_id, group), .partition_count = partitions, .settings = {}},
        // A trace of who did what does not go by itself.
        {.name = AuditTopic(plan->application_id, group),
         .partition_count = partitions,
         .settings = {{"retention.ms", "-1"}}}};
    for (const kafka::NewTopic& topic : topics) {
      const absl::StatusOr<kafka::TopicDescription> found = DescribeOrCreate(options, admin, log, topic);
      if (IsPassing(found.status())) return found.status();
      if (!found.ok()) {
        log->Log(
            LogLevel::kWarning,
            absl::StrCat("the application takes no commands: topic ", topic.name,
                         " cannot be had: ", std::string(found.status().message()),
                         "; give the application the rights Create and Describe on it, or create it yourself with ",
                         partitions, " partitions; --commands=false says that none are wanted"));
        return absl::OkStatus();
      }
      // A task's commands are in the partition of its number.
      if (found->partition_count != partitions) {
        return absl::FailedPreconditionError(absl::StrCat(
            "topic ", topic.name, " has ", found->partition_count, " partitions, but its source topic ",
            plan->input_topics[group.sources.front()], " has ", partitions,
            ": each task has a partition of its commands. Delete the topic, and it is made anew, without the commands"
            " or results that it holds; or start with --commands=false"));
      }
      plan->topic_ids[topic.name] = found->id;
      if (found->id.empty()) plan->topic_ids.erase(topic.name);
      int64_t limit = 0;
      const auto setting = found->settings.find("max.message.bytes");
      if (setting == found->settings.end() || !absl::SimpleAtoi(setting->second, &limit))
        limit = kDefaultMaxRecordBytes;
      limits.push_back(std::min(static_cast<size_t>(std::max<int64_t>(limit, 0)), options.max_record_bytes));
    }
  }
  AddCommands(plan);
  for (uint16_t index = 0; index < plan->graph->groups.size(); ++index) {
    plan->max_record_bytes[plan->audit_index(index)] = limits[2 * size_t{index} + 1];
  }
  return absl::OkStatus();
}

}  // namespace once
