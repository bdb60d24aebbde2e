// Where offsets are to be set: what people write, and what it means for one partition.
#ifndef ONCE_PROCESSOR_OPERATOR_OFFSET_TARGET_H_
#define ONCE_PROCESSOR_OPERATOR_OFFSET_TARGET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/types.h"

namespace once {

struct OffsetTarget {
  enum class Kind {
    kEarliest,
    kLatest,
    kState,   // What the task's state stands for.
    kOffset,  // `number`.
    kShift,   // By `number` from where it is; not beyond the log.
    kTime,    // The first record of `time` or later.
  };
  Kind kind = Kind::kEarliest;
  int64_t number = 0;
  absl::Time time = absl::InfinitePast();
};

// "earliest", "latest", "state", an offset ("42"), a shift with its sign ("+10", "-10"), or a time as RFC 3339 has it
// ("2026-11-26T10:00:00Z"). InvalidArgument for all else.
absl::StatusOr<OffsetTarget> ParseOffsetTarget(const std::string& text);

// What is known of an input partition.
struct OffsetFacts {
  TopicPartition where = {};
  Offset begin = {};                     // Of its log.
  Offset end = {};                       // The high watermark.
  std::optional<Offset> committed = {};  // By the group.
  std::optional<Offset> state = {};      // By the task's frontier.
  std::optional<Offset> at_time = {};    // For kTime: where the brokers say that it is.

  // Where the task goes on, if it has ever committed.
  std::optional<Offset> current() const { return state.has_value() ? state : committed; }
};

// The new offset. OutOfRange if it is not in the log, FailedPrecondition if it builds on one that there is not.
absl::StatusOr<Offset> ResolveOffset(const OffsetTarget& target, const OffsetFacts& facts);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_OFFSET_TARGET_H_
