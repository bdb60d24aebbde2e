#include "processor/cli/scan_back.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"

namespace once::cli {

absl::StatusOr<ScanEnd> ScanBack(Context* context, const ScanBackwards& scan) {
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  std::vector<TopicPartition> asked = PartitionsOf(scan.topic, scan.partition_count);
  if (scan.partition.has_value()) asked = {{scan.topic, *scan.partition}};
  const kafka::LogOffsets ends =
      (*admin)->ReadLogOffsets(kafka::LogPoint::kHighWatermark, asked, context->call_timeout());
  for (int64_t window = scan.window;; window *= 8) {
    LogScan back{.topic = scan.topic, .take = scan.take};
    bool is_all = true;
    for (const auto& [where, end] : ends) {
      if (!end.ok()) {
        return absl::Status(end.status().code(),
                            absl::StrCat(ToString(where), ": ", std::string(end.status().message())));
      }
      const Offset last = std::min(*end, scan.before.value_or(*end));
      back.partitions.push_back(where.partition);
      back.until[where.partition] = last;
      back.from[where.partition] = Offset(std::max<int64_t>(last.value() - window, 0));
      is_all &= last.value() <= window;
    }
    scan.begin();
    absl::StatusOr<ScanEnd> read = ScanLog(context, back);
    if (!read.ok() || is_all || scan.is_enough()) return read;
  }
}

}  // namespace once::cli
