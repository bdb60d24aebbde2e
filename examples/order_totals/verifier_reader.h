// Reads topics whole, read_committed, and a group's committed offsets, with librdkafka alone.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_READER_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_READER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "examples/order_totals/verifier_record.h"

struct rd_kafka_s;

namespace orders::verifier {

struct ReaderOptions {
  std::string bootstrap_servers;
  std::vector<std::pair<std::string, std::string>> properties;  // librdkafka's own, by name; they win.
  absl::Duration connect_timeout = absl::Seconds(15);
  // How long a partition may give nothing new before its end: longer than transactions may stay open.
  absl::Duration stall_timeout = absl::Seconds(60);
};

// Offsets of a partition: [low, high), with high the high watermark, whatever transactions are open below it.
struct Range {
  int64_t low = 0;
  int64_t high = 0;
};
using Ranges = std::map<int32_t, Range>;  // By partition.

// Not thread-safe.
class Reader {
 public:
  using Consume = std::function<absl::Status(const Record&)>;
  using Progress = std::function<void(int64_t read, int64_t offsets_to_go)>;

  // Unavailable if no broker answers, InvalidArgument if librdkafka refuses a property.
  static absl::StatusOr<std::unique_ptr<Reader>> Connect(const ReaderOptions& options);
  ~Reader();

  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // NotFound if there is no such topic. Tries for the connect timeout: brokers come back.
  absl::StatusOr<Ranges> Find(const std::string& topic);

  // Gives each committed record within `ranges` to `consume`, per partition in order; calls `progress` about once a
  // second. An error of `consume` ends it. Unavailable if a partition does not reach its end: a transaction that was
  // left open holds back the last stable offset, or no broker answers.
  absl::Status ReadCommitted(const std::string& topic, const Ranges& ranges, const Consume& consume,
                             const Progress& progress);

  // By partition; one without a committed offset is absent. Waits, within the stall timeout, for transactions that have
  // sent offsets and are still open.
  absl::StatusOr<std::map<int32_t, int64_t>> CommittedOffsets(const std::string& group, const std::string& topic,
                                                              const Ranges& partitions);

 private:
  absl::StatusOr<Ranges> TryToFind(const std::string& topic);
  explicit Reader(const ReaderOptions& options) : options_(options) {}

  // Aborted: ask again.
  absl::StatusOr<std::map<int32_t, int64_t>> AskCommittedOffsets(const std::string& group, const std::string& topic,
                                                                 const Ranges& partitions);
  absl::StatusOr<rd_kafka_s*> NewConsumer(const char* isolation_level) const;

  const ReaderOptions options_;
  // Its level is read_uncommitted: a read_committed handle answers with the last stable offset for the high watermark.
  rd_kafka_s* handle_ = nullptr;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_READER_H_
