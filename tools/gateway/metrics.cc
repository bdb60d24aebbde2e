#include "tools/gateway/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <vector>

namespace once::gateway {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily One(const char* name, MetricType type, const char* help, double value) {
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {.name = name, .help = help, .type = type, .metric = {metric}};
}

ClientMetric Labelled(std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  return metric;
}

}  // namespace

std::string MetricsText(const MetricsSnapshot& snapshot) {
  const auto number = [](auto count) { return static_cast<double>(count); };
  MetricFamily requests{.name = "once_gateway_requests_total",
                        .help = "Requests by path and status of the answer.",
                        .type = MetricType::Counter,
                        .metric = {}};
  for (const auto& [key, count] : snapshot.requests) {
    requests.metric.push_back(Labelled({{"path", key.first}, {"status", std::to_string(key.second)}}, number(count)));
  }
  MetricFamily ended{.name = "once_gateway_explicit_transactions_total",
                     .help = "Explicit transactions that ended, by how.",
                     .type = MetricType::Counter,
                     .metric = {}};
  ended.metric = {Labelled({{"outcome", "committed"}}, number(snapshot.explicit_committed)),
                  Labelled({{"outcome", "aborted"}}, number(snapshot.explicit_aborted)),
                  Labelled({{"outcome", "expired"}}, number(snapshot.explicit_expired))};
  const std::vector<MetricFamily> families = {
      requests,
      One("once_gateway_timed_out_total", MetricType::Counter, "Requests that got no answer in time.",
          number(snapshot.timed_out)),
      One("once_gateway_commits_total", MetricType::Counter,
          "Kafka's transactions that were committed for single requests, each for all that waited.",
          number(snapshot.batch_commits)),
      One("once_gateway_lost_answers_total", MetricType::Counter,
          "Commits whose answer was lost, so that their outcome was looked up.", number(snapshot.lost_answers)),
      One("once_gateway_queued_requests", MetricType::Gauge, "Requests that wait for a producer.",
          number(snapshot.queued)),
      ended,
      One("once_gateway_open_transactions", MetricType::Gauge, "Explicit transactions that are open.",
          number(snapshot.explicit_open)),
      One("once_gateway_outcomes", MetricType::Gauge, "Outcomes that are remembered.", number(snapshot.outcomes)),
      One("once_gateway_outcome_bytes", MetricType::Gauge, "Memory that they take.", number(snapshot.outcome_bytes)),
      One("once_gateway_outcomes_dropped_total", MetricType::Counter,
          "Outcomes that were forgotten before their time, for want of --idempotency_max_bytes.",
          number(snapshot.outcomes_dropped)),
      One("once_gateway_followers", MetricType::Gauge, "Streams of events that are open.", number(snapshot.followers)),
      One("once_gateway_connections", MetricType::Gauge, "Connections of clients.", number(snapshot.connections))};
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace once::gateway
