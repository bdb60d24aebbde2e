// A topology as a picture, in languages that other tools draw.
#ifndef ONCE_PROCESSOR_TOPOLOGY_DRAW_H_
#define ONCE_PROCESSOR_TOPOLOGY_DRAW_H_

#include <string>

#include "processor/topology/graph.h"

namespace once {

// Topics, nodes and what flows between them: for Graphviz (`dot -Tsvg`).
std::string DrawDot(const Graph& graph);
// The same for Mermaid, which Markdown pages show.
std::string DrawMermaid(const Graph& graph);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_DRAW_H_
