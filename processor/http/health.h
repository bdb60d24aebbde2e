// Whether a pod is alive, ready and started, in words.
#ifndef ONCE_PROCESSOR_HTTP_HEALTH_H_
#define ONCE_PROCESSOR_HTTP_HEALTH_H_

#include <string>

#include "processor/base/status.h"

namespace once::http {

struct Health {
  bool ok = true;
  std::string text = {};  // One line: why it is so. For everybody: no keys, and no messages of handlers, are in it.
};

// Whether another start would help: it does when the handlers of one event have been running for all of the handler
// timeout but its last quarter, 10 s at most, or a worker has been at one step for five minutes. What brokers do, or do
// not, plays no part.
Health Livez(const PodStatus& pod);

// Whether it does what it is there for. It does not while it starts or ends, while a task of its opens or restores, and
// while none runs: because it has none, they are paused or have failed, or all inputs are held back by open
// transactions of other producers (R9).
Health Readyz(const PodStatus& pod);

// Whether it has got as far as asking for partitions: brokers were reached, topics were right.
Health Startupz(const PodStatus& pod);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_HEALTH_H_
