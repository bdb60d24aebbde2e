// Counts the views of each page.
#ifndef ONCE_EXAMPLES_OWN_WORKSPACE_TOPOLOGY_H_
#define ONCE_EXAMPLES_OWN_WORKSPACE_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "once/config.h"
#include "once/topology.h"

absl::StatusOr<once::Topology> BuildTopology(const once::Config& config);

#endif  // ONCE_EXAMPLES_OWN_WORKSPACE_TOPOLOGY_H_
