// A rule is kept by each task for itself. Added, it goes to those that lack it; removed, to those that have it: so a
// command that reached some of them can be given again.
#include "processor/cli/never.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/send_command.h"
#include "processor/cli/sent_before.h"
#include "processor/cli/task_marks.h"

namespace once::cli {

namespace {

struct Asked {
  uint16_t group = 0;
  v1::NeverRule rule = {};
  // Of a place: its task alone may meet it.
  std::optional<Partition> partition = {};
};

absl::Status Wrong() {
  return absl::InvalidArgumentError(
      "say what is meant: event ID, type CE_TYPE, key AGGREGATE KEY, or offset TOPIC-PARTITION-OFFSET");
}

absl::Status ReadPlace(const Context& context, const Shown& shown, const std::string& text, Asked* asked) {
  const absl::StatusOr<TopicPartitionOffset> place = ParseOrigin(text);
  if (!place.ok()) return place.status();
  const SourceSpec* const source = shown.SourceOfTopic(place->where.topic);
  if (source == nullptr) {
    std::vector<std::string> topics;
    for (const SourceSpec& each : context.graph().sources) topics.push_back(each.topic);
    return absl::InvalidArgumentError(absl::StrCat("no source reads topic \"", Printable(place->where.topic),
                                                   "\"; they read: ", absl::StrJoin(topics, ", ")));
  }
  const absl::StatusOr<uint16_t> group = shown.FindGroup(source->name);
  if (!group.ok()) return group.status();
  asked->group = *group;
  asked->partition = place->where.partition;
  asked->rule.mutable_place()->set_topic(place->where.topic);
  asked->rule.mutable_place()->set_offset(place->offset.value());
  return absl::OkStatus();
}

absl::StatusOr<Asked> ReadRule(const Context& context, const Shown& shown) {
  const std::vector<std::string>& words = context.args().words();
  Asked asked;
  const std::string& kind = words[0];
  if (words.size() != (kind == "key" ? 3u : 2u) || words[1].empty()) return Wrong();
  if (kind == "key") {
    const absl::StatusOr<uint16_t> group = shown.FindGroup(words[1]);
    if (!group.ok()) return group.status();
    absl::StatusOr<std::string> key = shown.KeyBytes(*group, words[2]);
    if (!key.ok()) return key.status();
    asked.group = *group;
    asked.rule.set_key(*std::move(key));
    return asked;
  }
  if (kind == "offset") {
    if (absl::Status place = ReadPlace(context, shown, words[1], &asked); !place.ok()) return place;
    return asked;
  }
  if (kind != "event" && kind != "type") return Wrong();
  const absl::StatusOr<uint16_t> group = shown.FindOnlyGroup(context.args().Text("group"));
  if (!group.ok()) return group.status();
  asked.group = *group;
  if (kind == "event") {
    asked.rule.set_event_id(words[1]);
  } else {
    asked.rule.set_event_type(words[1]);
  }
  return asked;
}

bool Has(const TaskMarks& task, const v1::NeverRule& rule) {
  for (const v1::NeverRuleAdded& each : task.rules) {
    if (each.rule().SerializeAsString() == rule.SerializeAsString()) return true;
  }
  return false;
}

// The tasks that have the rule, or that lack it.
absl::StatusOr<std::vector<Partition>> TasksWith(Context* context, const Asked& asked, bool have_it) {
  const absl::StatusOr<std::vector<TaskMarks>> tasks = ReadTaskMarks(context, asked.group);
  if (!tasks.ok()) return tasks.status();
  std::vector<Partition> partitions;
  for (size_t p = 0; p < tasks->size(); ++p) {
    const Partition partition(static_cast<int32_t>(p));
    if (asked.partition.has_value() && *asked.partition != partition) continue;
    if (Has((*tasks)[p], asked.rule) == have_it) partitions.push_back(partition);
  }
  if (asked.partition.has_value() && asked.partition->value() >= static_cast<int32_t>(tasks->size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no partition ", asked.partition->value(), "; there are 0 to ", tasks->size() - 1));
  }
  return partitions;
}

std::string Tasks(const std::vector<Partition>& partitions) {
  return Count(static_cast<int64_t>(partitions.size()), "task");
}

absl::Status RunAdd(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Asked> asked = ReadRule(context, shown);
  if (!asked.ok()) return asked.status();
  const auto partitions = TasksWith(&context, *asked, /*have_it=*/false);
  if (!partitions.ok()) return partitions.status();
  const std::string text = PlainText(RuleText(asked->rule, shown, asked->group));
  if (partitions->empty()) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a rule for ", text, " already, in each task; nothing was sent"));
  }
  absl::Status confirmed =
      context.Confirm(absl::StrCat("never process what matches ", text, ", in ", Tasks(*partitions), " of ",
                                   context.graph().groups[asked->group].name),
                      {.tasks = static_cast<int64_t>(partitions->size())});
  if (!confirmed.ok()) return confirmed;
  v1::Command command;
  *command.mutable_never_add()->mutable_rule() = asked->rule;
  return SendCommand(&context, asked->group, *partitions, std::move(command));
}

absl::Status RunRemove(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Asked> asked = ReadRule(context, shown);
  if (!asked.ok()) return asked.status();
  const auto partitions = TasksWith(&context, *asked, /*have_it=*/true);
  if (!partitions.ok()) return partitions.status();
  const std::string text = PlainText(RuleText(asked->rule, shown, asked->group));
  if (partitions->empty()) {
    return absl::NotFoundError(absl::StrCat("there is no rule for ", text, ". `never list` shows which there are"));
  }
  absl::Status confirmed =
      context.Confirm(absl::StrCat("process again what comes and matches ", text, ", in ", Tasks(*partitions)),
                      {.tasks = static_cast<int64_t>(partitions->size())});
  if (!confirmed.ok()) return confirmed;
  v1::Command command;
  *command.mutable_never_remove()->mutable_rule() = asked->rule;
  return SendCommand(&context, asked->group, *partitions, std::move(command));
}

// A rule, and the tasks that have it.
struct Shared {
  v1::NeverRuleAdded first = {};
  std::vector<Partition> partitions = {};
};

absl::Status ListGroup(Context* context, const Shown& shown, uint16_t group, Table* table) {
  const absl::StatusOr<std::vector<TaskMarks>> tasks = ReadTaskMarks(context, group);
  if (!tasks.ok()) return tasks.status();
  std::map<std::string, Shared> rules;
  for (size_t p = 0; p < tasks->size(); ++p) {
    for (const v1::NeverRuleAdded& rule : (*tasks)[p].rules) {
      Shared& shared = rules[rule.rule().SerializeAsString()];
      if (shared.partitions.empty()) shared.first = rule;
      shared.partitions.emplace_back(static_cast<int32_t>(p));
    }
  }
  for (const auto& [bytes, shared] : rules) {
    const auto [kind, value] = RuleWords(shared.first.rule(), shown, group);
    Json partitions = Json::Array();
    for (const Partition partition : shared.partitions) partitions.Append(partition.value());
    // A rule for one place is meant for one task.
    const bool is_everywhere = shared.partitions.size() == tasks->size() || shared.first.rule().has_place();
    const std::string where = is_everywhere ? "all" : absl::StrCat(shared.partitions.size(), " of ", tasks->size());
    const std::string since = FormatMoment(absl::FromUnixMillis(shared.first.time_ms()));
    table->AddRow({context->graph().groups[group].name, kind, value, Cell(std::move(partitions), where), since,
                   shared.first.issuer(), shared.first.reason()});
  }
  return absl::OkStatus();
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  Table& table = context.out().AddTable("rules",
                                        {{"group", "GROUP"},
                                         {"kind", "KIND"},
                                         {"value", "VALUE"},
                                         {"partitions", "TASKS"},
                                         {"since", "SINCE"},
                                         {"issuer", "BY"},
                                         {"reason", "BECAUSE"}},
                                        "there are no rules");
  for (uint16_t g = 0; g < context.graph().groups.size(); ++g) {
    if (context.args().Has("group") && context.graph().groups[g].name != context.args().Text("group")) continue;
    if (absl::Status listed = ListGroup(&context, shown, g, &table); !listed.ok()) return listed;
  }
  if (!context.args().Has("group")) return absl::OkStatus();
  return shown.FindOnlyGroup(context.args().Text("group")).status();
}

std::vector<OptionSpec> GroupOption() {
  return {{.name = "group", .value_name = "NAME", .help = "The task group, where there are several."}};
}

}  // namespace

void AddNeverCommands(Registry* registry) {
  registry->AddGroup("never", "Rules for events that are never processed: they end, and block nothing.");
  const std::vector<ArgumentSpec> rule = {{.name = "event|type|key|offset"}, {.name = "VALUE", .repeats = true}};
  registry->Add({.path = "never add",
                 .summary = "Add a rule: what matches it ends as NEVER_PROCESSED, also what waits now.",
                 .description = "`event ID`, `type CE_TYPE`, `key AGGREGATE KEY`, or `offset TOPIC-PARTITION-OFFSET`.",
                 .arguments = rule,
                 .options = GroupOption(),
                 .examples = {"never add event 4711 --because='sent by mistake' --yes",
                              "never add key customer alice --yes", "never add offset orders-0-17 --yes"},
                 .changes = true,
                 .commands_application = true,
                 .run = OrSentBefore(RunAdd)});
  registry->Add({.path = "never list",
                 .summary = "List the rules, who added them, and in which tasks they hold.",
                 .options = GroupOption(),
                 .examples = {"never list", "never list --json"},
                 .watches = true,
                 .run = RunList});
  registry->Add({.path = "never remove",
                 .summary = "Remove a rule; what has ended by it stays so.",
                 .description = "Named as for `never add`.",
                 .arguments = rule,
                 .options = GroupOption(),
                 .examples = {"never remove event 4711 --yes"},
                 .changes = true,
                 .commands_application = true,
                 .run = OrSentBefore(RunRemove)});
}

}  // namespace once::cli
