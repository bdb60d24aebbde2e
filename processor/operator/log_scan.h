// Reads logs through, once: what operators look at, without a group.
#ifndef ONCE_PROCESSOR_OPERATOR_LOG_SCAN_H_
#define ONCE_PROCESSOR_OPERATOR_LOG_SCAN_H_

#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/record.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"

namespace once {

// A part of a log: [begin, end).
struct LogRange {
  TopicPartition where = {};
  Offset begin = {};
  Offset end = {};
};

// Told of each committed record; its views end with the call. False: nothing more is wanted of that partition.
using LogVisitor = std::function<bool(const TopicPartition&, const RecordView&)>;

// Reads the committed records of all ranges, in order within each. Unavailable if nothing has come for `patience`: a
// transaction is open, or the brokers are silent; OutOfRange if a range begins before its log does; else what else
// keeps a partition from being read, such as PermissionDenied. Blocks.
absl::Status ScanLogs(kafka::Client* client, std::span<const LogRange> ranges, absl::Duration patience,
                      const LogVisitor& visit);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_LOG_SCAN_H_
