#include "tools/claim_sweep/topic_reader.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"

namespace once::claim_sweep {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(50);

absl::Status Named(const absl::Status& status, const std::string& what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", std::string(status.message())));
}

}  // namespace

absl::Status TopicReader::FindStretches() {
  const auto described = admin_->DescribeTopic(topic_, call_timeout_);
  if (!described.ok()) return Named(described.status(), absl::StrCat("topic ", topic_));
  std::vector<TopicPartition> partitions;
  for (int32_t i = 0; i < described->partition_count; ++i) partitions.push_back({topic_, Partition(i)});
  const kafka::LogOffsets begins = admin_->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, call_timeout_);
  const kafka::LogOffsets ends = admin_->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, call_timeout_);
  stretches_.clear();
  for (const TopicPartition& where : partitions) {
    const auto begin = begins.find(where), end = ends.find(where);
    if (begin == begins.end() || end == ends.end()) {
      return absl::UnavailableError(absl::StrCat("the brokers tell no offsets of ", ToString(where)));
    }
    for (const auto& found : {begin, end}) {
      if (!found->second.ok()) return Named(found->second.status(), ToString(where));
    }
    const auto next = next_.find(where.partition);
    const Offset first = next == next_.end() ? *begin->second : std::max(*begin->second, next->second);
    next_[where.partition] = *end->second;
    if (first < *end->second) stretches_[where.partition] = {.begin = first, .end = *end->second};
  }
  return absl::OkStatus();
}

absl::Status TopicReader::Take(const kafka::Batch& batch, const std::function<void(const RecordView&)>& take,
                               bool* has_news) {
  for (const kafka::PartitionError& error : batch.errors) {
    if (!absl::IsUnavailable(error.status)) return Named(error.status, ToString({topic_, error.partition}));
  }
  std::vector<Partition> over;
  for (const RecordView& record : batch.records) {
    const auto stretch = stretches_.find(record.partition);
    if (stretch == stretches_.end()) continue;
    *has_news = true;
    take(record);
    if (record.offset + 1 >= stretch->second.end) over.push_back(record.partition);
  }
  // The last before the end may have been a marker, which nobody sees.
  for (const kafka::EndOfPartition& end : batch.ends) {
    const auto stretch = stretches_.find(end.partition);
    if (stretch != stretches_.end() && end.position >= stretch->second.end) over.push_back(end.partition);
  }
  *has_news = *has_news || !over.empty();
  for (const Partition partition : over) stretches_.erase(partition);
  return absl::OkStatus();
}

absl::Status TopicReader::ReadOn(const std::function<void(const RecordView&)>& take) {
  if (absl::Status found = FindStretches(); !found.ok()) return found;
  if (stretches_.empty()) return absl::OkStatus();
  auto reader = client_->NewLogReader({topic_});
  if (!reader.ok()) return reader.status();
  for (const auto& [partition, stretch] : stretches_) {
    if (absl::Status added = (*reader)->Add({{topic_, partition}, stretch.begin}); !added.ok()) return added;
  }
  kafka::Batch batch;
  absl::Time last_news = SteadyNow();
  while (!stretches_.empty()) {
    if (absl::Status polled = (*reader)->Poll(kPoll, &batch); !polled.ok()) return polled;
    bool has_news = false;
    if (absl::Status taken = Take(batch, take, &has_news); !taken.ok()) return taken;
    if (has_news) last_news = SteadyNow();
    if (SteadyNow() - last_news <= patience_) continue;
    const Partition stuck = stretches_.begin()->first;
    return absl::FailedPreconditionError(
        absl::StrCat("what is committed in ", ToString({topic_, stuck}), " could not be read to its end within ",
                     absl::FormatDuration(patience_),
                     ": a transaction is open there, or its broker does not answer; try again later"));
  }
  return absl::OkStatus();
}

}  // namespace once::claim_sweep
