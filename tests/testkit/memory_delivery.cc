// How a producer in memory brings its queue to the logs.
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/testkit/memory_producer.h"

namespace once::testkit {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

void MemoryProducer::Fail(const Queued& queued, const std::string& code, bool is_refused) {
  Delivery& delivery = deliveries_.emplace_back();
  delivery.token = queued.token;
  delivery.topic_index = queued.topic_index;
  delivery.partition = queued.partition;
  delivery.failed = true;
  delivery.record_refused = is_refused;
  delivery.refusal = is_refused ? kafka::Refusal::kAlone : kafka::Refusal::kNone;
  delivery.lasting = is_refused || code == "_UNKNOWN_PARTITION";
  delivery.code = code;
  delivery.error = absl::StrCat(code, ": the record was not written");
  is_suspicious_ = true;
}

MemoryProducer::Delivered MemoryProducer::FailDelivery(Target& target, const Queued& queued, const std::string& code,
                                                       bool is_refused) {
  Fail(queued, code, is_refused);
  ++target.next_sequence;  // The gap stays.
  if (first_undelivered_.ok()) {
    first_undelivered_ =
        MakeResult(ErrorClass::kAbortable, code,
                   absl::StrCat("producer ", id_, ": a record for ", ToString(target.where), " was not written"));
  }
  return Delivered::kFailed;
}

MemoryProducer::Target& MemoryProducer::TargetOf(uint32_t topic_index, Partition partition) {
  std::vector<Target>& targets = targets_[topic_index];
  const auto index = static_cast<size_t>(partition.value());
  while (targets.size() <= index) {
    Target& target = targets.emplace_back();
    target.where = {topics_[topic_index], Partition(static_cast<int32_t>(targets.size()) - 1)};
  }
  Target& target = targets[index];
  if (target.log == nullptr) {
    target.topic = core_->topics.Find(target.where.topic);
    target.log = core_->topics.Find(target.where);
  }
  return target;
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

MemoryProducer::Delivered MemoryProducer::Write(Target& target, Queued& queued, Result* result) {
  const PartitionLog::Stamp stamp{identity_.producer_id, identity_.epoch, target.next_sequence};
  const PartitionLog::Appended appended = target.log->AppendInTransaction(stamp, std::move(queued.record));
  switch (appended.verdict) {
    case PartitionLog::Verdict::kOldEpoch:
      *result = MakeResult(ErrorClass::kFatal, "_FENCED",
                           absl::StrCat("producer ", id_, " was fenced, says ", ToString(target.where)), true);
      return Delivered::kLater;
    case PartitionLog::Verdict::kOutOfOrder:
      // librdkafka sees the gap that an earlier failure left, fails the transaction and drops the record.
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
  if (queued.want_offset) {
    Delivery& delivery = deliveries_.emplace_back();
    delivery.token = queued.token;
    delivery.topic_index = queued.topic_index;
    delivery.partition = queued.partition;
    delivery.offset = appended.offset;
  }
  return Delivered::kYes;
}

MemoryProducer::Delivered MemoryProducer::DeliverOne(Target& target, Queued& queued, Result* result) {
  if (target.log == nullptr) return FailDelivery(target, queued, "_UNKNOWN_PARTITION", false);
  *result = AddToTransaction(target);
  if (!result->ok()) return Delivered::kLater;
  // Leaders ask the coordinator about a producer that has no transaction open in their log.
  if (!target.log->IsOpen(identity_.producer_id)) {
    const Result verified = core_->transactions.VerifyPartition(identity_, target.where, core_->now());
    if (verified.error == ErrorClass::kAbortable) return FailDelivery(target, queued, verified.code, false);
    if (!verified.ok()) {
      *result = verified;
      return Delivered::kLater;
    }
  }
  if (BatchBytes(queued.record) > target.topic->max_message_bytes()) {
    return FailDelivery(target, queued, "MSG_SIZE_TOO_LARGE", true);
  }
  if (target.topic->is_compacted() && !queued.record.key.has_value()) {
    return FailDelivery(target, queued, "INVALID_RECORD", true);
  }
  return Write(target, queued, result);
}

Result MemoryProducer::DeliverQueue() {
  Result delayed;
  std::deque<Queued> later;
  while (!queue_.empty()) {
    Result result;
    Queued& queued = queue_.front();
    Target& target = TargetOf(queued.topic_index, queued.partition);
    if (DeliverOne(target, queued, &result) == Delivered::kLater) {
      // A fenced producer's records fail with it.
      if (result.error == ErrorClass::kFatal) {
        for (const Queued& each : later) Fail(each, result.code, false);
        for (const Queued& each : queue_) Fail(each, result.code, false);
        queue_.clear();
        return result;
      }
      if (delayed.error != ErrorClass::kAbortable) delayed = result;
      later.push_back(std::move(queued));
    }
    queue_.pop_front();
  }
  queue_ = std::move(later);
  if (!first_undelivered_.ok()) return Keep(Call::kFlush, first_undelivered_);
  if (delayed.error != ErrorClass::kAbortable) return delayed;
  return Keep(Call::kFlush, std::move(delayed));
}

}  // namespace once::testkit
