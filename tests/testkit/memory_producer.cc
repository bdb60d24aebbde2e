#include "tests/testkit/memory_producer.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/murmur2.h"

namespace once::testkit {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

MemoryProducer::MemoryProducer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options,
                               std::string transactional_id, std::vector<std::string> topics)
    : core_(std::move(core)), options_(options), id_(std::move(transactional_id)), topics_(std::move(topics)) {}

Result MemoryProducer::CheckState(Call call) const {
  if (state_ == State::kFatal) return failure_;
  const bool is_in_transaction = state_ == State::kInTransaction || state_ == State::kMustAbort;
  const bool is_fit = call == Call::kInit    ? state_ == State::kNew
                      : call == Call::kBegin ? state_ == State::kReady
                      : call == Call::kFlush ? true
                                             : is_in_transaction;
  if (!is_fit) {
    return MakeResult(ErrorClass::kFatal, "_STATE", absl::StrCat("producer ", id_, ": a call out of its turn"));
  }
  if (state_ == State::kMustAbort && call != Call::kAbort) return failure_;
  return Result::Ok();
}

Result MemoryProducer::Make(Call call, const std::function<Result()>& effect) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (Result wrong = CheckState(call); !wrong.ok()) return Keep(call, wrong);
  const bool is_local = call == Call::kBegin || call == Call::kSend;
  if (!core_->is_reachable && !is_local) {
    is_suspicious_ = true;
    return MakeResult(ErrorClass::kRetriable, "_TIMED_OUT", absl::StrCat("producer ", id_, ": no broker is reachable"));
  }
  std::optional<Fault> fault = core_->faults.Take(call, id_);
  if (!fault.has_value()) return Keep(call, effect());
  if (fault->is_suspicious) is_suspicious_ = true;
  is_duplicated_ = fault->late_duplicate;
  if (fault->result.ok()) return Keep(call, effect());
  if (fault->landed) {
    const State before = state_;
    const Result landed = effect();
    // The client did not learn of it, so to it the transaction is where it was; only what was begun locally moved.
    if (landed.ok() && fault->result.error != ErrorClass::kFatal && call != Call::kBegin) state_ = before;
    if (!landed.ok()) return Keep(call, landed);
  }
  return Keep(call, fault->result);
}

Result MemoryProducer::Keep(Call call, Result result) {
  if (result.ok()) return result;
  if (call == Call::kSendOffsets || call == Call::kCommit || call == Call::kAbort) is_suspicious_ = true;
  if (result.error == ErrorClass::kFatal && state_ != State::kFatal) {
    state_ = State::kFatal;
    failure_ = result;
  } else if (result.error == ErrorClass::kAbortable && state_ == State::kInTransaction) {
    state_ = State::kMustAbort;
    failure_ = result;
  }
  return result;
}

Result MemoryProducer::InitTransactions(absl::Duration) {
  return Make(Call::kInit, [&] {
    Result result = core_->transactions.Init(id_, options_.transaction_timeout, core_->now(), &identity_);
    if (result.ok()) state_ = State::kReady;
    is_suspicious_ = false;  // Nothing of this producer can be under way.
    return result;
  });
}

Result MemoryProducer::BeginTransaction() {
  return Make(Call::kBegin, [&] {
    state_ = State::kInTransaction;
    has_contacted_ = false;
    return Result::Ok();
  });
}

Partition MemoryProducer::Choose(const OutputRecord& record) {
  if (record.partition != kAnyPartition) return record.partition;
  const int32_t count = core_->topics.PartitionCount(topics_[record.topic_index]);
  if (count == 0) return Partition(0);
  if (record.key.has_value()) return PartitionForKey(*record.key, count);
  return Partition(static_cast<int32_t>(next_keyless_++ % static_cast<uint32_t>(count)));
}

Result MemoryProducer::Send(const OutputRecord& record) {
  return Make(Call::kSend, [&] {
    if (record.topic_index >= topics_.size()) {
      return MakeResult(ErrorClass::kAbortable, "_INVALID_ARG",
                        absl::StrCat("producer ", id_, " has no topic with index ", record.topic_index));
    }
    if (queue_.size() >= options_.max_queued_records) {
      return MakeResult(ErrorClass::kRetriable, "_QUEUE_FULL", "the queue is full; flush, then send again");
    }
    Queued& queued = queue_.emplace_back();
    queued.topic_index = record.topic_index;
    queued.partition = Choose(record);
    queued.token = record.token;
    queued.want_offset = record.want_offset;
    queued.estimated_bytes = EstimatedSize(record);
    queued.record.timestamp_ms = record.timestamp_ms >= 0 ? record.timestamp_ms : absl::ToUnixMillis(core_->now());
    // As librdkafka, which takes 0 for "now" and is given the millisecond after.
    if (record.timestamp_ms == 0) queued.record.timestamp_ms = 1;
    if (record.key.has_value()) queued.record.key = std::string(*record.key);
    if (record.value.has_value()) queued.record.value = std::string(*record.value);
    for (const HeaderView& header : record.headers) {
      queued.record.headers.push_back({std::string(header.name), header.value.has_value()
                                                                     ? std::optional<std::string>(*header.value)
                                                                     : std::nullopt});
    }
    return Result::Ok();
  });
}

void MemoryProducer::Fail(const Queued& queued, const std::string& code, bool is_refused) {
  Delivery& delivery = deliveries_.emplace_back();
  delivery.token = queued.token;
  delivery.topic_index = queued.topic_index;
  delivery.partition = queued.partition;
  delivery.failed = true;
  delivery.record_refused = is_refused;
  delivery.error = absl::StrCat(code, ": the record was not written");
  is_suspicious_ = true;
}

Result MemoryProducer::DeliverOne(const Queued& queued) {
  const TopicPartition where{topics_[queued.topic_index], queued.partition};
  PartitionLog* log = core_->topics.Find(where);
  const bool is_too_large =
      log != nullptr && queued.estimated_bytes > core_->topics.Find(where.topic)->max_message_bytes();
  if (log != nullptr) {
    const Result added = core_->transactions.AddPartition(identity_, where, core_->now());
    if (!added.ok()) return added;
    has_contacted_ = true;
  }
  if (log == nullptr || is_too_large) {
    const std::string code = is_too_large ? "MSG_SIZE_TOO_LARGE" : "_UNKNOWN_PARTITION";
    Fail(queued, code, is_too_large);
    return Keep(Call::kFlush,
                MakeResult(ErrorClass::kAbortable, code,
                           absl::StrCat("producer ", id_, ": a record for ", ToString(where), " was not written")));
  }
  StoredRecord record = queued.record;
  record.producer_id = identity_.producer_id;
  const Offset offset = log->Append(std::move(record));
  if (queued.want_offset) {
    Delivery& delivery = deliveries_.emplace_back();
    delivery.token = queued.token;
    delivery.topic_index = queued.topic_index;
    delivery.partition = queued.partition;
    delivery.offset = offset;
  }
  return Result::Ok();
}

Result MemoryProducer::DeliverQueue() {
  while (!queue_.empty()) {
    Result result = DeliverOne(queue_.front());
    // A fenced producer's records fail with it; what is only delayed stays queued.
    if (result.error == ErrorClass::kRetriable) return result;
    if (result.error == ErrorClass::kFatal) {
      for (const Queued& each : queue_) Fail(each, result.code, false);
      queue_.clear();
      return result;
    }
    queue_.pop_front();
  }
  return state_ == State::kMustAbort ? failure_ : Result::Ok();
}

Result MemoryProducer::Flush(absl::Duration) {
  return Make(Call::kFlush, [&] { return DeliverQueue(); });
}

Result MemoryProducer::SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                                   absl::Duration) {
  return Make(Call::kSendOffsets, [&] {
    if (offsets.empty()) {
      return MakeResult(ErrorClass::kAbortable, "_INVALID_ARG", absl::StrCat("producer ", id_, ": no offsets to send"));
    }
    if (Result fenced = core_->transactions.CheckEpoch(identity_); !fenced.ok()) return fenced;
    if (Result refused = core_->groups.CheckMetadata(group); !refused.ok()) return refused;
    const std::string name = core_->groups.GroupOf(group.member_id);
    Result result = core_->transactions.AddOffsets(identity_, name, offsets, core_->now());
    if (result.ok()) has_contacted_ = true;
    Duplicate([core = core_.get(), identity = identity_, name,
               copy = std::vector<TopicPartitionOffset>(offsets.begin(), offsets.end())] {
      core->transactions.AddOffsets(identity, name, copy, core->now());
    });
    return result;
  });
}

void MemoryProducer::Duplicate(std::function<void()> request) {
  if (std::exchange(is_duplicated_, false)) core_->late.push_back(std::move(request));
}

Result MemoryProducer::End(Call call) {
  const bool is_commit = call == Call::kCommit;
  // A transaction that the coordinator never heard of is ended without asking it, so nothing fences it.
  Result result = has_contacted_ ? core_->transactions.End(identity_, is_commit, core_->now()) : Result::Ok();
  Duplicate([core = core_.get(), identity = identity_, is_commit] {
    core->transactions.End(identity, is_commit, core->now());
  });
  if (result.ok()) {
    queue_.clear();
    state_ = State::kReady;
  }
  return result;
}

Result MemoryProducer::Commit(absl::Duration) {
  return Make(Call::kCommit, [&] {
    if (Result undelivered = DeliverQueue(); !undelivered.ok()) return undelivered;
    return End(Call::kCommit);
  });
}

Result MemoryProducer::Abort(absl::Duration) {
  return Make(Call::kAbort, [&] {
    queue_.clear();
    return End(Call::kAbort);
  });
}

void MemoryProducer::TakeDeliveries(std::vector<Delivery>* deliveries) {
  deliveries->insert(deliveries->end(), std::make_move_iterator(deliveries_.begin()),
                     std::make_move_iterator(deliveries_.end()));
  deliveries_.clear();
}

bool MemoryProducer::TakeSuspicion() { return std::exchange(is_suspicious_, false); }

}  // namespace once::testkit
