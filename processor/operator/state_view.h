// The state of aggregates as the changelog has it: what is committed, whether the application runs or not.
#ifndef ONCE_PROCESSOR_OPERATOR_STATE_VIEW_H_
#define ONCE_PROCESSOR_OPERATOR_STATE_VIEW_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/kept_changelogs.h"

namespace once {

struct StateEntry {
  std::string key = {};    // The record key's bytes.
  std::string value = {};  // As the aggregate's codec has encoded it.
  TopicPartition changelog = {};
  Offset offset = {};  // In it.
  int64_t timestamp_ms = -1;
};

struct StatePage {
  std::vector<StateEntry> entries = {};  // By the bytes of their keys.
  bool has_more = false;
};

// The task group that holds the aggregate's state; NotFound, with those that there are, if there is no such aggregate.
absl::StatusOr<uint16_t> GroupOfAggregate(const Plan& plan, const std::string& aggregate);

// `plan` is one that DescribeLayout has filled in. Both read committed records up to the ends of the changelogs, so
// they cost what a restore costs to read, and block for as long. Errors: those of GroupOfAggregate and ScanLogs.
//
// Nothing if there is no state of the key. A key is looked for where its source's partitioner puts it, and then in all
// partitions.
absl::StatusOr<std::optional<StateEntry>> GetState(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                                   const std::string& aggregate, const std::string& key,
                                                   absl::Duration timeout);

// What a task group keeps of one record key.
struct KeptKey {
  Partition partition;
  std::optional<KeptRecord> state = {};   // Of the aggregate that was asked for, if one was.
  std::optional<KeptRecord> status = {};  // Of what waits.
};
// Nothing if there is neither. A key is looked for where its source's partitioner puts it, and, if nothing of it is
// there, in all `partition_count` partitions of the changelog; of several that have it the last counts. `aggregate` may
// be empty. Errors: those of KeptChangelogs::Find.
absl::StatusOr<std::optional<KeptKey>> FindKept(KeptChangelogs* changelogs, const Plan& plan, uint16_t group,
                                                int32_t partition_count, const std::string& aggregate,
                                                const std::string& key, const KeptChangelogs::Limits& limits);

// At most `limit` (1 or more) entries whose keys come behind `after`, if that is given.
absl::StatusOr<StatePage> ListState(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                    const std::string& aggregate, const std::optional<std::string>& after, size_t limit,
                                    absl::Duration timeout);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_STATE_VIEW_H_
