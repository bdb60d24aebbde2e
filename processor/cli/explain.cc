#include "processor/cli/explain.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/cli/context.h"
#include "processor/config/secret_names.h"
#include "processor/topology/describe.h"
#include "processor/topology/draw.h"

namespace once::cli {

namespace {

constexpr char kMasked[] = "(masked)";

Json Names(const std::vector<std::string>& names) {
  Json array = Json::Array();
  for (const std::string& name : names) array.Append(name);
  return array;
}

Json NodesJson(const Graph& graph) {
  Json nodes = Json::Array();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const NodeSpec& node = graph.nodes[i];
    Json hears = Json::Array(), emits_to = Json::Array();
    for (const HandlerSpec& handler : graph.handlers) {
      if (handler.node != i) continue;
      hears.Append(
          Json::Object().Set("source", graph.sources[handler.source].name).Set("types", Names(handler.event_types)));
    }
    for (const SinkIndex sink : node.emits_to) emits_to.Append(graph.sinks[sink].name);
    nodes.Append(Json::Object()
                     .Set("name", node.name)
                     .Set("kind", KindName(node.kind))
                     .Set("state_type", node.state_type.empty() ? Json() : Json(node.state_type))
                     .Set("hears", std::move(hears))
                     .Set("emits_to", std::move(emits_to)));
  }
  return nodes;
}

// As text for people, as data for scripts.
void AddTopology(const Graph& graph, const std::string& id, Output* out) {
  std::string text = Describe(graph, id);
  Json sources = Json::Array(), sinks = Json::Array(), groups = Json::Array();
  for (const SourceSpec& source : graph.sources) {
    sources.Append(Json::Object().Set("name", source.name).Set("topic", source.topic).Set("key_type", source.key_type));
  }
  for (const SinkSpec& sink : graph.sinks) {
    sinks.Append(Json::Object()
                     .Set("name", sink.name)
                     .Set("topic", sink.topic)
                     .Set("key_type", sink.key_type)
                     .Set("value_type", sink.value_type));
  }
  for (const TaskGroupSpec& group : graph.groups) {
    std::vector<std::string> names;
    for (const SourceIndex source : group.sources) names.push_back(graph.sources[source].name);
    groups.Append(Json::Object()
                      .Set("name", group.name)
                      .Set("sources", Names(names))
                      .Set("changelog_topic", ChangelogTopic(id, group))
                      .Set("control_topic", ControlTopic(id, group))
                      .Set("audit_topic", AuditTopic(id, group)));
    absl::StrAppend(&text, "commands of ", group.name, " (topic ", ControlTopic(id, group), "; results in ",
                    AuditTopic(id, group), ")\n");
  }
  out->Add("application", "", id);
  out->Add("sources", "", std::move(sources));
  out->Add("nodes", "", NodesJson(graph));
  out->Add("sinks", "", std::move(sinks));
  out->Add("dead_letter_topic", "", graph.dead_letter_topic);
  out->Add("task_groups", "", std::move(groups));
  out->AddText(text);
}

absl::Status RunTopology(Context& context) {
  const std::string format = context.args().Text("format", "text");
  if (format == "dot") {
    context.out().SetVerbatim(DrawDot(context.graph()));
    return absl::OkStatus();
  }
  if (format == "mermaid") {
    context.out().SetVerbatim(DrawMermaid(context.graph()));
    return absl::OkStatus();
  }
  AddTopology(context.graph(), context.application_id(), &context.out());
  return absl::OkStatus();
}

const char* SourceName(ConfigSource source) {
  switch (source) {
    case ConfigSource::kFlag:
      return "flag";
    case ConfigSource::kEnvironment:
      return "environment";
    case ConfigSource::kFile:
      return "file";
    case ConfigSource::kDefault:
      break;
  }
  return "default";
}

std::string Shown(const std::string& name, const std::string& value) {
  return LooksSecret(name) && !value.empty() ? kMasked : WithoutPasswords(value);
}

// Where a property of librdkafka stands, by how it is told of: "flag --kafka.x", "environment variable KAFKA_X", or a
// line of the file.
const char* SourceOfPlace(const std::string& where) {
  if (absl::StartsWith(where, "flag ")) return "flag";
  return absl::StartsWith(where, "environment variable ") ? "environment" : "file";
}

struct Explained {
  std::string value;
  std::string source;
  std::string where;  // Empty: a default.
};

Explained Explain(const Config& config, const std::string& option) {
  const ConfigSource source = config.SourceOf(option);
  if (source != ConfigSource::kDefault) return {config.ValueText(option), SourceName(source), config.Where(option)};
  // A property of librdkafka's may say the same.
  const std::string property = PropertyOfOption(option);
  const std::map<std::string, std::string> properties = config.kafka_properties();
  if (const auto set = properties.find(property); set != properties.end()) {
    const std::string where = config.WhereProperty(property);
    return {absl::StrCat(set->second, "ms"), SourceOfPlace(where), where};
  }
  return {config.ValueText(option), SourceName(source), ""};
}

absl::Status RunExplain(Context& context) {
  const Config& config = context.config();
  const bool all = !context.args().Switch("set");
  Table& options = context.out().AddTable(
      "options", {{"name", "OPTION"}, {"value", "VALUE"}, {"source", "FROM"}, {"where", "WHERE"}, {"default", ""}},
      "every option has its default");
  for (const ConfigOption& option : config.options()) {
    const Explained explained = Explain(config, option.name);
    if (!all && explained.where.empty()) continue;
    options.AddRow({option.name, Shown(option.name, explained.value), explained.source,
                    Cell(explained.where.empty() ? Json() : Json(explained.where), explained.where),
                    Cell(Shown(option.name, option.default_text), "")});
  }
  const std::map<std::string, std::string> properties = config.kafka_properties();
  Table& kafka = context.out().AddTable(
      "kafka_properties", {{"name", "PROPERTY"}, {"value", "VALUE"}, {"source", "FROM"}, {"where", "WHERE"}},
      "no property of librdkafka is set");
  for (const auto& [name, value] : properties) {
    const std::string where = config.WhereProperty(name);
    kafka.AddRow({name, Shown(name, value), SourceOfPlace(where), where});
  }
  Json mistakes = Json::Array();
  if (context.mistakes().empty()) {
    context.out().Add("mistakes", "", mistakes);
    return absl::OkStatus();
  }
  for (const absl::string_view line : absl::StrSplit(context.mistakes(), '\n')) {
    mistakes.Append(std::string(line));
  }
  context.out().Add("mistakes", "", mistakes);
  return absl::InvalidArgumentError(absl::StrCat("with these settings it would not start:\n", context.mistakes()));
}

}  // namespace

std::string WithoutPasswords(const std::string& value) {
  std::string text = value;
  for (size_t scheme = text.find("://"); scheme != std::string::npos; scheme = text.find("://", scheme + 3)) {
    const size_t begin = scheme + 3;
    const size_t end = text.find_first_of("/ ,", begin);
    const size_t at = text.rfind('@', end);
    const size_t colon = text.find(':', begin);
    if (at == std::string::npos || at < begin || colon == std::string::npos || colon > at) continue;
    text.replace(colon + 1, at - colon - 1, kMasked);
  }
  return text;
}

void AddExplainingCommands(Registry* registry) {
  registry->Add({.path = "topology",
                 .summary = "Show the topology: as text, or as a picture for Graphviz or Mermaid.",
                 .options = {{.name = "format",
                              .value_name = "FORMAT",
                              .help = "How. Default: text.",
                              .choices = {"text", "dot", "mermaid"}}},
                 .examples = {"topology", "topology --format=dot | dot -Tsvg > topology.svg", "topology --json"},
                 .run = RunTopology});
  registry->AddGroup("config", "The settings of the application.");
  registry->Add({.path = "config explain",
                 .summary = "List each option's value, and where it came from; passwords and the like are masked.",
                 .description = "It also says what is wrong with them, and then exits with 2, as a start would.",
                 .options = {{.name = "set", .kind = OptionKind::kSwitch, .help = "Only what has not its default."}},
                 .examples = {"config explain --config=/etc/app.properties", "config explain --set --json"},
                 .allows_mistakes = true,
                 .run = RunExplain});
}

}  // namespace once::cli
