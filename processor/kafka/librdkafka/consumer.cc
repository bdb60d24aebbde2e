// A group's consumer: subscribing, polling, seeking, closing. What happens inside rebalance callbacks is in
// consumer_assignment.cc.
#include "processor/kafka/librdkafka/consumer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/metadata.h"
#include "processor/kafka/librdkafka/seek.h"

namespace once::kafka {
namespace {

constexpr absl::Duration kClosePatience = absl::Seconds(30);
constexpr absl::Duration kDestructionPatience = absl::Seconds(10);
// A worker's other partitions wait meanwhile.
constexpr absl::Duration kEachPatience = absl::Milliseconds(200);
constexpr absl::Duration kClosePause = absl::Milliseconds(10);
// A rebalance waits at most so long for a Poll that waits for records.
constexpr absl::Duration kCallbackPause = absl::Milliseconds(10);

// Whether librdkafka stops fetching a partition with this error.
bool IsEndOfReading(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

}  // namespace

RdKafkaGroupConsumer::RdKafkaGroupConsumer(std::shared_ptr<const ClientContext> context, const std::string& group)
    : Handle(context, absl::StrCat("consumer of group ", group)),
      group_(group),
      pool_(context->config.max_batch_records) {}

absl::StatusOr<std::unique_ptr<GroupConsumer>> RdKafkaGroupConsumer::Make(std::shared_ptr<const ClientContext> context,
                                                                          const std::string& group,
                                                                          const std::vector<std::string>& topics,
                                                                          const std::string& member_name) {
  if (group.empty()) return absl::InvalidArgumentError("a group consumer needs the name of its group");
  std::unique_ptr<RdKafkaGroupConsumer> consumer(new RdKafkaGroupConsumer(std::move(context), group));
  const Properties properties = GroupConsumerProperties(consumer->config(), group, member_name);
  if (absl::Status status = consumer->Start(RD_KAFKA_CONSUMER, properties); !status.ok()) return status;
  // X1a: group events and records come by two queues, so a rebalance is served without fetching more.
  rd_kafka_poll_set_consumer(consumer->rk());
  consumer->group_queue_.reset(rd_kafka_queue_get_consumer(consumer->rk()));
  consumer->records_.reset(rd_kafka_queue_new(consumer->rk()));
  absl::StatusOr<std::vector<TopicPtr>> handles = consumer->MakeTopics(topics);
  if (!handles.ok()) return handles.status();
  consumer->topics_ = *std::move(handles);
  consumer->topic_names_ = topics;
  consumer->polled_to_.resize(topics.size());
  return consumer;
}

RdKafkaGroupConsumer::~RdKafkaGroupConsumer() {
  // Who listens may be half destroyed, so leaving the group calls nobody.
  listener_ = nullptr;
  // Batches that are still read keep what they point to; the handle cannot end before that is let go.
  pool_.ReleaseAll();
  if (const absl::Status closed = CloseWithin(kDestructionPatience); !closed.ok()) {
    Log(LogLevel::kError, std::string(closed.message()));
  }
  // librdkafka ends an instance only when nothing of it is held any more.
  group_queue_.reset();
  records_.reset();
  topics_.clear();
  Shutdown();
}

void RdKafkaGroupConsumer::Configure(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_rebalance_cb(conf, &RdKafkaGroupConsumer::RebalanceCallback);
}

void RdKafkaGroupConsumer::OnError(rd_kafka_resp_err_t code, const char* reason) {
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    fatal_ = FatalStatus();
    return;
  }
  Handle::OnError(code, reason);
  // Later on credentials may be about to be changed, and what was polled can still be committed.
  if (IsRefusal(code, reason) && !has_joined_) {
    fatal_ = absl::UnauthenticatedError(
        absl::StrCat("polling ", name(), ": ", TextOfRefusal(code, context().secrets->Redact(reason))));
  }
}

absl::Status RdKafkaGroupConsumer::FatalStatus() const {
  char why[512];
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk(), why, sizeof(why));
  const char* fix = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
                        ? "another process joined the group under the same instance_id; give each its own"
                        : "make a new consumer";
  return absl::FailedPreconditionError(
      absl::StrCat(name(), " cannot go on: ", why, " (", rd_kafka_err2name(code), "); ", fix));
}

absl::Status RdKafkaGroupConsumer::Subscribe(std::span<const std::string> topics, RebalanceListener* listener) {
  for (const std::string& topic : topics) {
    if (std::find(topic_names_.begin(), topic_names_.end(), topic) == topic_names_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(name(), " was not created for topic \"", topic, "\""));
    }
  }
  // Before the call: the first rebalance may be served by the next poll.
  listener_ = listener;
  subscribed_.assign(topics.begin(), topics.end());
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  return ToStatus(rd_kafka_subscribe(rk(), list.get()), absl::StrCat("subscribing ", name()));
}

uint32_t RdKafkaGroupConsumer::TopicIndex(const std::string& topic) const {
  return static_cast<uint32_t>(std::find(topic_names_.begin(), topic_names_.end(), topic) - topic_names_.begin());
}

int64_t& RdKafkaGroupConsumer::PolledTo(uint32_t topic_index, Partition partition) {
  std::vector<int64_t>& offsets = polled_to_[topic_index];
  const auto index = static_cast<size_t>(partition.value());
  if (index >= offsets.size()) offsets.resize(index + 1, kUnknown);
  return offsets[index];
}

void RdKafkaGroupConsumer::SetPolledTo(const TopicPartition& where, int64_t offset) {
  PolledTo(TopicIndex(where.topic), where.partition) = offset;
}

absl::Status RdKafkaGroupConsumer::CheckSeek(const TopicPartition& where) const {
  const auto what = [&] { return absl::StrCat("seeking ", ToString(where), " by ", name()); };
  if (!assigned_.contains(where)) return absl::FailedPreconditionError(absl::StrCat(what(), ": it is not assigned"));
  if (broken_.contains(where)) {
    return absl::FailedPreconditionError(
        absl::StrCat(what(), ": its reading ended with an error; it is read again only after it was assigned anew"));
  }
  if (!unsettled_.contains(where)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(what(), ": the partition's end is still being looked up; try again"));
}

absl::Status RdKafkaGroupConsumer::Seek(std::span<const TopicPartitionOffset> offsets) {
  for (const TopicPartitionOffset& each : offsets) {
    if (absl::Status status = CheckSeek(each.where); !status.ok()) return status;
  }
  // Inside one a seek would be undone by the assignment that ends it.
  if (!in_callback_) return SeekNow(offsets);
  DeferSeeks(offsets);
  return absl::OkStatus();
}

void RdKafkaGroupConsumer::DeferSeeks(std::span<const TopicPartitionOffset> offsets) {
  for (const TopicPartitionOffset& each : offsets) {
    // The last one counts.
    std::erase_if(deferred_seeks_, [&](const TopicPartitionOffset& other) { return other.where == each.where; });
    deferred_seeks_.push_back(each);
  }
}

std::vector<SeekFailure> RdKafkaGroupConsumer::SeekEach(std::span<const TopicPartitionOffset> offsets) {
  std::vector<SeekFailure> failures;
  std::vector<TopicPartitionOffset> possible;
  for (const TopicPartitionOffset& each : offsets) {
    if (absl::Status status = CheckSeek(each.where); !status.ok()) {
      failures.push_back({each, std::move(status)});
    } else {
      possible.push_back(each);
    }
  }
  if (possible.empty()) return failures;
  if (in_callback_) {
    DeferSeeks(possible);
    return failures;
  }
  std::vector<SeekFailure> more = SeekEachPartition(rk(), possible, kEachPatience);
  for (const TopicPartitionOffset& each : possible) {
    // Where the end is by now shows when something comes.
    SetPolledTo(each.where, each.offset == kEndOffset ? kUnknown : each.offset.value());
  }
  for (SeekFailure& each : more) {
    // Where it stands now nobody knows; a rebalance must not send it back there.
    SetPolledTo(each.target.where, kUnknown);
    failures.push_back(std::move(each));
  }
  return failures;
}

absl::Status RdKafkaGroupConsumer::SeekNow(std::span<const TopicPartitionOffset> offsets) {
  absl::Status status = SeekPartitions(rk(), offsets);
  for (const TopicPartitionOffset& each : offsets) {
    const bool is_known = status.ok() && each.offset != kEndOffset;
    SetPolledTo(each.where, is_known ? each.offset.value() : kUnknown);
  }
  return status;
}

void RdKafkaGroupConsumer::MakeDeferredSeeks() {
  if (deferred_seeks_.empty()) return;
  const std::vector<TopicPartitionOffset> seeks = std::exchange(deferred_seeks_, {});
  const absl::Status status = SeekNow(seeks);
  if (status.ok()) return;
  for (const TopicPartitionOffset& each : seeks) {
    deferred_errors_.push_back({TopicIndex(each.where.topic), each.where.partition, status});
  }
}

absl::Status RdKafkaGroupConsumer::ServeCallbacks() {
  constexpr size_t kMost = 16;
  absl::Status status;
  rd_kafka_message_t* messages[kMost];
  ssize_t count = 0;
  do {
    count = rd_kafka_consume_batch_queue(group_queue_.get(), 0, messages, kMost);
    if (count < 0) return ToStatus(rd_kafka_last_error(), absl::StrCat("polling ", name()));
    for (ssize_t i = 0; i < count; ++i) {
      if (absl::Status each = HandleGroupError(*messages[i]); status.ok()) status = std::move(each);
      rd_kafka_message_destroy(messages[i]);
    }
  } while (count == kMost);
  KeepBrokers();
  MakeDeferredSeeks();
  return fatal_.ok() ? status : fatal_;
}

absl::Status RdKafkaGroupConsumer::Poll(absl::Duration timeout, Batch* batch) {
  BatchStorage* storage = pool_.Prepare(batch);
  const absl::Time deadline = SteadyNow() + timeout;
  int count = 0;
  absl::Duration left = timeout;
  do {
    if (absl::Status status = ServeCallbacks(); !status.ok()) return status;
    // Short waits in turn with callbacks: a rebalance has not to wait for records.
    count = pool_.Consume(records_.get(), std::min(left, kCallbackPause), storage);
    if (count < 0) return ToStatus(rd_kafka_last_error(), absl::StrCat("polling ", name()));
    left = deadline - SteadyNow();
  } while (count == 0 && deferred_errors_.empty() && left > absl::ZeroDuration());
  Fill(storage, batch);
  return absl::OkStatus();
}

void RdKafkaGroupConsumer::Fill(BatchStorage* storage, Batch* batch) {
  batch->errors = std::exchange(deferred_errors_, {});
  for (const rd_kafka_message_t* message : storage->messages) {
    const int64_t index = message->rkt == nullptr ? -1 : TopicIndexOf(message->rkt);
    // Of a topic that nobody asked for.
    if (index < 0 || message->partition < 0) continue;
    const auto topic_index = static_cast<uint32_t>(index);
    const Partition partition(message->partition);
    // It delivers, so its look-up is over.
    if (!unsettled_.empty()) unsettled_.erase({topic_names_[topic_index], partition});
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      AppendRecord(message, topic_index, storage, batch);
      // X5p: ours, for the next rebalance.
      PolledTo(topic_index, partition) = message->offset + 1;
      continue;
    }
    AppendPartitionEvent(message, topic_index, batch);
    // T10: behind the markers at the end.
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) PolledTo(topic_index, partition) = message->offset;
    if (IsEndOfReading(message->err)) broken_.insert({topic_names_[topic_index], partition});
  }
  FinishHeaders(storage, batch);
}

absl::Status RdKafkaGroupConsumer::HandleGroupError(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  // Says which instance took the name over, if that is it.
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) return FatalStatus();
  const char* reason = rd_kafka_message_errstr(&message);
  const absl::Status status = ToStatus(message.err, absl::StrCat("polling ", name()), reason == nullptr ? "" : reason);
  if (IsPassingInGroup(message.err)) {
    Log(LogLevel::kWarning, status.ToString());
    return absl::OkStatus();
  }
  const std::string fix = FixOf(message.err);
  // A right that a member had may be given back; librdkafka goes on asking.
  if (message.err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED && has_joined_) {
    Log(LogLevel::kError, absl::StrCat(status.ToString(), "; ", fix));
    return absl::OkStatus();
  }
  // librdkafka would try again for ever, most of these errors without another word.
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), "; ", fix.empty() ? "mend what the broker complains of, and start again" : fix));
}

GroupMetadata RdKafkaGroupConsumer::group_metadata() { return has_left_ ? GroupMetadata{} : ReadGroupMetadata(rk()); }

std::optional<Offset> RdKafkaGroupConsumer::KnownEnd(const TopicPartition& partition) {
  int64_t low = RD_KAFKA_OFFSET_INVALID;
  int64_t high = RD_KAFKA_OFFSET_INVALID;
  const rd_kafka_resp_err_t error =
      rd_kafka_get_watermark_offsets(rk(), partition.topic.c_str(), partition.partition.value(), &low, &high);
  // Nothing of it was fetched yet.
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) return std::nullopt;
  return Offset(high);
}

absl::Status RdKafkaGroupConsumer::Close() {
  const absl::Status status = CloseWithin(kClosePatience);
  deferred_seeks_.clear();
  return status;
}

// librdkafka's own blocking close has no limit, and destroying an instance unclosed can hang for ever on a rebalance
// that nobody answers any more.
absl::Status RdKafkaGroupConsumer::CloseWithin(absl::Duration patience) {
  if (rk() == nullptr || rd_kafka_consumer_closed(rk())) return absl::OkStatus();
  const absl::Time deadline = SteadyNow() + patience;
  const QueuePtr queue(rd_kafka_queue_new(rk()));
  const ErrorPtr error(rd_kafka_consumer_close_queue(rk(), queue.get()));
  if (error != nullptr) {
    // After a fatal error there is no group to leave, and destroying the instance is all that can be done.
    return rd_kafka_error_is_fatal(error.get()) ? absl::OkStatus()
                                                : ToStatus(error.get(), absl::StrCat("closing ", name()));
  }
  is_closing_ = true;
  while (!rd_kafka_consumer_closed(rk())) {
    if (SteadyNow() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("closing ", name(), ": not done after ", absl::FormatDuration(patience)));
    }
    // Serves callbacks; what else comes is of no use any more.
    rd_kafka_message_t* message = rd_kafka_consume_queue(queue.get(), ToMillis(kClosePause));
    if (message != nullptr) rd_kafka_message_destroy(message);
  }
  return absl::OkStatus();
}

}  // namespace once::kafka
