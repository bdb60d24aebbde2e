// X8: a depth-first search from topic to topic, through the nodes that read the one and write the other.
#include "processor/topology/cycles.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

class CycleFinder {
 public:
  explicit CycleFinder(const Graph& graph) : graph_(graph) {
    // Nothing comes back from a topic that nobody reads.
    for (const SourceSpec& source : graph.sources) ways_[source.topic];
    for (const HandlerSpec& handler : graph.handlers) {
      // It is told of by itself.
      if (handler.source == kForeignIndex) continue;
      for (const SinkIndex sink : graph.nodes[handler.node].emits_to) {
        if (sink == kForeignIndex || !ways_.contains(graph.sinks[sink].topic)) continue;
        ways_[graph.sources[handler.source].topic].insert({handler.node, graph.sinks[sink].topic});
      }
    }
  }

  std::vector<std::string> Find() {
    for (const SourceSpec& source : graph_.sources) Visit(source.topic);
    return std::move(cycles_);
  }

 private:
  // A step from a topic: through a node, to another topic that is read.
  using Way = std::pair<NodeIndex, std::string>;

  void Visit(const std::string& topic) {
    // What a topic leads to was found at the first visit; only the way there differs.
    if (!visited_.insert(topic).second) return;
    for (const Way& way : ways_.at(topic)) {
      path_.push_back({topic, way.first});
      // Passed on the way here already, so the way from there to here is a cycle.
      const auto begin =
          std::find_if(path_.begin(), path_.end(), [&way](const Step& step) { return step.topic == way.second; });
      if (begin == path_.end()) {
        Visit(way.second);
      } else {
        Report(begin - path_.begin());
      }
      path_.pop_back();
    }
  }

  void Report(ptrdiff_t begin) {
    std::string text;
    for (auto step = path_.begin() + begin; step != path_.end(); ++step) {
      const NodeSpec& node = graph_.nodes[step->node];
      absl::StrAppend(&text, "topic \"", Printable(step->topic), "\" -> ", KindName(node.kind), " \"",
                      Printable(node.name), "\" -> ");
    }
    absl::StrAppend(&text, "topic \"", Printable((path_.begin() + begin)->topic), "\"");
    cycles_.push_back(std::move(text));
  }

  struct Step {
    std::string topic;
    NodeIndex node = 0;
  };

  const Graph& graph_;
  std::map<std::string, std::set<Way>> ways_;  // Of topics that are read.
  std::set<std::string> visited_;
  std::vector<Step> path_;
  std::vector<std::string> cycles_;
};

}  // namespace

std::vector<std::string> FindCycles(const Graph& graph) { return CycleFinder(graph).Find(); }

}  // namespace once
