#include "tests/testkit/fetcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::testkit {

bool Fetcher::Knows(const std::string& topic) const {
  return std::find(topics_.begin(), topics_.end(), topic) != topics_.end();
}

bool Fetcher::IsBroken(const TopicPartition& where) const {
  const auto found = positions_.find(where);
  return found != positions_.end() && (found->second.is_broken || found->second.endings != EndingsOf(where));
}

Offset Fetcher::EndOf(const PartitionLog& log) const {
  return is_committed_only_ ? log.last_stable_offset() : log.high_watermark();
}

void Fetcher::Set(const TopicPartition& where, Offset offset) {
  const PartitionLog* const log = core_->topics.Find(where);
  if (offset == kafka::kEndOffset) offset = log == nullptr ? Offset(0) : EndOf(*log);
  const auto topic = std::find(topics_.begin(), topics_.end(), where.topic);
  Position& position = positions_[where];
  const bool is_known = position.is_known || log != nullptr;
  position = {};
  position.is_known = is_known;
  position.next = offset;
  position.log = log;
  position.topic_index = static_cast<uint32_t>(topic - topics_.begin());
  position.endings = EndingsOf(where);
}

uint64_t Fetcher::EndingsOf(const TopicPartition& where) const {
  if (core_->endings.empty()) return 0;
  const auto found = core_->endings.find(where);
  return found == core_->endings.end() ? 0 : found->second;
}

const PartitionLog* Fetcher::Locate(const TopicPartition& where, Position& position, kafka::Batch* batch) {
  const auto fail = [&](absl::Status status) -> const PartitionLog* {
    batch->errors.push_back({position.topic_index, where.partition, std::move(status)});
    return nullptr;
  };
  if (position.topics_version != core_->topics.version()) {
    const PartitionLog* const log = core_->topics.Find(where);
    if (log != position.log) position.reported_end.reset();
    position.log = log;
    position.topics_version = core_->topics.version();
  }
  if (position.log == nullptr) {
    // Of one that is gone the client hears nothing before it asks for metadata again.
    if (position.is_known && !core_->clients_notice_deletions) return nullptr;
    position.is_broken = true;
    return fail(absl::NotFoundError(absl::StrCat("reading ", ToString(where), ": there is no such partition")));
  }
  position.is_known = true;
  const bool was_denied = std::exchange(position.is_denied, core_->rights.IsDenied(Right::kReadTopic, where.topic));
  if (!position.is_denied) return position.log;
  if (was_denied) return nullptr;
  return fail(absl::PermissionDeniedError(
      absl::StrCat("reading ", ToString(where), ": no right to (TOPIC_AUTHORIZATION_FAILED)")));
}

void Fetcher::Read(const TopicPartition& where, Position& position, size_t limit, kafka::Batch* batch,
                   std::vector<StoredRecordPtr>* kept) {
  if (position.is_broken || !core_->LeaderOf(where).ok()) return;
  const uint32_t index = position.topic_index;
  const PartitionLog* const log = Locate(where, position, batch);
  if (log == nullptr) return;
  if (EndingsOf(where) != position.endings) {
    position.is_broken = true;
    batch->errors.push_back(
        {index, where.partition,
         absl::OutOfRangeError(absl::StrCat("reading ", ToString(where), ": its end is not known"))});
    return;
  }
  if (!log->Contains(position.next)) {
    position.is_broken = true;
    batch->errors.push_back(
        {index, where.partition,
         absl::OutOfRangeError(absl::StrCat("reading ", ToString(where, position.next), ": the log reaches from ",
                                            log->start().value(), " to ", log->high_watermark().value()))});
    return;
  }
  // Nothing came since its end was reported.
  if (position.reported_end == position.next && position.next >= EndOf(*log)) return;
  PartitionLog::Slice slice =
      is_committed_only_ ? log->ReadCommitted(position.next, limit) : log->ReadUncommitted(position.next, limit);
  for (StoredRecordPtr& record : slice.records) {
    if (record->value_view().value_or("").size() > core_->largest_response) {
      // As librdkafka, which drops the response and asks for the same again, for ever.
      position.next = record->offset;
      return;
    }
    RecordView& view = batch->records.emplace_back();
    view.topic_index = index;
    view.partition = where.partition;
    view.offset = record->offset;
    view.timestamp_ms = record->timestamp_ms;
    view.key = record->key_view();
    view.value = record->value_view();
    view.headers = record->header_views;
    kept->push_back(std::move(record));
  }
  position.next = slice.next;
  if (position.next >= EndOf(*log) && position.reported_end != position.next) {
    position.reported_end = position.next;
    batch->ends.push_back({index, where.partition, position.next});
  }
}

void Fetcher::Fill(kafka::Batch* batch) {
  auto kept = std::make_shared<std::vector<StoredRecordPtr>>();
  const size_t count = positions_.size();
  if (count > 0) {
    auto it = std::next(positions_.begin(), static_cast<std::ptrdiff_t>(turn_++ % count));
    for (size_t i = 0; i < count && batch->records.size() < max_records_; ++i) {
      Read(it->first, it->second, max_records_ - batch->records.size(), batch, kept.get());
      if (++it == positions_.end()) it = positions_.begin();
    }
  }
  batch->storage = std::move(kept);
}

}  // namespace once::testkit
