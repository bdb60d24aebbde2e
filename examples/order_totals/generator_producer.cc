#include "examples/order_totals/generator_producer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace orders::generator {

namespace {

constexpr size_t kErrorBytes = 512;
constexpr char kEventType[] = "orders.v1.OrderPlaced";

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, INT32_MAX));
}

absl::Status SetAll(rd_kafka_conf_t* conf, const std::vector<std::pair<std::string, std::string>>& properties) {
  char error[kErrorBytes];
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      return absl::InvalidArgumentError(absl::StrCat("librdkafka refuses ", name, "=", value, ": ", error));
    }
  }
  return absl::OkStatus();
}

// Failures show in delivery reports and calls; librdkafka's lines between them only while a broker is away.
void Silence(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace

struct Producer::DeliveryReport {
  static void Handle(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto* self = static_cast<Producer*>(opaque);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++self->delivered_;
      return;
    }
    if (++self->failed_ == 1) {
      self->first_failure_ = absl::StrCat("partition ", message->partition, " of ", rd_kafka_topic_name(message->rkt),
                                          ": ", rd_kafka_err2str(message->err));
    }
  }
};

absl::StatusOr<std::unique_ptr<Producer>> Producer::Connect(const ProducerOptions& options) {
  auto producer = std::unique_ptr<Producer>(new Producer(options));
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  auto destroy_conf = absl::MakeCleanup([&conf] {
    if (conf != nullptr) rd_kafka_conf_destroy(conf);
  });
  absl::Status set = SetAll(conf, {{"bootstrap.servers", options.bootstrap_servers},
                                   {"client.id", "order_generator"},
                                   {"enable.idempotence", "true"},
                                   // As Java's clients do, so that all producers agree on a key's partition.
                                   {"partitioner", "murmur2_random"},
                                   // While a batch lingers for its last millisecond librdkafka's threads spin.
                                   {"linger.ms", "50"},
                                   {"message.timeout.ms", "60000"},
                                   {"queue.buffering.max.messages", "200000"}});
  if (set.ok()) set = SetAll(conf, options.properties);
  if (!set.ok()) return set;
  rd_kafka_conf_set_opaque(conf, producer.get());
  rd_kafka_conf_set_dr_msg_cb(conf, &DeliveryReport::Handle);
  rd_kafka_conf_set_log_cb(conf, &Silence);

  char error[kErrorBytes];
  producer->handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  if (producer->handle_ == nullptr) return absl::InvalidArgumentError(absl::StrCat("cannot make a producer: ", error));
  conf = nullptr;

  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t reached =
      rd_kafka_metadata(producer->handle_, 0, nullptr, &metadata, Milliseconds(options.connect_timeout));
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  if (reached != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(absl::StrCat(
        "no broker answers at ", options.bootstrap_servers, " within ", absl::FormatDuration(options.connect_timeout),
        " (", rd_kafka_err2str(reached), "); start one, or correct --bootstrap_servers"));
  }
  return producer;
}

Producer::~Producer() {
  if (handle_ == nullptr) return;
  // Without this the destructor would wait for what a dead broker never takes.
  rd_kafka_purge(handle_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(handle_, 1000);
  rd_kafka_destroy(handle_);
}

absl::StatusOr<std::vector<std::string>> Producer::Brokers() {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t result =
      rd_kafka_metadata(handle_, 0, nullptr, &metadata, Milliseconds(options_.connect_timeout));
  if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(absl::StrCat("the brokers at ", options_.bootstrap_servers, " are not known after ",
                                               absl::FormatDuration(options_.connect_timeout), " (",
                                               rd_kafka_err2str(result), "); look into the broker's log"));
  }
  std::vector<std::string> brokers;
  for (int i = 0; i < metadata->broker_cnt; ++i) {
    brokers.push_back(absl::StrCat(metadata->brokers[i].host, ":", metadata->brokers[i].port));
  }
  rd_kafka_metadata_destroy(metadata);
  return brokers;
}

absl::StatusOr<int32_t> Producer::PartitionCount(const std::string& topic) {
  const absl::Time deadline = absl::Now() + options_.connect_timeout;
  rd_kafka_topic_t* handle = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  if (handle == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("\"", topic, "\" cannot be a topic's name; correct the flag"));
  }
  const auto destroy_topic = absl::MakeCleanup([handle] { rd_kafka_topic_destroy(handle); });
  while (true) {
    const rd_kafka_metadata_t* metadata = nullptr;
    rd_kafka_resp_err_t result = rd_kafka_metadata(handle_, 0, handle, &metadata, Milliseconds(deadline - absl::Now()));
    int32_t partitions = 0;
    if (metadata != nullptr) {
      if (metadata->topic_cnt == 1) {
        if (result == RD_KAFKA_RESP_ERR_NO_ERROR) result = metadata->topics[0].err;
        partitions = metadata->topics[0].partition_cnt;
      }
      rd_kafka_metadata_destroy(metadata);
    }
    if (result == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0) return partitions;
    if (result == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || result == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
      return absl::NotFoundError(absl::StrCat("there is no topic \"", topic, "\" at ", options_.bootstrap_servers,
                                              "; create it, or give --create_topics"));
    }
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(absl::StrCat("the partitions of topic \"", topic, "\" are not known after ",
                                                 absl::FormatDuration(options_.connect_timeout), " (",
                                                 rd_kafka_err2str(result), "); look into the broker's log"));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::Status Producer::CreateTopics(const std::vector<std::string>& topics, int32_t partitions) {
  char error[kErrorBytes];
  std::vector<rd_kafka_NewTopic_t*> wanted;
  const auto destroy_topics = absl::MakeCleanup([&wanted] {
    for (rd_kafka_NewTopic_t* topic : wanted) rd_kafka_NewTopic_destroy(topic);
  });
  for (const std::string& topic : topics) {
    constexpr int kBrokersDefault = -1;
    rd_kafka_NewTopic_t* made = rd_kafka_NewTopic_new(topic.c_str(), partitions, kBrokersDefault, error, sizeof(error));
    if (made == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("topic \"", topic, "\" with ", partitions, " partitions cannot be created: ", error));
    }
    wanted.push_back(made);
  }
  rd_kafka_AdminOptions_t* options = rd_kafka_AdminOptions_new(handle_, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_queue_t* queue = rd_kafka_queue_new(handle_);
  rd_kafka_AdminOptions_set_request_timeout(options, Milliseconds(options_.connect_timeout), error, sizeof(error));
  rd_kafka_CreateTopics(handle_, wanted.data(), wanted.size(), options, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, -1);
  const auto destroy_rest = absl::MakeCleanup([&] {
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
  });
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(absl::StrCat("topics could not be created at ", options_.bootstrap_servers, ": ",
                                               rd_kafka_event_error_string(event),
                                               "; create them yourself, or look into the broker's log"));
  }
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t result = rd_kafka_topic_result_error(results[i]);
    if (result == RD_KAFKA_RESP_ERR_NO_ERROR || result == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    return absl::FailedPreconditionError(
        absl::StrCat("topic \"", rd_kafka_topic_result_name(results[i]), "\" with ", partitions,
                     " partitions could not be created: ", text != nullptr ? text : rd_kafka_err2str(result),
                     "; create it yourself, or leave out --create_topics"));
  }
  return absl::OkStatus();
}

absl::Status Producer::FailureStatus() const {
  return absl::DataLossError(absl::StrCat(sent_ - delivered_, " of ", sent_,
                                          " records were not delivered, the first to ", first_failure_,
                                          "; mend that and send the same range again: what did arrive is then a "
                                          "duplicate by its ce_id"));
}

absl::Status Producer::Send(const std::string& topic, const OrderEvent& event) {
  while (failed_ == 0) {
    const rd_kafka_resp_err_t result =
        rd_kafka_producev(handle_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(event.key.data(), event.key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(event.value.data()), event.value.size()),
                          RD_KAFKA_V_HEADER("ce_id", event.id.data(), static_cast<ssize_t>(event.id.size())),
                          RD_KAFKA_V_HEADER("ce_type", kEventType, -1), RD_KAFKA_V_END);
    if (result == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++sent_;
      return absl::OkStatus();
    }
    if (result != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      char text[kErrorBytes] = "";
      if (result == RD_KAFKA_RESP_ERR__FATAL) rd_kafka_fatal_error(handle_, text, sizeof(text));
      return absl::UnavailableError(absl::StrCat("event ", event.id, " (key ", event.key, ") could not be sent to ",
                                                 topic, ": ", rd_kafka_err2str(result), " ", text,
                                                 "; mend that and send the same range again"));
    }
    Serve(absl::Milliseconds(100));
  }
  return FailureStatus();
}

void Producer::Serve(absl::Duration wait) { rd_kafka_poll(handle_, Milliseconds(wait)); }

absl::Status Producer::Flush() {
  // Ends: each event is reported within message.timeout.ms.
  while (rd_kafka_outq_len(handle_) > 0) rd_kafka_flush(handle_, 1000);
  if (failed_ == 0 && delivered_ == sent_) return absl::OkStatus();
  return FailureStatus();
}

}  // namespace orders::generator
