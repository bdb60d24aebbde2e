#include "processor/operator/application_reset.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/operator/layout.h"
#include "processor/operator/sole_member.h"
#include "processor/runtime/state_dir.h"

namespace once {

namespace {

// T12: the instance stays who it is, so that it takes its own producers over.
constexpr std::string_view kKept[] = {"LOCK", "instance_id"};

bool IsKept(const std::filesystem::path& path) {
  for (const std::string_view name : kKept) {
    if (path.filename() == name) return true;
  }
  return false;
}

std::vector<std::filesystem::path> FilesIn(const std::string& dir) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (!IsKept(entry.path())) files.push_back(entry.path());
  }
  return files;
}

absl::StatusOr<int64_t> CountRecords(kafka::Admin* admin, const std::string& topic, int32_t partition_count,
                                     absl::Duration timeout) {
  std::vector<TopicPartition> partitions;
  for (int32_t i = 0; i < partition_count; ++i) partitions.push_back({topic, Partition(i)});
  const auto begins = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, timeout));
  if (!begins.ok()) return begins.status();
  const auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, timeout));
  if (!ends.ok()) return ends.status();
  int64_t records = 0;
  for (const auto& [where, end] : *ends) records += end - begins->at(where);
  return records;
}

absl::Status DeleteFiles(const std::string& dir) {
  // Held against an instance that starts just now.
  absl::StatusOr<std::unique_ptr<LockedDir>> held = LockedDir::Open(dir);
  if (!held.ok()) return held.status();
  for (const std::filesystem::path& path : FilesIn(dir)) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error)
      return absl::FailedPreconditionError(absl::StrCat(path.string(), " cannot be deleted: ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ResetPlan> PlanReset(const Plan& plan, kafka::Admin* admin, const ResetOptions& options) {
  if (absl::Status inactive = CheckInactive(plan, admin, options.timeout); !inactive.ok()) return inactive;
  ResetPlan doomed;
  const absl::StatusOr<kafka::GroupDescription> group = admin->DescribeGroup(plan.application_id, options.timeout);
  if (!group.ok()) return group.status();
  doomed.has_group = group->state != "Dead";
  std::vector<std::pair<std::string, std::string>> topics;
  for (const TaskGroupSpec& each : plan.graph->groups) {
    topics.emplace_back(ChangelogTopic(plan.application_id, each), "state, parked events, known event IDs");
    topics.emplace_back(ControlTopic(plan.application_id, each), "commands");
    if (!options.keep_audit) topics.emplace_back(AuditTopic(plan.application_id, each), "results of commands");
  }
  for (const auto& [topic, what] : topics) {
    const absl::StatusOr<kafka::TopicDescription> found = admin->DescribeTopic(topic, options.timeout);
    if (absl::IsNotFound(found.status())) continue;
    if (!found.ok()) return found.status();
    const absl::StatusOr<int64_t> records = CountRecords(admin, topic, found->partition_count, options.timeout);
    if (!records.ok()) return records.status();
    doomed.topics.push_back({.topic = topic, .what = what, .records = *records});
  }
  if (options.state_dir.empty() || FilesIn(options.state_dir).empty()) return doomed;
  absl::StatusOr<std::unique_ptr<LockedDir>> unused = LockedDir::Open(options.state_dir);
  if (!unused.ok()) return unused.status();
  doomed.state_dir = options.state_dir;
  return doomed;
}

absl::Status ResetApplication(const Plan& plan, kafka::Admin* admin, const ResetPlan& doomed,
                              const ResetOptions& options) {
  if (absl::Status inactive = CheckInactive(plan, admin, options.timeout); !inactive.ok()) return inactive;
  if (doomed.has_group) {
    const absl::Status deleted = admin->DeleteGroup(plan.application_id, options.timeout);
    if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
  }
  // It may have been started just now.
  if (absl::Status inactive = CheckInactive(plan, admin, options.timeout); !inactive.ok()) return inactive;
  for (const ResetPlan::DoomedTopic& each : doomed.topics) {
    const absl::Status deleted = admin->DeleteTopic(each.topic, options.timeout);
    if (!deleted.ok() && !absl::IsNotFound(deleted)) {
      return absl::Status(deleted.code(), absl::StrCat(deleted.message(),
                                                       "; what comes before it in the list is deleted: run it again"));
    }
  }
  return doomed.state_dir.empty() ? absl::OkStatus() : DeleteFiles(doomed.state_dir);
}

}  // namespace once
