#include "processor/http/client_metrics.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace once::http {
namespace {

using prometheus::MetricType;
using State = BrokerStatistics::State;

struct ClientView {
  Labels labels;  // Worker and client.
  Labels worker;
  bool is_producer = false;
  std::shared_ptr<const ClientStatistics> said;
};

std::vector<ClientView> ViewsOf(const PodStatus& pod) {
  std::vector<ClientView> views;
  ForEachWorker(pod, [&](const Labels& labels, const WorkerStatus& worker) {
    const auto add = [&](ClientStatisticsSource* source, const char* name) {
      std::shared_ptr<const ClientStatistics> said = source == nullptr ? nullptr : source->Look();
      if (said == nullptr) return;
      views.push_back({With(labels, "client", name), labels, source == worker.producer.get(), std::move(said)});
    };
    add(worker.producer.get(), "producer");
    add(worker.consumer.get(), "consumer");
  });
  return views;
}

// Of the many brokers that a cluster may have, those that something was asked of.
template <typename F>
void ForEachBroker(const std::vector<ClientView>& views, const F& f) {
  for (const ClientView& view : views) {
    for (const BrokerStatistics& broker : view.said->brokers) {
      if (broker.state == State::kIdle && broker.requests == 0) continue;
      f(With(view.labels, "broker", broker.broker), broker);
    }
  }
}

void AddConnections(const std::vector<ClientView>& views, Exposition* out) {
  constexpr std::array<std::pair<State, const char*>, 3> kStates = {
      {{State::kUp, "up"}, {State::kDown, "down"}, {State::kIdle, "idle"}}};
  out->Begin("once_client_brokers", MetricType::Gauge, "Brokers that a client knows, by the state of its connection.");
  for (const ClientView& view : views) {
    for (const auto& [state, name] : kStates) {
      int64_t count = 0;
      for (const BrokerStatistics& broker : view.said->brokers) count += broker.state == state ? 1 : 0;
      out->Add(With(view.labels, "state", name), count);
    }
  }
  out->Begin("once_client_broker_up", MetricType::Gauge, "1 while the client is connected to the broker.");
  ForEachBroker(views, [&](Labels labels, const BrokerStatistics& broker) {
    out->Add(std::move(labels), broker.state == State::kUp ? 1.0 : 0.0);
  });
}

void AddRequests(const std::vector<ClientView>& views, Exposition* out) {
  const auto add = [&](const char* name, MetricType type, const char* help, int64_t BrokerStatistics::*member) {
    out->Begin(name, type, help);
    ForEachBroker(views,
                  [&](Labels labels, const BrokerStatistics& broker) { out->Add(std::move(labels), broker.*member); });
  };
  add("once_client_requests_total", MetricType::Counter, "Requests sent.", &BrokerStatistics::requests);
  add("once_client_responses_total", MetricType::Counter, "Responses received.", &BrokerStatistics::responses);
  add("once_client_sent_bytes_total", MetricType::Counter, "Bytes sent.", &BrokerStatistics::sent_bytes);
  add("once_client_received_bytes_total", MetricType::Counter, "Bytes received.", &BrokerStatistics::received_bytes);
  add("once_client_send_errors_total", MetricType::Counter, "Errors while sending.", &BrokerStatistics::send_errors);
  add("once_client_receive_errors_total", MetricType::Counter, "Errors while receiving.",
      &BrokerStatistics::receive_errors);
  add("once_client_retries_total", MetricType::Counter, "Requests that were sent again.", &BrokerStatistics::retries);
  add("once_client_timeouts_total", MetricType::Counter, "Requests that were not answered in time.",
      &BrokerStatistics::timeouts);
  add("once_client_disconnects_total", MetricType::Counter, "Connections that ended.", &BrokerStatistics::disconnects);
  add("once_client_queued_requests", MetricType::Gauge, "Requests that wait to be sent.",
      &BrokerStatistics::queued_requests);
  add("once_client_waiting_requests", MetricType::Gauge, "Requests that wait for their answer.",
      &BrokerStatistics::waiting_requests);
}

void AddTimes(const std::vector<ClientView>& views, Exposition* out) {
  const auto add_round_trip = [&](const char* name, const char* help,
                                  absl::Duration BrokerStatistics::RoundTrip::*member) {
    out->Begin(name, MetricType::Gauge, help);
    ForEachBroker(views, [&](Labels labels, const BrokerStatistics& broker) {
      if (broker.round_trip.has_value()) out->Add(std::move(labels), absl::ToDoubleSeconds(*broker.round_trip.*member));
    });
  };
  add_round_trip("once_client_round_trip_average_seconds", "From a request to its answer, over the last ten seconds.",
                 &BrokerStatistics::RoundTrip::average);
  add_round_trip("once_client_round_trip_p99_seconds", "The same, of the slowest in a hundred.",
                 &BrokerStatistics::RoundTrip::p99);
  const auto add_throttle = [&](const char* name, const char* help, absl::Duration BrokerStatistics::*member) {
    out->Begin(name, MetricType::Gauge, help);
    ForEachBroker(views, [&](Labels labels, const BrokerStatistics& broker) {
      out->Add(std::move(labels), absl::ToDoubleSeconds(broker.*member));
    });
  };
  add_throttle("once_client_throttle_average_seconds",
               "For how long a quota made the client wait, over the last ten seconds.",
               &BrokerStatistics::throttle_average);
  add_throttle("once_client_throttle_longest_seconds", "The same, the longest.", &BrokerStatistics::throttle_longest);
}

void AddQueues(const std::vector<ClientView>& views, Exposition* out) {
  const auto add = [&](const char* name, MetricType type, const char* help, bool is_of_producer,
                       int64_t ClientStatistics::*member) {
    out->Begin(name, type, help);
    for (const ClientView& view : views) {
      if (view.is_producer == is_of_producer) out->Add(view.worker, (*view.said).*member);
    }
  };
  add("once_client_queued_records", MetricType::Gauge, "Of the producer: records that are not delivered yet.", true,
      &ClientStatistics::queued_records);
  add("once_client_queued_bytes", MetricType::Gauge, "Their bytes.", true, &ClientStatistics::queued_bytes);
  add("once_client_fetched_records", MetricType::Gauge, "Of the consumer: records fetched and not yet taken.", false,
      &ClientStatistics::fetched_records);
  add("once_client_fetched_bytes", MetricType::Gauge, "Their bytes.", false, &ClientStatistics::fetched_bytes);
  add("once_client_rebalances_total", MetricType::Counter, "Times that partitions were given or taken.", false,
      &ClientStatistics::rebalances);
}

}  // namespace

void AddClients(const PodStatus& pod, Exposition* out) {
  const std::vector<ClientView> views = ViewsOf(pod);
  AddConnections(views, out);
  AddRequests(views, out);
  AddTimes(views, out);
  AddQueues(views, out);
  out->Begin("once_client_statistics_age_seconds", MetricType::Gauge, "Age of what is shown of a client.");
  for (const ClientView& view : views) {
    // Clocks may be set back.
    out->Add(view.labels, std::max(0.0, absl::ToDoubleSeconds(pod.now - view.said->at)));
  }
}

}  // namespace once::http
