#include "processor/topology/validate.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr int kMaxAttempts = 1'000'000;
constexpr absl::Duration kMaxBackoff = absl::Hours(24);

const char* KindOf(const NodeSpec& node) { return node.kind == NodeKind::kAggregate ? "aggregate" : "transform"; }

class Rules {
 public:
  explicit Rules(const Graph& graph) : graph_(graph) {}

  std::vector<std::string> Check() {
    CheckName("application id", graph_.application_id);
    CheckSources();
    CheckSinks();
    CheckNodes();
    CheckHandlers();
    CheckKeyTypes();
    CheckDeadLetters();
    CheckInternalTopics();
    return std::move(mistakes_);
  }

 private:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    mistakes_.push_back(absl::StrCat(parts...));
  }

  void CheckName(const char* what, const std::string& name) {
    const std::string mistake = NamePartMistake(name);
    if (!mistake.empty()) Add(what, " \"", Printable(name), "\": ", mistake);
  }

  void CheckTopic(const std::string& owner, const std::string& topic) {
    const std::string mistake = TopicNameMistake(topic);
    if (!mistake.empty()) Add(owner, ": topic \"", Printable(topic), "\": ", mistake);
  }

  template <typename Specs>
  void CheckUnique(const char* what, const Specs& specs) {
    std::map<std::string, int> count;
    for (const auto& spec : specs) {
      if (!spec.name.empty() && ++count[spec.name] == 2) {
        Add("two ", what, " are named \"", Printable(spec.name), "\"; rename one");
      }
    }
  }

  bool IsHeard(size_t source) const {
    return std::any_of(graph_.handlers.begin(), graph_.handlers.end(),
                       [&](const HandlerSpec& handler) { return handler.source == source; });
  }

  bool IsEmittedTo(size_t sink) const {
    return std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const NodeSpec& node) {
      return std::find(node.emits_to.begin(), node.emits_to.end(), sink) != node.emits_to.end();
    });
  }

  const SourceSpec* SourceOf(const std::string& topic) const {
    if (topic.empty()) return nullptr;
    const auto found = std::find_if(graph_.sources.begin(), graph_.sources.end(),
                                    [&](const SourceSpec& source) { return source.topic == topic; });
    return found == graph_.sources.end() ? nullptr : &*found;
  }

  void CheckSources() {
    if (graph_.sources.empty()) Add("the topology has no source; add one with AddSource");
    CheckUnique("sources", graph_.sources);
    for (size_t i = 0; i < graph_.sources.size(); ++i) {
      const SourceSpec& source = graph_.sources[i];
      CheckName("source", source.name);
      CheckTopic(absl::StrCat("source \"", source.name, "\""), source.topic);
      if (const SourceSpec* first = SourceOf(source.topic); first != nullptr && first != &source) {
        Add("topic \"", source.topic, "\" is read by source \"", first->name, "\" and by source \"", source.name,
            "\"; keep one and register all handlers on it");
      }
      if (!IsHeard(i)) Add("nothing listens to source \"", source.name, "\"; register a handler on it or remove it");
    }
  }

  void CheckSinks() {
    CheckUnique("sinks", graph_.sinks);
    for (size_t i = 0; i < graph_.sinks.size(); ++i) {
      const SinkSpec& sink = graph_.sinks[i];
      CheckName("sink", sink.name);
      CheckTopic(absl::StrCat("sink \"", sink.name, "\""), sink.topic);
      if (const SourceSpec* source = SourceOf(sink.topic); source != nullptr) {
        Add("sink \"", sink.name, "\" writes topic \"", sink.topic, "\", which source \"", source->name,
            "\" reads: events would go round for ever; use another topic");
      }
      if (!IsEmittedTo(i)) Add("nothing emits to sink \"", sink.name, "\"; name it in an EmitsTo or remove it");
    }
  }

  void CheckNodes() {
    CheckUnique("aggregates or transforms", graph_.nodes);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeSpec& node = graph_.nodes[i];
      CheckName(KindOf(node), node.name);
      if (std::find(node.emits_to.begin(), node.emits_to.end(), kForeignIndex) != node.emits_to.end()) {
        Add(KindOf(node), " \"", node.name, "\" emits to a sink of another TopologyBuilder; add the sink to this one");
      }
      const bool has_handler = std::any_of(graph_.handlers.begin(), graph_.handlers.end(),
                                           [&](const HandlerSpec& handler) { return handler.node == i; });
      if (!has_handler) Add(KindOf(node), " \"", node.name, "\" has no handler; add On<Event>(source, handler)");
      CheckPolicy(node);
    }
  }

  void CheckPolicy(const NodeSpec& node) {
    const FailurePolicy& policy = node.policy;
    const std::string owner = absl::StrCat(KindOf(node), " \"", node.name, "\": ");
    if (policy.max_attempts < 1 || policy.max_attempts > kMaxAttempts) {
      Add(owner, "max_attempts is ", policy.max_attempts, "; use 1 to ", kMaxAttempts);
    }
    if (policy.initial_backoff < absl::ZeroDuration() || policy.max_backoff < policy.initial_backoff ||
        policy.max_backoff > kMaxBackoff) {
      Add(owner, "backoff from ", absl::FormatDuration(policy.initial_backoff), " to ",
          absl::FormatDuration(policy.max_backoff), "; use 0 <= initial_backoff <= max_backoff <= 24h");
    }
    if (policy.IsTransient(absl::StatusCode::kOk)) {
      Add(owner, "OK is among the transient codes, but it is no failure; remove it");
    }
  }

  void CheckHandlers() {
    std::map<std::string, int> count;
    for (const HandlerSpec& handler : graph_.handlers) {
      const NodeSpec& node = graph_.nodes[handler.node];
      if (handler.source == kForeignIndex) {
        Add(KindOf(node), " \"", node.name,
            "\" listens to a source of another TopologyBuilder; add the source to this one");
        continue;
      }
      std::string heard = handler.event_type;
      if (handler.match == HandlerMatch::kTombstone) heard = "tombstones";
      if (handler.match == HandlerMatch::kAny) heard = "any event";
      if (++count[absl::StrCat(handler.node, "/", handler.source, "/", heard)] != 2) continue;
      Add(KindOf(node), " \"", node.name, "\" has two handlers for ", heard, " of source \"",
          graph_.sources[handler.source].name, "\"; merge them");
    }
  }

  // An aggregate is found by the bytes of the key, so all its sources must write them alike.
  void CheckKeyTypes() {
    for (const TaskGroupSpec& group : FindTaskGroups(graph_)) {
      const SourceSpec& lead = graph_.sources[group.sources.front()];
      for (const SourceIndex index : group.sources) {
        const SourceSpec& source = graph_.sources[index];
        if (source.key_type == lead.key_type) continue;
        Add("sources \"", lead.name, "\" and \"", source.name, "\" feed one aggregate but have keys of types ",
            lead.key_type, " and ", source.key_type, "; give them the same");
      }
    }
  }

  void CheckDeadLetters() {
    const std::string& topic = graph_.dead_letter_topic;
    if (topic.empty()) {
      Add("there is no dead-letter topic, so failed and rejected events would have nowhere to go; call DeadLetterTo");
      return;
    }
    CheckTopic("DeadLetterTo", topic);
    if (const SourceSpec* source = SourceOf(topic); source != nullptr) {
      Add("topic \"", topic, "\" is that of source \"", source->name,
          "\" and the dead-letter topic: failed events would go round for ever; use another topic");
    }
    for (const SinkSpec& sink : graph_.sinks) {
      if (sink.topic != topic) continue;
      Add("topic \"", topic, "\" is that of sink \"", sink.name,
          "\" and the dead-letter topic: its readers would take failures for results; use another topic");
    }
  }

  // Under the default application id; configuration may choose another.
  void CheckInternalTopics() {
    std::map<std::string, std::string> used;
    for (const SourceSpec& source : graph_.sources) used[source.topic] = absl::StrCat("source \"", source.name, "\"");
    for (const SinkSpec& sink : graph_.sinks) used[sink.topic] = absl::StrCat("sink \"", sink.name, "\"");
    used[graph_.dead_letter_topic] = "DeadLetterTo";
    for (const TaskGroupSpec& group : FindTaskGroups(graph_)) {
      for (const std::string& topic :
           {ChangelogTopic(graph_.application_id, group), ControlTopic(graph_.application_id, group)}) {
        const auto found = used.find(topic);
        if (found == used.end()) continue;
        Add(found->second, ": topic \"", topic, "\" is an internal topic of this application; use another");
      }
    }
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
  std::map<NodeIndex, SourceIndex> first_source;
  for (const HandlerSpec& handler : graph.handlers) {
    if (handler.source == kForeignIndex || graph.nodes[handler.node].kind != NodeKind::kAggregate) continue;
    const size_t a = find(first_source.emplace(handler.node, handler.source).first->second);
    const size_t b = find(handler.source);
    root[std::max(a, b)] = std::min(a, b);
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

}  // namespace once
