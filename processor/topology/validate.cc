// The rules, one method each. Every sentence says what is wrong and one fix; all of them are told at once.
#include "processor/topology/validate.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/names.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"
#include "processor/topology/cycles.h"

namespace once {

namespace {

constexpr absl::Duration kMinBackoff = absl::Milliseconds(1);
constexpr absl::Duration kMaxBackoff = absl::Hours(24);

const char* KindOf(const NodeSpec& node) { return KindName(node.kind); }

class Rules {
 public:
  explicit Rules(const Graph& graph) : graph_(graph) {}

  std::vector<std::string> Check() {
    CheckName("application id", graph_.application_id);
    CheckSources();
    CheckSinks();
    CheckNodes();
    CheckHandlers();
    CheckDefaultTypes();
    CheckKeys();
    CheckOwnTopics();
    CheckTaskGroups();
    CheckCycles();
    CheckDeadLetters();
    return std::move(mistakes_);
  }

 private:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    mistakes_.push_back(absl::StrCat(parts...));
  }

  void CheckName(const char* what, const std::string& name) {
    // X8: it becomes part of names of topics, or of keys that are stored.
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
      // At the second of them, so that a name is told of once.
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
    // That it is missing is told by itself.
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
      // Two subscriptions to one topic would be one to the broker.
      if (const SourceSpec* first = SourceOf(source.topic); first != nullptr && first != &source) {
        Add("topic \"", source.topic, "\" is read by source \"", first->name, "\" and by source \"", source.name,
            "\"; keep one and register all handlers on it");
      }
      if (!IsHeard(i)) Add("nothing listens to source \"", source.name, "\"; register a handler on it or remove it");
    }
  }

  void CheckSinks() {
    // E4: an output's ID is made of its sink's and its node's name.
    CheckUnique("sinks", graph_.sinks);
    for (size_t i = 0; i < graph_.sinks.size(); ++i) {
      const SinkSpec& sink = graph_.sinks[i];
      CheckName("sink", sink.name);
      CheckTopic(absl::StrCat("sink \"", sink.name, "\""), sink.topic);
      for (const auto& [name, value] : sink.shape.headers) {
        const std::string mistake = FormatHeaderMistake(name);
        if (!mistake.empty()) Add("sink \"", sink.name, "\": its format adds a ", mistake);
      }
      // Emitting there would fail when the first event comes.
      if (!IsEmittedTo(i)) Add("nothing emits to sink \"", sink.name, "\"; name it in an EmitsTo or remove it");
    }
  }

  void CheckNodes() {
    // Keys of their state in the changelog begin with their names (StateKeyPrefix).
    CheckUnique("aggregates or transforms", graph_.nodes);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeSpec& node = graph_.nodes[i];
      CheckName(KindOf(node), node.name);
      // AddEdge has marked it: the sink's number means another one here.
      if (std::find(node.emits_to.begin(), node.emits_to.end(), kForeignIndex) != node.emits_to.end()) {
        Add(KindOf(node), " \"", node.name, "\" emits to a sink of another TopologyBuilder; add the sink to this one");
      }
      // Most likely a handler was meant for it and registered elsewhere.
      const bool has_handler = std::any_of(graph_.handlers.begin(), graph_.handlers.end(),
                                           [&](const HandlerSpec& handler) { return handler.node == i; });
      if (!has_handler) Add(KindOf(node), " \"", node.name, "\" has no handler; add On<Event>(source, handler)");
      CheckPolicy(node);
    }
  }

  void CheckPolicy(const NodeSpec& node) {
    const FailurePolicy& policy = node.policy;
    const std::string owner = absl::StrCat(KindOf(node), " \"", node.name, "\": ");
    if (policy.give_up_after < absl::ZeroDuration()) {
      Add(owner, "give_up_after is ", absl::FormatDuration(policy.give_up_after), "; use 0s or more");
    }
    // X6: a stored retry is trusted within max_backoff, so that has a bound of its own.
    if (policy.initial_backoff < kMinBackoff || policy.max_backoff < policy.initial_backoff ||
        policy.max_backoff > kMaxBackoff) {
      Add(owner, "backoff from ", absl::FormatDuration(policy.initial_backoff), " to ",
          absl::FormatDuration(policy.max_backoff), "; use 1ms <= initial_backoff <= max_backoff <= 24h");
    }
    // It would run an event again that has succeeded.
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
      for (const std::string& heard : HeardBy(handler)) {
        if (++count[absl::StrCat(handler.node, "/", handler.source, "/", heard)] != 2) continue;
        Add(KindOf(node), " \"", node.name, "\" has two handlers for ", Printable(heard, heard.size()), " of source \"",
            graph_.sources[handler.source].name, "\"; merge them");
      }
    }
  }

  // What tells two handlers of one node apart. A handler's own list of types is checked on the way.
  std::vector<std::string> HeardBy(const HandlerSpec& handler) {
    if (handler.match == HandlerMatch::kTombstone) return {"tombstones"};
    if (handler.match == HandlerMatch::kAny) return {"any event"};
    const std::string owner = absl::StrCat(KindOf(graph_.nodes[handler.node]), " \"", graph_.nodes[handler.node].name,
                                           "\": a handler of source \"", graph_.sources[handler.source].name, "\" ");
    if (handler.event_types.empty()) Add(owner, "is given no event type; name one, or leave the list of types out");
    std::set<std::string> types;
    for (const std::string& type : handler.event_types) {
      if (type.empty())
        Add(owner, "is given an event type without a name; leave it out, see SourceOptions.default_type");
      if (!types.insert(type).second) Add(owner, "is given event type \"", Printable(type), "\" twice; name it once");
    }
    return {types.begin(), types.end()};
  }

  void CheckDefaultTypes() {
    for (size_t i = 0; i < graph_.sources.size(); ++i) {
      const SourceSpec& source = graph_.sources[i];
      if (source.default_type.empty()) continue;
      std::set<std::string> types;
      for (const HandlerSpec& handler : graph_.handlers) {
        if (handler.source == i) types.insert(handler.event_types.begin(), handler.event_types.end());
      }
      // X8: an event without ce_type would be of a type that nobody hears.
      if (types.contains(source.default_type)) continue;
      const std::string meant = ClosestMatch(source.default_type, types);
      Add("source \"", source.name, "\": its default type \"", Printable(source.default_type), "\" has no handler; ",
          meant.empty() ? "use one that has" : absl::StrCat("did you mean \"", meant, "\"?"));
    }
  }

  // An aggregate is found by the bytes of the key, so all its sources must write them alike, and put them alike into
  // partitions.
  void CheckKeys() {
    for (const TaskGroupSpec& group : FindTaskGroups(graph_)) {
      const SourceSpec& lead = graph_.sources[group.sources.front()];
      const SourceSpec* first = nullptr;  // With a partitioner that says anything.
      for (const SourceIndex index : group.sources) {
        const SourceSpec& source = graph_.sources[index];
        if (source.key_type != lead.key_type) {
          Add("sources \"", lead.name, "\" and \"", source.name, "\" feed one aggregate but have keys of types ",
              lead.key_type, " and ", source.key_type, "; give them the same");
        }
        // It says nothing of where keys are.
        if (source.partitioner == Partitioner::kAny) continue;
        if (first == nullptr) first = &source;
        if (source.partitioner == first->partitioner) continue;
        Add("sources \"", first->name, "\" and \"", source.name,
            "\" feed one aggregate but have other partitioners, so a key's events would meet different states; let "
            "their"
            " producers use the same");
      }
    }
  }

  // What the topology itself writes is where murmur2 says.
  void CheckOwnTopics() {
    for (const SinkSpec& sink : graph_.sinks) {
      const SourceSpec* source = SourceOf(sink.topic);
      if (source == nullptr || source->partitioner != Partitioner::kCrc32) continue;
      Add("source \"", source->name, "\" expects topic \"", sink.topic, "\" to be partitioned by crc32, but sink \"",
          sink.name, "\" writes it by murmur2; use Partitioner::kMurmur2, or kAny if others write it as well");
    }
  }

  void CheckDeadLetters() {
    const std::string& topic = graph_.dead_letter_topic;
    if (topic.empty()) {
      Add("there is no dead-letter topic, so failed and rejected events would have nowhere to go; call DeadLetterTo");
      return;
    }
    CheckTopic("DeadLetterTo", topic);
    // X8: a topology must not feed itself with its failures.
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

  // A group has one name, which its changelog is named after, so no other group may have that.
  void CheckTaskGroups() {
    std::map<std::string, std::string> lead_of;
    for (const TaskGroupSpec& group : FindTaskGroups(graph_)) {
      const std::string& lead = graph_.sources[group.sources.front()].name;
      const SourceSpec* naming = nullptr;
      for (const SourceIndex index : group.sources) {
        const SourceSpec& source = graph_.sources[index];
        if (source.group.empty()) continue;
        if (naming == nullptr) {
          naming = &source;
          CheckName("task group", source.group);
        } else if (naming->group != source.group) {
          Add("sources \"", naming->name, "\" and \"", source.name,
              "\" feed one aggregate, so they are one task group,"
              " but name it \"",
              Printable(naming->group), "\" and \"", Printable(source.group), "\"; use one name");
        }
      }
      const auto [other, is_new] = lead_of.emplace(group.name, lead);
      // Two sources of one name have been told of.
      if (is_new || other->second == lead) continue;
      Add("the task groups of sources \"", other->second, "\" and \"", lead, "\" are both named \"",
          Printable(group.name), "\", so they would share a changelog; give one another name (SourceOptions.group)");
    }
  }

  void CheckCycles() {
    for (const std::string& cycle : FindCycles(graph_)) {
      Add("events would go round for ever: ", cycle,
          "; let one of these nodes emit to another topic, or, where each round comes to an end, as that of a saga,"
          " put one of them into an application of its own");
    }
  }

  const Graph& graph_;
  std::vector<std::string> mistakes_;
};

// The mistakes that only the names of internal topics bring about.
std::vector<std::string> FindInternalTopicMistakes(const Graph& graph, std::string_view application_id) {
  std::vector<std::pair<std::string, std::string>> used;  // Topics, and whose they are.
  for (const SourceSpec& source : graph.sources) {
    used.emplace_back(source.topic, absl::StrCat("source \"", source.name, "\""));
  }
  for (const SinkSpec& sink : graph.sinks) used.emplace_back(sink.topic, absl::StrCat("sink \"", sink.name, "\""));
  used.emplace_back(graph.dead_letter_topic, "DeadLetterTo");
  std::vector<std::string> mistakes;
  std::vector<std::string> names;
  for (const TaskGroupSpec& group : FindTaskGroups(graph)) {
    if (std::find(names.begin(), names.end(), group.name) != names.end()) continue;  // A mistake by itself.
    for (const std::string& name : names) {
      if (!AreOneTopicToKafka(name, group.name)) continue;
      mistakes.push_back(absl::StrCat("task groups \"", name, "\" and \"", group.name,
                                      "\" would have one changelog, since Kafka tells '.' and '_' not apart in topics;"
                                      " give one another name (SourceOptions.group)"));
    }
    names.push_back(group.name);
    // Names that the application keeps for itself, whether there is such a topic by now or not.
    for (const std::string& topic : {ChangelogTopic(application_id, group), ControlTopic(application_id, group),
                                     AuditTopic(application_id, group)}) {
      for (const auto& [other, owner] : used) {
        if (!AreOneTopicToKafka(other, topic)) continue;
        mistakes.push_back(
            other == topic
                ? absl::StrCat(owner, ": topic \"", topic, "\" is an internal topic of this application; use another")
                : absl::StrCat(owner, ": topic \"", other, "\" and this application's internal topic \"", topic,
                               "\" are one to Kafka, which tells '.' and '_' not apart in topics;"
                               " use another"));
      }
    }
  }
  return mistakes;
}

}  // namespace

std::vector<std::string> FindMistakes(const Graph& graph) {
  std::vector<std::string> mistakes = Rules(graph).Check();
  for (std::string& mistake : FindInternalTopicMistakes(graph, graph.application_id)) {
    mistakes.push_back(std::move(mistake));
  }
  return mistakes;
}

absl::Status CheckApplicationId(const Graph& graph, std::string_view application_id) {
  // X8: under the id that was chosen at the start, which may be another one than the topology's.
  const std::vector<std::string> mistakes = FindInternalTopicMistakes(graph, application_id);
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the topology does not fit application_id \"", ToAbsl(application_id),
                                                 "\":\n  ", absl::StrJoin(mistakes, "\n  ")));
}

std::vector<TaskGroupSpec> FindTaskGroups(const Graph& graph) {
  // A forest over the sources; those that feed one aggregate come to one root.
  std::vector<size_t> root(graph.sources.size());
  std::iota(root.begin(), root.end(), size_t{0});
  const auto find = [&](size_t s) {
    while (root[s] != s) s = root[s];
    return s;
  };
  std::map<NodeIndex, SourceIndex> first_source;
  for (const HandlerSpec& handler : graph.handlers) {
    // A transform has no state in which sources could meet.
    if (handler.source == kForeignIndex || graph.nodes[handler.node].kind != NodeKind::kAggregate) continue;
    const size_t a = find(first_source.emplace(handler.node, handler.source).first->second);
    const size_t b = find(handler.source);
    // The first source stays the root, so a group's lead does not depend on the order of handlers.
    root[std::max(a, b)] = std::min(a, b);
  }
  std::vector<TaskGroupSpec> groups;
  for (size_t s = 0; s < graph.sources.size(); ++s) {
    if (find(s) != s) continue;
    TaskGroupSpec group;
    for (size_t member = s; member < graph.sources.size(); ++member) {
      if (find(member) != s) continue;
      group.sources.push_back(static_cast<SourceIndex>(member));
      // The first name that is given; whether others say the same is CheckTaskGroups' business.
      if (group.name.empty()) group.name = graph.sources[member].group;
    }
    // Else its lead's, so a rename of that source renames the changelog (SourceOptions.group keeps it).
    if (group.name.empty()) group.name = graph.sources[s].name;
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace once
