#include "processor/kafka/librdkafka/statistics.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::kafka {
namespace {

using Json = nlohmann::json;

const Json& Member(const Json& object, const char* name) {
  static const Json* const none = new Json();
  const auto found = object.find(name);
  return found == object.end() ? *none : *found;
}

int64_t Number(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  return value.is_number() ? value.get<int64_t>() : 0;
}

std::string Text(const Json& object, const char* name) {
  const Json& value = Member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

BrokerStatistics::State StateOf(const std::string& state) {
  if (state == "UP" || state == "UPDATE") return BrokerStatistics::State::kUp;
  return state == "INIT" ? BrokerStatistics::State::kIdle : BrokerStatistics::State::kDown;
}

// A connection to a coordinator has the ID of the broker that it leads to, which has one of its own besides.
std::string NameOf(const Json& broker) {
  if (Text(broker, "source") == "logical") return "coordinator";
  const int64_t id = Number(broker, "nodeid");
  return id < 0 ? "bootstrap" : absl::StrCat(id);
}

BrokerStatistics BrokerOf(const Json& json) {
  BrokerStatistics broker;
  broker.broker = NameOf(json);
  broker.state = StateOf(Text(json, "state"));
  broker.requests = Number(json, "tx");
  broker.responses = Number(json, "rx");
  broker.sent_bytes = Number(json, "txbytes");
  broker.received_bytes = Number(json, "rxbytes");
  broker.send_errors = Number(json, "txerrs");
  broker.receive_errors = Number(json, "rxerrs");
  broker.retries = Number(json, "txretries");
  broker.timeouts = Number(json, "req_timeouts");
  broker.disconnects = Number(json, "disconnects");
  broker.queued_requests = Number(json, "outbuf_cnt");
  broker.waiting_requests = Number(json, "waitresp_cnt");
  if (const Json& rtt = Member(json, "rtt"); Number(rtt, "cnt") > 0) {
    broker.round_trip =
        BrokerStatistics::RoundTrip{absl::Microseconds(Number(rtt, "avg")), absl::Microseconds(Number(rtt, "p99"))};
  }
  const Json& throttle = Member(json, "throttle");
  broker.throttle_average = absl::Milliseconds(Number(throttle, "avg"));
  broker.throttle_longest = absl::Milliseconds(Number(throttle, "max"));
  return broker;
}

// Of several connections under one name: what they have done in all, and the worst of what they suffer.
void Merge(const BrokerStatistics& other, BrokerStatistics* into) {
  into->state = std::max(into->state, other.state);
  into->requests += other.requests;
  into->responses += other.responses;
  into->sent_bytes += other.sent_bytes;
  into->received_bytes += other.received_bytes;
  into->send_errors += other.send_errors;
  into->receive_errors += other.receive_errors;
  into->retries += other.retries;
  into->timeouts += other.timeouts;
  into->disconnects += other.disconnects;
  into->queued_requests += other.queued_requests;
  into->waiting_requests += other.waiting_requests;
  if (other.round_trip.has_value() &&
      (!into->round_trip.has_value() || into->round_trip->p99 < other.round_trip->p99)) {
    into->round_trip = other.round_trip;
  }
  if (into->throttle_longest < other.throttle_longest) {
    into->throttle_average = other.throttle_average;
    into->throttle_longest = other.throttle_longest;
  }
}

// Most of the text are partitions' figures; they are dropped as they are read.
bool IsOfInterest(const std::string& key) {
  constexpr std::string_view kDropped[] = {"toppars",   "req",      "int_latency", "outbuf_latency",
                                           "batchsize", "batchcnt", "eos"};
  return std::find(std::begin(kDropped), std::end(kDropped), key) == std::end(kDropped);
}

}  // namespace

std::optional<ClientStatistics> ParseStatistics(std::string_view json) {
  const auto keep = [](int, Json::parse_event_t event, Json& value) {
    return event != Json::parse_event_t::key || IsOfInterest(value.get_ref<const std::string&>());
  };
  const Json root = Json::parse(json, keep, /*allow_exceptions=*/false);
  if (!root.is_object()) return std::nullopt;
  ClientStatistics statistics;
  statistics.at = absl::FromUnixSeconds(Number(root, "time"));
  statistics.queued_records = Number(root, "msg_cnt");
  statistics.queued_bytes = Number(root, "msg_size");
  statistics.rebalances = Number(Member(root, "cgrp"), "rebalance_cnt");
  std::map<std::string, BrokerStatistics> brokers;
  for (const Json& each : Member(root, "brokers")) {
    if (Text(each, "source") == "internal") continue;
    BrokerStatistics broker = BrokerOf(each);
    const auto [entry, is_new] = brokers.try_emplace(broker.broker, broker);
    if (!is_new) Merge(broker, &entry->second);
  }
  for (auto& entry : brokers) statistics.brokers.push_back(std::move(entry.second));
  for (const Json& topic : Member(root, "topics")) {
    for (const Json& partition : Member(topic, "partitions")) {
      // Partitions' queues end in one that all share, and each says how long that is.
      statistics.fetched_records = std::max(statistics.fetched_records, Number(partition, "fetchq_cnt"));
      statistics.fetched_bytes = std::max(statistics.fetched_bytes, Number(partition, "fetchq_size"));
    }
  }
  return statistics;
}

void StatisticsBox::Put(char* json, size_t size) {
  Text text{std::unique_ptr<char, Freed>(json), size};
  MutexLock lock(&mutex_);
  std::swap(newest_, text);
  // The one before is freed when the lock is not held any more.
}

std::shared_ptr<const ClientStatistics> StatisticsBox::Look() {
  MutexLock lock(&reading_);
  Text text;
  {
    MutexLock newest_lock(&mutex_);
    text = std::exchange(newest_, {});
  }
  if (text.bytes == nullptr) return read_;
  if (std::optional<ClientStatistics> statistics = ParseStatistics({text.bytes.get(), text.size});
      statistics.has_value()) {
    read_ = std::make_shared<const ClientStatistics>(*std::move(statistics));
  }
  return read_;
}

}  // namespace once::kafka
