// How a producer in memory brings its queue to the logs.
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/testkit/memory_producer.h"

namespace once::testkit {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

int64_t MemoryProducer::Draw(int64_t bound) {
  // splitmix64.
  uint64_t x = random_ += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return static_cast<int64_t>((x ^ (x >> 31)) % static_cast<uint64_t>(bound));
}

void MemoryProducer::DeliverSome(int64_t percent) {
  if (random_ == 0 || queue_.empty() || !core_->is_reachable || Draw(100) >= percent) return;
  const Result result = DeliverQueue(static_cast<size_t>(Draw(static_cast<int64_t>(queue_.size()))) + 1);
  // Whoever comes next is told.
  if (result.error == ErrorClass::kFatal) Keep(Call::kFlush, result);
}

void MemoryProducer::Fail(const Batch& batch, const std::string& code, bool is_refused) {
  const bool is_too_large = code == "MSG_SIZE_TOO_LARGE";
  for (const Queued& queued : batch.records) {
    Report& report = reports_.emplace_back();
    report.delivery.token = queued.token;
    report.delivery.topic_index = batch.topic_index;
    report.delivery.partition = batch.partition;
    report.delivery.failed = true;
    report.delivery.record_refused = is_refused && !is_too_large;
    const bool is_alone = batch.records.size() == 1;
    if (is_refused) report.delivery.refusal = is_alone ? kafka::Refusal::kAlone : kafka::Refusal::kSuspect;
    report.delivery.lasting = is_refused || code == "_UNKNOWN_PARTITION" || code == "TOPIC_AUTHORIZATION_FAILED";
    report.delivery.code = code;
    report.delivery.error = absl::StrCat(code, ": the record was not written");
    if (!is_too_large) continue;
    report.too_large_bytes =
        queued.record.key_view().value_or("").size() + queued.record.value_view().value_or("").size();
  }
}

void MemoryProducer::PollReports() {
  for (Report& report : reports_) {
    if (report.delivery.failed) is_suspicious_ = is_failure_seen_ = true;
    if (report.too_large_bytes > 0) too_large_.emplace_back(deliveries_.size(), report.too_large_bytes);
    deliveries_.push_back(std::move(report.delivery));
  }
  reports_.clear();
}

// As the adapter: a record above the limit of batches was sent alone; else the largest of each partition is blamed.
void MemoryProducer::MarkRefusedForSize() {
  std::map<std::pair<uint32_t, Partition>, std::pair<size_t, size_t>> largest;
  for (const auto& [place, bytes] : too_large_) {
    Delivery& delivery = deliveries_[place];
    if (bytes > options_.max_batch_bytes) delivery.record_refused = true;
    auto& found = largest[{delivery.topic_index, delivery.partition}];
    if (bytes > found.second) found = {place, bytes};
  }
  for (const auto& [where, found] : largest) deliveries_[found.first].record_refused = true;
  too_large_.clear();
}

MemoryProducer::Delivered MemoryProducer::FailDelivery(Target& target, const Batch& batch, const std::string& code,
                                                       bool is_refused) {
  Fail(batch, code, is_refused);
  target.next_sequence += static_cast<int32_t>(batch.records.size());  // The gap stays.
  if (first_undelivered_.ok()) {
    first_undelivered_ =
        MakeResult(ErrorClass::kAbortable, code,
                   absl::StrCat("producer ", id_, ": a record for ", ToString(target.where), " was not written"));
  }
  return Delivered::kFailed;
}

MemoryProducer::Target& MemoryProducer::TargetOf(uint32_t topic_index, Partition partition) {
  std::vector<Target>& targets = targets_[targets_index_[topic_index]];
  const auto index = static_cast<size_t>(partition.value());
  while (targets.size() <= index) {
    Target& target = targets.emplace_back();
    target.where = {topics_[topic_index], Partition(static_cast<int32_t>(targets.size()) - 1)};
  }
  Target& target = targets[index];
  if (target.topics_version != core_->topics.version()) {
    target.topic = core_->topics.Find(target.where.topic);
    target.log = core_->topics.Find(target.where);
    target.topics_version = core_->topics.version();
  }
  return target;
}

Result MemoryProducer::AddNewPartitions() {
  held_up_ = Result::Ok();
  for (const Batch& batch : queue_) {
    const Target& target = TargetOf(batch.topic_index, batch.partition);
    if (target.added_in == transaction_) continue;
    if (core_->rights.IsDenied(Right::kWriteTopic, target.where.topic)) {
      may_have_contacted_ = true;
      denied_ = {batch.topic_index, target.where.partition};
      Result denied = MakeResult(ErrorClass::kAbortable, "TOPIC_AUTHORIZATION_FAILED",
                                 absl::StrCat("producer ", id_, ": adding ", ToString(target.where),
                                              " to the transaction: no right to write the topic"));
      denied.lasting = true;
      return denied;
    }
    if (target.log != nullptr || target.where.partition.value() >= ViewOf(batch.topic_index).partition_count) continue;
    may_have_contacted_ = true;
    held_up_ = MakeResult(ErrorClass::kRetriable, "_TIMED_OUT",
                          absl::StrCat("producer ", id_, ": adding ", ToString(target.where),
                                       " to the transaction: it is not there (UNKNOWN_TOPIC_OR_PART)"));
  }
  return Result::Ok();
}

MemoryProducer::Delivered MemoryProducer::AwaitPartition(Target& target, const Batch& batch, Result* result) {
  const bool is_added = target.added_in == transaction_;
  const bool is_known = target.where.partition.value() < ViewOf(batch.topic_index).partition_count;
  if (target.log == nullptr && (is_added || !is_known)) return FailDelivery(target, batch, "_UNKNOWN_PARTITION", false);
  // librdkafka gives records as much time as their transaction has.
  if (core_->now() - batch.made >= options_.transaction_timeout) {
    return FailDelivery(target, batch, "_MSG_TIMED_OUT", false);
  }
  *result = held_up_;
  return Delivered::kLater;
}

Result MemoryProducer::AddToTransaction(Target& target) {
  if (target.added_in == transaction_) return Result::Ok();
  Result added = core_->transactions.AddPartition(identity_, target.where, core_->now());
  if (!added.ok()) return added;
  target.added_in = transaction_;
  has_contacted_ = true;
  if (is_duplicated_) {
    Duplicate([core = core_.get(), identity = identity_, where = target.where] {
      core->transactions.AddPartition(identity, where, core->now());
    });
  }
  return added;
}

MemoryProducer::Delivered MemoryProducer::Write(Target& target, Batch& batch, Result* result) {
  for (Queued& queued : batch.records) {
    const PartitionLog::Stamp stamp{identity_.producer_id, identity_.epoch, target.next_sequence};
    if (target.topic->stamps_itself()) queued.record.timestamp_ms = absl::ToUnixMillis(core_->now());
    const PartitionLog::Appended appended = target.log->AppendInTransaction(stamp, std::move(queued.record));
    switch (appended.verdict) {
      case PartitionLog::Verdict::kOldEpoch:
        *result = MakeResult(ErrorClass::kFatal, "_FENCED",
                             absl::StrCat("producer ", id_, " was fenced, says ", ToString(target.where)), true);
        return Delivered::kLater;
      case PartitionLog::Verdict::kOutOfOrder:
        // librdkafka sees the gap that an earlier failure left, fails the transaction and drops the records.
        needs_epoch_ = true;
        *result = MakeResult(ErrorClass::kAbortable, "OUT_OF_ORDER_SEQUENCE_NUMBER",
                             absl::StrCat("producer ", id_, ": the records for ", ToString(target.where),
                                          " have a gap in their sequence numbers"));
        return Delivered::kLater;
      case PartitionLog::Verdict::kDuplicate:
      case PartitionLog::Verdict::kWritten:
        break;
    }
    ++target.next_sequence;
    if (!queued.want_offset) continue;
    Delivery& delivery = reports_.emplace_back().delivery;
    delivery.token = queued.token;
    delivery.topic_index = batch.topic_index;
    delivery.partition = batch.partition;
    delivery.offset = appended.offset;
  }
  return Delivered::kYes;
}

const char* MemoryProducer::RefusalOf(const Target& target, const Batch& batch) {
  if (batch.bytes > target.topic->max_message_bytes()) return "MSG_SIZE_TOO_LARGE";
  const int64_t now_ms = absl::ToUnixMillis(core_->now());
  for (const Queued& queued : batch.records) {
    if (target.topic->is_compacted() && !queued.record.key.has_value()) return "INVALID_RECORD";
    if (!target.topic->TakesTimestamp(queued.record.timestamp_ms, now_ms)) return "INVALID_TIMESTAMP";
  }
  return nullptr;
}

MemoryProducer::Delivered MemoryProducer::DeliverOne(Target& target, Batch& batch, Result* result) {
  const bool is_added = target.added_in == transaction_;
  if (target.log == nullptr || (!is_added && !held_up_.ok())) return AwaitPartition(target, batch, result);
  *result = AddToTransaction(target);
  if (!result->ok()) return Delivered::kLater;
  // Leaders ask the coordinator about a producer that has no transaction open in their log.
  if (!target.log->IsOpen(identity_.producer_id)) {
    const Result verified = core_->transactions.VerifyPartition(identity_, target.where, core_->now());
    if (verified.error == ErrorClass::kAbortable) return FailDelivery(target, batch, verified.code, false);
    if (!verified.ok()) {
      *result = verified;
      return Delivered::kLater;
    }
  }
  if (core_->rights.IsDenied(Right::kWriteTopic, target.where.topic)) {
    return FailDelivery(target, batch, "TOPIC_AUTHORIZATION_FAILED", false);
  }
  if (const char* code = RefusalOf(target, batch); code != nullptr) return FailDelivery(target, batch, code, true);
  return Write(target, batch, result);
}

Result MemoryProducer::DeliverQueue(size_t most) {
  ++turn_;
  if (core_->rights.any() || core_->topics.has_deleted()) {
    if (Result refused = AddNewPartitions(); !refused.ok()) return Keep(Call::kFlush, std::move(refused));
  }
  Result delayed;
  std::deque<Batch> later;
  for (; !queue_.empty() && most > 0; --most) {
    Result result;
    Batch& batch = queue_.front();
    Target& target = TargetOf(batch.topic_index, batch.partition);
    if (DeliverOne(target, batch, &result) == Delivered::kLater) {
      // A fenced producer's records fail with it.
      if (result.error == ErrorClass::kFatal) {
        for (const Batch& each : later) Fail(each, result.code, false);
        for (const Batch& each : queue_) Fail(each, result.code, false);
        Drop();
        return result;
      }
      if (delayed.error != ErrorClass::kAbortable) delayed = result;
      later.push_back(std::move(batch));
    } else {
      queued_records_ -= batch.records.size();
    }
    queue_.pop_front();
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(later.begin()), std::make_move_iterator(later.end()));
  if (!first_undelivered_.ok()) return Keep(Call::kFlush, first_undelivered_);
  if (delayed.error != ErrorClass::kAbortable) return delayed;
  return Keep(Call::kFlush, std::move(delayed));
}

}  // namespace once::testkit
