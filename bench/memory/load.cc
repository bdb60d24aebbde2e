#include "bench/memory/load.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::bench {
namespace {

struct Destroy {
  void operator()(rd_kafka_t* producer) const { rd_kafka_destroy(producer); }
};
using ProducerPtr = std::unique_ptr<rd_kafka_t, Destroy>;

absl::Status MakeProducer(const std::string& bootstrap_servers, ProducerPtr* producer) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  const std::pair<const char*, const char*> settings[] = {{"bootstrap.servers", bootstrap_servers.c_str()},
                                                          {"linger.ms", "20"},
                                                          {"partitioner", "murmur2_random"},
                                                          {"compression.type", "lz4"},
                                                          {"queue.buffering.max.kbytes", "65536"},
                                                          {"enable.idempotence", "true"}};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK) continue;
    rd_kafka_conf_destroy(conf);
    return absl::InvalidArgumentError(text);
  }
  producer->reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text)));
  return *producer == nullptr ? absl::InvalidArgumentError(text) : absl::OkStatus();
}

rd_kafka_resp_err_t Produce(rd_kafka_t* producer, const std::string& topic, const Event& event) {
  rd_kafka_headers_t* headers = nullptr;
  if (!event.id.empty()) {
    headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, "ce_id", -1, event.id.data(), static_cast<ssize_t>(event.id.size()));
  }
  const rd_kafka_resp_err_t error =
      rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_KEY(event.key.data(), event.key.size()),
                        RD_KAFKA_V_VALUE(const_cast<char*>(event.value.data()), event.value.size()),
                        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && headers != nullptr) rd_kafka_headers_destroy(headers);
  return error;
}

}  // namespace

absl::Status Load(const LoadOptions& options) {
  constexpr int64_t kLookEvery = 1'000;
  ProducerPtr producer;
  if (absl::Status made = MakeProducer(options.bootstrap_servers, &producer); !made.ok()) return made;
  const auto look = [&] {
    rd_kafka_poll(producer.get(), 0);
    return options.meanwhile ? options.meanwhile() : absl::OkStatus();
  };
  for (int64_t i = 0; i < options.events; ++i) {
    Event event;
    options.make(i, &event);
    rd_kafka_resp_err_t error;
    while ((error = Produce(producer.get(), options.topic, event)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      if (absl::Status looked = look(); !looked.ok()) return looked;
      rd_kafka_poll(producer.get(), 10);
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return absl::UnavailableError(rd_kafka_err2str(error));
    if (i % kLookEvery != 0) continue;
    if (absl::Status looked = look(); !looked.ok()) return looked;
  }
  for (int i = 0; i < 12'000 && rd_kafka_outq_len(producer.get()) > 0; ++i) {
    if (absl::Status looked = look(); !looked.ok()) return looked;
    rd_kafka_flush(producer.get(), 10);
  }
  const int left = rd_kafka_outq_len(producer.get());
  if (left > 0) return absl::UnavailableError(absl::StrCat(left, " events were not delivered to ", options.topic));
  return absl::OkStatus();
}

std::string Noise(uint64_t seed, size_t bytes) {
  std::string noise(bytes, '\0');
  uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
  for (size_t at = 0; at < bytes; at += sizeof(state)) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(noise.data() + at, &state, std::min(sizeof(state), bytes - at));
  }
  return noise;
}

}  // namespace once::bench
