// Puts odd orders into the input, beside what order_generator sends, until SIGTERM: timestamps far back and far ahead,
// totals that are large, events that a codec or a handler throws at, each among ordinary orders of the same customer,
// 5 % of them twice. A line on stdin that is an ID sends a deadly order of that ID, and two behind it.
//
// What must become of an order its headers say, for the verifier:
//   chaos.fails     it fails for this reason, if it is run
//   chaos.may_fail  it is processed, or fails for this reason: what its output's topic takes is changed while it runs
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "examples/order_totals/orders.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kHourMs = 60 * kMinuteMs;
constexpr int64_t kDayMs = 24 * kHourMs;

volatile sig_atomic_t stopped = 0;

struct Kind {
  const char* name;
  int weight;
  int64_t shift_ms;  // Of its timestamp.
  const char* fails;
  const char* may_fail;
  bool is_large;
};

// A topic's bounds are an hour ahead, and seven days back for what it keeps, until they are lowered; what lies beyond
// them is stamped with the present. No time makes an order fail.
constexpr Kind kKinds[] = {
    {"plain-", 30, 0, "", "", false},
    {"far-back-", 12, -30 * kDayMs, "", "", false},
    {"far-ahead-", 12, 2 * kDayMs, "", "", false},
    {"back-", 12, -2 * kHourMs, "", "", false},
    {"ahead-", 12, 20 * kMinuteMs, "", "", false},
    {"large-", 12, 0, "", "OUT_OF_RANGE", true},
    {"codec-", 5, 0, "DATA_LOSS", "", false},
    {"throws-", 5, 0, "INTERNAL", "", false},
};
constexpr Kind kDeadly = {"deadly-", 0, 0, "INTERNAL", "", false};
constexpr int kAllWeights = 100;
constexpr size_t kLargeKeyBytes = 12'000;

class Sender {
 public:
  Sender(const char* bootstrap_servers, std::string topic, unsigned seed) : topic_(std::move(topic)), random_(seed) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char error[512];
    const std::vector<std::pair<const char*, const char*>> properties = {
        {"bootstrap.servers", bootstrap_servers},
        // Not idempotent: brokers forget a producer by the time of its last record, and refuse it then.
        {"acks", "all"},
        {"max.in.flight", "1"},
        {"partitioner", "murmur2_random"},
        {"linger.ms", "20"},
        {"message.timeout.ms", "300000"},
        {"reconnect.backoff.max.ms", "1000"},
        {"socket.timeout.ms", "10000"}};
    for (const auto& [name, value] : properties) {
      if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) Fail(error);
    }
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<Sender*>(self)->failed_ = message->err;
    });
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (producer_ == nullptr) Fail(error);
  }

  // The next odd order; now and then the same once more.
  void SendNext() {
    const Kind& kind = Draw();
    const int64_t number = sent_++;
    // A few customers at a time, and new ones all the time: many are blocked soon.
    std::string key = kind.is_large ? "large-" + std::to_string(number / 50) + "-"
                                    : "odd-" + std::to_string(number / 400 * 40 + Below(40));
    if (kind.is_large) key.resize(kLargeKeyBytes, 'x');
    const std::string id = kind.name + std::to_string(number);
    const int64_t stamp = NowMs() + kind.shift_ms;
    const int64_t cents = 1 + Below(1000);
    Send(kind, id, key, cents, stamp);
    if (Below(100) < 5) Send(kind, id, key, cents, stamp);
  }

  void SendDeadly(const std::string& id) {
    Send(kDeadly, id, id, 7, NowMs());
    for (const char* behind : {"-behind-1", "-behind-2"}) Send(kKinds[0], "plain-" + id + behind, id, 8, NowMs());
  }

  void Serve() {
    rd_kafka_poll(producer_, 10);
    if (failed_ != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(rd_kafka_err2str(failed_));
  }

  void Finish() {
    while (rd_kafka_outq_len(producer_) > 0) {
      rd_kafka_flush(producer_, 1000);
      Serve();
    }
    std::printf("odd orders=%lld\n", static_cast<long long>(sent_));
    rd_kafka_destroy(producer_);
  }

 private:
  [[noreturn]] static void Fail(const char* why) {
    std::fprintf(stderr, "odd_orders: %s\n", why);
    std::exit(1);
  }

  static int64_t NowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  int64_t Below(int64_t limit) { return std::uniform_int_distribution<int64_t>(0, limit - 1)(random_); }

  const Kind& Draw() {
    int64_t rest = Below(kAllWeights);
    for (const Kind& kind : kKinds) {
      if (rest < kind.weight) return kind;
      rest -= kind.weight;
    }
    return kKinds[0];
  }

  void Send(const Kind& kind, const std::string& id, const std::string& key, int64_t cents, int64_t stamp_ms) {
    orders::v1::OrderPlaced order;
    order.set_order_id(id);
    order.set_customer_id(key.substr(0, 20));
    order.set_cents(cents);
    const std::string value = order.SerializeAsString();
    rd_kafka_headers_t* headers = rd_kafka_headers_new(4);
    rd_kafka_header_add(headers, "ce_id", -1, id.data(), static_cast<ssize_t>(id.size()));
    rd_kafka_header_add(headers, "ce_type", -1, "orders.v1.OrderPlaced", -1);
    if (*kind.fails != '\0') rd_kafka_header_add(headers, "chaos.fails", -1, kind.fails, -1);
    if (*kind.may_fail != '\0') rd_kafka_header_add(headers, "chaos.may_fail", -1, kind.may_fail, -1);
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer_, RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_TIMESTAMP(stamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Fail(rd_kafka_err2str(error));
  }

  const std::string topic_;
  std::mt19937 random_;
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  int64_t sent_ = 0;
};

// Whole lines of what has come on stdin so far.
std::vector<std::string> ReadLines() {
  static std::string begun;
  char bytes[256];
  for (ssize_t got = 0; (got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0;) {
    begun.append(bytes, static_cast<size_t>(got));
  }
  std::vector<std::string> lines;
  for (size_t end = 0; (end = begun.find('\n')) != std::string::npos; begun.erase(0, end + 1)) {
    lines.push_back(begun.substr(0, end));
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: odd_orders BOOTSTRAP_SERVERS TOPIC ORDERS_A_SECOND SEED\n");
    return 2;
  }
  signal(SIGTERM, [](int) { stopped = 1; });
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  Sender sender(argv[1], argv[2], static_cast<unsigned>(std::atoi(argv[4])));
  const auto step = std::chrono::microseconds(1'000'000 / std::max(1, std::atoi(argv[3])));
  for (auto next = Clock::now(); stopped == 0;) {
    for (const std::string& id : ReadLines()) sender.SendDeadly(id);
    for (; Clock::now() >= next; next += step) sender.SendNext();
    sender.Serve();
  }
  sender.Finish();
  return 0;
}
