// One partition's log as a broker keeps it: records, control markers, and what it knows of each producer.
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

// The bytes of a record as Kafka encodes it, and what a batch of them has besides; brokers compare the whole batch with
// max.message.bytes.
size_t RecordBytes(const StoredRecord& record);
inline constexpr size_t kBatchHeaderBytes = 61;

class PartitionLog {
 public:
  // What a producer shows with a record. Sequence numbers count from 0 in each epoch.
  struct Stamp {
    int64_t producer_id = kNoProducer;
    int16_t epoch = -1;
    int32_t sequence = -1;
  };
  enum class Verdict { kWritten, kDuplicate, kOldEpoch, kOutOfOrder };
  struct Appended {
    Verdict verdict = Verdict::kWritten;
    Offset offset;  // If written, or that of the first copy.
  };

  // Writes a record outside transactions. Returns its offset.
  Offset Append(StoredRecord record);
  // Writes a record of a transaction, which it opens here unless it is open, if epoch and sequence allow.
  Appended AppendInTransaction(const Stamp& stamp, StoredRecord&& record);
  // Whether the producer has a transaction open here; else the broker asks the coordinator before it writes.
  bool IsOpen(int64_t producer_id) const;
  // Writes the marker that ends the producer's transaction here, records or not, and aborts or commits its records.
  void EndTransaction(int64_t producer_id, int16_t epoch, bool is_commit, int64_t timestamp_ms);

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
  // Keeps, below the last stable offset, only the last committed record of each key and those without one. The first
  // compaction that meets a tombstone or marker starts its time: one that comes `delete_retention_ms` later removes it.
  // Offsets keep their numbers.
  void Compact(int64_t now_ms, int64_t delete_retention_ms);

  // Empty unless the log's own invariants are broken; then it says how.
  std::string Check() const;

 private:
  struct Range {
    Offset first;
    Offset last;
  };
  struct Producer {
    int16_t epoch = -1;
    int32_t last_sequence = -1;
    std::deque<std::pair<int32_t, Offset>> recent = {};  // The last sequences and where they were written.
    std::optional<Offset> open = std::nullopt;           // The first offset of its open transaction.
  };

  Offset Write(StoredRecord&& record);
  bool IsAborted(const StoredRecord& record) const;
  bool IsPast(Offset offset, int64_t now_ms, int64_t delete_retention_ms);
  std::deque<StoredRecordPtr>::const_iterator Find(Offset offset) const;
  Slice Read(Offset from, Offset end, size_t limit, bool is_committed_only) const;

  std::deque<StoredRecordPtr> records_;  // By offset; compaction leaves gaps.
  std::map<int64_t, Producer> producers_;
  std::map<int64_t, std::vector<Range>> aborted_;
  std::map<Offset, int64_t> removable_since_;  // Tombstones and markers that a compaction has met.
  int open_count_ = 0;
  Offset start_;
  Offset end_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_PARTITION_LOG_H_
