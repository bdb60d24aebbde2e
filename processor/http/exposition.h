// Prometheus' text format, put together family by family.
#ifndef ONCE_PROCESSOR_HTTP_EXPOSITION_H_
#define ONCE_PROCESSOR_HTTP_EXPOSITION_H_

#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/status.h"

namespace once::http {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline Labels With(Labels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

// Families in the order in which they were begun.
class Exposition {
 public:
  // What follows is of this family.
  void Begin(const char* name, prometheus::MetricType type, const char* help) {
    families_.push_back({name, help, type, {}});
  }
  void Add(Labels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void Add(Labels labels, int64_t value) { Add(std::move(labels), static_cast<double>(value)); }
  void Add(Labels labels, const LatencyCounts& counts) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    uint64_t total = 0;
    for (size_t i = 0; i <= LatencyCounts::kBounds.size(); ++i) {
      total += static_cast<uint64_t>(counts.count(i));
      const bool is_last = i == LatencyCounts::kBounds.size();
      metric.histogram.bucket.push_back(
          {total, is_last ? std::numeric_limits<double>::infinity() : LatencyCounts::kBounds[i]});
    }
    metric.histogram.sample_count = total;
    metric.histogram.sample_sum = counts.sum();
    families_.back().metric.push_back(std::move(metric));
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

// Calls f(labels, worker) for each that has published something.
template <typename F>
void ForEachWorker(const PodStatus& pod, const F& f) {
  for (size_t i = 0; i < pod.workers.size(); ++i) {
    if (pod.workers[i] != nullptr) f(Labels{{"worker", absl::StrCat(i)}}, *pod.workers[i]);
  }
}

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_EXPOSITION_H_
