// What waits, and behind what.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"
#include "processor/cli/parked.h"

namespace once::cli {

namespace {

constexpr int64_t kPage = 50;
constexpr int64_t kEventsShown = 20;

Cell AgeCell(absl::Duration age) { return {Json(absl::ToInt64Seconds(age)), FormatAge(age)}; }

Json MomentJson(int64_t unix_ms) { return unix_ms <= 0 ? Json() : Json(FormatMoment(absl::FromUnixMillis(unix_ms))); }

std::vector<Column> ListColumns() {
  return {{"aggregate", "AGGREGATE"},
          {"key", "KEY"},
          {"partition", "PARTITION", Align::kRight},
          {"state", "STATE"},
          {"reason", "REASON"},
          {"age_seconds", "AGE", Align::kRight},
          {"waiting_behind", "BEHIND", Align::kRight},
          {"event_id", "EVENT"},
          {"event_type", "TYPE"},
          {"origin", "ORIGIN"},
          {"attempts", "ATTEMPTS", Align::kRight},
          {"failed_at", ""},
          {"retry_at", ""},
          {"message", "MESSAGE"}};
}

void AddQueue(const Context& context, const Shown& shown, const Waiting& queue, Table* table) {
  const v1::AggregateStatus& status = queue.status;
  const bool retries = status.state() == v1::AggregateStatus::RETRYING;
  Cell key = queue.key.has_value() ? Cell(shown.KeyText(queue.group, *queue.key)) : Cell(Json(), "(none)");
  table->AddRow({shown.NameOfGroup(queue.group), std::move(key), queue.partition.value(), StateName(queue),
                 status.reason(), AgeCell(AgeOf(queue, context.clock().Wall())),
                 std::max<int64_t>(queue.events() - 1, 0), status.blocking_event_id(), queue.head_type,
                 queue.HeadOrigin(), status.attempts(), Cell(MomentJson(status.first_failure_time_ms()), ""),
                 Cell(retries ? MomentJson(status.retry_at_ms()) : Json(), ""), status.message()});
}

// Where the page begins: behind this key of its group, or this event without one.
absl::StatusOr<std::optional<Waiting>> AskedBegin(const Context& context, const Shown& shown, uint16_t group) {
  const Arguments& args = context.args();
  Waiting begin{.group = group};
  if (args.Has("after")) {
    absl::StatusOr<std::string> key = shown.KeyBytes(group, args.Text("after"));
    if (!key.ok()) return key.status();
    begin.key = *std::move(key);
    // Behind all partitions that may have it.
    begin.partition = Partition(INT32_MAX);
    return begin;
  }
  if (!args.Has("after_event")) return std::nullopt;
  absl::StatusOr<TopicPartitionOffset> place = ParseOrigin(args.Text("after_event"));
  if (!place.ok()) return place.status();
  begin.topic = place->where.topic;
  begin.offset = place->offset.value();
  begin.partition = place->where.partition;
  return begin;
}

// What a page has no room for, of one group.
struct Rest {
  uint16_t group = 0;
  int64_t left = 0;
  std::optional<Waiting> last = {};  // Behind which it goes on; nothing: from its beginning.
};

struct Page {
  int64_t blocked = 0;
  int64_t events = 0;
  std::vector<Waiting> queues = {};
  std::vector<Rest> rests = {};  // Of groups that have one.
};

absl::Status AddGroup(Context* context, const Shown& shown, uint16_t group, int64_t limit, Page* page) {
  const auto partition = AskedPartition(*context);
  if (!partition.ok()) return partition.status();
  const auto begin = AskedBegin(*context, shown, group);
  if (!begin.ok()) return begin.status();
  absl::StatusOr<std::vector<Waiting>> all = ReadWaiting(context, {.group = group, .partition = *partition});
  if (!all.ok()) return all.status();
  Rest rest{.group = group, .last = *begin};
  for (Waiting& queue : *all) {
    if (!IsSelected(*context, queue)) continue;
    ++page->blocked;
    page->events += queue.events();
    if (begin->has_value() && !(**begin < queue)) continue;
    // A key that waits in two partitions is not parted.
    const bool is_same = rest.left == 0 && queue.key.has_value() && !page->queues.empty() &&
                         page->queues.back().group == group && page->queues.back().key == queue.key;
    if (static_cast<int64_t>(page->queues.size()) >= limit && !is_same) {
      ++rest.left;
    } else {
      rest.last = queue;
      page->queues.push_back(std::move(queue));
    }
  }
  if (rest.left > 0) page->rests.push_back(std::move(rest));
  return absl::OkStatus();
}

// Where each group goes on, for scripts, and as a command line for people.
void AddNext(Context* context, const Shown& shown, const std::vector<Rest>& rests) {
  Json next = Json::Array();
  for (const Rest& rest : rests) {
    const std::string& group = context->graph().groups[rest.group].name;
    Json page = Json::Object().Set("aggregate", group).Set("left", rest.left);
    std::string line = absl::StrCat("parked list ", ShellQuoted(group));
    if (rest.last.has_value()) {
      const Waiting& last = *rest.last;
      const std::string option = last.key.has_value() ? "after" : "after_event";
      const std::string place = last.key.has_value() ? shown.KeyText(last.group, *last.key)
                                                     : ToString({last.topic, last.partition}, Offset(last.offset));
      page.Set(option, place);
      absl::StrAppend(&line, " --", option, "=", ShellQuoted(place));
    }
    for (const char* option : {"reason", "type", "older_than", "state", "partition", "limit"}) {
      if (!context->args().Has(option)) continue;
      absl::StrAppend(&line, " --", option, "=", ShellQuoted(context->args().Text(option)));
    }
    next.Append(std::move(page));
    context->out().AddText(absl::StrCat(rest.left, " more: ", line, "\n"));
  }
  context->out().Add("next", "", std::move(next));
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  std::vector<uint16_t> groups;
  if (context.args().words().empty()) {
    for (uint16_t g = 0; g < context.graph().groups.size(); ++g) groups.push_back(g);
  } else {
    const absl::StatusOr<uint16_t> group = shown.FindGroup(context.args().Word(0));
    if (!group.ok()) return group.status();
    groups = {*group};
  }
  if (groups.size() > 1 && (context.args().Has("after") || context.args().Has("after_event"))) {
    return absl::InvalidArgumentError("pages go on within one task group: name an aggregate of it as well");
  }
  int64_t limit = context.args().Number("limit", kPage);
  if (limit == 0) limit = INT64_MAX;
  Page page;
  for (const uint16_t group : groups) {
    if (absl::Status added = AddGroup(&context, shown, group, limit, &page); !added.ok()) return added;
  }
  context.out().Add("blocked", "blocked", page.blocked);
  context.out().Add("events", "events that wait", page.events);
  Table& table = context.out().AddTable("parked", ListColumns(),
                                        page.blocked == 0 ? "nothing is blocked" : "there is nothing more");
  for (const Waiting& queue : page.queues) AddQueue(context, shown, queue, &table);
  AddNext(&context, shown, page.rests);
  return absl::OkStatus();
}

void AddStatus(const Context& context, const Shown& shown, const Waiting& queue, Output* out) {
  const v1::AggregateStatus& status = queue.status;
  out->Add("aggregate", "aggregate", shown.NameOfGroup(queue.group));
  out->Add("key", "key", queue.key.has_value() ? Cell(shown.KeyText(queue.group, *queue.key)) : Cell(Json(), "(none)"));
  out->Add("task", "task", absl::StrCat(context.graph().groups[queue.group].name, "/", queue.partition.value()));
  out->Add("state", "state", StateName(queue));
  out->Add("reason", "reason", status.reason());
  out->Add("message", "message", status.message());
  out->Add("event_id", "blocked by event", status.blocking_event_id());
  out->Add("attempts", "attempts", status.attempts());
  out->Add("failed_at", "failed first",
           Cell(MomentJson(status.first_failure_time_ms()),
                absl::StrCat(MomentJson(status.first_failure_time_ms()).ToPlainText(), " (",
                             FormatAge(AgeOf(queue, context.clock().Wall())), " ago)")));
  if (status.state() == v1::AggregateStatus::RETRYING) {
    out->Add("retry_at", "next attempt", MomentJson(status.retry_at_ms()));
  }
  if (status.state() == v1::AggregateStatus::DRAINING && status.discard_below() > status.head_sequence()) {
    out->Add("discarding", "is being discarded", static_cast<int64_t>(status.discard_below() - status.head_sequence()));
  }
  out->Add("events", "events that wait", queue.events());
}

void AddEvent(const Shown& shown, uint64_t place, const v1::ParkedEvent& event, Output* out, Json* array) {
  const SourceSpec* const source = shown.SourceOfTopic(event.topic());
  std::vector<std::pair<std::string, OptionalBytes>> headers;
  OptionalBytes ce_type, ce_id, kept;
  for (const v1::Header& header : event.headers()) {
    const OptionalBytes value = header.has_value() ? OptionalBytes(header.value()) : std::nullopt;
    headers.emplace_back(header.name(), value);
    if (header.name() == "ce_type") ce_type = value;
    if (header.name() == "ce_id") ce_id = value;
    if (header.name() == kKeptHeader) kept = value;
  }
  const std::string origin = ToString({event.topic(), Partition(event.partition())}, Offset(event.offset()));
  const std::string id = ce_id.has_value() ? std::string(*ce_id) : origin;
  const std::string type = source == nullptr ? std::string(ce_type.value_or("")) : shown.TypeOf(*source, ce_type);
  const Cell value =
      event.omitted()
          ? Cell(Json(), "(too large to be kept: it is at its origin)")
          : shown.Value(source, type, event.has_value() ? OptionalBytes(event.value()) : std::nullopt, kept);
  Json json = Json::Object();
  json.Set("place", place).Set("event_id", id).Set("event_type", type).Set("origin", origin);
  json.Set("time", MomentJson(event.timestamp_ms())).Set("parked_at", MomentJson(event.parked_time_ms()));
  json.Set("headers", HeadersJson(headers)).Set("value", value.json).Set("omitted", event.omitted());
  array->Append(std::move(json));
  out->AddText(PlainText(absl::StrCat(place, ". event ", id, type.empty() ? "" : absl::StrCat(", ", type), ", from ",
                                      origin, ", of ", MomentJson(event.timestamp_ms()).ToPlainText(), "\n",
                                      HeadersJson(headers).ToString(), "\n", value.text, "\n")));
}

absl::Status RunShow(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  AddStatus(context, shown, *queue, &context.out());
  const auto skipped = static_cast<uint64_t>(context.args().Number("after", 0));
  const auto limit = static_cast<uint64_t>(context.args().Number("limit", kEventsShown));
  const uint64_t head = queue->status.head_sequence();
  Json events = Json::Array();
  const absl::Status read =
      ReadQueue(&context, *queue, head + skipped, limit, [&](uint64_t sequence, const v1::ParkedEvent& event) {
        AddEvent(shown, sequence - head + 1, event, &context.out(), &events);
      });
  if (!read.ok()) return read;
  context.out().Add("queue", "", events);
  const int64_t left = queue->events() - static_cast<int64_t>(skipped + limit);
  if (left > 0) {
    context.out().AddText(absl::StrCat(left, " more behind them: --after=", skipped + limit, "\n"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddParkedViews(Registry* registry) {
  std::vector<OptionSpec> list = SelectionOptions();
  list.push_back({.name = "state",
                  .value_name = "STATE",
                  .help = "Those in this state only.",
                  .choices = {"parked", "retrying", "draining"}});
  list.push_back({.name = "partition", .kind = OptionKind::kNumber, .value_name = "N", .help = "That task alone."});
  list.push_back({.name = "limit",
                  .kind = OptionKind::kNumber,
                  .value_name = "N",
                  .help = "So many on a page; 0: all. Default: 50."});
  list.push_back({.name = "after", .value_name = "KEY", .help = "The page that begins behind this key."});
  list.push_back({.name = "after_event",
                  .value_name = "TOPIC-PARTITION-OFFSET",
                  .help = "The same, behind this event without a key."});
  registry->Add({.path = "parked list",
                 .summary = "List blocked aggregates: by which event, why, since when, and how many wait behind it.",
                 .description =
                     "PARKED: the head has failed for good. RETRYING: it waits for another attempt. DRAINING: "
                     "what waits is being run. In the order of keys, task group by task group, in pages; of each group "
                     "that has more it says how to go on.",
                 .arguments = {{.name = "AGGREGATE", .is_optional = true}},
                 .options = std::move(list),
                 .examples = {"parked list --bootstrap_servers=kafka-1:9092",
                              "parked list customer --reason=INVALID_ARGUMENT --older_than=1h",
                              "parked list --json --limit=0", "parked list --watch=5"},
                 .watches = true,
                 .run = RunList});
  std::vector<OptionSpec> show = QueueOptions();
  show.push_back(
      {.name = "limit", .kind = OptionKind::kNumber, .value_name = "N", .help = "So many of its events. Default: 20."});
  show.push_back(
      {.name = "after", .kind = OptionKind::kNumber, .value_name = "N", .help = "Those behind the first N."});
  registry->Add({.path = "parked show",
                 .summary = "Show a blocked aggregate: what blocks it, and the events that wait, decoded.",
                 .arguments = QueueArguments(),
                 .options = std::move(show),
                 .examples = {"parked show customer alice", "parked show --event=orders-0-17",
                              "parked show customer alice --json"},
                 .watches = true,
                 .run = RunShow});
}

}  // namespace once::cli
