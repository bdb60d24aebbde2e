// One partition's log as a broker keeps it: records, control markers, and which transactions are open or aborted.
#ifndef ONCE_TESTS_TESTKIT_PARTITION_LOG_H_
#define ONCE_TESTS_TESTKIT_PARTITION_LOG_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/record.h"
#include "processor/base/types.h"

namespace once::testkit {

inline constexpr int64_t kNoProducer = -1;

// A record with bytes of its own. Never changed once it is in a log, so readers share it.
struct StoredRecord {
  Offset offset;
  int64_t timestamp_ms = -1;
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  std::vector<HeaderView> header_views = {};  // Of `headers`.
  int64_t producer_id = kNoProducer;          // Whose transaction it belongs to.
  bool is_marker = false;

  OptionalBytes key_view() const { return key.has_value() ? OptionalBytes(*key) : std::nullopt; }
  OptionalBytes value_view() const { return value.has_value() ? OptionalBytes(*value) : std::nullopt; }
};

using StoredRecordPtr = std::shared_ptr<const StoredRecord>;

class PartitionLog {
 public:
  // Returns the record's offset. A record with a producer id opens that producer's transaction here.
  Offset Append(StoredRecord record);
  // Writes the marker that ends the producer's transaction here, if one is open, and aborts or commits its records.
  void EndTransaction(int64_t producer_id, bool is_commit, int64_t timestamp_ms);

  Offset start() const { return start_; }
  // One past the last record or marker.
  Offset high_watermark() const { return end_; }
  // The first offset of the first open transaction, or the high watermark.
  Offset last_stable_offset() const;

  // Whether a reader may stand at the offset.
  bool Contains(Offset offset) const { return offset >= start_ && offset <= end_; }

  struct Slice {
    std::vector<StoredRecordPtr> records;
    Offset next;  // Past all that was read or skipped.
  };
  // At most `limit` records from `from` on: committed ones below the last stable offset, or all but markers.
  Slice ReadCommitted(Offset from, size_t limit) const;
  Slice ReadUncommitted(Offset from, size_t limit) const;

  // What the producer's open transaction has written here.
  std::vector<StoredRecordPtr> OpenRecords(int64_t producer_id) const;

  // Removes everything below the offset, as retention does.
  void Trim(Offset first_kept);
  // Keeps, of the committed records, only the last of each key; tombstones stay. Offsets keep their numbers.
  void Compact();

  // Empty unless the log's own invariants are broken; then it says how.
  std::string Check() const;

 private:
  struct Range {
    Offset first;
    Offset last;
  };

  bool IsAborted(const StoredRecord& record) const;
  std::deque<StoredRecordPtr>::const_iterator Find(Offset offset) const;
  Slice Read(Offset from, Offset end, size_t limit, bool is_committed_only) const;

  std::deque<StoredRecordPtr> records_;  // By offset; compaction leaves gaps.
  std::map<int64_t, Offset> open_;       // Producer id to the first offset of its transaction.
  std::map<int64_t, std::vector<Range>> aborted_;
  Offset start_;
  Offset end_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_PARTITION_LOG_H_
