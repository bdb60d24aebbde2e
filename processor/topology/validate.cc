#include "processor/topology/validate.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

constexpr size_t kMaxTopicNameBytes = 249;
// "<application>-<group>-changelog" has to fit as well.
constexpr size_t kMaxNameBytes = 100;

class Rules {
 public:
  explicit Rules(const Graph& graph) : graph_(graph) {}

  std::vector<std::string> Check() {
    CheckName("application id", graph_.application_id);
    CheckSources();
    CheckSinks();
    CheckNodes();
    CheckHandlers();
    CheckDeadLetters();
    return std::move(mistakes_);
  }

 private:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    mistakes_.push_back(absl::StrCat(parts...));
  }

  // Names become parts of topic names.
  void CheckName(const char* what, const std::string& name) {
    const std::string mistake = TopicNameMistake(name);
    if (!mistake.empty()) {
      Add(what, " \"", name, "\": ", mistake, "; use letters, digits, '.', '_' and '-'");
    } else if (name.size() > kMaxNameBytes) {
      Add(what, " \"", name, "\" has ", name.size(), " characters; use at most ", kMaxNameBytes);
    }
  }

  void CheckTopic(const char* what, const std::string& name, const std::string& topic) {
    const std::string mistake = TopicNameMistake(topic);
    if (!mistake.empty()) Add(what, " \"", name, "\": topic \"", topic, "\": ", mistake, "; set .topic to a valid name");
  }

  template <typename Specs>
  void CheckUnique(const char* what, const Specs& specs) {
    std::set<std::string> names;
    for (const auto& spec : specs) {
      if (!names.insert(spec.name).second) Add("two ", what, "s are named \"", spec.name, "\"; rename one");
    }
  }

  void CheckSources() {
    if (graph_.sources.empty()) Add("the topology has no source; add one with AddSource");
    CheckUnique("source", graph_.sources);
    std::set<std::string> topics;
    for (size_t i = 0; i < graph_.sources.size(); ++i) {
      const SourceSpec& source = graph_.sources[i];
      CheckName("source", source.name);
      CheckTopic("source", source.name, source.topic);
      if (!topics.insert(source.topic).second) {
        Add("topic \"", source.topic, "\" is read by two sources; use one source and register all handlers on it");
      }
      const bool heard = std::any_of(graph_.handlers.begin(), graph_.handlers.end(),
                                     [&](const HandlerSpec& h) { return h.source == i; });
      if (!heard) Add("nothing listens to source \"", source.name, "\"; register a handler or remove it");
    }
  }

  void CheckSinks() {
    CheckUnique("sink", graph_.sinks);
    for (size_t i = 0; i < graph_.sinks.size(); ++i) {
      const SinkSpec& sink = graph_.sinks[i];
      CheckName("sink", sink.name);
      CheckTopic("sink", sink.name, sink.topic);
      for (const SourceSpec& source : graph_.sources) {
        if (source.topic == sink.topic) {
          Add("sink \"", sink.name, "\" writes topic \"", sink.topic, "\", which source \"", source.name,
              "\" reads: events would go round for ever; use another topic");
        }
      }
      const bool used = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const NodeSpec& node) {
        return std::find(node.emits_to.begin(), node.emits_to.end(), i) != node.emits_to.end();
      });
      if (!used) Add("nothing emits to sink \"", sink.name, "\"; name it in an EmitsTo or remove it");
    }
  }

  void CheckNodes() {
    CheckUnique("aggregate or transform", graph_.nodes);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeSpec& node = graph_.nodes[i];
      CheckName(node.kind == NodeKind::kAggregate ? "aggregate" : "transform", node.name);
      const bool has_handler = std::any_of(graph_.handlers.begin(), graph_.handlers.end(),
                                           [&](const HandlerSpec& h) { return h.node == i; });
      if (!has_handler) Add("\"", node.name, "\" has no handler; add On<Event>(source, handler)");
      CheckPolicy(node);
    }
  }

  void CheckPolicy(const NodeSpec& node) {
    const FailurePolicy& policy = node.policy;
    if (policy.max_attempts < 1) {
      Add("\"", node.name, "\": max_attempts is ", policy.max_attempts, "; use 1 or more");
    }
    if (policy.initial_backoff < absl::ZeroDuration() || policy.max_backoff < policy.initial_backoff) {
      Add("\"", node.name, "\": backoff from ", absl::FormatDuration(policy.initial_backoff), " to ",
          absl::FormatDuration(policy.max_backoff), "; use 0 <= initial_backoff <= max_backoff");
    }
  }

  void CheckHandlers() {
    std::set<std::string> seen;
    for (const HandlerSpec& handler : graph_.handlers) {
      const std::string id =
          absl::StrCat(handler.node, "/", handler.source, "/", static_cast<int>(handler.match), "/", handler.event_type);
      if (seen.insert(id).second) continue;
      Add("\"", graph_.nodes[handler.node].name, "\" has two handlers for ",
          handler.event_type.empty() ? std::string("the same kind of record") : handler.event_type, " of source \"",
          graph_.sources[handler.source].name, "\"; merge them");
    }
  }

  void CheckDeadLetters() {
    if (!graph_.dead_letter_topic.empty()) {
      CheckTopic("DeadLetterTo", "dead letters", graph_.dead_letter_topic);
      for (const SourceSpec& source : graph_.sources) {
        if (source.topic == graph_.dead_letter_topic) {
          Add("topic \"", source.topic, "\" is both source \"", source.name, "\" and the dead-letter topic; use two");
        }
      }
      return;
    }
    Add("no dead-letter topic is set, so rejected events would have nowhere to go; call DeadLetterTo");
  }

  const Graph& graph_;
  std::vector<std::string> mistakes_;
};

}  // namespace

std::vector<std::string> FindMistakes(const Graph& graph) { return Rules(graph).Check(); }

std::vector<TaskGroupSpec> FindTaskGroups(const Graph& graph) {
  std::vector<size_t> root(graph.sources.size());
  std::iota(root.begin(), root.end(), size_t{0});
  const auto find = [&](size_t s) {
    while (root[s] != s) s = root[s];
    return s;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].kind != NodeKind::kAggregate) continue;
    size_t first = graph.sources.size();
    for (const HandlerSpec& handler : graph.handlers) {
      if (handler.node != n) continue;
      if (first == graph.sources.size()) first = handler.source;
      const size_t a = find(first);
      const size_t b = find(handler.source);
      root[std::max(a, b)] = std::min(a, b);
    }
  }
  std::vector<TaskGroupSpec> groups;
  for (size_t s = 0; s < graph.sources.size(); ++s) {
    if (find(s) != s) continue;
    TaskGroupSpec group{.name = graph.sources[s].name, .sources = {}};
    for (size_t member = s; member < graph.sources.size(); ++member) {
      if (find(member) == s) group.sources.push_back(static_cast<SourceIndex>(member));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

std::string TopicNameMistake(std::string_view name) {
  if (name.empty()) return "the name is empty";
  if (name == "." || name == "..") return "the name is reserved";
  if (name.size() > kMaxTopicNameBytes) return "the name has more than 249 characters";
  const bool legal = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  return legal ? "" : "the name has characters that Kafka does not allow";
}

}  // namespace once
