// Orders enriched with their customers, from two co-partitioned topics.
#ifndef ONCE_EXAMPLES_ORDER_ENRICHMENT_TOPOLOGY_H_
#define ONCE_EXAMPLES_ORDER_ENRICHMENT_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "once/config.h"
#include "once/topology.h"

absl::StatusOr<once::Topology> BuildOrderEnrichment(const once::Config& config);

#endif  // ONCE_EXAMPLES_ORDER_ENRICHMENT_TOPOLOGY_H_
