// How far an application is behind its inputs.
#ifndef ONCE_PROCESSOR_OPERATOR_LAG_H_
#define ONCE_PROCESSOR_OPERATOR_LAG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

struct InputLag {
  TaskId task = {};
  TopicPartition where = {};
  std::optional<Offset> committed = {};  // By the group; nothing: never.
  Offset begin = {};                     // Of its log.
  Offset stable = {};                    // Up to where committed records are read now.
  Offset end = {};                       // The high watermark.
  // When the next event was stamped that is not done yet; nothing if there is none, or it has no timestamp.
  std::optional<absl::Time> waits_since = {};
  std::string problem = {};  // Why the committed offset is not known, such as a transaction that is pending.

  // Offsets up to the end that are not done: events, transactions' markers, and what is not committed upstream yet. Of
  // an input that was never committed, all its log has.
  int64_t events() const;
  // What is next has gone from the log.
  bool is_gone() const { return committed.has_value() && *committed < begin; }
};

// By task, then by the order of its inputs. `plan` is one that DescribeLayout has filled in. Blocks.
absl::StatusOr<std::vector<InputLag>> ReadLag(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                              absl::Duration timeout);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_LAG_H_
