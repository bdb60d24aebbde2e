#include "processor/topology/dispatch.h"

#include <algorithm>

namespace once {

Dispatcher::Dispatcher(const Graph& graph) : sources_(graph.sources.size()) {
  for (size_t s = 0; s < sources_.size(); ++s) sources_[s].ignore_unknown_types = graph.sources[s].ignore_unknown_types;
  for (const HandlerSpec& handler : graph.handlers) {
    if (handler.match != HandlerMatch::kType) continue;
    auto& types = sources_[handler.source].types;
    const bool known = std::any_of(types.begin(), types.end(),
                                   [&](const TypeEntry& entry) { return entry.type == handler.event_type; });
    if (!known) types.push_back({.type = handler.event_type});
  }
  for (const HandlerSpec& handler : graph.handlers) {
    SourceEntry& source = sources_[handler.source];
    const bool aggregate = graph.nodes[handler.node].kind == NodeKind::kAggregate;
    source.has_aggregate |= aggregate;
    runners_.push_back(handler.make_runner());
    const Step step{handler.node, runners_.back().get()};
    const auto add = [&](TypeEntry& entry) {
      entry.steps.push_back(step);
      entry.has_aggregate |= aggregate;
    };
    if (handler.match == HandlerMatch::kTombstone) add(source.tombstone);
    if (handler.match == HandlerMatch::kAny) add(source.any);
    for (TypeEntry& entry : source.types) {
      if (handler.match == HandlerMatch::kAny || entry.type == handler.event_type) {
        if (handler.match != HandlerMatch::kTombstone) add(entry);
      }
    }
  }
}

Dispatcher::Choice Dispatcher::Choose(SourceIndex source, const std::optional<std::string_view>& type,
                                      bool has_value) const {
  const SourceEntry& entry = sources_[source];
  Choice choice;
  choice.needs_key = entry.has_aggregate;
  const auto run = [&choice](const TypeEntry& chosen) {
    choice.verdict = Verdict::kRun;
    choice.steps = chosen.steps;
    choice.needs_key = chosen.has_aggregate;
  };
  if (!has_value) {
    if (entry.tombstone.steps.empty()) {
      choice.verdict = Verdict::kNoTombstoneHandler;
    } else {
      run(entry.tombstone);
    }
    return choice;
  }
  if (type.has_value() && !type->empty()) {
    choice.type = *type;
    for (const TypeEntry& candidate : entry.types) {
      if (candidate.type == *type) {
        run(candidate);
        return choice;
      }
    }
  } else if (entry.types.size() == 1) {
    run(entry.types.front());
    choice.type = entry.types.front().type;
    return choice;
  }
  if (!entry.any.steps.empty()) {
    run(entry.any);
  } else if (!entry.ignore_unknown_types) {
    choice.verdict = Verdict::kUnknownType;
  }
  return choice;
}

}  // namespace once
