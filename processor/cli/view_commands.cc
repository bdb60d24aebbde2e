#include "processor/cli/view_commands.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/cli/context.h"
#include "processor/cli/kept.h"
#include "processor/cli/laid_out.h"
#include "processor/cli/output.h"
#include "processor/cli/shown.h"
#include "processor/operator/lag.h"
#include "processor/operator/state_view.h"

namespace once::cli {

namespace {

absl::Duration Behind(const InputLag& lag, absl::Time now) {
  return lag.waits_since.has_value() ? std::max(now - *lag.waits_since, absl::ZeroDuration()) : absl::ZeroDuration();
}

std::string Remark(const InputLag& lag) {
  if (!lag.problem.empty()) return lag.problem;
  if (lag.is_gone()) return "the next event is not in the log any more: see offsets reset";
  return lag.stable < lag.end ? absl::StrCat(lag.end - lag.stable, " not committed upstream yet") : "";
}

absl::Status RunLag(Context& context) {
  const absl::StatusOr<LaidOut> application = Describe(context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<std::vector<InputLag>> lags =
      ReadLag(application->plan, application->client, application->admin, context.call_timeout());
  if (!lags.ok()) return lags.status();
  const absl::Time now = context.clock().Wall();
  int64_t events = 0;
  absl::Duration longest;
  for (const InputLag& lag : *lags) {
    events += lag.events();
    longest = std::max(longest, Behind(lag, now));
  }
  context.out().Add("events", "lag in events", events);
  context.out().Add("seconds", "behind", Cell(Json(absl::ToDoubleSeconds(longest)), FormatAge(longest)));
  Table& table = context.out().AddTable("inputs",
                                        {{"task_group", "GROUP"},
                                         {"topic", "TOPIC"},
                                         {"partition", "PARTITION", Align::kRight},
                                         {"committed", "COMMITTED", Align::kRight},
                                         {"stable", "STABLE", Align::kRight},
                                         {"end", "END", Align::kRight},
                                         {"events", "LAG", Align::kRight},
                                         {"seconds", "BEHIND", Align::kRight},
                                         {"remark", "REMARK"}},
                                        "the sources have no partitions");
  for (const InputLag& lag : *lags) {
    Cell behind(Json(), "-");
    if (lag.waits_since.has_value()) {
      const absl::Duration age = Behind(lag, now);
      behind = Cell(Json(absl::ToDoubleSeconds(age)), FormatAge(age));
    }
    table.AddRow({application->plan.group(lag.task.group).name, lag.where.topic, lag.where.partition.value(),
                  OffsetCell(lag.committed), lag.stable.value(), lag.end.value(), lag.events(), behind, Remark(lag)});
  }
  return absl::OkStatus();
}

const NodeSpec* FindAggregate(const Graph& graph, const std::string& name) {
  for (const NodeSpec& node : graph.nodes) {
    if (node.kind == NodeKind::kAggregate && node.name == name) return &node;
  }
  return nullptr;
}

// The bytes of a key as somebody has written it, by the codec of the group's lead source.
absl::StatusOr<std::string> KeyBytes(const Plan& plan, uint16_t group, const std::string& text) {
  const SourceSpec& lead = plan.graph->sources[plan.group(group).sources.front()];
  return lead.text_to_key == nullptr ? text : lead.text_to_key(text);
}

std::string KeyText(const Plan& plan, uint16_t group, const std::string& key) {
  const SourceSpec& lead = plan.graph->sources[plan.group(group).sources.front()];
  return lead.key_to_text == nullptr ? Printable(key) : lead.key_to_text(key);
}

// Of one aggregate.
class StateCells {
 public:
  explicit StateCells(const NodeSpec* node) : node_(node) {}

  // What cannot be decoded is shown as it is.
  Cell Of(const std::string& bytes) {
    if (node_->state_json.of_bytes == nullptr) return RawValue(bytes);
    const absl::StatusOr<std::string> json = node_->state_json.of_bytes(bytes);
    if (json.ok()) return Cell(Json::Verbatim(*json));
    if (unreadable_++ == 0) reason_ = std::string(json.status().message());
    return RawValue(bytes);
  }
  void AddNote(Output* out) const {
    if (unreadable_ == 0) return;
    out->AddNote(absl::StrCat(unreadable_ == 1 ? "1 state is none" : absl::StrCat(unreadable_, " states are none"),
                              " of type ", node_->state_type, ", and shown as it is stored: ", reason_));
  }

 private:
  const NodeSpec* const node_;
  int64_t unreadable_ = 0;
  std::string reason_;  // Of the first.
};

// Looked up where that can be, else read through.
absl::StatusOr<std::optional<StateEntry>> FindState(Context& context, uint16_t group, const std::string& aggregate,
                                                    const std::string& key) {
  absl::StatusOr<std::optional<KeptKey>> kept = LookUp(&context, group, aggregate, key);
  if (MustReadThrough(context, kept.status())) {
    const absl::StatusOr<LaidOut> application = Describe(context);
    if (!application.ok()) return application.status();
    return GetState(application->plan, application->client, application->admin, aggregate, key, context.timeout());
  }
  if (!kept.ok()) return kept.status();
  if (!kept->has_value() || !(*kept)->state.has_value()) return std::optional<StateEntry>();
  KeptRecord& record = *(*kept)->state;
  return std::make_optional(StateEntry{.key = key,
                                       .value = std::move(record.value),
                                       .changelog = record.where,
                                       .offset = record.offset,
                                       .timestamp_ms = record.timestamp_ms});
}

absl::Status RunStateGet(Context& context) {
  const Plan plan = MakePlan(context.shared_graph(), context.application_id());
  const std::string aggregate = context.args().Word(0);
  const absl::StatusOr<uint16_t> group = GroupOfAggregate(plan, aggregate);
  if (!group.ok()) return group.status();
  const absl::StatusOr<std::string> key = KeyBytes(plan, *group, context.args().Word(1));
  if (!key.ok()) return absl::InvalidArgumentError(key.status().message());
  const auto found = FindState(context, *group, aggregate, *key);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return absl::NotFoundError(absl::StrCat("aggregate ", aggregate, " has no state of key ",
                                            Printable(context.args().Word(1)), " that is committed"));
  }
  const NodeSpec& node = *FindAggregate(context.graph(), aggregate);
  StateCells cells(&node);
  context.out().Add("key", "key", KeyText(plan, *group, *key));
  context.out().Add("partition", "partition", (*found)->changelog.partition.value());
  context.out().Add("type", "type", node.state_type);
  context.out().Add("state", "state", cells.Of((*found)->value));
  cells.AddNote(&context.out());
  return absl::OkStatus();
}

absl::Status RunStateList(Context& context) {
  constexpr int64_t kMost = 100'000;
  const int64_t limit = context.args().Number("limit", 100);
  if (limit < 1 || limit > kMost) return absl::InvalidArgumentError(absl::StrCat("--limit is not in 1 to ", kMost));
  absl::StatusOr<LaidOut> application = Connect(context);
  if (!application.ok()) return application.status();
  const std::string aggregate = context.args().Word(0);
  const absl::StatusOr<uint16_t> group = GroupOfAggregate(application->plan, aggregate);
  if (!group.ok()) return group.status();
  std::optional<std::string> after;
  if (context.args().Has("after")) {
    const absl::StatusOr<std::string> key = KeyBytes(application->plan, *group, context.args().Text("after"));
    if (!key.ok()) return absl::InvalidArgumentError(key.status().message());
    after = *key;
  }
  application = Describe(context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<StatePage> page = ListState(application->plan, application->client, application->admin,
                                                   aggregate, after, static_cast<size_t>(limit), context.timeout());
  if (!page.ok()) return page.status();
  StateCells cells(FindAggregate(context.graph(), aggregate));
  Table& table =
      context.out().AddTable("entries", {{"key", "KEY"}, {"partition", "PARTITION", Align::kRight}, {"state", "STATE"}},
                             "there is no state that is committed");
  for (const StateEntry& entry : page->entries) {
    table.AddRow(
        {KeyText(application->plan, *group, entry.key), entry.changelog.partition.value(), cells.Of(entry.value)});
  }
  cells.AddNote(&context.out());
  context.out().Add("has_more", "", page->has_more);
  if (page->has_more) {
    context.out().AddNote(absl::StrCat("there are more: go on with --after=",
                                       KeyText(application->plan, *group, page->entries.back().key)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddViewCommands(Registry* registry) {
  registry->Add({.path = "lag",
                 .summary = "Show how far the application is behind its sources, in events and in time.",
                 .examples = {"lag", "lag --watch"},
                 .watches = true,
                 .run = RunLag});
  registry->AddGroup("state", "The state of aggregates, as it is committed.");
  registry->Add({.path = "state get",
                 .summary = "Show the state of one key.",
                 .arguments = {{.name = "AGGREGATE"}, {.name = "KEY"}},
                 .examples = {"state get customer alice"},
                 .watches = true,
                 .run = RunStateGet});
  registry->Add(
      {.path = "state list",
       .summary = "List keys and their state, in the order of the keys' bytes.",
       .description = "Reads the changelog to its end, as a restore does.",
       .arguments = {{.name = "AGGREGATE"}},
       .options = {{.name = "limit",
                    .kind = OptionKind::kNumber,
                    .value_name = "N",
                    .help = "At most so many, 1 to 100,000. Default: 100."},
                   {.name = "after", .value_name = "KEY", .help = "Only keys behind this one: the next page."}},
       .examples = {"state list customer --limit=10", "state list customer --after=alice --json"},
       .run = RunStateList});
}

}  // namespace once::cli
