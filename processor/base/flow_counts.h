// Events by the edges of a topology that they went along.
#ifndef ONCE_PROCESSOR_BASE_FLOW_COUNTS_H_
#define ONCE_PROCESSOR_BASE_FLOW_COUNTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace once {

// Sources, nodes and sinks by their indices in the graph. One that was made of nothing counts nothing.
class FlowCounts {
 public:
  FlowCounts() = default;
  FlowCounts(size_t nodes, size_t sources, size_t sinks)
      : sources_(sources), width_(sources + sinks + 1), counts_(nodes * width_) {}

  // The node's handlers have taken an event of the source.
  void CountIn(size_t node, size_t source) { Count(node, source); }
  void CountOut(size_t node, size_t sink) { Count(node, sources_ + sink); }
  // An event has failed at the node, for good.
  void CountFailed(size_t node) { Count(node, width_ - 1); }

  int64_t in(size_t node, size_t source) const { return of(node, source); }
  int64_t out(size_t node, size_t sink) const { return of(node, sources_ + sink); }
  int64_t failed(size_t node) const { return of(node, width_ - 1); }
  bool empty() const { return counts_.empty(); }

  void Clear() { std::fill(counts_.begin(), counts_.end(), 0); }
  // Of the same topology.
  FlowCounts& operator+=(const FlowCounts& o) {
    for (size_t i = 0; i < std::min(counts_.size(), o.counts_.size()); ++i) counts_[i] += o.counts_[i];
    return *this;
  }

 private:
  void Count(size_t node, size_t column) {
    if (!counts_.empty()) ++counts_[node * width_ + column];
  }
  int64_t of(size_t node, size_t column) const { return counts_.empty() ? 0 : counts_[node * width_ + column]; }

  size_t sources_ = 0;
  size_t width_ = 0;
  std::vector<int64_t> counts_ = {};  // By node: of each source, to each sink, failed.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_FLOW_COUNTS_H_
