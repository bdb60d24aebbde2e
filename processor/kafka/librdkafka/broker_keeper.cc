// See broker_keeper.h.
#include "processor/kafka/librdkafka/broker_keeper.h"

#include <algorithm>

#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/handles.h"

namespace once::kafka {
namespace {

constexpr int64_t kSecond = 1'000'000'000;  // Nanoseconds, as all times here.
constexpr int64_t kTrouble = 60 * kSecond;
// Servers that are given are remembered each time, so an outage of hours is looked at less and less often.
constexpr int64_t kLeastPause = 3 * kSecond;
constexpr int64_t kMostPause = 60 * kSecond;

int64_t NowNanos() { return absl::ToUnixNanos(SteadyNow()); }

// Without waiting: a request is sent if there is anybody to send it to, and its answer is dropped.
bool HasBroker(rd_kafka_t* rk, const std::string& topic) {
  const TopicPtr asked(rd_kafka_topic_new(rk, topic.c_str(), nullptr));
  if (asked == nullptr) return true;
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, asked.get(), &raw, 0);
  const MetadataPtr metadata(raw);
  return code != RD_KAFKA_RESP_ERR__TRANSPORT;
}

}  // namespace

void BrokerKeeper::NoteTrouble() { troubled_until_.store(NowNanos() + kTrouble, std::memory_order_relaxed); }

bool BrokerKeeper::IsDue() {
  const int64_t until = troubled_until_.load(std::memory_order_relaxed);
  if (until == 0) return false;
  const int64_t now = NowNanos();
  if (now >= until) {
    int64_t expected = until;
    if (troubled_until_.compare_exchange_strong(expected, 0)) pause_.store(0, std::memory_order_relaxed);
    return false;
  }
  int64_t next = next_look_.load(std::memory_order_relaxed);
  if (now < next) return false;
  const int64_t pause = std::max(pause_.load(std::memory_order_relaxed), kLeastPause);
  return next_look_.compare_exchange_strong(next, now + pause);  // One of several threads.
}

void BrokerKeeper::Look(rd_kafka_t* rk, const std::string& bootstrap_servers, const std::string& topic) {
  if (!topic.empty() && HasBroker(rk, topic)) {
    pause_.store(0, std::memory_order_relaxed);
    return;
  }
  const int64_t pause = std::max(pause_.load(std::memory_order_relaxed), kLeastPause);
  pause_.store(std::min(2 * pause, kMostPause), std::memory_order_relaxed);
  NoteTrouble();  // What has no broker logs nothing of it.
  rd_kafka_brokers_add(rk, bootstrap_servers.c_str());
}

}  // namespace once::kafka
