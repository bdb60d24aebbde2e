// An application's topics as they are on the brokers, for commands that change none of them.
#ifndef ONCE_PROCESSOR_OPERATOR_LAYOUT_H_
#define ONCE_PROCESSOR_OPERATOR_LAYOUT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

// Fills in what the brokers say of the plan's sources and changelogs (partition counts, ids), and that it takes
// commands if all groups have the topics of these. NotFound if a source or changelog is missing, with what to do;
// FailedPrecondition if their partitions do not fit each other. Creates nothing.
absl::Status DescribeLayout(kafka::Admin* admin, absl::Duration timeout, Plan* plan);

// All tasks of a plan that was filled in.
std::vector<TaskId> TasksOf(const Plan& plan);

// The last committed frontier of each task (F1). Those of which nothing was ever committed are absent. DataLoss if one
// cannot be read; Unavailable as ScanLogs says.
absl::StatusOr<std::map<TaskId, v1::Frontier>> ReadFrontiers(const Plan& plan, kafka::Client* client,
                                                             kafka::Admin* admin, const std::vector<TaskId>& tasks,
                                                             absl::Duration timeout);

// The offsets of the partitions, or the first of the errors.
absl::StatusOr<std::map<TopicPartition, Offset>> AllOf(const kafka::LogOffsets& answers);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_LAYOUT_H_
