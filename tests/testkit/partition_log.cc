#include "tests/testkit/partition_log.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace once::testkit {

Offset PartitionLog::Append(StoredRecord record) {
  const Offset offset = end_;
  record.offset = offset;
  if (record.producer_id != kNoProducer && !record.is_marker) open_.insert({record.producer_id, offset});
  auto stored = std::make_shared<StoredRecord>(std::move(record));
  stored->header_views.clear();
  for (const auto& [name, value] : stored->headers) {
    stored->header_views.push_back({name, value.has_value() ? OptionalBytes(*value) : std::nullopt});
  }
  records_.push_back(std::move(stored));
  end_ = end_ + 1;
  return offset;
}

void PartitionLog::EndTransaction(int64_t producer_id, bool is_commit, int64_t timestamp_ms) {
  StoredRecord marker;
  marker.timestamp_ms = timestamp_ms;
  marker.producer_id = producer_id;
  marker.is_marker = true;
  const Offset offset = Append(std::move(marker));
  const auto open = open_.find(producer_id);
  if (open == open_.end()) return;
  if (!is_commit) aborted_[producer_id].push_back({open->second, offset});
  open_.erase(open);
}

Offset PartitionLog::last_stable_offset() const {
  Offset first = end_;
  for (const auto& [producer, offset] : open_) first = std::min(first, offset);
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
  const auto open = open_.find(producer_id);
  if (open == open_.end()) return records;
  for (auto it = Find(open->second); it != records_.end(); ++it) {
    if ((*it)->producer_id == producer_id && !(*it)->is_marker) records.push_back(*it);
  }
  return records;
}

void PartitionLog::Trim(Offset first_kept) {
  start_ = std::clamp(first_kept, start_, end_);
  while (!records_.empty() && records_.front()->offset < start_) records_.pop_front();
}

void PartitionLog::Compact() {
  const Offset stable = last_stable_offset();
  std::set<std::string> later_keys;
  std::deque<StoredRecordPtr> kept;
  for (auto it = records_.rbegin(); it != records_.rend(); ++it) {
    const StoredRecord& record = **it;
    const bool is_open = record.offset >= stable;
    if (!is_open && !record.is_marker) {
      if (IsAborted(record)) continue;
      if (record.key.has_value() && !later_keys.insert(*record.key).second) continue;
    }
    kept.push_front(*it);
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
  for (const auto& [producer, first] : open_) {
    if (first >= end_) return absl::StrCat("producer ", producer, "'s transaction starts behind the end");
  }
  return "";
}

}  // namespace once::testkit
