// The transactional producer: each call of librdkafka's as a Result, and what its delivery reports mean.
#include "processor/kafka/librdkafka/producer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
namespace {

constexpr int kSendsPerPoll = 1000;
// What librdkafka is given to answer a call by itself after its timeout.
constexpr absl::Duration kGrace = absl::Seconds(1);
// Of producers that could not be ended because a call of theirs does not return, each with its threads.
constexpr int kMostLeftBehind = 4;

// A record's token and whether its success is reported, in the pointer that librdkafka carries along. Null, which
// costs nothing in the delivery callback, is a record of token 0 whose success is of no interest.
void* PackOpaque(const OutputRecord& record) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(record.token << 1 | (record.want_offset ? 1 : 0)));
}
uint64_t TokenOf(const void* opaque) { return reinterpret_cast<uintptr_t>(opaque) >> 1; }
bool WantsOffset(const void* opaque) { return (reinterpret_cast<uintptr_t>(opaque) & 1) != 0; }

// Null stays null, and empty needs an address to be told from it.
void* Bytes(const OptionalBytes& bytes) {
  if (!bytes.has_value()) return nullptr;
  return const_cast<char*>(bytes->data() == nullptr ? "" : bytes->data());
}
size_t Size(const OptionalBytes& bytes) { return bytes.has_value() ? bytes->size() : 0; }

void MarkFailed(rd_kafka_resp_err_t code, Delivery* delivery) {
  delivery->failed = true;
  delivery->lasting = IsLasting(code);
  delivery->code = rd_kafka_err2name(code);
  delivery->error = absl::StrCat(delivery->code, ": ", rd_kafka_err2str(code));
}

}  // namespace

RdKafkaProducer::RdKafkaProducer(std::shared_ptr<const ClientContext> context, const std::string& transactional_id)
    : Handle(std::move(context), absl::StrCat("producer ", transactional_id)) {}

absl::StatusOr<std::unique_ptr<TransactionalProducer>> RdKafkaProducer::Make(
    std::shared_ptr<const ClientContext> context, const std::string& transactional_id,
    const std::vector<std::string>& topics) {
  if (transactional_id.empty()) return absl::InvalidArgumentError("a transactional producer needs a transactional.id");
  std::unique_ptr<RdKafkaProducer> producer(new RdKafkaProducer(std::move(context), transactional_id));
  const Properties properties = ProducerProperties(producer->config(), transactional_id);
  if (absl::Status status = producer->Start(RD_KAFKA_PRODUCER, properties); !status.ok()) return status;
  absl::StatusOr<std::vector<TopicPtr>> handles = producer->MakeTopics(topics);
  if (!handles.ok()) return handles.status();
  producer->topics_ = *std::move(handles);
  producer->topic_names_ = topics;

  char value[32];
  size_t size = sizeof(value);
  int64_t socket_timeout_ms = 0;
  if (rd_kafka_conf_get(rd_kafka_conf(producer->rk()), "socket.timeout.ms", value, &size) == RD_KAFKA_CONF_OK &&
      absl::SimpleAtoi(value, &socket_timeout_ms)) {
    // T4: a call that took so long may have been sent twice.
    producer->slow_call_ = absl::Milliseconds(socket_timeout_ms) / 2;
  }
  return producer;
}

RdKafkaProducer::~RdKafkaProducer() {
  // What is queued is abandoned; librdkafka would log that it is.
  if (rk() != nullptr) {
    rd_kafka_purge(rk(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  }
  topics_.clear();
  if (!sending_offsets_.under_way()) {
    Shutdown([repetitions = std::move(repetitions_)] {});
    return;
  }
  // The call uses the instance, so that is ended after it, on another thread.
  ++context().left_behind;
  Shutdown(
      [repetitions = std::move(repetitions_), ended = sending_offsets_.ended(), context = shared_context()] {
        ended.wait();
        --context->left_behind;
      },
      absl::ZeroDuration());
}

absl::StatusOr<uint32_t> RdKafkaProducer::AddTopic(const std::string& topic) {
  const auto known = std::find(topic_names_.begin(), topic_names_.end(), topic);
  const auto index = static_cast<size_t>(known - topic_names_.begin());
  if (known == topic_names_.end()) {
    absl::StatusOr<TopicPtr> handle = MakeTopic(topic, index);
    if (!handle.ok()) return handle.status();
    topics_.push_back(*std::move(handle));
    topic_names_.push_back(topic);
  }
  return static_cast<uint32_t>(index);
}

void RdKafkaProducer::Configure(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_dr_msg_cb(conf, &RdKafkaProducer::DeliveryCallback);
  repetitions_->Attach(conf);
}

void RdKafkaProducer::OnError(rd_kafka_resp_err_t code, const char* reason) {
  suspicious_ = true;
  Handle::OnError(code, reason);
}

void RdKafkaProducer::OnErrorLine(std::string_view facility, std::string_view text) { failure_.Note(facility, text); }

void RdKafkaProducer::DeliveryCallback(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= 0 && !WantsOffset(message->_private)) return;
  Handle* const handle = Of(opaque);
  if (handle != nullptr) static_cast<RdKafkaProducer*>(handle)->OnDelivery(*message);
}

// Where several records of a batch are wrong newer versions say of each only that it is; why stands in the log.
rd_kafka_resp_err_t RdKafkaProducer::CodeOf(const rd_kafka_message_t& message) {
  const bool is_time = message.err == RD_KAFKA_RESP_ERR_INVALID_RECORD && failure_.IsOfTimestamps();
  return is_time ? RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP : message.err;
}

void RdKafkaProducer::OnDelivery(const rd_kafka_message_t& message) {
  // Dropped by an abort, or by our destruction.
  if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
  Delivery& delivery = deliveries_.emplace_back();
  delivery.token = TokenOf(message._private);
  delivery.topic_index = static_cast<uint32_t>(TopicIndexOf(message.rkt));
  delivery.partition = Partition(message.partition);
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR && message.offset >= 0) {
    delivery.offset = Offset(message.offset);
    return;
  }
  // A success without an offset is a guess of librdkafka's, and may be a loss (docs/librdkafka.md).
  const rd_kafka_resp_err_t code =
      message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER : CodeOf(message);
  MarkFailed(code, &delivery);
  // The failed batch took its sequence numbers along, and librdkafka (2.0.2 at least) goes on behind the gap: the
  // broker refuses the next transaction's records for that partition as out of order.
  suspicious_ = true;
  // X3a: which records of a refused batch are to blame shows only when all of them have been reported.
  if (IsRecordRefusal(code)) NoteRefusal(code, message.len + message.key_len);
  if (first_failure_ == RD_KAFKA_RESP_ERR_NO_ERROR || IsOfAnotherRecord(first_failure_)) {
    first_failure_ = code;
    first_failure_where_ = ToString(TopicPartition{topic_names_[delivery.topic_index], delivery.partition});
  }
}

void RdKafkaProducer::AddConnectionError(Result* result) {
  rd_kafka_poll(rk(), 0);  // Brings it.
  if (result->error != ErrorClass::kRetriable) return;
  SeekBrokers();
  const std::string why = LastConnectionError();
  if (!why.empty()) absl::StrAppend(&result->message, " (last connection error: ", why, ")");
}

Result RdKafkaProducer::InitTransactions(absl::Duration timeout) {
  // X2c: each holds threads and memory until its call returns.
  if (const int left = context().left_behind; left >= kMostLeftBehind) {
    return MakeResult(ErrorClass::kRetriable, RD_KAFKA_RESP_ERR__WAIT_COORD,
                      absl::StrCat("initialising transactions of ", name(), ": ", left,
                                   " producers before it still wait for the group's coordinator; start that broker"));
  }
  const ErrorPtr error(rd_kafka_init_transactions(rk(), ToMillis(timeout)));
  Result result = ToResult(error.get(), absl::StrCat("initialising transactions of ", name()));
  AddConnectionError(&result);
  suspicious_ = false;  // Nothing of this handle can be under way.
  return result;
}

Result RdKafkaProducer::BeginTransaction() {
  first_failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  first_failure_where_.clear();
  failure_.Reset();
  const ErrorPtr error(rd_kafka_begin_transaction(rk()));
  return ToResult(error.get(), absl::StrCat("beginning a transaction of ", name()));
}

Result RdKafkaProducer::Send(const OutputRecord& record) {
  // Delivered records are freed only by polling.
  if (++sends_since_poll_ >= kSendsPerPoll) {
    sends_since_poll_ = 0;
    rd_kafka_poll(rk(), 0);
  }
  void* const opaque = PackOpaque(record);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  // The plain call is the quicker one, and suits nearly all changelog records.
  if (record.headers.empty() && record.timestamp_ms < 0) {
    if (rd_kafka_produce(topics_[record.topic_index].get(), record.partition.value(), RD_KAFKA_MSG_F_COPY,
                         Bytes(record.value), Size(record.value), Bytes(record.key), Size(record.key), opaque) != 0) {
      code = rd_kafka_last_error();
    }
  } else {
    code = ProduceFull(record, opaque);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Result::Ok();
  return SendFailed(record, code);
}

rd_kafka_resp_err_t RdKafkaProducer::ProduceFull(const OutputRecord& record, void* opaque) {
  HeadersPtr headers;
  if (!record.headers.empty()) {
    headers.reset(rd_kafka_headers_new(record.headers.size()));
    for (const HeaderView& header : record.headers) {
      rd_kafka_header_add(headers.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                          Bytes(header.value), static_cast<ssize_t>(Size(header.value)));
    }
  }
  rd_kafka_vu_t fields[8];
  size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> auto& {
    fields[count].vtype = type;
    return fields[count++].u;
  };
  add(RD_KAFKA_VTYPE_RKT).rkt = topics_[record.topic_index].get();
  add(RD_KAFKA_VTYPE_PARTITION).i32 = record.partition.value();
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_VALUE).mem = {Bytes(record.value), Size(record.value)};
  add(RD_KAFKA_VTYPE_KEY).mem = {Bytes(record.key), Size(record.key)};
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = opaque;
  // To librdkafka 0 is "now"; the millisecond after is as near as it gets.
  if (record.timestamp_ms >= 0) add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = std::max<int64_t>(record.timestamp_ms, 1);
  if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  const ErrorPtr error(rd_kafka_produceva(rk(), fields, count));
  if (error != nullptr) return rd_kafka_error_code(error.get());
  headers.release();  // The message owns them now.
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

Result RdKafkaProducer::SendFailed(const OutputRecord& record, rd_kafka_resp_err_t code) {
  const TopicPartition where{topic_names_[record.topic_index], record.partition};
  const std::string what =
      absl::StrCat("sending to ", record.partition == kAnyPartition ? where.topic : ToString(where), " by ", name());
  if (Result fatal = FatalResult(rk(), what); !fatal.ok()) return fatal;
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return MakeResult(ErrorClass::kRetriable, code, absl::StrCat(what, ": the queue is full; flush, then send again"));
  }
  // In a transaction that failed already nothing can be sent; what made it fail says more.
  if (code == RD_KAFKA_RESP_ERR__STATE && first_failure_ != RD_KAFKA_RESP_ERR_NO_ERROR) return FailedDelivery(what);
  if (const auto added = failure_.Get(); code == RD_KAFKA_RESP_ERR__STATE && added.has_value()) {
    return FailedAdding(record, *added, what);
  }
  Delivery& delivery = deliveries_.emplace_back();
  delivery.token = record.token;
  delivery.topic_index = record.topic_index;
  delivery.partition = record.partition;
  MarkFailed(code, &delivery);
  if (IsRecordRefusal(code)) {
    delivery.refusal = Refusal::kAlone;
    delivery.record_refused = true;
  }
  return MakeResult(ErrorClass::kAbortable, code, absl::StrCat(what, ": ", rd_kafka_err2str(code)));
}

Result RdKafkaProducer::FailedAdding(const OutputRecord& record, const TransactionFailure::Added& added,
                                     std::string_view what) {
  const auto topic = std::find(topic_names_.begin(), topic_names_.end(), added.where.topic);
  if (topic != topic_names_.end()) {
    Delivery& delivery = deliveries_.emplace_back();
    delivery.topic_index = static_cast<uint32_t>(topic - topic_names_.begin());
    delivery.partition = added.where.partition;
    // Whose records the partition was for is not known, but for this one if it is for the topic as well.
    if (record.topic_index == delivery.topic_index) delivery.token = record.token;
    MarkFailed(added.code, &delivery);
  }
  return MakeResult(ErrorClass::kAbortable, added.code, absl::StrCat(ToAbsl(what), ": ", added.text));
}

Result RdKafkaProducer::FailedDelivery(std::string_view what) const {
  return MakeResult(ErrorClass::kAbortable, first_failure_,
                    absl::StrCat(ToAbsl(what), ": a record for ", first_failure_where_,
                                 " was not written: ", rd_kafka_err2str(first_failure_)));
}

Result RdKafkaProducer::Flush(absl::Duration timeout) {
  const std::string what = absl::StrCat("flushing ", name());
  const rd_kafka_resp_err_t code = rd_kafka_flush(rk(), ToMillis(timeout));
  if (Result fatal = FatalResult(rk(), what); !fatal.ok()) return fatal;
  if (first_failure_ != RD_KAFKA_RESP_ERR_NO_ERROR) return FailedDelivery(what);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Result::Ok();
  return MakeResult(ErrorClass::kRetriable, code,
                    absl::StrCat(what, ": ", rd_kafka_outq_len(rk()), " records are still on their way after ",
                                 absl::FormatDuration(timeout)));
}

Result RdKafkaProducer::Finish(const rd_kafka_error_t* error, std::string_view what, absl::Time start) {
  const absl::Duration took = SteadyNow() - start;
  Result result = ToResult(error, absl::StrCat(ToAbsl(what), " ", name()));
  // T4: what was not plainly answered, or not soon, may have been sent twice.
  if (!result.ok() || took > slow_call_) suspicious_ = true;
  if (result.ok()) return result;
  if (result.error != ErrorClass::kFatal) {
    if (Result fatal = FatalResult(rk(), what); !fatal.ok()) return fatal;
  }
  AddConnectionError(&result);
  if (first_failure_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
    result.message += absl::StrCat("; first failure: ", first_failure_where_, ": ", rd_kafka_err2name(first_failure_),
                                   ", ", rd_kafka_err2str(first_failure_));
  }
  if (const auto added = failure_.Get(); added.has_value()) absl::StrAppend(&result.message, "; ", added->text);
  return result;
}

Result RdKafkaProducer::SendOffsets(std::span<const TopicPartitionOffset> offsets, const GroupMetadata& group,
                                    absl::Duration timeout) {
  // The broker accepts such offsets from anybody, so a zombie's as well.
  if (group.native == nullptr || group.generation < 0 || group.member_id.empty()) {
    return MakeResult(
        ErrorClass::kAbortable, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        absl::StrCat("sending offsets by ", name(), ": no member of the group (generation ", group.generation,
                     ", member \"", group.member_id, "\"), so the partitions may already belong to others"));
  }
  const absl::Time start = SteadyNow();
  if (!sending_offsets_.under_way()) {
    PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
    for (const TopicPartitionOffset& each : offsets) {
      rd_kafka_topic_partition_list_add(list.get(), each.where.topic.c_str(), each.where.partition.value())->offset =
          each.offset.value();
    }
    sending_offsets_.Start([rk = rk(), list = std::move(list), member = group.native, millis = ToMillis(timeout)] {
      return ErrorPtr(rd_kafka_send_offsets_to_transaction(
          rk, list.get(), static_cast<const rd_kafka_consumer_group_metadata_t*>(member.get()), millis));
    });
  }
  const std::optional<ErrorPtr> answer = sending_offsets_.Await(timeout + kGrace);
  if (answer.has_value()) return Finish(answer->get(), "sending offsets by", start);
  suspicious_ = true;
  return StillUnderWay(ErrorClass::kRetriable, "sending offsets by");
}

Result RdKafkaProducer::StillUnderWay(ErrorClass error, std::string_view what) {
  const std::string message =
      absl::StrCat(ToAbsl(what), " ", name(), ": librdkafka has kept the offsets' call since its ",
                   "timeout was over, as it does while ", WhyCallsLast());
  Log(LogLevel::kWarning, message);
  return MakeResult(error, RD_KAFKA_RESP_ERR__TIMED_OUT, message);
}

Result RdKafkaProducer::Commit(absl::Duration timeout) {
  const absl::Time start = SteadyNow();
  // What librdkafka takes for delivered must be so before it is asked to commit.
  if (Result flushed = Flush(timeout); !flushed.ok()) return flushed;
  const ErrorPtr error(rd_kafka_commit_transaction(rk(), ToMillis(timeout)));
  return Finish(error.get(), "committing a transaction of", start);
}

Result RdKafkaProducer::Abort(absl::Duration timeout) {
  const absl::Time start = SteadyNow();
  // One transactional call at a time.
  if (sending_offsets_.under_way() && !sending_offsets_.Await(timeout).has_value()) {
    suspicious_ = true;
    return StillUnderWay(ErrorClass::kFatal, "aborting a transaction of");
  }
  const ErrorPtr error(rd_kafka_abort_transaction(rk(), ToMillis(timeout)));
  return Finish(error.get(), "aborting a transaction of", start);
}

void RdKafkaProducer::TakeDeliveries(std::vector<Delivery>* deliveries) {
  rd_kafka_poll(rk(), 0);
  KeepBrokers();
  JudgeRun();
  deliveries->insert(deliveries->end(), std::make_move_iterator(deliveries_.begin()),
                     std::make_move_iterator(deliveries_.end()));
  deliveries_.clear();
}

bool RdKafkaProducer::TakeSuspicion() {
  rd_kafka_poll(rk(), 0);  // Brings the error events that came meanwhile.
  const bool repeated = repetitions_->Take();
  return std::exchange(suspicious_, false) || repeated;
}

}  // namespace once::kafka
