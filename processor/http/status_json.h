// What a pod says of itself, as JSON. Its shape is described in openapi.cc.
#ifndef ONCE_PROCESSOR_HTTP_STATUS_JSON_H_
#define ONCE_PROCESSOR_HTTP_STATUS_JSON_H_

#include <string>

#include "processor/base/status.h"

namespace once::http {

// The pod and its workers: health, rates to be had from counts, memory, errors.
std::string StatusJson(const PodStatus& pod);
// Every task.
std::string TasksJson(const PodStatus& pod);
// The 200 aggregates of all tasks that are blocked longest, the oldest first.
std::string ParkedJson(const PodStatus& pod);
std::string TopologyJson(const PodStatus& pod);
// {"error": "..."}
std::string ErrorJson(const std::string& what);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_STATUS_JSON_H_
