// Reads topics of the application once, as records come, without a group: what views are made of.
#ifndef ONCE_PROCESSOR_CLI_LOG_SCAN_H_
#define ONCE_PROCESSOR_CLI_LOG_SCAN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/record.h"
#include "processor/base/types.h"
#include "processor/cli/context.h"

namespace once::cli {

struct LogScan {
  std::string topic = {};
  // These alone; empty: all that the topic has.
  std::vector<Partition> partitions = {};
  // Where to begin, of partitions that do not begin at their beginning.
  std::map<Partition, Offset> from = {};
  // Where to end, of partitions whose end is further on.
  std::map<Partition, Offset> until = {};
  // Called for each committed record, in the order of its partition.
  std::function<void(const RecordView&)> take = {};
};

struct ScanEnd {
  int32_t partition_count = 0;
  int64_t records = 0;
  // Partitions in which somebody's transaction is open: what it holds is not shown, nor what came behind it.
  std::vector<Partition> pending = {};
};

// Up to where the topic ended when it was begun, or, if the environment waits for no transactions, to where it was
// stable. NotFound if there is no such topic; DeadlineExceeded if nothing comes for as long as the command may wait.
// What an open transaction keeps back it waits for a moment only.
absl::StatusOr<ScanEnd> ScanLog(Context* context, const LogScan& scan);

// How many partitions a topic has. NotFound, which says `what` the topic is, if it is not there.
absl::StatusOr<int32_t> CountPartitions(Context* context, const std::string& topic, const std::string& what);

// All partitions of a topic with so many.
std::vector<TopicPartition> PartitionsOf(const std::string& topic, int32_t count);

// Which partitions, as a note: "what transactions hold that are still open in orders-0 is not shown".
void NotePending(Context* context, const std::string& topic, const ScanEnd& end);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_LOG_SCAN_H_
