// Lists of handlers, made once for each worker: choosing is a look at the source's few types.
#include "processor/topology/dispatch.h"

#include <algorithm>

namespace once {

Dispatcher::Dispatcher(const Graph& graph) : sources_(graph.sources.size()) {
  for (size_t s = 0; s < sources_.size(); ++s) sources_[s].ignore_unknown_types = graph.sources[s].ignore_unknown_types;
  // All types before any handler: an OnAny handler also runs for types that are named after it.
  for (const HandlerSpec& handler : graph.handlers) {
    if (handler.match != HandlerMatch::kType) continue;
    auto& types = sources_[handler.source].types;
    for (const std::string& type : handler.event_types) {
      const bool known =
          std::any_of(types.begin(), types.end(), [&](const TypeEntry& entry) { return entry.type == type; });
      if (!known) types.push_back({.type = type});
    }
  }
  for (const HandlerSpec& handler : graph.handlers) {
    SourceEntry& source = sources_[handler.source];
    const bool aggregate = graph.nodes[handler.node].kind == NodeKind::kAggregate;
    source.has_aggregate |= aggregate;
    // The worker's own copy of the user's handler.
    // What a handler captures by value is the worker's own, so it needs no lock.
    runners_.push_back(handler.make_runner());
    const Step step{handler.node, runners_.back().get()};
    const auto add = [&](TypeEntry& entry) {
      entry.steps.push_back(step);
      entry.has_aggregate |= aggregate;
    };
    if (handler.match == HandlerMatch::kTombstone) {
      add(source.tombstone);
      continue;
    }
    if (handler.match == HandlerMatch::kAny) add(source.any);
    for (TypeEntry& entry : source.types) {
      const auto& heard = handler.event_types;
      // OnAny handlers stand in every type's list, so that the order of registration is that of running.
      const bool hears = std::find(heard.begin(), heard.end(), entry.type) != heard.end();
      if (hears || handler.match == HandlerMatch::kAny) add(entry);
    }
  }
  for (size_t s = 0; s < sources_.size(); ++s) sources_[s].default_type = DefaultOf(graph.sources[s], sources_[s]);
}

const Dispatcher::TypeEntry* Dispatcher::DefaultOf(const SourceSpec& spec, const SourceEntry& source) {
  const auto& types = source.types;
  if (!spec.default_type.empty()) {
    const auto named = std::find_if(types.begin(), types.end(),
                                    [&](const TypeEntry& entry) { return entry.type == spec.default_type; });
    return named == types.end() ? nullptr : &*named;
  }
  // Types with the same handlers are one to an event that does not say its type.
  const auto same_handlers = [&types](const TypeEntry& entry) {
    return std::equal(entry.steps.begin(), entry.steps.end(), types.front().steps.begin(), types.front().steps.end(),
                      [](const Step& a, const Step& b) { return a.runner == b.runner; });
  };
  return !types.empty() && std::all_of(types.begin(), types.end(), same_handlers) ? &types.front() : nullptr;
}

Dispatcher::Choice Dispatcher::Choose(SourceIndex source, const std::optional<std::string_view>& type,
                                      bool has_value) const {
  const SourceEntry& entry = sources_[source];
  Choice choice;
  // While nobody is known to hear it, it needs a key if any aggregate of the source does.
  choice.needs_key = entry.has_aggregate;
  const auto run = [&choice](const TypeEntry& chosen) {
    choice.verdict = Verdict::kRun;
    choice.steps = chosen.steps;
    choice.needs_key = chosen.has_aggregate;
  };
  // A tombstone has no type.
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
    // X8: without ce_type an event is what the topology says, never a guess.
  } else if (entry.default_type != nullptr) {
    run(*entry.default_type);
    choice.type = entry.default_type->type;
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
