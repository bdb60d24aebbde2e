#include "tests/testkit/partition_log.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace once::testkit {

namespace {

constexpr size_t kRememberedSequences = 5;

// Of a number that is not negative, as Kafka writes lengths (zig-zag).
size_t VarintBytes(size_t value) {
  size_t bytes = 1;
  for (value <<= 1; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

size_t FieldBytes(const std::optional<std::string>& field) {
  return field.has_value() ? VarintBytes(field->size()) + field->size() : 1;
}

}  // namespace

size_t RecordBytes(const StoredRecord& record) {
  size_t bytes = 3;  // Attributes; timestamp and offset, both relative to the batch's.
  bytes += FieldBytes(record.key) + FieldBytes(record.value) + VarintBytes(record.headers.size());
  for (const auto& [name, value] : record.headers) bytes += VarintBytes(name.size()) + name.size() + FieldBytes(value);
  return VarintBytes(bytes) + bytes;
}

Offset PartitionLog::Write(StoredRecord&& record) {
  const Offset offset = end_;
  auto stored = std::make_shared<StoredRecord>(std::move(record));
  stored->offset = offset;
  stored->header_views.clear();
  for (const auto& [name, value] : stored->headers) {
    stored->header_views.push_back({name, value.has_value() ? OptionalBytes(*value) : std::nullopt});
  }
  records_.push_back(std::move(stored));
  end_ = end_ + 1;
  return offset;
}

Offset PartitionLog::Append(StoredRecord record) {
  record.producer_id = kNoProducer;
  return Write(std::move(record));
}

PartitionLog::Appended PartitionLog::AppendInTransaction(const Stamp& stamp, StoredRecord&& record) {
  Producer& producer = producers_[stamp.producer_id];
  if (stamp.epoch < producer.epoch) return {Verdict::kOldEpoch, {}};
  const bool is_known = producer.epoch >= 0;
  if (stamp.epoch > producer.epoch) {
    // A new epoch starts at 0; of a producer that it never saw a broker takes any number.
    if (is_known && stamp.sequence != 0) return {Verdict::kOutOfOrder, {}};
    producer.epoch = stamp.epoch;
    producer.recent.clear();
  } else {
    for (const auto& [sequence, offset] : producer.recent) {
      if (sequence == stamp.sequence) return {Verdict::kDuplicate, offset};
    }
    const bool is_next = producer.recent.empty() ? stamp.sequence == 0 : stamp.sequence == producer.last_sequence + 1;
    if (!is_next) return {Verdict::kOutOfOrder, {}};
  }
  record.producer_id = stamp.producer_id;
  const Offset offset = Write(std::move(record));
  producer.last_sequence = stamp.sequence;
  producer.recent.push_back({stamp.sequence, offset});
  if (producer.recent.size() > kRememberedSequences) producer.recent.pop_front();
  if (!producer.open.has_value()) {
    producer.open = offset;
    ++open_count_;
  }
  return {Verdict::kWritten, offset};
}

bool PartitionLog::IsOpen(int64_t producer_id) const {
  const auto found = producers_.find(producer_id);
  return found != producers_.end() && found->second.open.has_value();
}

void PartitionLog::EndTransaction(int64_t producer_id, int16_t epoch, bool is_commit, int64_t timestamp_ms) {
  StoredRecord marker;
  marker.timestamp_ms = timestamp_ms;
  marker.producer_id = producer_id;
  marker.is_marker = true;
  const Offset offset = Write(std::move(marker));
  Producer& producer = producers_[producer_id];
  if (epoch > producer.epoch) {
    producer.epoch = epoch;
    producer.recent.clear();
  }
  if (!producer.open.has_value()) return;
  if (!is_commit) aborted_[producer_id].push_back({*producer.open, offset});
  producer.open.reset();
  --open_count_;
}

Offset PartitionLog::last_stable_offset() const {
  if (open_count_ == 0) return end_;
  Offset first = end_;
  for (const auto& [id, producer] : producers_) {
    if (producer.open.has_value()) first = std::min(first, *producer.open);
  }
  return std::max(first, start_);
}

bool PartitionLog::IsAborted(const StoredRecord& record) const {
  const auto ranges = aborted_.find(record.producer_id);
  if (ranges == aborted_.end()) return false;
  // Ranges are in order: the last that starts at or before the record is the only one that can hold it.
  auto after = std::upper_bound(ranges->second.begin(), ranges->second.end(), record.offset,
                                [](Offset offset, const Range& range) { return offset < range.first; });
  return after != ranges->second.begin() && record.offset <= std::prev(after)->last;
}

std::deque<StoredRecordPtr>::const_iterator PartitionLog::Find(Offset offset) const {
  return std::lower_bound(records_.begin(), records_.end(), offset,
                          [](const StoredRecordPtr& record, Offset wanted) { return record->offset < wanted; });
}

PartitionLog::Slice PartitionLog::Read(Offset from, Offset end, size_t limit, bool is_committed_only) const {
  Slice slice;
  for (auto it = Find(from); it != records_.end() && (*it)->offset < end; ++it) {
    if ((*it)->is_marker || (is_committed_only && IsAborted(**it))) continue;
    if (slice.records.size() == limit) {
      slice.next = (*it)->offset;
      return slice;
    }
    slice.records.push_back(*it);
  }
  slice.next = std::max(from, end);
  return slice;
}

PartitionLog::Slice PartitionLog::ReadCommitted(Offset from, size_t limit) const {
  return Read(from, last_stable_offset(), limit, true);
}

PartitionLog::Slice PartitionLog::ReadUncommitted(Offset from, size_t limit) const {
  return Read(from, end_, limit, false);
}

std::vector<StoredRecordPtr> PartitionLog::OpenRecords(int64_t producer_id) const {
  std::vector<StoredRecordPtr> records;
  const auto producer = producers_.find(producer_id);
  if (producer == producers_.end() || !producer->second.open.has_value()) return records;
  for (auto it = Find(*producer->second.open); it != records_.end(); ++it) {
    if ((*it)->producer_id == producer_id && !(*it)->is_marker) records.push_back(*it);
  }
  return records;
}

void PartitionLog::Trim(Offset first_kept) {
  start_ = std::clamp(first_kept, start_, end_);
  while (!records_.empty() && records_.front()->offset < start_) records_.pop_front();
}

bool PartitionLog::IsPast(Offset offset, int64_t now_ms, int64_t delete_retention_ms) {
  const auto [entry, is_new] = removable_since_.insert({offset, now_ms});
  if (is_new || now_ms - entry->second < delete_retention_ms) return false;
  removable_since_.erase(entry);
  return true;
}

void PartitionLog::Compact(int64_t now_ms, int64_t delete_retention_ms) {
  const Offset stable = last_stable_offset();
  std::set<std::string_view> later_keys;
  std::vector<bool> is_kept(records_.size(), true);
  for (size_t i = records_.size(); i-- > 0;) {
    const StoredRecord& record = *records_[i];
    if (record.offset >= stable) continue;
    if (record.is_marker) {
      is_kept[i] = !IsPast(record.offset, now_ms, delete_retention_ms);
    } else if (IsAborted(record) || (record.key.has_value() && !later_keys.insert(*record.key).second)) {
      is_kept[i] = false;
      removable_since_.erase(record.offset);
    } else if (record.key.has_value() && !record.value.has_value()) {
      is_kept[i] = !IsPast(record.offset, now_ms, delete_retention_ms);
    }
  }
  std::deque<StoredRecordPtr> kept;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (is_kept[i]) kept.push_back(std::move(records_[i]));
  }
  records_ = std::move(kept);
}

std::string PartitionLog::Check() const {
  Offset previous(-1);
  for (const StoredRecordPtr& record : records_) {
    if (record->offset <= previous) return absl::StrCat("offset ", record->offset.value(), " is out of order");
    previous = record->offset;
  }
  if (previous >= end_) return absl::StrCat("a record lies behind the end ", end_.value());
  for (const auto& [id, producer] : producers_) {
    if (producer.open.has_value() && *producer.open >= end_) {
      return absl::StrCat("producer ", id, "'s transaction starts behind the end");
    }
  }
  return "";
}

}  // namespace once::testkit
