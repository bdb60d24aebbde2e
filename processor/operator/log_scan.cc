// One reader for all ranges; each is removed when it is done.
#include "processor/operator/log_scan.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"

namespace once {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(100);

class Scan {
 public:
  Scan(kafka::Client* client, absl::Duration patience, const LogVisitor& visit)
      : client_(client), patience_(patience), visit_(visit) {}

  absl::Status Run(std::span<const LogRange> ranges) {
    if (absl::Status begun = Begin(ranges); !begun.ok()) return begun;
    kafka::Batch batch;
    absl::Time silent_since = SteadyNow();
    while (!left_.empty()) {
      if (absl::Status polled = reader_->Poll(kPoll, &batch); !polled.ok()) return polled;
      bool has_moved = false;
      for (const RecordView& record : batch.records) has_moved = Take(record) || has_moved;
      for (const kafka::EndOfPartition& at : batch.ends) {
        End({topics_[at.topic_index], at.partition}, at.position);
      }
      for (const kafka::PartitionError& error : batch.errors) {
        const TopicPartition where{topics_[error.topic_index], error.partition};
        // The reader itself goes on after the others, or whoever waits long enough is told.
        if (!left_.contains(where) || absl::IsUnavailable(error.status)) continue;
        return error.status;
      }
      const absl::Time now = SteadyNow();
      if (has_moved) silent_since = now;
      if (!left_.empty() && now - silent_since >= patience_) return Silent();
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Begin(std::span<const LogRange> ranges) {
    for (const LogRange& range : ranges) {
      if (range.begin < range.end) left_[range.where] = range.end;
    }
    if (left_.empty()) return absl::OkStatus();
    for (const auto& [where, end] : left_) {
      if (topics_.empty() || topics_.back() != where.topic) topics_.push_back(where.topic);
    }
    absl::StatusOr<std::unique_ptr<kafka::LogReader>> reader = client_->NewLogReader(topics_);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    for (const LogRange& range : ranges) {
      if (!left_.contains(range.where)) continue;
      if (absl::Status added = reader_->Add({range.where, range.begin}); !added.ok()) return added;
    }
    return absl::OkStatus();
  }

  // False if it is none of what is left.
  bool Take(const RecordView& record) {
    const TopicPartition where{topics_[record.topic_index], record.partition};
    const auto range = left_.find(where);
    if (range == left_.end()) return false;
    if (record.offset >= range->second || !visit_(where, record) || record.offset + 1 >= range->second) Drop(where);
    return true;
  }

  // F3: the reader stands past all that was asked for, markers included.
  void End(const TopicPartition& where, Offset position) {
    const auto range = left_.find(where);
    if (range != left_.end() && position >= range->second) Drop(where);
  }

  void Drop(const TopicPartition& where) {
    left_.erase(where);
    // What still comes of it is passed over; that is all an error would mean.
    reader_->Remove(where).IgnoreError();
  }

  absl::Status Silent() const {
    const auto& [where, end] = *left_.begin();
    return absl::UnavailableError(absl::StrCat(
        "reading ", ToString(where), " up to offset ", end.value(), ": nothing has come for ",
        absl::FormatDuration(patience_),
        ". A transaction that is open there ends by itself within its timeout (transaction_timeout): try again then"));
  }

  kafka::Client* const client_;
  const absl::Duration patience_;
  const LogVisitor& visit_;
  std::vector<std::string> topics_;
  std::unique_ptr<kafka::LogReader> reader_;
  std::map<TopicPartition, Offset> left_;  // What is not read to its end yet, and where that is.
};

}  // namespace

absl::Status ScanLogs(kafka::Client* client, std::span<const LogRange> ranges, absl::Duration patience,
                      const LogVisitor& visit) {
  return Scan(client, patience, visit).Run(ranges);
}

}  // namespace once
