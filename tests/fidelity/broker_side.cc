#include "tests/fidelity/broker_side.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include <iostream>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::fidelity {

void BrokerSide::StderrLog::Log(LogLevel level, const std::string& message) {
  const bool is_asked_for = level >= LogLevel::kInfo && getenv("ONCE_TEST_LOG") != nullptr;
  if (is_asked_for || absl::StrContains(message, "left behind")) std::cerr << message << std::endl;
}

BrokerSide::BrokerSide(const std::string& bootstrap_servers) {
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = bootstrap_servers;
  config.transaction_timeout = absl::Seconds(60);
  config.session_timeout = absl::Seconds(20);
  config.max_batch_bytes = 1000;                  // Below the topics' max.message.bytes, as the ports ask for.
  config.extra["heartbeat.interval.ms"] = "100";  // Rebalances are heard of with a heartbeat.
  config.extra["fetch.wait.max.ms"] = "10";       // Ends of partitions likewise.
  auto client = kafka::MakeRdKafkaClient(config, &log_);
  if (!client.ok()) {
    std::cerr << client.status() << std::endl;
    abort();
  }
  client_ = *std::move(client);

  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : {std::pair<const char*, const char*>{"bootstrap.servers", bootstrap_servers.c_str()},
                                    {"group.id", "fidelity"},
                                    {"isolation.level", "read_uncommitted"},
                                    {"enable.auto.commit", "false"},
                                    {"enable.partition.eof", "true"},
                                    {"fetch.wait.max.ms", "20"}}) {
    rd_kafka_conf_set(conf, name, value, nullptr, 0);
  }
  reader_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
  rd_kafka_poll_set_consumer(reader_);
}

BrokerSide::~BrokerSide() {
  rd_kafka_consumer_close(reader_);
  rd_kafka_destroy(reader_);
}

void BrokerSide::Pause() { absl::SleepFor(absl::Milliseconds(5)); }

std::vector<std::pair<Offset, std::string>> BrokerSide::ReadUncommitted(const TopicPartition& where, Offset from,
                                                                        Offset end) {
  std::vector<std::pair<Offset, std::string>> values;
  if (from >= end) return values;
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, where.topic.c_str(), where.partition.value())->offset = from.value();
  rd_kafka_assign(reader_, list);
  const absl::Time deadline = absl::Now() + absl::Seconds(5);
  // Markers at the end are not returned, so the position tells when all was read.
  while (absl::Now() < deadline) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(reader_, 20);
    if (message != nullptr) {
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        values.push_back(
            {Offset(message->offset), message->payload == nullptr
                                          ? "<null>"
                                          : std::string(static_cast<const char*>(message->payload), message->len)});
      }
      const bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset >= end.value();
      rd_kafka_message_destroy(message);
      if (is_end) break;
    }
  }
  rd_kafka_assign(reader_, nullptr);
  rd_kafka_topic_partition_list_destroy(list);
  return values;
}

}  // namespace once::fidelity
