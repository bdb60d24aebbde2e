// Where an application's tasks stand, and moving them: group offsets and frontiers together, in one transaction.
#ifndef ONCE_PROCESSOR_OPERATOR_OFFSETS_H_
#define ONCE_PROCESSOR_OPERATOR_OFFSETS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/offset_target.h"

namespace once {

// Which input partitions are meant; empty: all.
struct OffsetSelection {
  std::vector<std::string> sources = {};  // By the source's name or its topic.
  std::set<int32_t> partitions = {};
};

struct OffsetMove {
  TaskId task = {};
  OffsetFacts facts = {};
  Offset to = {};

  // How many offsets lie between where it stood and where it goes: above 0 they are skipped, below 0 they come again.
  // Transactions' markers have offsets, too. Nothing if it did not stand anywhere.
  std::optional<int64_t> distance() const {
    if (!facts.current().has_value()) return std::nullopt;
    return to - *facts.current();
  }
  // Of what is skipped: how much is gone from the log anyway.
  int64_t gone() const;
};

// What is to be written of one task.
struct TaskMove {
  v1::Frontier frontier = {};                      // The new one.
  std::vector<TopicPartitionOffset> offsets = {};  // Of all its inputs (T9), those that stay included.
};

struct OffsetPlan {
  std::vector<OffsetMove> moves = {};     // By task, then in the order of its inputs.
  std::map<TaskId, TaskMove> tasks = {};  // All of which something changes.
  bool forgets_window = false;
  bool takes_copied_changelog = false;
  int64_t tasks_without_state = 0;

  // What the people who wanted it should know, one sentence each.
  std::vector<std::string> Consequences() const;
};

struct OffsetOptions {
  absl::Duration timeout = absl::Seconds(30);  // Of each step.
  bool forget_window = false;                  // What comes again takes effect again, though its event IDs are known.
  // The changelog was copied from another topic, whole: it is this application's from now on.
  bool copied_changelog = false;
};

// `plan` is one that DescribeLayout has filled in. Objects that are passed outlive the call. All calls block. Errors:
// NotFound if nothing is selected; Unavailable and DeadlineExceeded may be tried again; of PlanOffsets those of
// ResolveOffset as well, and FailedPrecondition if state and offsets of what is not moved do not fit.
absl::StatusOr<std::vector<OffsetMove>> ReadOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                                    const OffsetSelection& selection, const OffsetOptions& options);
absl::StatusOr<OffsetPlan> PlanOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                       const OffsetSelection& selection, const OffsetTarget& target,
                                       const OffsetOptions& options);
// Behind the next `count` events of each selected partition: those that are committed, whatever became of them.
absl::StatusOr<OffsetPlan> PlanSkip(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                    const OffsetSelection& selection, int64_t count, const OffsetOptions& options);

// Carries it out: all of it, in one transaction, or nothing. FailedPrecondition, and nothing is changed, if an instance
// runs or starts meanwhile, or if what `offsets` was made from is not so any more. Unknown if nobody knows whether it
// took effect: ReadOffsets shows it.
absl::Status MoveOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin, const OffsetPlan& offsets,
                         const OffsetOptions& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_OFFSETS_H_
