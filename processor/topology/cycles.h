// Whether events can go round: out of a sink, and in again by a source of the same topology.
#ifndef ONCE_PROCESSOR_TOPOLOGY_CYCLES_H_
#define ONCE_PROCESSOR_TOPOLOGY_CYCLES_H_

#include <string>
#include <vector>

#include "processor/topology/graph.h"

namespace once {

// One path for each way that leads back to where it began, such as
//   topic "a" -> transform "clean" -> topic "b" -> aggregate "customer" -> topic "a"
// Empty if there is none. A node counts as emitting to all its sinks, whatever it hears. Handles of another builder are
// passed over.
std::vector<std::string> FindCycles(const Graph& graph);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_CYCLES_H_
