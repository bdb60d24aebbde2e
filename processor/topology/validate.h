// All rules that a topology must keep, in one place.
#ifndef ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
#define ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "processor/topology/graph.h"

namespace once {

// One sentence per mistake, each with a fix; empty if there is none. Fills in nothing.
std::vector<std::string> FindMistakes(const Graph& graph);

// Sources connected through aggregates share a group; groups are in the order of their first sources.
std::vector<TaskGroupSpec> FindTaskGroups(const Graph& graph);

// Why `name` is no name of a Kafka topic (or consumer group); empty if it is one.
std::string TopicNameMistake(std::string_view name);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_VALIDATE_H_
