// A topology as text for people: what --print_topology shows.
#ifndef ONCE_PROCESSOR_TOPOLOGY_DESCRIBE_H_
#define ONCE_PROCESSOR_TOPOLOGY_DESCRIBE_H_

#include <string>
#include <string_view>

#include "processor/topology/graph.h"

namespace once {

// Several lines, one for each part and each edge; stable, so that two versions can be compared with diff.
std::string Describe(const Graph& graph, std::string_view application_id);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_DESCRIBE_H_
