#include "tests/testkit/memory_producer.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/murmur2.h"

namespace once::testkit {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

namespace {

// topic.metadata.refresh.interval.ms.
constexpr absl::Duration kMetadataAge = absl::Minutes(5);
// How often the client's thread gets its turn at these calls.
constexpr int64_t kPercentPerSend = 5;
constexpr int64_t kPercentPerTake = 30;

bool IsTransactional(Call call) { return call != Call::kSend && call != Call::kFlush; }

}  // namespace

MemoryProducer::MemoryProducer(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options,
                               std::string transactional_id, std::vector<std::string> topics)
    : core_(std::move(core)),
      options_(options),
      id_(std::move(transactional_id)),
      topics_(std::move(topics)),
      targets_(topics_.size()),
      views_(topics_.size()),
      random_(options.delivery_seed),
      statistics_(options.tells_statistics ? std::make_shared<MemoryStatistics>() : nullptr) {
  for (const std::string& topic : topics_) {
    targets_index_.push_back(static_cast<size_t>(std::find(topics_.begin(), topics_.end(), topic) - topics_.begin()));
  }

  const std::lock_guard lock(core_->mutex);
  if (random_ != 0) random_ += 0x9e3779b97f4a7c15 * ++core_->producers;
}

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
      if (denied_.has_value()) return failure_;
      // Before its report was polled nothing says what has failed.
      if (!first_undelivered_.ok() && is_failure_seen_) return first_undelivered_;
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
  if (!is_local && core_->is_reachable) ++requests_;
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
    if (call != Call::kBegin && state_ == State::kReady) state_ = before;
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
    Drop();  // Without a report.
  } else if (result.error == ErrorClass::kAbortable && call == Call::kBegin && state_ == State::kReady) {
    // The last transaction has ended, and the coordinator knows nothing of this one.
    has_contacted_ = may_have_contacted_ = false;
    state_ = State::kMustAbort;
    failure_ = result;
  } else if (result.error == ErrorClass::kRetriable && (is_end || call == Call::kInit)) {
    unanswered_ = call;
    if (is_end) state_ = State::kEnding;
  }
  return result;
}

void MemoryProducer::Drop() {
  queue_.clear();
  queued_records_ = 0;
  ++turn_;
}

absl::StatusOr<uint32_t> MemoryProducer::AddTopic(const std::string& topic) {
  const auto known = std::find(topics_.begin(), topics_.end(), topic);
  const auto index = static_cast<size_t>(known - topics_.begin());
  if (known == topics_.end()) {
    topics_.push_back(topic);
    targets_.emplace_back();
    views_.emplace_back();
    targets_index_.push_back(index);
  }
  return static_cast<uint32_t>(index);
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
    may_have_contacted_ = false;
    first_undelivered_ = Result::Ok();
    is_failure_seen_ = false;
    denied_.reset();
    return Result::Ok();
  });
}

const MemoryProducer::TopicView& MemoryProducer::ViewOf(uint32_t topic_index) {
  TopicView& view = views_[topic_index];
  if (view.partition_count > 0 && core_->now() - view.asked < kMetadataAge) return view;
  view = {core_->topics.PartitionCount(topics_[topic_index]), core_->now()};
  return view;
}

Partition MemoryProducer::Choose(const OutputRecord& record) {
  if (record.partition != kAnyPartition) return record.partition;
  const int32_t count = ViewOf(record.topic_index).partition_count;
  if (count == 0) return Partition(0);
  if (record.key.has_value()) return PartitionForKey(*record.key, count);
  return Partition(static_cast<int32_t>(next_keyless_++ % static_cast<uint32_t>(count)));
}

Result MemoryProducer::RefuseLocally(const OutputRecord& record, const char* code, const std::string& why) {
  Result result = MakeResult(ErrorClass::kAbortable, code, absl::StrCat("producer ", id_, ": ", why));
  Delivery& delivery = deliveries_.emplace_back();
  delivery.token = record.token;
  delivery.topic_index = record.topic_index;
  delivery.partition = record.partition;
  delivery.failed = true;
  delivery.record_refused = result.code == "MSG_SIZE_TOO_LARGE";
  if (delivery.record_refused) delivery.refusal = kafka::Refusal::kAlone;
  delivery.lasting = delivery.record_refused;
  delivery.code = result.code;
  delivery.error = ToString(result);
  return result;
}

Result MemoryProducer::Send(const OutputRecord& record) {
  Result local;
  Result result = Make(Call::kSend, [&] {
    if (record.topic_index >= topics_.size()) {
      return MakeResult(ErrorClass::kAbortable, "_INVALID_ARG",
                        absl::StrCat("producer ", id_, " has no topic with index ", record.topic_index));
    }
    if (queued_records_ >= options_.max_queued_records) {
      return MakeResult(ErrorClass::kRetriable, "_QUEUE_FULL", "the queue is full; flush, then send again");
    }
    const Partition partition = Choose(record);
    const int32_t count = ViewOf(record.topic_index).partition_count;
    const size_t bytes = record.key.value_or("").size() + record.value.value_or("").size();
    // Of these the transaction knows nothing: it could be committed without the record.
    if (bytes > options_.max_record_bytes) {
      local = RefuseLocally(record, "MSG_SIZE_TOO_LARGE", "the record is larger than message.max.bytes");
    } else if (count > 0 && partition.value() >= count) {
      local = RefuseLocally(
          record, "_UNKNOWN_PARTITION",
          absl::StrCat("no partition ", partition.value(), " of ", topics_[record.topic_index], " is known"));
    } else {
      Enqueue(record, partition);
      DeliverSome(kPercentPerSend);
    }
    return Result::Ok();
  });
  if (!local.ok()) return local;
  // A transaction that has failed tells it of the record too, until its own failure was polled.
  const bool is_first_failure = !first_undelivered_.ok() && is_failure_seen_ && result.code == first_undelivered_.code;
  if (result.error != ErrorClass::kAbortable || is_first_failure) return result;
  const std::lock_guard lock(core_->mutex);
  RefuseLocally(record, result.code.c_str(), result.message);
  if (denied_.has_value()) {
    Delivery& delivery = deliveries_.back();
    if (delivery.topic_index != denied_->first) delivery.token = 0;
    std::tie(delivery.topic_index, delivery.partition) = *denied_;
    delivery.lasting = true;
  }
  return result;
}

void MemoryProducer::Enqueue(const OutputRecord& record, Partition partition) {
  Queued queued;
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
  const size_t bytes = RecordBytes(queued.record);
  Target& target = TargetOf(record.topic_index, partition);
  Batch* batch = target.open_turn == turn_ ? &queue_[target.open_index] : nullptr;
  if (batch == nullptr || batch->records.size() >= options_.max_batch_records ||
      batch->bytes + bytes > options_.max_batch_bytes) {
    batch = &queue_.emplace_back();
    batch->topic_index = record.topic_index;
    batch->partition = partition;
    batch->made = core_->now();
    batch->bytes = kBatchHeaderBytes;
    target.open_turn = turn_;
    target.open_index = queue_.size() - 1;
  }
  batch->bytes += bytes;
  batch->records.push_back(std::move(queued));
  ++queued_records_;
}

Result MemoryProducer::Flush(absl::Duration) {
  return Make(Call::kFlush, [&] {
    PollReports();
    if (state_ != State::kInTransaction && state_ != State::kEnding) return first_undelivered_;
    Result result = DeliverQueue();
    PollReports();
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
  Result result = has_contacted_ || may_have_contacted_ ? core_->transactions.End(identity_, is_commit, core_->now())
                                                        : Result::Ok();
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
    Drop();
    state_ = State::kReady;
  }
  return result;
}

std::shared_ptr<ClientStatisticsSource> MemoryProducer::TakeStatistics() {
  if (statistics_ == nullptr) return nullptr;
  const std::lock_guard lock(core_->mutex);
  statistics_->Put({.at = core_->now(), .queued_records = static_cast<int64_t>(queued_records_)}, core_->is_reachable,
                   requests_);
  return statistics_;
}

Result MemoryProducer::Commit(absl::Duration) {
  return Make(Call::kCommit, [&] {
    PollReports();
    const Result undelivered = DeliverQueue();
    PollReports();
    return undelivered.ok() ? End(Call::kCommit) : undelivered;
  });
}

Result MemoryProducer::Abort(absl::Duration) {
  return Make(Call::kAbort, [&] {
    Drop();
    PollReports();
    return End(Call::kAbort);
  });
}

void MemoryProducer::TakeDeliveries(std::vector<Delivery>* deliveries) {
  const std::lock_guard lock(core_->mutex);
  if (state_ == State::kInTransaction) DeliverSome(kPercentPerTake);
  PollReports();
  MarkRefusedForSize();
  deliveries->insert(deliveries->end(), std::make_move_iterator(deliveries_.begin()),
                     std::make_move_iterator(deliveries_.end()));
  deliveries_.clear();
}

bool MemoryProducer::TakeSuspicion() {
  const std::lock_guard lock(core_->mutex);
  PollReports();
  return std::exchange(is_suspicious_, false);
}

}  // namespace once::testkit
