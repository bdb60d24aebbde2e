#include "tests/testkit/memory_log_reader.h"

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::testkit {

MemoryLogReader::MemoryLogReader(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options,
                                 std::vector<std::string> topics, bool is_committed_only)
    : core_(std::move(core)), fetcher_(core_.get(), std::move(topics), options.max_poll_records, is_committed_only) {}

absl::Status MemoryLogReader::Add(const TopicPartitionOffset& from) {
  const std::lock_guard lock(core_->mutex);
  if (!fetcher_.Knows(from.where.topic)) {
    return absl::InvalidArgumentError(absl::StrCat("the reader was not created for topic \"", from.where.topic, "\""));
  }
  if (fetcher_.IsReading(from.where)) {
    return absl::FailedPreconditionError(absl::StrCat(ToString(from.where), " is read already; remove it first"));
  }
  fetcher_.Set(from.where, from.offset);
  return absl::OkStatus();
}

absl::Status MemoryLogReader::Remove(const TopicPartition& partition) {
  if (!fetcher_.IsReading(partition)) {
    return absl::FailedPreconditionError(absl::StrCat(ToString(partition), " is not read"));
  }
  fetcher_.Remove(partition);
  return absl::OkStatus();
}

absl::Status MemoryLogReader::Poll(absl::Duration, kafka::Batch* batch) {
  batch->records.clear();
  batch->ends.clear();
  batch->errors.clear();
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (!core_->is_reachable) return absl::OkStatus();
  if (absl::Status status = core_->StatusOf(Call::kReaderPoll, ""); !status.ok()) return status;
  fetcher_.Fill(batch);
  return absl::OkStatus();
}

}  // namespace once::testkit
