// All rules that a topology must keep, in one place.
#ifndef ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
#define ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_

#include <string>
#include <vector>

#include "processor/topology/graph.h"

namespace once {

// One sentence per mistake, each with a fix, sources first; empty if there is none. Its `groups` are not looked at.
std::vector<std::string> FindMistakes(const Graph& graph);

// Sources connected through aggregates share a group; groups are in the order of their first sources. Of a graph
// without foreign handles.
std::vector<TaskGroupSpec> FindTaskGroups(const Graph& graph);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
