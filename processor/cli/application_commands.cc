#include "processor/cli/application_commands.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "processor/base/strings.h"
#include "processor/cli/context.h"
#include "processor/cli/laid_out.h"
#include "processor/cli/output.h"
#include "processor/operator/application_reset.h"
#include "processor/operator/doctor.h"
#include "processor/operator/topics.h"

namespace once::cli {

namespace {

void AddDoomed(const ResetPlan& doomed, const std::string& group, Output* out) {
  Table& table =
      out->AddTable("deletes", {{"kind", "WHAT"}, {"name", "NAME"}, {"holds", "HOLDS"}}, "there is nothing to delete");
  if (doomed.has_group) table.AddRow({"group", group, "committed offsets"});
  for (const ResetPlan::DoomedTopic& topic : doomed.topics) {
    table.AddRow({"topic", topic.topic, absl::StrCat(topic.what, ", up to ", Count(topic.records, "record"))});
  }
  if (!doomed.state_dir.empty()) table.AddRow({"directory", doomed.state_dir, "this machine's copy of the state"});
}

absl::Status RunReset(Context& context) {
  const absl::StatusOr<LaidOut> application = Connect(context);
  if (!application.ok()) return application.status();
  const ResetOptions options{
      .keep_audit = context.args().Switch("keep_audit"),
      .state_dir = context.args().Switch("keep_state_dir") ? std::string() : StateDir(context.options()),
      .timeout = context.timeout()};
  const absl::StatusOr<ResetPlan> doomed = PlanReset(application->plan, application->admin, options);
  if (!doomed.ok()) return doomed.status();
  const std::string& group = application->plan.application_id;
  context.out().Add("deleted", "", false);
  AddDoomed(*doomed, group, &context.out());
  if (doomed->is_empty()) return absl::OkStatus();
  if (context.args().Switch("dry_run")) {
    context.out().AddNote("nothing was deleted: this is a dry run");
    return absl::OkStatus();
  }
  if (!context.args().Switch("yes")) {
    Output shown;
    AddDoomed(*doomed, group, &shown);
    context.Tell(shown.ToText());
  }
  const absl::Status confirmed =
      context.Confirm(absl::StrCat("delete all of that for good: the application ", group,
                                   " begins anew, and reads its sources from where they say"));
  if (!confirmed.ok()) return confirmed;
  const absl::Status reset = ResetApplication(application->plan, application->admin, *doomed, options);
  if (!reset.ok()) return reset;
  context.ClearOutput();
  context.out().Add("deleted", "", true);
  AddDoomed(*doomed, group, &context.out());
  context.out().AddNote(
      "before an instance starts on another machine, delete its state directory as well, or run this command there");
  return absl::OkStatus();
}

// What the preflight says while it works.
struct Telling final : LogSink {
  explicit Telling(Context* context) : context(context) {}
  void Log(LogLevel level, const std::string& message) override {
    if (level == LogLevel::kWarning || level == LogLevel::kError) context->Tell(absl::StrCat("warning: ", message));
  }
  Context* const context;
};

absl::Status RunTopicsCreate(Context& context) {
  absl::StatusOr<LaidOut> application = Connect(context);
  if (!application.ok()) return application.status();
  const bool is_dry = context.args().Switch("dry_run");
  Telling log(&context);
  const PreflightOptions options = PreflightOptionsOf(context);
  const absl::StatusOr<std::vector<TopicState>> topics =
      is_dry ? ListTopics(options, application->admin, application->plan)
             : CreateTopics(options, application->admin, &log, &application->plan);
  if (!topics.ok()) return topics.status();
  Table& table = context.out().AddTable("topics",
                                        {{"topic", "TOPIC"},
                                         {"role", "ROLE"},
                                         {"partitions", "PARTITIONS", Align::kRight},
                                         {"replicas", "REPLICAS", Align::kRight},
                                         {"is", "IS"}},
                                        "the topology has no topics");
  for (const TopicState& topic : *topics) {
    table.AddRow({topic.topic, topic.role, topic.exists ? Cell(topic.partitions) : Cell(Json(), "-"),
                  topic.replicas > 0 ? Cell(topic.replicas) : Cell(Json(), "-"),
                  topic.was_made ? "created"
                  : topic.exists ? "there"
                                 : "missing"});
  }
  return absl::OkStatus();
}

absl::Status RunDoctor(Context& context) {
  const absl::StatusOr<kafka::Client*> client = context.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<kafka::Admin*> admin = context.admin();
  if (!admin.ok()) return admin.status();
  const Options& set = context.options();
  Plan plan = MakePlan(context.shared_graph(), context.application_id());
  const DoctorOptions options{.preflight = PreflightOptionsOf(context),
                              .client_version = context.environment().client_version,
                              .client_problem = context.environment().client_problem,
                              .transaction_timeout = set.transaction_timeout,
                              .session_timeout = set.session_timeout,
                              .timeout = context.call_timeout(),
                              .sampled_records = context.args().Number("sample", 200),
                              .now = context.clock().Wall()};
  int64_t failed = 0;
  int64_t warned = 0;
  Json findings = Json::Array();
  std::string lines;
  for (const Finding& finding : Examine(options, *client, *admin, &plan)) {
    Json each = Json::Object();
    each.Set("level", LevelName(finding.level)).Set("check", finding.check).Set("what", finding.what);
    findings.Append(each.Set("fix", finding.fix));
    absl::StrAppend(&lines, absl::StrFormat("%-5s %s: %s", LevelName(finding.level), finding.check, finding.what),
                    finding.fix.empty() ? "" : ". Fix: ", finding.fix, "\n");
    failed += finding.level == FindingLevel::kFail ? 1 : 0;
    warned += finding.level == FindingLevel::kWarn ? 1 : 0;
  }
  context.out().AddText(PlainText(lines));
  context.out().Add("findings", "", findings);
  context.out().Add("failed", "", failed);
  context.out().Add("warned", "", warned);
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(Count(failed, "finding"), failed == 1 ? " keeps" : " keep",
                                                    " the application, or a task of it, from running"));
}

}  // namespace

void AddApplicationCommands(Registry* registry) {
  const OptionSpec dry_run{
      .name = "dry_run", .kind = OptionKind::kSwitch, .help = "Show what would be done, and do nothing."};
  registry->Add({.path = "doctor",
                 .summary = "Look over brokers, topics, rights, timeouts, keys and clocks; one fix for each finding.",
                 .description = "Exit code 0 if nothing keeps the application from running, else 1. Changes nothing.",
                 .options = {{.name = "sample",
                              .kind = OptionKind::kNumber,
                              .value_name = "N",
                              .help = "How many of the last events of each partition are looked at. Default: 200."}},
                 .examples = {"doctor", "doctor --json"},
                 .run = RunDoctor});
  registry->AddGroup("topics", "The topics that the application reads and writes.");
  registry->Add({.path = "topics create",
                 .summary = "Make the topics that are missing, with the settings that a start would give them.",
                 .description = "Sources, sinks and dead letters get --create_partitions partitions. What is there is "
                                "checked, as at a start, and not changed.",
                 .options = {dry_run},
                 .examples = {"topics create --create_partitions=12", "topics create --dry-run"},
                 .run = RunTopicsCreate});
  registry->Add({.path = "reset",
                 .summary = "Delete all that the application keeps for itself, so that it begins anew.",
                 .description =
                     "Its offsets, changelogs (state, parked events, known event IDs), topics of commands and "
                     "results, and this machine's state directory. Sources, sinks and dead letters stay. "
                     "Refused while an instance runs.",
                 .options = {dry_run,
                             {.name = "keep_audit",
                              .kind = OptionKind::kSwitch,
                              .help = "Keep the topics of results: who did what."},
                             {.name = "keep_state_dir",
                              .kind = OptionKind::kSwitch,
                              .help = "Keep this machine's state directory; it must be deleted before a start."}},
                 .examples = {"reset --dry-run", "reset --yes"},
                 .changes = true,
                 .run = RunReset});
}

}  // namespace once::cli
