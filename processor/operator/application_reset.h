// Makes an application one that has never run: all that it keeps for itself is deleted.
#ifndef ONCE_PROCESSOR_OPERATOR_APPLICATION_RESET_H_
#define ONCE_PROCESSOR_OPERATOR_APPLICATION_RESET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

struct ResetOptions {
  bool keep_audit = false;  // The audit topics stay.
  std::string state_dir =
      {};  // Of this machine's instance; empty: it stays as it is, and is rebuilt at its next start.
  absl::Duration timeout = absl::Seconds(30);  // Of each step.
};

// What will be deleted. Offsets, changelogs and commands go together: of each other they would make another story.
struct ResetPlan {
  bool has_group = false;  // The group of the application's name, with its committed offsets.
  struct DoomedTopic {
    std::string topic = {};
    std::string what = {};  // What is in it, for people.
    int64_t records = 0;    // At most.
  };
  std::vector<DoomedTopic> topics = {};
  std::string state_dir = {};  // Empty: none, or there is nothing in it.

  bool is_empty() const { return !has_group && topics.empty() && state_dir.empty(); }
};

// FailedPrecondition if the application runs, or its state directory is in use. `plan` need not be filled in. Blocks.
absl::StatusOr<ResetPlan> PlanReset(const Plan& plan, kafka::Admin* admin, const ResetOptions& options);

// Deletes it. First the group, which the brokers refuse while it has members: then nothing is deleted. What fails later
// leaves an application that refuses to start with a part of its state; the same reset, once more, does the rest.
absl::Status ResetApplication(const Plan& plan, kafka::Admin* admin, const ResetPlan& doomed,
                              const ResetOptions& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_APPLICATION_RESET_H_
