// Reads topics from their ends back: the latest is what somebody looks for.
#ifndef ONCE_PROCESSOR_CLI_SCAN_BACK_H_
#define ONCE_PROCESSOR_CLI_SCAN_BACK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "processor/cli/log_scan.h"

namespace once::cli {

struct ScanBackwards {
  std::string topic = {};
  int32_t partition_count = 0;
  std::optional<Partition> partition = {};  // This one alone.
  std::optional<Offset> before = {};        // Of that partition: nothing from here on.
  int64_t window = 2'000;                   // Offsets that are read at first; eight times as many at each further try.
  std::function<void()> begin = {};         // Before each try: what was taken is forgotten.
  std::function<void(const RecordView&)> take = {};
  std::function<bool()> is_enough = {};  // After each try.
};

// Until it is enough, or all was read. Errors are those of ScanLog.
absl::StatusOr<ScanEnd> ScanBack(Context* context, const ScanBackwards& scan);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_SCAN_BACK_H_
