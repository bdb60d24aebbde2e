// The operator of tests/chaos/release_under_load: puts customers into the input whose first order cannot be processed
// for now, releases them by command, and measures how long the orders of all others take from when they were sent to
// when their total can be read.
//   releaser BOOTSTRAP_SERVERS INPUT OUTPUT DEAD_LETTERS APPLICATION GROUP PARTITIONS
// It is told on stdin what to do, and says on stdout when it is done:
//   load CUSTOMERS ORDERS    sends so many of each        loaded=N
//   await_parked             waits until all are parked   parked=N
//   window NAME              ends the window of latencies, and begins the next one
//                                                         window=NAME outputs=N p50_ms=N p99_ms=N longest_ms=N
//   release FROM TO MS       commands for these customers, each twice, so far apart
//                                                         released=N
//   await_drained FROM TO    waits for all their totals   drained=N
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/order_totals/orders.pb.h"
#include "once/v1/control.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kKeyPrefix[] = "parked-";
constexpr int kOrdersASecond = 2'000;  // Few beside the others, lest the breaker takes it for an outage.

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "releaser: %s\n", why.c_str());
  std::exit(2);
}

rd_kafka_t* MakeClient(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) GiveUp(error);
  }
  rd_kafka_t* const client = rd_kafka_new(type, conf, error, sizeof(error));
  if (client == nullptr) GiveUp(error);
  return client;
}

int64_t NowMs() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// One of the customers that are parked.
struct Parked {
  int32_t partition = -1;  // Of its dead letters' origin.
  int64_t letters = 0;
  int64_t totals = 0;
};

class Releaser {
 public:
  explicit Releaser(char** arguments)
      : input_(arguments[2]),
        output_(arguments[3]),
        dead_letters_(arguments[4]),
        control_(std::string(arguments[5]) + "-" + arguments[6] + "-control"),
        partitions_(std::atoi(arguments[7])),
        producer_(MakeClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", arguments[1]},
                                                 {"partitioner", "murmur2_random"},
                                                 {"enable.idempotence", "true"},
                                                 {"message.timeout.ms", "0"},
                                                 {"linger.ms", "5"}})),
        consumer_(MakeClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", arguments[1]},
                                                 {"group.id", "releaser"},
                                                 {"enable.auto.commit", "false"},
                                                 {"isolation.level", "read_committed"},
                                                 {"fetch.wait.max.ms", "10"}})) {
    rd_kafka_poll_set_consumer(consumer_);
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(2 * partitions_);
    for (const std::string& topic : {output_, dead_letters_}) {
      for (int32_t partition = 0; partition < partitions_; ++partition) {
        int64_t low = 0, high = 0;
        // Asked for now: an end that is found later would be behind what is sent first.
        if (rd_kafka_query_watermark_offsets(consumer_, topic.c_str(), partition, &low, &high, 20'000) != 0) {
          GiveUp("no end of " + topic);
        }
        rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = high;
      }
    }
    rd_kafka_assign(consumer_, list);
    rd_kafka_topic_partition_list_destroy(list);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  }

  // Until stdin ends.
  void Run() {
    while (true) {
      Poll(2);
      if (waiting_for_ && waiting_for_()) waiting_for_ = nullptr;
      if (waiting_for_) continue;
      if (!lines_.empty()) {
        const std::string line = lines_.front();
        lines_.erase(lines_.begin());
        Obey(line);
      } else if (!ReadLines()) {
        return;
      }
    }
  }

 private:
  // False at the end.
  bool ReadLines() {
    char bytes[256];
    ssize_t got = 0;
    while ((got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) begun_.append(bytes, static_cast<size_t>(got));
    for (size_t end = 0; (end = begun_.find('\n')) != std::string::npos; begun_.erase(0, end + 1)) {
      lines_.push_back(begun_.substr(0, end));
    }
    return got != 0 || !lines_.empty();
  }

  void Obey(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    int64_t first = 0, second = 0, third = 0;
    words >> what;
    if (what == "window") {
      EndWindow();
      words >> window_;
      return;
    }
    words >> first >> second >> third;
    if (what == "load") return Load(first, second);
    if (what == "release") return Release(first, second, third);
    if (what == "await_parked") {
      waiting_for_ = [this] { return AreParked(); };
    } else if (what == "await_drained") {
      waiting_for_ = [this, first, second] { return AreDrained(first, second); };
    } else {
      GiveUp("no such order: " + line);
    }
  }

  static void Say(const char* what, int64_t count) {
    std::printf("%s=%lld\n", what, static_cast<long long>(count));
    std::fflush(stdout);
  }

  static std::string KeyOf(int64_t customer) { return kKeyPrefix + std::to_string(customer); }

  void Load(int64_t customers, int64_t orders) {
    orders_ = orders;
    Clock::time_point next = Clock::now();
    for (int64_t number = 0; number < orders; ++number) {
      for (int64_t customer = 0; customer < customers; ++customer) {
        parked_[KeyOf(customer)];
        SendOrder(KeyOf(customer), number);
        next += std::chrono::microseconds(1'000'000 / kOrdersASecond);
        while (Clock::now() < next) Poll(1);
      }
    }
    rd_kafka_flush(producer_, 60'000);
    Say("loaded", customers * orders);
  }

  void SendOrder(const std::string& key, int64_t number) {
    orders::v1::OrderPlaced order;
    order.set_order_id((number == 0 ? "broken-" : "behind-") + key + "-" + std::to_string(number));
    order.set_customer_id(key);
    order.set_cents(1 + number);
    const std::string value = order.SerializeAsString();
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(3);
    rd_kafka_header_add(headers, "ce_id", -1, order.order_id().data(), static_cast<ssize_t>(order.order_id().size()));
    rd_kafka_header_add(headers, "ce_type", -1, "orders.v1.OrderPlaced", -1);
    if (number == 0) rd_kafka_header_add(headers, "chaos.may_fail", -1, "INVALID_ARGUMENT", -1);
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer_, RD_KAFKA_V_TOPIC(input_.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) GiveUp(rd_kafka_err2str(error));
  }

  bool AreParked() {
    int64_t count = 0;
    for (const auto& [key, each] : parked_) {
      if (each.letters < orders_) return false;
      count += each.letters;
    }
    Say("parked", count);
    return true;
  }

  bool AreDrained(int64_t from, int64_t to) {
    int64_t count = 0;
    for (int64_t customer = from; customer < to; ++customer) {
      const Parked& each = parked_[KeyOf(customer)];
      if (each.totals < orders_) return false;
      count += each.totals;
    }
    Say("drained", count);
    return true;
  }

  void Release(int64_t from, int64_t to, int64_t apart_ms) {
    for (int64_t customer = from; customer < to; ++customer) {
      once::v1::Command command;
      command.set_id("release-" + std::to_string(customer));
      command.set_issuer("chaos");
      command.mutable_release()->mutable_target()->set_key(KeyOf(customer));
      const std::string value = command.SerializeAsString();
      for (int copy = 0; copy < 2; ++copy) {
        const rd_kafka_resp_err_t error = rd_kafka_producev(
            producer_, RD_KAFKA_V_TOPIC(control_.c_str()), RD_KAFKA_V_PARTITION(parked_[KeyOf(customer)].partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
            RD_KAFKA_V_END);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) GiveUp(rd_kafka_err2str(error));
      }
      const Clock::time_point next = Clock::now() + milliseconds(apart_ms);
      while (Clock::now() < next) Poll(1);
    }
    Say("released", to - from);
  }

  void EndWindow() {
    if (!window_.empty() && !latencies_.empty()) {
      std::sort(latencies_.begin(), latencies_.end());
      const auto at = [this](double part) {
        return static_cast<long long>(
            latencies_[static_cast<size_t>(part * static_cast<double>(latencies_.size() - 1))]);
      };
      std::printf("window=%s outputs=%zu p50_ms=%lld p99_ms=%lld longest_ms=%lld\n", window_.c_str(), latencies_.size(),
                  at(0.5), at(0.99), at(1));
      std::fflush(stdout);
    }
    latencies_.clear();
  }

  void Poll(int wait_ms) {
    rd_kafka_poll(producer_, 0);
    for (rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer_, wait_ms); message != nullptr;
         message = rd_kafka_consumer_poll(consumer_, 0)) {
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->key != nullptr) Take(message);
      rd_kafka_message_destroy(message);
    }
  }

  void Take(const rd_kafka_message_t* message) {
    const std::string key(static_cast<const char*>(message->key), message->key_len);
    const bool is_letter = rd_kafka_topic_name(message->rkt) == dead_letters_;
    if (const auto found = parked_.find(key); found != parked_.end()) {
      ++(is_letter ? found->second.letters : found->second.totals);
      if (is_letter) found->second.partition = PartitionOf(message);
      return;
    }
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t sent_ms = rd_kafka_message_timestamp(message, &type);
    if (!is_letter && type == RD_KAFKA_TIMESTAMP_CREATE_TIME) latencies_.push_back(NowMs() - sent_ms);
  }

  static int32_t PartitionOf(const rd_kafka_message_t* message) {
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "once.origin", &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      GiveUp("a dead letter without once.origin");
    }
    const std::string origin(static_cast<const char*>(value), size);
    const size_t offset = origin.rfind('-');
    return std::atoi(origin.substr(origin.rfind('-', offset - 1) + 1).c_str());
  }

  const std::string input_;
  const std::string output_;
  const std::string dead_letters_;
  const std::string control_;
  const int32_t partitions_;
  rd_kafka_t* const producer_;
  rd_kafka_t* const consumer_;
  std::string begun_;
  std::vector<std::string> lines_;
  std::function<bool()> waiting_for_;
  std::map<std::string, Parked> parked_;
  int64_t orders_ = 0;
  std::string window_;
  std::vector<int64_t> latencies_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) GiveUp("see the beginning of releaser.cc for what it takes");
  Releaser(argv).Run();
  std::fflush(stdout);
  // A client that waits for a broker would hold the end up.
  std::_Exit(0);
}
