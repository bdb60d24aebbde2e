// The metrics of the workers' Kafka clients.
#ifndef ONCE_PROCESSOR_HTTP_CLIENT_METRICS_H_
#define ONCE_PROCESSOR_HTTP_CLIENT_METRICS_H_

#include "processor/base/status.h"
#include "processor/http/exposition.h"

namespace once::http {

// What they have said by now is read here, on the thread that asks.
void AddClients(const PodStatus& pod, Exposition* out);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_CLIENT_METRICS_H_
