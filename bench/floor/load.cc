#include "bench/floor/load.h"

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"

namespace once::bench {

namespace {

// Order IDs are padded so that key, value and event ID make about 100 bytes.
constexpr size_t kOrderIdBytes = 50;

rd_kafka_t* NewProducer(const LoadOptions& options, std::string* error) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  const std::pair<const char*, const char*> settings[] = {{"bootstrap.servers", options.bootstrap_servers.c_str()},
                                                          {"linger.ms", "20"},
                                                          {"partitioner", "murmur2_random"},
                                                          {"batch.size", "500000"},
                                                          {"queue.buffering.max.messages", "500000"},
                                                          {"enable.idempotence", "true"}};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
      *error = text;
      rd_kafka_conf_destroy(conf);
      return nullptr;
    }
  }
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
  if (producer == nullptr) *error = text;
  return producer;
}

void Produce(rd_kafka_t* producer, const LoadOptions& options, const std::string& key, const std::string& value,
             int64_t id) {
  rd_kafka_headers_t* headers = nullptr;
  if (options.with_event_ids) {
    headers = rd_kafka_headers_new(1);
    const std::string text = absl::StrCat("e", id);
    rd_kafka_header_add(headers, "ce_id", -1, text.data(), static_cast<ssize_t>(text.size()));
  }
  while (true) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(options.topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return;
    rd_kafka_poll(producer, 10);
  }
}

}  // namespace

absl::Status Load(const LoadOptions& options) {
  std::string error;
  rd_kafka_t* producer = NewProducer(options, &error);
  if (producer == nullptr) return absl::InvalidArgumentError(error);
  std::mt19937_64 random(42);
  orders::v1::OrderPlaced order;
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  for (int64_t i = 0; i < options.records; ++i) {
    const std::string customer = absl::StrCat("c", random() % static_cast<uint64_t>(options.keys));
    order.set_order_id(absl::StrCat("o", i));
    order.mutable_order_id()->resize(kOrderIdBytes, '.');
    order.set_customer_id(customer);
    order.set_cents(static_cast<int64_t>(random() % 100'000) + 1);
    Produce(producer, options, customer, order.SerializeAsString(), i);
    if (is_terminal && i % 100'000 == 0)
      std::fprintf(stderr, "\rloading %s: %lld of %lld", options.topic.c_str(), static_cast<long long>(i),
                   static_cast<long long>(options.records));
  }
  rd_kafka_flush(producer, 120'000);
  const int left = rd_kafka_outq_len(producer);
  rd_kafka_destroy(producer);
  std::fprintf(stderr, "%sloaded %s with %lld records%s\n", is_terminal ? "\r" : "", options.topic.c_str(),
               static_cast<long long>(options.records), is_terminal ? "          " : "");
  if (left > 0) return absl::UnavailableError(absl::StrCat(left, " records were not delivered"));
  return absl::OkStatus();
}

}  // namespace once::bench
