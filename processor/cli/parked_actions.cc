// What is done about queues. Each command is for the event that heads the queue now: another one's is refused.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/parked.h"
#include "processor/cli/send_command.h"
#include "processor/cli/sent_before.h"

namespace once::cli {

namespace {

// Of the command beside a value: its ID, texts and key are small.
constexpr int64_t kCommandBytes = 16 * 1024;

v1::Target TargetOf(const Context& context, const Waiting& queue) {
  v1::Target target;
  if (queue.key.has_value()) {
    target.set_key(*queue.key);
  } else {
    target.mutable_place()->set_topic(queue.topic);
    target.mutable_place()->set_offset(queue.offset);
  }
  // Unless somebody says otherwise: the one that was seen, and asked about.
  target.set_blocked_by(context.args().Text("blocked_by", queue.status.blocking_event_id()));
  return target;
}

// "the event 7 (acme.Order) that blocks customer alice (INVALID_ARGUMENT: no cents)".
std::string HeadText(const Shown& shown, const Waiting& queue) {
  const std::string type = queue.head_type.empty() ? "" : absl::StrCat(" (", queue.head_type, ")");
  return PlainText(absl::StrCat("event ", queue.status.blocking_event_id(), type, ", which blocks ",
                                NameOfQueue(shown, queue), " (", queue.status.reason(), ": ", queue.status.message(),
                                ")"));
}

std::string Behind(const Waiting& queue) {
  return absl::StrCat("; ", Count(std::max<int64_t>(queue.events() - 1, 0), "event"), " behind it");
}

Touched TouchedBy(const Waiting& queue) { return {.aggregates = 1, .events = queue.events()}; }

absl::Status SendToQueue(Context* context, const Waiting& queue, v1::Command command) {
  return SendCommand(context, queue.group, {queue.partition}, std::move(command));
}

// --all: where what is selected waits, and the selection.
struct Selected {
  uint16_t group = 0;
  std::vector<Partition> partitions = {};
  int64_t queues = 0;
  int64_t events = 0;
  v1::Selection selection = {};
};

Touched TouchedBy(const Selected& selected) { return {.aggregates = selected.queues, .events = selected.events}; }

absl::StatusOr<Selected> FindSelected(Context* context, const Shown& shown, v1::AggregateStatus::State state) {
  const Arguments& args = context->args();
  Selected selected;
  for (const char* option : {"event", "blocked_by"}) {
    if (!args.Has(option)) continue;
    return absl::InvalidArgumentError(absl::StrCat("--", option, " names one queue: leave it out with --all"));
  }
  if (args.words().size() > 1) {
    return absl::InvalidArgumentError("--all is for all keys: name the aggregate alone, or none");
  }
  const absl::StatusOr<uint16_t> group = args.words().empty() ? shown.FindOnlyGroup("") : shown.FindGroup(args.Word(0));
  if (!group.ok()) {
    return args.words().empty() ? absl::InvalidArgumentError(
                                      "the application has several task groups: name an aggregate of"
                                      " the one that is meant")
                                : group.status();
  }
  selected.group = *group;
  const auto partition = AskedPartition(*context);
  if (!partition.ok()) return partition.status();
  const absl::StatusOr<std::vector<Waiting>> all = ReadWaiting(context, {.group = *group, .partition = *partition});
  if (!all.ok()) return all.status();
  for (const Waiting& queue : *all) {
    if (queue.status.state() != state || !IsSelected(*context, queue)) continue;
    ++selected.queues;
    selected.events += queue.events();
    std::vector<Partition>& partitions = selected.partitions;
    if (std::find(partitions.begin(), partitions.end(), queue.partition) == partitions.end()) {
      partitions.push_back(queue.partition);
    }
  }
  if (selected.queues == 0) {
    return absl::NotFoundError(
        "nothing that waits is meant by that. `parked list`, with the same options, shows what is");
  }
  std::sort(selected.partitions.begin(), selected.partitions.end());
  selected.selection.set_reason(absl::AsciiStrToUpper(args.Text("reason")));
  selected.selection.set_event_type(args.Text("type"));
  selected.selection.set_min_age_ms(absl::ToInt64Milliseconds(args.Duration("older_than", absl::ZeroDuration())));
  selected.selection.set_per_second(static_cast<uint32_t>(std::min<int64_t>(args.Number("per_second", 0), UINT32_MAX)));
  return selected;
}

absl::Status CheckSelectionIsAsked(const Context& context) {
  for (const char* option : {"reason", "type", "older_than", "per_second"}) {
    if (context.args().Has(option)) {
      return absl::InvalidArgumentError(absl::StrCat("--", option, " is for --all: say that too, or leave it out"));
    }
  }
  return absl::OkStatus();
}

absl::Status RunRelease(Context& context) {
  const Shown shown(&context.graph());
  v1::Command command;
  if (context.args().Switch("all")) {
    absl::StatusOr<Selected> selected = FindSelected(&context, shown, v1::AggregateStatus::PARKED);
    if (!selected.ok()) return selected.status();
    absl::Status confirmed =
        context.Confirm(absl::StrCat("release ", Count(selected->queues, "blocked aggregate"), " of ",
                                     shown.NameOfGroup(selected->group), ", with ", Count(selected->events, "event")),
                        TouchedBy(*selected));
    if (!confirmed.ok()) return confirmed;
    *command.mutable_release()->mutable_all() = selected->selection;
    return SendCommand(&context, selected->group, selected->partitions, std::move(command));
  }
  if (absl::Status asked = CheckSelectionIsAsked(context); !asked.ok()) return asked;
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  if (absl::Status confirmed =
          context.Confirm(absl::StrCat("run again ", HeadText(shown, *queue), Behind(*queue)), TouchedBy(*queue));
      !confirmed.ok()) {
    return confirmed;
  }
  *command.mutable_release()->mutable_target() = TargetOf(context, *queue);
  return SendToQueue(&context, *queue, std::move(command));
}

absl::Status RunRetry(Context& context) {
  const Shown shown(&context.graph());
  v1::Command command;
  if (context.args().Switch("all")) {
    absl::StatusOr<Selected> selected = FindSelected(&context, shown, v1::AggregateStatus::RETRYING);
    if (!selected.ok()) return selected.status();
    absl::Status confirmed = context.Confirm(
        absl::StrCat("try at once what ", Count(selected->queues, "queue"), " of ", shown.NameOfGroup(selected->group),
                     selected->queues == 1 ? " waits" : " wait", " to try again"),
        TouchedBy(*selected));
    if (!confirmed.ok()) return confirmed;
    *command.mutable_retry_now()->mutable_all() = selected->selection;
    return SendCommand(&context, selected->group, selected->partitions, std::move(command));
  }
  if (absl::Status asked = CheckSelectionIsAsked(context); !asked.ok()) return asked;
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  if (absl::Status confirmed =
          context.Confirm(absl::StrCat("try at once ", HeadText(shown, *queue), Behind(*queue)), TouchedBy(*queue));
      !confirmed.ok()) {
    return confirmed;
  }
  *command.mutable_retry_now()->mutable_target() = TargetOf(context, *queue);
  return SendToQueue(&context, *queue, std::move(command));
}

absl::Status RunSkip(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  absl::Status confirmed =
      context.Confirm(absl::StrCat("end, unprocessed, ", HeadText(shown, *queue), Behind(*queue), " will be processed"),
                      TouchedBy(*queue));
  if (!confirmed.ok()) return confirmed;
  v1::Command command;
  *command.mutable_skip()->mutable_target() = TargetOf(context, *queue);
  return SendToQueue(&context, *queue, std::move(command));
}

absl::Status RunDiscard(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  absl::Status confirmed = context.Confirm(absl::StrCat("end, unprocessed, all ", Count(queue->events(), "event"),
                                                        " that wait, beginning with ", HeadText(shown, *queue)),
                                           TouchedBy(*queue));
  if (!confirmed.ok()) return confirmed;
  v1::Command command;
  *command.mutable_discard()->mutable_target() = TargetOf(context, *queue);
  return SendToQueue(&context, *queue, std::move(command));
}

// The value that was asked for, as bytes of the head's type; nothing: null.
absl::StatusOr<std::optional<std::string>> NewValue(Context* context, const Shown& shown, const Waiting& queue) {
  const Arguments& args = context->args();
  if (args.Has("value") == args.Switch("null")) {
    return absl::InvalidArgumentError(
        "say what it is replaced by: --value=FILE, --value=- (the standard input), or --null");
  }
  if (args.Switch("null")) return std::nullopt;
  const absl::StatusOr<std::string> text = context->environment().read_file(args.Text("value"));
  if (!text.ok()) return text.status();
  if (args.Switch("raw")) return *text;
  const SourceSpec* const source = shown.SourceOfTopic(queue.head_topic);
  if (source == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("event ", PlainText(queue.status.blocking_event_id()),
                                                      " is of topic \"", Printable(queue.head_topic),
                                                      "\", which no source reads; --raw takes the value's bytes"));
  }
  const OptionalBytes ce_type = queue.head_type.empty() ? std::nullopt : OptionalBytes(queue.head_type);
  const std::string type = shown.TypeOf(*source, ce_type);
  const JsonForm* const form = shown.FormOf(*source, type);
  if (form == nullptr || !form->to_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("event ", PlainText(queue.status.blocking_event_id()), " is of type \"", Printable(type),
                     "\", which no handler of source ", source->name, " takes; --raw takes the value's bytes"));
  }
  absl::StatusOr<std::string> bytes = form->to_bytes(*text);
  if (bytes.ok()) return *std::move(bytes);
  return absl::InvalidArgumentError(absl::StrCat("the value is none of event type ", type,
                                                 ", so nothing was sent: ", std::string(bytes.status().message())));
}

// E7, as far as it can be told from here; the task looks again.
absl::Status CheckSize(Context* context, uint16_t group, size_t bytes) {
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  const TaskGroupSpec& spec = context->graph().groups[group];
  for (const std::string& topic :
       {ControlTopic(context->application_id(), spec), ChangelogTopic(context->application_id(), spec)}) {
    const auto description = (*admin)->DescribeTopic(topic, context->call_timeout());
    if (!description.ok()) continue;
    const auto setting = description->settings.find("max.message.bytes");
    int64_t limit = 0;
    if (setting == description->settings.end() || !absl::SimpleAtoi(setting->second, &limit)) continue;
    if (static_cast<int64_t>(bytes) + kCommandBytes <= limit) continue;
    return absl::OutOfRangeError(absl::StrCat("the value has ", bytes, " bytes, and ", topic, " takes ", limit,
                                              " (max.message.bytes), of which ", kCommandBytes,
                                              " are kept for what goes with it; nothing was sent"));
  }
  return absl::OkStatus();
}

absl::Status RunReplace(Context& context) {
  const Shown shown(&context.graph());
  const absl::StatusOr<Waiting> queue = FindQueue(&context, shown);
  if (!queue.ok()) return queue.status();
  const absl::StatusOr<std::optional<std::string>> value = NewValue(&context, shown, *queue);
  if (!value.ok()) return value.status();
  if (absl::Status fits = CheckSize(&context, queue->group, value->value_or("").size()); !fits.ok()) return fits;
  const bool releases = context.args().Switch("release");
  absl::Status confirmed =
      context.Confirm(absl::StrCat("replace the value of ", HeadText(shown, *queue), ", by ",
                                   value->has_value() ? Count(static_cast<int64_t>((*value)->size()), "byte") : "null",
                                   releases ? ", and run it" : ""),
                      TouchedBy(*queue));
  if (!confirmed.ok()) return confirmed;
  v1::Command command;
  v1::Replace* const replace = command.mutable_replace();
  *replace->mutable_target() = TargetOf(context, *queue);
  if (value->has_value()) replace->set_value(**value);
  replace->set_release(releases);
  return SendToQueue(&context, *queue, std::move(command));
}

RunsCommand OneOrAll(const RunsCommand& run) {
  return [one = UnlessSentBefore(run), all = OrSentBefore(run)](Context& context) {
    return context.args().Switch("all") ? all(context) : one(context);
  };
}

OptionSpec BlockedBy() {
  return {.name = "blocked_by",
          .value_name = "EVENT",
          .help =
              "The event that is meant to block, by its ID: if another one does by now, the command is refused. "
              "Default: the one that blocks when the command is given."};
}

std::vector<OptionSpec> ManyOptions() {
  std::vector<OptionSpec> options = QueueOptions();
  options.push_back(BlockedBy());
  options.push_back({.name = "all",
                     .kind = OptionKind::kSwitch,
                     .help = "Instead of one key: all of the aggregate, or of those that the next options select."});
  for (OptionSpec& option : SelectionOptions()) options.push_back(std::move(option));
  options.push_back({.name = "per_second",
                     .kind = OptionKind::kNumber,
                     .value_name = "N",
                     .help = "With --all: at most so many keys a second, in each task. Default: as fast as it goes."});
  return options;
}

std::vector<OptionSpec> OneOptions() {
  std::vector<OptionSpec> options = QueueOptions();
  options.push_back(BlockedBy());
  return options;
}

void AddReplace(Registry* registry) {
  std::vector<OptionSpec> replace = OneOptions();
  replace.push_back(
      {.name = "value",
       .value_name = "FILE",
       .help = "The new value as JSON of the event's type; of \"-\", the standard input. It is checked before "
               "anything is sent."});
  replace.push_back({.name = "raw",
                     .kind = OptionKind::kSwitch,
                     .help = "The file has the value's bytes as they are, and nothing is checked."});
  replace.push_back(
      {.name = "null", .kind = OptionKind::kSwitch, .help = "Instead of --value: the event gets no value."});
  replace.push_back(
      {.name = "release", .kind = OptionKind::kSwitch, .help = "Run it then. Without it, it waits for a release."});
  registry->Add({.path = "parked replace",
                 .summary = "Give the event that blocks another value; its key, headers, ID and place stay.",
                 .description = "The audit has hashes of both values, and neither value.",
                 .arguments = QueueArguments(),
                 .options = std::move(replace),
                 .examples = {"parked replace customer alice --value=order.json --release --yes",
                              "parked replace customer alice --value=- --yes < order.json"},
                 .changes = true,
                 .commands_application = true,
                 .run = UnlessSentBefore(RunReplace)});
}

}  // namespace

void AddParkedActions(Registry* registry) {
  registry->Add(
      {.path = "parked release",
       .summary = "Run what is blocked again, in order, beginning with the event that failed.",
       .description = "Newer events queue behind while it drains. If the head fails again the rest stays as it is.",
       .arguments = QueueArguments(),
       .options = ManyOptions(),
       .examples = {"parked release customer alice --because='ticket 7: mended' --yes",
                    "parked release --all --reason=UNAVAILABLE --per_second=100 --yes"},
       .changes = true,
       .commands_application = true,
       .run = OneOrAll(RunRelease)});
  registry->Add({.path = "parked retry",
                 .summary = "Make the next attempt at an event that waits for one at once.",
                 .arguments = QueueArguments(),
                 .options = ManyOptions(),
                 .examples = {"parked retry customer alice --yes", "parked retry --all --yes"},
                 .changes = true,
                 .commands_application = true,
                 .run = OneOrAll(RunRetry)});
  registry->Add({.path = "parked skip",
                 .summary = "End the event that blocks, unprocessed; those behind it are processed.",
                 .description = "It leaves a dead letter, SKIPPED, which can be sent back to its source later.",
                 .arguments = QueueArguments(),
                 .options = OneOptions(),
                 .examples = {"parked skip customer alice --because='wrong currency' --yes"},
                 .changes = true,
                 .commands_application = true,
                 .run = UnlessSentBefore(RunSkip)});
  AddReplace(registry);
  registry->Add({.path = "parked discard",
                 .summary = "End all events of an aggregate that wait now, unprocessed; what comes later is processed.",
                 .description = "Each leaves a dead letter, DISCARDED.",
                 .arguments = QueueArguments(),
                 .options = OneOptions(),
                 .examples = {"parked discard customer alice --because='test customer' --yes"},
                 .changes = true,
                 .commands_application = true,
                 .run = UnlessSentBefore(RunDiscard)});
}

}  // namespace once::cli
