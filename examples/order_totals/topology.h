// Totals per customer: the topology of the main example, in a file of its own so that tests link it.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_TOPOLOGY_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "once/config.h"
#include "once/topology.h"

absl::StatusOr<once::Topology> BuildOrderTotals(const once::Config& config);

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_TOPOLOGY_H_
