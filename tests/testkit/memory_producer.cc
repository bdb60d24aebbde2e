#include "tests/testkit/memory_producer.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/murmur2.h"

namespace once::testkit {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

namespace {

bool IsTransactional(Call call) { return call != Call::kSend && call != Call::kFlush; }

}  // namespace

MemoryProducer::MemoryProducer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options,
                               std::string transactional_id, std::vector<std::string> topics)
    : core_(std::move(core)),
      options_(options),
      id_(std::move(transactional_id)),
      topics_(std::move(topics)),
      targets_(topics_.size()) {}

Result MemoryProducer::WrongState(const char* why) const {
  return MakeResult(ErrorClass::kFatal, "_STATE", absl::StrCat("producer ", id_, ": ", why));
}

Result MemoryProducer::CheckState(Call call) const {
  if (state_ == State::kFatal) return failure_;
  if (unanswered_.has_value() && *unanswered_ != call && IsTransactional(call)) {
    return MakeResult(ErrorClass::kRetriable, "_CONFLICT",
                      absl::StrCat("producer ", id_, ": a call before was not answered; repeat that one first"));
  }
  switch (call) {
    case Call::kSend:
      if (state_ == State::kInTransaction) return Result::Ok();
      if (!first_undelivered_.ok()) return first_undelivered_;
      return MakeResult(ErrorClass::kAbortable, "_STATE", absl::StrCat("producer ", id_, ": not in a transaction"));
    case Call::kFlush:
      return Result::Ok();
    case Call::kInit:
      if (state_ == State::kMustAbort) return failure_;
      return state_ == State::kNew ? Result::Ok() : WrongState("initialised already");
    case Call::kBegin:
      if (state_ == State::kMustAbort) return failure_;
      return state_ == State::kReady ? Result::Ok() : WrongState("not ready to begin a transaction");
    case Call::kAbort:
      if (state_ == State::kMustAbort) return Result::Ok();
      break;
    default:
      if (state_ == State::kMustAbort) return failure_;
  }
  const bool is_open = state_ == State::kInTransaction || (state_ == State::kEnding && unanswered_ == call);
  return is_open ? Result::Ok() : WrongState("not in a transaction");
}

template <typename Effect>
Result MemoryProducer::Make(Call call, const Effect& effect) {
  const std::lock_guard lock(core_->mutex);
  core_->Tick();
  if (Result wrong = CheckState(call); !wrong.ok()) {
    // A call out of its turn changes nothing, however its result is classed.
    if (wrong.code != "_STATE" && wrong.code != "_CONFLICT") return Keep(call, std::move(wrong));
    if (call == Call::kSendOffsets || call == Call::kCommit || call == Call::kAbort) is_suspicious_ = true;
    return wrong;
  }
  const bool is_local = call == Call::kBegin || call == Call::kSend;
  if (!core_->is_reachable && !is_local) {
    is_suspicious_ = true;
    return Keep(call, MakeResult(ErrorClass::kRetriable, "_TIMED_OUT",
                                 absl::StrCat("producer ", id_, ": no broker is reachable")));
  }
  std::optional<Fault> fault;
  if (core_->faults.pending() > 0) fault = core_->faults.Take(call, id_);
  if (!fault.has_value()) return Keep(call, effect());
  if (fault->is_suspicious) is_suspicious_ = true;
  is_duplicated_ = fault->late_duplicate;
  if (fault->result.ok()) return Keep(call, effect());
  if (fault->landed) {
    const State before = state_;
    const Result landed = effect();
    if (!landed.ok()) return Keep(call, landed);
    // The client did not learn of it, so to it the transaction is where it was; only what was begun locally moved.
    if (call != Call::kBegin && state_ != State::kFatal) state_ = before;
  }
  return Keep(call, fault->result);
}

Result MemoryProducer::Keep(Call call, Result result) {
  const bool is_end = call == Call::kCommit || call == Call::kAbort;
  if (is_end || call == Call::kInit) unanswered_.reset();
  if (result.ok()) return result;
  if (is_end || call == Call::kSendOffsets) is_suspicious_ = true;
  if (result.error == ErrorClass::kFatal && state_ != State::kFatal) {
    state_ = State::kFatal;
    failure_ = result;
  } else if (result.error == ErrorClass::kAbortable && (state_ == State::kInTransaction || state_ == State::kEnding)) {
    state_ = State::kMustAbort;
    failure_ = result;
    queue_.clear();  // Dropped without a report.
  } else if (result.error == ErrorClass::kRetriable && (is_end || call == Call::kInit)) {
    unanswered_ = call;
    if (is_end) state_ = State::kEnding;
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
    ++transaction_;
    has_contacted_ = false;
    first_undelivered_ = Result::Ok();
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
  Result result = Make(Call::kSend, [&] {
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
    queued.record.timestamp_ms = record.timestamp_ms >= 0 ? record.timestamp_ms : absl::ToUnixMillis(core_->now());
    // As librdkafka, which takes 0 for "now" and is given the millisecond after.
    if (record.timestamp_ms == 0) queued.record.timestamp_ms = 1;
    if (record.key.has_value()) queued.record.key.emplace(*record.key);
    if (record.value.has_value()) queued.record.value.emplace(*record.value);
    queued.record.headers.reserve(record.headers.size());
    for (const HeaderView& header : record.headers) {
      auto& [name, value] = queued.record.headers.emplace_back(header.name, std::nullopt);
      if (header.value.has_value()) value.emplace(*header.value);
    }
    return Result::Ok();
  });
  if (result.code == "_STATE") {
    const std::lock_guard lock(core_->mutex);
    Delivery& delivery = deliveries_.emplace_back();
    delivery.token = record.token;
    delivery.topic_index = record.topic_index;
    delivery.partition = record.partition;
    delivery.failed = true;
    delivery.error = ToString(result);
  }
  return result;
}

Result MemoryProducer::Flush(absl::Duration) {
  return Make(Call::kFlush, [&] {
    if (state_ != State::kInTransaction && state_ != State::kEnding) return first_undelivered_;
    Result result = DeliverQueue();
    // What was dropped because the transaction failed for another reason does not make a flush fail.
    return state_ == State::kMustAbort ? first_undelivered_ : result;
  });
}

Result MemoryProducer::SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                                   absl::Duration timeout) {
  // The adapter refuses these itself, so the client knows nothing of it.
  if (group.generation < 0 || group.member_id.empty()) {
    const std::lock_guard lock(core_->mutex);
    return core_->groups.CheckMetadata(group);
  }
  return Make(Call::kSendOffsets, [&] { return SendOffsetsNow(offsets, group, timeout); });
}

Result MemoryProducer::SendOffsetsNow(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                                      absl::Duration timeout) {
  if (offsets.empty()) return Result::Ok();
  const absl::Time now = core_->now();
  const auto* native = static_cast<const std::string*>(group.native.get());
  const std::string name = native != nullptr ? *native : core_->groups.GroupOf(group.member_id);
  if (Result refused = core_->transactions.AddGroup(identity_, name, now); !refused.ok()) return refused;
  has_contacted_ = true;
  // librdkafka repeats this request itself; when its time is over the transaction has failed.
  if (!core_->groups.IsAvailable(now + timeout)) {
    return MakeResult(ErrorClass::kAbortable, "NOT_COORDINATOR",
                      absl::StrCat("producer ", id_, ": the coordinator of group ", name, " is moving"));
  }
  const auto commit = [core = core_.get(), identity = identity_, name, group,
                       copy = std::vector<TopicPartitionOffset>(offsets.begin(), offsets.end())] {
    Result result = core->transactions.VerifyGroup(identity, name, core->now());
    if (result.ok()) result = core->groups.CheckMetadata(group);
    if (result.ok()) core->groups.AddPending(name, identity.producer_id, copy);
    return result;
  };
  Result result = commit();
  Duplicate(commit);
  return result;
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
  if (result.ok() && needs_epoch_) {
    result = core_->transactions.Bump(core_->now(), &identity_);
    if (result.ok()) {
      needs_epoch_ = false;
      targets_.assign(topics_.size(), {});
    }
  }
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
