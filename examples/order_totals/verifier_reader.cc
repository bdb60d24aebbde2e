#include "examples/order_totals/verifier_reader.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace orders::verifier {

namespace {

constexpr size_t kErrorBytes = 512;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, INT32_MAX));
}

void Silence(const rd_kafka_t*, int, const char*, const char*) {}

std::string Place(const std::string& topic, int32_t partition) { return absl::StrCat(topic, "-", partition); }

Record ToRecord(const rd_kafka_message_t& message) {
  Record record;
  record.topic = rd_kafka_topic_name(message.rkt);
  record.partition = message.partition;
  record.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t timestamp_ms = rd_kafka_message_timestamp(&message, &type);
  if (type == RD_KAFKA_TIMESTAMP_CREATE_TIME) record.timestamp_ms = timestamp_ms;
  if (message.key != nullptr) record.key.emplace(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr) record.value.emplace(static_cast<const char*>(message.payload), message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    record.headers.push_back({name, std::nullopt});
    if (value != nullptr) record.headers.back().value.emplace(static_cast<const char*>(value), size);
  }
  return record;
}

// What is still to be read of one topic.
class Pending {
 public:
  explicit Pending(const Ranges& ranges) {
    for (const auto& [partition, range] : ranges) {
      if (range.low < range.high) next_[partition] = range.low, end_[partition] = range.high;
    }
  }

  bool done() const { return next_.empty(); }
  const std::map<int32_t, int64_t>& next() const { return next_; }
  int64_t end(int32_t partition) const { return end_.at(partition); }

  // False if the record lies behind the end, or was not asked for.
  bool Take(int32_t partition, int64_t offset) const {
    const auto found = next_.find(partition);
    return found != next_.end() && offset < end_.at(partition);
  }
  // True if that is news.
  bool Reach(int32_t partition, int64_t position) {
    const auto found = next_.find(partition);
    if (found == next_.end() || position <= found->second) return false;
    found->second = position;
    if (position >= end_.at(partition)) next_.erase(found);
    return true;
  }
  int64_t ToGo() const {
    int64_t sum = 0;
    for (const auto& [partition, next] : next_) sum += end_.at(partition) - next;
    return sum;
  }

 private:
  std::map<int32_t, int64_t> next_;  // Of partitions that have not reached their end.
  std::map<int32_t, int64_t> end_;
};

absl::Status Assign(rd_kafka_t* consumer, const std::string& topic, const Pending& pending) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(pending.next().size()));
  const auto destroy = absl::MakeCleanup([list] { rd_kafka_topic_partition_list_destroy(list); });
  for (const auto& [partition, next] : pending.next()) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = next;
  }
  const rd_kafka_resp_err_t result = rd_kafka_assign(consumer, list);
  if (result == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot read ", topic, ": ", rd_kafka_err2str(result)));
}

// Errors that librdkafka mends itself as soon as a broker is back.
bool IsPassing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
         error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__RESOLVE ||
         error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

// The group's answer is still to come: its transaction is open, or its coordinator starts or moves.
bool IsUnstable(rd_kafka_resp_err_t error) {
  return IsPassing(error) || error == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT ||
         error == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
         error == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE || error == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

// Why a partition came to a halt; the last stable offset tells.
absl::Status Stalled(rd_kafka_t* consumer, const std::string& topic, const Pending& pending, absl::Duration after) {
  const auto& [partition, next] = *pending.next().begin();
  int64_t low = 0, last_stable = 0;
  const rd_kafka_resp_err_t asked =
      rd_kafka_query_watermark_offsets(consumer, topic.c_str(), partition, &low, &last_stable, 5000);
  const std::string where = absl::StrCat(Place(topic, partition), " gave nothing new for ", absl::FormatDuration(after),
                                         " at offset ", next, ", before its end at ", pending.end(partition));
  if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(absl::StrCat(where, ": the broker does not answer (", rd_kafka_err2str(asked),
                                               "); look into its log and try again"));
  }
  if (last_stable < pending.end(partition)) {
    return absl::UnavailableError(absl::StrCat(where, ": a hanging transaction holds its last stable offset at ",
                                               last_stable,
                                               "; wait for transaction.timeout.ms of its producer, or find and abort "
                                               "it with kafka-transactions.sh find-hanging"));
  }
  return absl::UnavailableError(absl::StrCat(where, "; try again with a longer --read_timeout"));
}

}  // namespace

absl::StatusOr<rd_kafka_s*> Reader::NewConsumer(const char* isolation_level) const {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::vector<std::pair<std::string, std::string>> properties = {
      {"bootstrap.servers", options_.bootstrap_servers},
      {"client.id", "order_verifier"},
      // librdkafka wants one for assign(); it is never joined and nothing is committed to it.
      {"group.id", "order_verifier"},
      {"enable.auto.commit", "false"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},
      {"isolation.level", isolation_level},
      // Before librdkafka 2.2 a full fetch queue stalls its partition for a second: let only its bytes limit it.
      {"queued.min.messages", "10000000"},
      {"queued.max.messages.kbytes", "131072"}};
  properties.insert(properties.end(), options_.properties.begin(), options_.properties.end());
  char error[kErrorBytes];
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return absl::InvalidArgumentError(absl::StrCat("librdkafka refuses ", name, "=", value, ": ", error));
    }
  }
  rd_kafka_conf_set_log_cb(conf, &Silence);
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  if (consumer == nullptr) {
    rd_kafka_conf_destroy(conf);
    return absl::InvalidArgumentError(absl::StrCat("cannot make a consumer: ", error));
  }
  rd_kafka_poll_set_consumer(consumer);
  return consumer;
}

absl::StatusOr<std::unique_ptr<Reader>> Reader::Connect(const ReaderOptions& options) {
  auto reader = std::unique_ptr<Reader>(new Reader(options));
  const absl::StatusOr<rd_kafka_s*> handle = reader->NewConsumer("read_uncommitted");
  if (!handle.ok()) return handle.status();
  reader->handle_ = *handle;
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t reached =
      rd_kafka_metadata(reader->handle_, 0, nullptr, &metadata, Milliseconds(options.connect_timeout));
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  if (reached == RD_KAFKA_RESP_ERR_NO_ERROR) return reader;
  return absl::UnavailableError(absl::StrCat(
      "no broker answers at ", options.bootstrap_servers, " within ", absl::FormatDuration(options.connect_timeout),
      " (", rd_kafka_err2str(reached), "); start one, or correct --bootstrap_servers"));
}

Reader::~Reader() {
  if (handle_ != nullptr) rd_kafka_destroy(handle_);
}

absl::StatusOr<Ranges> Reader::Find(const std::string& topic) {
  const absl::Time deadline = absl::Now() + options_.connect_timeout;
  while (true) {
    absl::StatusOr<Ranges> found = TryToFind(topic);
    if (!absl::IsUnavailable(found.status()) || absl::Now() >= deadline) return found;
    absl::SleepFor(absl::Milliseconds(100));
  }
}

absl::StatusOr<Ranges> Reader::TryToFind(const std::string& topic) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  if (handle == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("\"", topic, "\" cannot be a topic's name; correct the flag"));
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  rd_kafka_resp_err_t result = rd_kafka_metadata(handle_, 0, handle, &metadata, Milliseconds(options_.connect_timeout));
  rd_kafka_topic_destroy(handle);
  int partitions = 0;
  if (metadata != nullptr) {
    if (result == RD_KAFKA_RESP_ERR_NO_ERROR) result = metadata->topics[0].err;
    partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
  }
  if (result == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || result == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    return absl::NotFoundError(absl::StrCat("there is no topic \"", topic, "\" at ", options_.bootstrap_servers,
                                            "; correct the flag that names it"));
  }
  if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(absl::StrCat("topic \"", topic, "\" cannot be looked up: ", rd_kafka_err2str(result),
                                               "; look into the broker's log and try again"));
  }
  Ranges ranges;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    Range& range = ranges[partition];
    result = rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &range.low, &range.high,
                                              Milliseconds(options_.connect_timeout));
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return absl::UnavailableError(absl::StrCat("the end of ", Place(topic, partition), " cannot be looked up: ",
                                                 rd_kafka_err2str(result), "; look into the broker's log"));
    }
  }
  return ranges;
}

absl::Status Reader::ReadCommitted(const std::string& topic, const Ranges& ranges, const Consume& consume,
                                   const Progress& progress) {
  Pending pending(ranges);
  if (pending.done()) return absl::OkStatus();
  const absl::StatusOr<rd_kafka_s*> made = NewConsumer("read_committed");
  if (!made.ok()) return made.status();
  rd_kafka_t* consumer = *made;
  const auto destroy = absl::MakeCleanup([consumer] { rd_kafka_destroy(consumer); });
  if (absl::Status assigned = Assign(consumer, topic, pending); !assigned.ok()) return assigned;

  int64_t records = 0;
  absl::Time last_news = absl::Now(), next_progress = last_news + absl::Seconds(1);
  while (!pending.done()) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 200);
    const auto destroy_message = absl::MakeCleanup([message] {
      if (message != nullptr) rd_kafka_message_destroy(message);
    });
    bool news = false;
    if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (pending.Take(message->partition, message->offset)) {
        if (absl::Status consumed = consume(ToRecord(*message)); !consumed.ok()) return consumed;
        ++records;
      }
      news = pending.Reach(message->partition, message->offset + 1);
    } else if (message != nullptr && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      // The position behind trailing control markers, which are no records; held back by an open transaction it is
      // before the end, and another one comes once that has ended.
      news = pending.Reach(message->partition, message->offset);
    } else if (message != nullptr && !IsPassing(message->err)) {
      return absl::UnavailableError(absl::StrCat("cannot read ", Place(topic, message->partition), ": ",
                                                 rd_kafka_message_errstr(message),
                                                 "; if records were deleted meanwhile, verify a fresh run"));
    }
    // Looking at the clock for every record would cost more than the record.
    if (news && records % 256 != 0) continue;
    const absl::Time now = absl::Now();
    if (news) last_news = now;
    if (now >= next_progress) {
      progress(records, pending.ToGo());
      next_progress = now + absl::Seconds(1);
    }
    if (!pending.done() && now - last_news > options_.stall_timeout) {
      return Stalled(consumer, topic, pending, options_.stall_timeout);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<int32_t, int64_t>> Reader::CommittedOffsets(const std::string& group, const std::string& topic,
                                                                    const Ranges& partitions) {
  const absl::Time deadline = absl::Now() + options_.stall_timeout;
  while (true) {
    absl::StatusOr<std::map<int32_t, int64_t>> committed = AskCommittedOffsets(group, topic, partitions);
    if (!absl::IsAborted(committed.status())) return committed;
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(
          absl::StrCat("the committed offsets of group \"", group, "\" are not stable after ",
                       absl::FormatDuration(options_.stall_timeout), " (", std::string(committed.status().message()),
                       "); wait for transaction.timeout.ms of its producers, or find and abort the hanging "
                       "transaction with kafka-transactions.sh find-hanging"));
    }
    absl::SleepFor(absl::Milliseconds(100));
  }
}

absl::StatusOr<std::map<int32_t, int64_t>> Reader::AskCommittedOffsets(const std::string& group,
                                                                       const std::string& topic,
                                                                       const Ranges& partitions) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
  for (const auto& [partition, range] : partitions) rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
  rd_kafka_ListConsumerGroupOffsets_t* request = rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list);
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(handle_, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle_);
  const auto destroy = absl::MakeCleanup([&] {
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
  });
  char error[kErrorBytes];
  rd_kafka_AdminOptions_set_request_timeout(options, Milliseconds(options_.connect_timeout), error, sizeof(error));
  rd_kafka_error_destroy(rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
  rd_kafka_ListConsumerGroupOffsets(handle_, &request, 1, options, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, -1);
  const auto destroy_event = absl::MakeCleanup([event] { rd_kafka_event_destroy(event); });

  const auto failed = [&group](rd_kafka_resp_err_t code, const std::string& why) {
    if (IsUnstable(code)) return absl::AbortedError(why);
    return absl::UnavailableError(absl::StrCat("the committed offsets of group \"", group,
                                               "\" cannot be looked up: ", why, "; look into the broker's log"));
  };
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(event); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failed(code, rd_kafka_event_error_string(event));
  }
  size_t count = 0;
  const rd_kafka_group_result_t** groups =
      rd_kafka_ListConsumerGroupOffsets_result_groups(rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
  if (count != 1) return absl::InternalError("librdkafka gave no answer for the group; try again");
  if (const rd_kafka_error_t* failure = rd_kafka_group_result_error(groups[0]); failure != nullptr) {
    return failed(rd_kafka_error_code(failure), rd_kafka_error_string(failure));
  }
  std::map<int32_t, int64_t> committed;
  const rd_kafka_topic_partition_list_t* found = rd_kafka_group_result_partitions(groups[0]);
  for (int i = 0; i < found->cnt; ++i) {
    const rd_kafka_topic_partition_t& partition = found->elems[i];
    if (partition.err != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(partition.err, rd_kafka_err2str(partition.err));
    if (partition.offset >= 0) committed[partition.partition] = partition.offset;
  }
  return committed;
}

}  // namespace orders::verifier
