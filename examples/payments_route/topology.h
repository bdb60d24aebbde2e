// Routes payments without state: filter, branch, map, re-key, and deletions passed on.
#ifndef ONCE_EXAMPLES_PAYMENTS_ROUTE_TOPOLOGY_H_
#define ONCE_EXAMPLES_PAYMENTS_ROUTE_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "once/config.h"
#include "once/topology.h"

absl::StatusOr<once::Topology> BuildPaymentsRoute(const once::Config& config);

#endif  // ONCE_EXAMPLES_PAYMENTS_ROUTE_TOPOLOGY_H_
