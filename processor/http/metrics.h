// A pod's figures by Prometheus' conventions. docs/metrics.md says of each what it means and what to do.
#ifndef ONCE_PROCESSOR_HTTP_METRICS_H_
#define ONCE_PROCESSOR_HTTP_METRICS_H_

#include <string>

#include "processor/base/status.h"

namespace once::http {

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// The text exposition. Labels have few values: workers, inputs that are this pod's, and lists that are in the code.
std::string MetricsText(const PodStatus& pod);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_METRICS_H_
