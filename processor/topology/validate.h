// All rules that a topology must keep, in one place.
#ifndef ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
#define ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "processor/topology/graph.h"

namespace once {

// One sentence per mistake, each with a fix, sources first; empty if there is none. Its `groups` are not looked at.
std::vector<std::string> FindMistakes(const Graph& graph);

// InvalidArgument if names of internal topics, under the application id that configuration has chosen, get in the way
// of each other or of topics that the graph uses. FindMistakes looks under the graph's own id only.
absl::Status CheckApplicationId(const Graph& graph, std::string_view application_id);

// Sources connected through aggregates share a group; groups are in the order of their first sources. A group has the
// name that one of its sources gives it, else that of its first source.
std::vector<TaskGroupSpec> FindTaskGroups(const Graph& graph);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
