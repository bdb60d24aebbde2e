#include "bench/floor/raw_loop.h"

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/kafka/librdkafka/conf.h"

namespace once::bench {

namespace {

constexpr size_t kBatch = 10'000;
constexpr int kPollMs = 5;

absl::Status Error(const char* what, rd_kafka_error_t* error) {
  const absl::Status status = absl::InternalError(absl::StrCat(what, ": ", rd_kafka_error_string(error)));
  rd_kafka_error_destroy(error);
  return status;
}

absl::StatusOr<rd_kafka_t*> Make(rd_kafka_type_t type, const kafka::Properties& properties,
                                 const std::string& bootstrap_servers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap_servers.c_str(), text, sizeof(text));
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof(text)) != RD_KAFKA_CONF_OK) {
      return absl::InvalidArgumentError(text);
    }
  }
  rd_kafka_t* handle = rd_kafka_new(type, conf, text, sizeof(text));
  if (handle == nullptr) return absl::InternalError(text);
  return handle;
}

class RawLoop {
 public:
  explicit RawLoop(const RawLoopOptions& options) : options_(options) {}

  ~RawLoop() {
    if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
    if (consumer_ != nullptr) {
      rd_kafka_consumer_close(consumer_);
      rd_kafka_destroy(consumer_);
    }
    if (output_ != nullptr) rd_kafka_topic_destroy(output_);
    if (producer_ != nullptr) rd_kafka_destroy(producer_);
  }

  absl::Status Open() {
    const kafka::RdKafkaConfig config;
    auto producer = Make(RD_KAFKA_PRODUCER, kafka::ProducerProperties(config, options_.group + "-floor"),
                         options_.bootstrap_servers);
    if (!producer.ok()) return producer.status();
    producer_ = *producer;
    while (rd_kafka_error_t* error = rd_kafka_init_transactions(producer_, 30'000)) {
      if (!rd_kafka_error_is_retriable(error)) return Error("init_transactions", error);
      rd_kafka_error_destroy(error);
    }
    output_ = rd_kafka_topic_new(producer_, options_.output.c_str(), nullptr);
    kafka::Properties properties = kafka::GroupConsumerProperties(config, options_.group);
    properties["auto.offset.reset"] = "earliest";
    auto consumer = Make(RD_KAFKA_CONSUMER, properties, options_.bootstrap_servers);
    if (!consumer.ok()) return consumer.status();
    consumer_ = *consumer;
    rd_kafka_poll_set_consumer(consumer_);
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, options_.input.c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer_, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    queue_ = rd_kafka_queue_get_consumer(consumer_);
    return absl::OkStatus();
  }

  absl::StatusOr<LoopFigures> Run() {
    std::vector<rd_kafka_message_t*> messages(kBatch);
    LoopClock clock;
    absl::Time epoch = absl::InfiniteFuture();
    int64_t done = 0;
    while (done < options_.records || epoch != absl::InfiniteFuture()) {
      const ssize_t count = rd_kafka_consume_batch_queue(queue_, kPollMs, messages.data(), messages.size());
      const absl::Time now = absl::Now();
      for (ssize_t i = 0; i < count; ++i) {
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          clock.Start();
          if (epoch == absl::InfiniteFuture()) {
            epoch = now;
            if (rd_kafka_error_t* error = rd_kafka_begin_transaction(producer_)) return Error("begin", error);
          }
          if (absl::Status sent = Forward(messages[i]); !sent.ok()) return sent;
          ++done;
        }
        rd_kafka_message_destroy(messages[i]);
      }
      rd_kafka_poll(producer_, 0);
      if (epoch == absl::InfiniteFuture()) continue;
      if (now - epoch < options_.commit_interval && done < options_.records) continue;
      if (absl::Status committed = Commit(); !committed.ok()) return committed;
      epoch = absl::InfiniteFuture();
    }
    return clock.Stop(done);
  }

 private:
  absl::Status Forward(rd_kafka_message_t* message) {
    rd_kafka_headers_t* headers = nullptr;
    rd_kafka_message_detach_headers(message, &headers);
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer_, RD_KAFKA_V_RKT(output_), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_VALUE(message->payload, message->len),
        RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(message, nullptr)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return absl::InternalError(rd_kafka_err2str(error));
    next_[message->partition] = message->offset + 1;
    return absl::OkStatus();
  }

  absl::Status Commit() {
    rd_kafka_flush(producer_, 60'000);
    rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(static_cast<int>(next_.size()));
    for (const auto& [partition, offset] : next_) {
      rd_kafka_topic_partition_list_add(offsets, options_.input.c_str(), partition)->offset = offset;
    }
    rd_kafka_consumer_group_metadata_t* group = rd_kafka_consumer_group_metadata(consumer_);
    rd_kafka_error_t* error = rd_kafka_send_offsets_to_transaction(producer_, offsets, group, 30'000);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    if (error != nullptr) return Error("send_offsets", error);
    error = rd_kafka_commit_transaction(producer_, -1);
    return error == nullptr ? absl::OkStatus() : Error("commit", error);
  }

  const RawLoopOptions& options_;
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_topic_t* output_ = nullptr;
  rd_kafka_t* consumer_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  std::map<int32_t, int64_t> next_;
};

}  // namespace

absl::StatusOr<LoopFigures> RunRawLoop(const RawLoopOptions& options) {
  RawLoop loop(options);
  if (absl::Status opened = loop.Open(); !opened.ok()) return opened;
  return loop.Run();
}

}  // namespace once::bench
