// Reads what a run of order_totals commits, while it runs, and says what is wrong with it as soon as it shows:
//   outputs: each customer's order_count goes up by exactly one and its cents go up, all in one partition
//   dead letters: a customer's in the order of their origins, those that FAILED, those that are BLOCKED and those that
//   have ended apart, since commands let events go on; none twice, but for one that was released and FAILED again. The
//   first is FAILED, or one that a rule has ended; REJECTED is none.
// Shares no code with the processor. Prints each violation, each odd order that failed, and five times a second how far
// it is.
#include <librdkafka/rdkafka.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "examples/order_totals/orders.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

volatile sig_atomic_t stopped = 0;

struct Customer {
  int32_t partition = -1;
  int64_t count = 0;
  int64_t cents = 0;
  // Origin offsets; all of a customer's orders come from one partition.
  int64_t last_failed = -1;
  int64_t last_blocked = -1;
  int64_t last_ended = -1;
};

std::string Header(const rd_kafka_message_t& message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return "";
  }
  return std::string(static_cast<const char*>(value), size);
}

class Checks {
 public:
  void Output(const rd_kafka_message_t& message) {
    ++records_[message.partition];
    const std::string key(static_cast<const char*>(message.key), message.key_len);
    orders::v1::CustomerTotal total;
    if (!total.ParseFromArray(message.payload, static_cast<int>(message.len)) || total.customer_id() != key) {
      return Violation(message, key, "is no total of its key's customer");
    }
    Customer& customer = customers_[key];
    if (customer.partition >= 0 && customer.partition != message.partition) {
      Violation(message, key, "lies in another partition than the customer's others");
    }
    customer.partition = message.partition;
    if (total.order_count() != customer.count + 1) {
      Violation(message, key,
                "has order_count=" + std::to_string(total.order_count()) + " after " + std::to_string(customer.count));
    } else if (total.cents() <= customer.cents) {
      Violation(message, key, "has no more cents than the total before it");
    }
    customer.count = total.order_count();
    customer.cents = total.cents();
  }

  void DeadLetter(const rd_kafka_message_t& message) {
    ++letters_;
    const std::string key(static_cast<const char*>(message.key), message.key_len);
    const std::string origin = Header(message, "once.origin");
    const size_t dash = origin.rfind('-');
    const int64_t offset = dash == std::string::npos ? -1 : std::atoll(origin.c_str() + dash + 1);
    Customer& customer = customers_[key];
    const std::string disposition = Header(message, "once.disposition");
    const bool is_end = disposition == "SKIPPED" || disposition == "DISCARDED" || disposition == "NEVER_PROCESSED";
    if (!is_end && disposition != "FAILED" && disposition != "BLOCKED") {
      Violation(message, key, "is " + disposition);
    }
    if (customer.last_failed < 0 && disposition != "FAILED" && disposition != "NEVER_PROCESSED") {
      Violation(message, key, "is " + disposition + ", and none of the customer's has FAILED");
    }
    int64_t& last = is_end                     ? customer.last_ended
                    : disposition == "BLOCKED" ? customer.last_blocked
                                               : customer.last_failed;
    if (offset < last || (offset == last && disposition != "FAILED")) {
      Violation(message, key, disposition + " is of " + origin + ", not after " + std::to_string(last));
    }
    last = offset;
    const std::string id = Header(message, "ce_id");
    if (disposition == "FAILED" && id.rfind("order-", 0) != 0) {
      std::printf("failed %s %s\n", id.c_str(), Header(message, "once.reason").c_str());
    }
  }

  void Print() const {
    std::string partitions;
    for (const auto& [partition, records] : records_) {
      partitions += (partitions.empty() ? "" : ",") + std::to_string(records);
    }
    std::printf("state violations=%lld dead_letters=%lld records=%s\n", static_cast<long long>(violations_),
                static_cast<long long>(letters_), partitions.c_str());
    std::fflush(stdout);
  }

  void AddPartition(int32_t partition) { records_[partition] = 0; }

 private:
  void Violation(const rd_kafka_message_t& message, const std::string& key, const std::string& what) {
    constexpr int64_t kShown = 100;
    if (++violations_ > kShown) return;
    std::printf("violation %s-%d-%lld of %s %s\n", rd_kafka_topic_name(message.rkt), message.partition,
                static_cast<long long>(message.offset), key.c_str(), what.c_str());
  }

  std::unordered_map<std::string, Customer> customers_;
  std::map<int32_t, int64_t> records_;  // Outputs by partition.
  int64_t letters_ = 0;
  int64_t violations_ = 0;
};

rd_kafka_t* NewConsumer(const char* bootstrap_servers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  const std::vector<std::pair<const char*, const char*>> properties = {{"bootstrap.servers", bootstrap_servers},
                                                                       {"group.id", "chaos-watcher"},
                                                                       {"enable.auto.commit", "false"},
                                                                       {"isolation.level", "read_committed"},
                                                                       {"auto.offset.reset", "error"},
                                                                       {"fetch.wait.max.ms", "100"},
                                                                       {"reconnect.backoff.max.ms", "500"},
                                                                       {"fetch.error.backoff.ms", "100"},
                                                                       {"socket.timeout.ms", "5000"},
                                                                       {"queued.min.messages", "10000000"},
                                                                       {"queued.max.messages.kbytes", "65536"},
                                                                       {"topic.metadata.refresh.interval.ms", "10000"}};
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      std::fprintf(stderr, "watcher: %s\n", error);
      std::exit(2);
    }
  }
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  if (consumer == nullptr) std::exit(2);
  rd_kafka_poll_set_consumer(consumer);
  return consumer;
}

void Assign(rd_kafka_t* consumer, const std::vector<std::string>& topics, int partitions) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions * 2);
  for (const std::string& topic : topics) {
    for (int p = 0; p < partitions; ++p) rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = 0;
  }
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);
}

void Watch(rd_kafka_t* consumer, const std::string& output, int partitions) {
  Checks checks;
  for (int p = 0; p < partitions; ++p) checks.AddPartition(p);
  Clock::time_point next_print = Clock::now();
  while (stopped == 0) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 50);
    if (message != nullptr) {
      if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        std::printf("violation %s-%d lost records that were there\n", rd_kafka_topic_name(message->rkt),
                    message->partition);
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_topic_name(message->rkt) == output ? checks.Output(*message) : checks.DeadLetter(*message);
      }
      rd_kafka_message_destroy(message);
    }
    if (Clock::now() < next_print) continue;
    checks.Print();
    next_print = Clock::now() + std::chrono::milliseconds(200);
  }
  checks.Print();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: watcher BOOTSTRAP_SERVERS OUTPUT_TOPIC DEAD_LETTER_TOPIC PARTITIONS\n");
    return 2;
  }
  signal(SIGTERM, [](int) { stopped = 1; });
  const int partitions = std::atoi(argv[4]);
  rd_kafka_t* consumer = NewConsumer(argv[1]);
  Assign(consumer, {argv[2], argv[3]}, partitions);
  Watch(consumer, argv[2], partitions);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return 0;
}
