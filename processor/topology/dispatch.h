// Which handlers run for an event: by its source, whether it has a value, and its type.
#ifndef ONCE_PROCESSOR_TOPOLOGY_DISPATCH_H_
#define ONCE_PROCESSOR_TOPOLOGY_DISPATCH_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "processor/topology/graph.h"

namespace once {

// The handlers of one worker, with runners of its own. Not thread-safe.
class Dispatcher {
 public:
  struct Step {
    NodeIndex node = 0;
    HandlerRunner* runner = nullptr;
  };
  enum class Verdict {
    kRun,                 // `steps` in this order.
    kIgnored,             // An unknown type on a source that ignores those, or nobody listens: done without effect.
    kUnknownType,         // Fails as UNIMPLEMENTED.
    kNoTombstoneHandler,  // Rejected.
  };
  struct Choice {
    Verdict verdict = Verdict::kIgnored;
    std::span<const Step> steps;
    std::string_view type;
    // Whether an aggregate is among the steps (or, when the type is unknown, among the source's handlers): then the
    // event needs a key, and its failure blocks the key.
    bool needs_key = false;
  };

  explicit Dispatcher(const Graph& graph);

  // `type` is the ce_type header, if any. An event without one is of the source's default type, or else of the only
  // type there is; several names that all the same handlers hear count as one type, the first of them.
  Choice Choose(SourceIndex source, const std::optional<std::string_view>& type, bool has_value) const;

 private:
  struct TypeEntry {
    std::string type = {};
    std::vector<Step> steps = {};  // Handlers of the type and of any type, in the order of registration.
    bool has_aggregate = false;
  };
  struct SourceEntry {
    std::vector<TypeEntry> types;
    const TypeEntry* default_type = nullptr;  // One of `types`.
    TypeEntry any;                            // For types that only OnAny handlers hear.
    TypeEntry tombstone;
    bool ignore_unknown_types = false;
    bool has_aggregate = false;
  };

  static const TypeEntry* DefaultOf(const SourceSpec& spec, const SourceEntry& source);

  std::vector<std::unique_ptr<HandlerRunner>> runners_;
  std::vector<SourceEntry> sources_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_DISPATCH_H_
