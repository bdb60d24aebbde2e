#include "processor/cli/offsets_commands.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/cli/context.h"
#include "processor/cli/laid_out.h"
#include "processor/cli/output.h"
#include "processor/operator/offsets.h"
#include "processor/operator/sole_member.h"

namespace once::cli {

namespace {

constexpr char kNothing[] = "no partition of a source is selected";

OffsetOptions OptionsOf(const Context& context) {
  return {.timeout = context.timeout(),
          .forget_window = context.args().Switch("forget_window"),
          .copied_changelog = context.args().Switch("copied_changelog")};
}

// What is wrong with where it stands; empty if nothing is.
std::string Remark(const OffsetFacts& facts) {
  if (facts.state.has_value() && facts.committed != facts.state) return "offset and state differ";
  if (!facts.current().has_value()) return "";
  if (*facts.current() < facts.begin) return absl::StrCat("gone: ", facts.begin - *facts.current());
  if (*facts.current() > facts.end) return "beyond the end";
  return "";
}

absl::Status RunShow(Context& context) {
  const absl::StatusOr<OffsetSelection> selection = InputsOf(context);
  if (!selection.ok()) return selection.status();
  const absl::StatusOr<LaidOut> application = Describe(context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<std::vector<OffsetMove>> inputs =
      ReadOffsets(application->plan, application->client, application->admin, *selection, OptionsOf(context));
  if (!inputs.ok()) return inputs.status();
  Table& table = context.out().AddTable("offsets",
                                        {{"topic", "TOPIC"},
                                         {"partition", "PARTITION", Align::kRight},
                                         {"begin", "BEGIN", Align::kRight},
                                         {"committed", "COMMITTED", Align::kRight},
                                         {"state", "STATE", Align::kRight},
                                         {"end", "END", Align::kRight},
                                         {"remark", "REMARK"}},
                                        kNothing);
  for (const OffsetMove& input : *inputs) {
    table.AddRow({input.facts.where.topic, input.facts.where.partition.value(), input.facts.begin.value(),
                  OffsetCell(input.facts.committed), OffsetCell(input.facts.state), input.facts.end.value(),
                  Remark(input.facts)});
  }
  return absl::OkStatus();
}

void AddMoves(const OffsetPlan& planned, Output* out) {
  Table& table = out->AddTable("moves",
                               {{"topic", "TOPIC"},
                                {"partition", "PARTITION", Align::kRight},
                                {"current", "CURRENT", Align::kRight},
                                {"new", "NEW", Align::kRight},
                                {"skipped", "SKIPPED", Align::kRight},
                                {"repeated", "REPEATED", Align::kRight},
                                {"gone", "GONE", Align::kRight}},
                               kNothing);
  for (const OffsetMove& move : planned.moves) {
    const int64_t distance = move.distance().value_or(0);
    table.AddRow({move.facts.where.topic, move.facts.where.partition.value(), OffsetCell(move.facts.current()),
                  move.to.value(), std::max<int64_t>(distance, 0), std::max<int64_t>(-distance, 0), move.gone()});
  }
  for (std::string& sentence : planned.Consequences()) out->AddNote(std::move(sentence));
}

absl::Status Apply(Context& context, const LaidOut& application, const OffsetPlan& planned) {
  const bool is_dry = context.args().Switch("dry_run");
  context.out().Add("moved", "", false);
  AddMoves(planned, &context.out());
  if (is_dry) {
    context.out().AddNote("nothing was changed: this is a dry run");
    return absl::OkStatus();
  }
  // Before anybody is asked.
  const absl::Status inactive = CheckInactive(application.plan, application.admin, context.call_timeout());
  if (!inactive.ok()) return inactive;
  if (!context.args().Switch("yes")) {
    Output shown;
    AddMoves(planned, &shown);
    context.Tell(shown.ToText());
  }
  const absl::Status confirmed = context.Confirm(absl::StrCat(
      "move ", Count(static_cast<int64_t>(planned.moves.size()), "offset"), " of ", application.plan.application_id));
  if (!confirmed.ok()) return confirmed;
  const absl::Status moved =
      MoveOffsets(application.plan, application.client, application.admin, planned, OptionsOf(context));
  if (!moved.ok()) return moved;
  context.ClearOutput();
  context.out().Add("moved", "", true);
  AddMoves(planned, &context.out());
  context.out().AddNote("offsets and state were moved together; start the application");
  return absl::OkStatus();
}

absl::Status RunReset(Context& context) {
  const std::string to = context.args().Text("to");
  if (to.empty()) {
    return absl::InvalidArgumentError(
        "offsets reset needs --to=earliest, latest, state, OFFSET, +N, -N, or a time such as 2026-11-26T10:00:00Z");
  }
  const absl::StatusOr<OffsetTarget> target = ParseOffsetTarget(to);
  if (!target.ok()) return target.status();
  const absl::StatusOr<OffsetSelection> selection = InputsOf(context);
  if (!selection.ok()) return selection.status();
  const absl::StatusOr<LaidOut> application = Describe(context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<OffsetPlan> planned =
      PlanOffsets(application->plan, application->client, application->admin, *selection, *target, OptionsOf(context));
  return planned.ok() ? Apply(context, *application, *planned) : planned.status();
}

absl::Status RunSkip(Context& context) {
  const absl::StatusOr<OffsetSelection> selection = InputsOf(context);
  if (!selection.ok()) return selection.status();
  if (selection->partitions.empty()) {
    return absl::InvalidArgumentError(
        "offsets skip needs --partition: which partition's next events are to be skipped");
  }
  const absl::StatusOr<LaidOut> application = Describe(context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<OffsetPlan> planned =
      PlanSkip(application->plan, application->client, application->admin, *selection,
               context.args().Number("events", 1), OptionsOf(context));
  return planned.ok() ? Apply(context, *application, *planned) : planned.status();
}

std::vector<OptionSpec> MoveOptions(std::vector<OptionSpec> own) {
  for (OptionSpec& option : InputOptions()) own.push_back(std::move(option));
  own.push_back(
      {.name = "dry_run", .kind = OptionKind::kSwitch, .help = "Show what would be moved, and change nothing."});
  return own;
}

}  // namespace

void AddOffsetsCommands(Registry* registry) {
  registry->AddGroup("offsets",
                     "Where the tasks stand in their inputs, and moving them while the application is stopped.");
  registry->Add({.path = "offsets show",
                 .summary = "Show the offsets of each input partition: of the log, the group, and the task's state.",
                 .options = InputOptions(),
                 .examples = {"offsets show", "offsets show --source=orders --partition=0,1"},
                 .watches = true,
                 .run = RunShow});
  registry->Add(
      {.path = "offsets reset",
       .summary = "Move tasks to other offsets of their inputs; state and parked events stay as they are.",
       .description =
           "Refused while an instance runs. Group offsets and what the state stands for move together, in one "
           "transaction, or not at all. Events that come again are duplicates if their event IDs are still "
           "known.",
       .options = MoveOptions(
           {{.name = "to",
             .value_name = "WHERE",
             .help = "earliest or latest of the log; state: what the task's state stands for; an offset; +N or -N from "
                     "where it is; a time (the first event of then or later)."},
            {.name = "forget_window",
             .kind = OptionKind::kSwitch,
             .help = "Forget the event IDs that the tasks know, so that events that come again take effect again."},
            {.name = "copied_changelog",
             .kind = OptionKind::kSwitch,
             .help = "The changelog was copied here from another cluster, whole: take it for the application's own."}}),
       .examples = {"offsets reset --to=earliest --source=orders --partition=3 --dry-run",
                    "offsets reset --to=2026-11-26T10:00:00Z", "offsets reset --to=state --yes"},
       .changes = true,
       .run = RunReset});
  registry->Add(
      {.path = "offsets skip",
       .summary = "Leave out the next events of partitions, which then take no effect.",
       .description = "Refused while an instance runs. Events that are parked are not meant: see parked skip.",
       .options = MoveOptions({{.name = "events",
                                .kind = OptionKind::kNumber,
                                .value_name = "N",
                                .help = "How many events of each partition. Default: 1."}}),
       .examples = {"offsets skip --source=orders --partition=3 --dry-run"},
       .changes = true,
       .run = RunSkip});
}

}  // namespace once::cli
