// Who did what, and what became of it: the audit topics, from their ends back.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/records.h"
#include "processor/cli/scan_back.h"
#include "processor/cli/send_command.h"

namespace once::cli {

namespace {

constexpr int64_t kShown = 50;

struct Entry {
  uint16_t group = 0;
  v1::CommandResult result = {};
};

bool IsAsked(const Context& context, const v1::CommandResult& result) {
  const Arguments& args = context.args();
  if (args.Has("command") && result.command_id() != args.Text("command")) return false;
  if (args.Has("outcome") &&
      absl::AsciiStrToLower(v1::CommandResult::Outcome_Name(result.outcome())) != args.Text("outcome")) {
    return false;
  }
  if (!args.Has("since")) return true;
  return absl::FromUnixMillis(result.time_ms()) >=
         context.clock().Wall() - args.Duration("since", absl::ZeroDuration());
}

// In the order of time, the latest last.
void KeepLatest(size_t limit, std::vector<Entry>* entries) {
  std::stable_sort(entries->begin(), entries->end(),
                   [](const Entry& a, const Entry& b) { return a.result.time_ms() < b.result.time_ms(); });
  const size_t old = entries->size() - std::min(entries->size(), limit);
  entries->erase(entries->begin(), entries->begin() + static_cast<std::ptrdiff_t>(old));
}

// Adds the latest of one task group, at most `limit`.
absl::Status ReadGroup(Context* context, uint16_t group, size_t limit, std::vector<Entry>* entries) {
  const std::string topic = AuditTopic(context->application_id(), context->graph().groups[group]);
  const absl::StatusOr<int32_t> count =
      CountPartitions(context, topic, "to which results of commands are written (unless --commands=false)");
  if (!count.ok()) return count.status();
  std::vector<Entry> read;
  const auto drop_old = [&] { KeepLatest(limit, &read); };
  const auto take = [&](const RecordView& record) {
    Entry entry{.group = group};
    if (!record.value.has_value() ||
        !entry.result.ParseFromArray(record.value->data(), static_cast<int>(record.value->size())) ||
        !IsAsked(*context, entry.result)) {
      return;
    }
    read.push_back(std::move(entry));
    // The latest are kept: of each partition those that are read last, and of all by time.
    if (read.size() >= 2 * limit + 1000) drop_old();
  };
  const absl::StatusOr<ScanEnd> end = ScanBack(context, {.topic = topic,
                                                         .partition_count = *count,
                                                         .begin = [&] { read.clear(); },
                                                         .take = take,
                                                         .is_enough = [&] { return read.size() >= limit; }});
  if (!end.ok()) return end.status();
  NotePending(context, topic, *end);
  drop_old();
  std::move(read.begin(), read.end(), std::back_inserter(*entries));
  return absl::OkStatus();
}

void AddEntry(const Context& context, const Shown& shown, const Entry& entry, Table* table) {
  const v1::CommandResult& result = entry.result;
  const v1::Command& command = result.command();
  const auto hex = [](const std::string& bytes) {
    return Cell(bytes.empty() ? Json() : Json(absl::BytesToHexString(bytes)), "");
  };
  table->AddRow({FormatMoment(absl::FromUnixMillis(result.time_ms())), result.command_id(), command.issuer(),
                 result.has_command() ? NameOf(command) : "", AboutOf(command, shown, entry.group),
                 absl::StrCat(context.graph().groups[entry.group].name, "/", result.partition()),
                 v1::CommandResult::Outcome_Name(result.outcome()), result.code(), result.queues(), result.events(),
                 Cell(result.event_id(), ""), hex(result.hash_before()), hex(result.hash_after()), command.reason(),
                 result.message()});
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  int64_t limit = context.args().Number("limit", kShown);
  if (limit == 0 || limit > INT32_MAX) limit = INT32_MAX;
  std::vector<Entry> entries;
  for (uint16_t g = 0; g < context.graph().groups.size(); ++g) {
    if (absl::Status read = ReadGroup(&context, g, static_cast<size_t>(limit), &entries); !read.ok()) return read;
  }
  KeepLatest(static_cast<size_t>(limit), &entries);
  Table& table = context.out().AddTable("results",
                                        {{"time", "TIME"},
                                         {"command_id", "COMMAND"},
                                         {"issuer", "BY"},
                                         {"command", "WHAT"},
                                         {"about", "OF"},
                                         {"task", "TASK"},
                                         {"outcome", "OUTCOME"},
                                         {"code", "CODE"},
                                         {"queues", "QUEUES", Align::kRight},
                                         {"events", "EVENTS", Align::kRight},
                                         {"event_id", ""},
                                         {"hash_before", ""},
                                         {"hash_after", ""},
                                         {"reason", "BECAUSE"},
                                         {"message", "MESSAGE"}},
                                        "no command has been carried out");
  for (const Entry& entry : entries) AddEntry(context, shown, entry, &table);
  if (entries.empty() && context.args().Has("command")) {
    return absl::NotFoundError(absl::StrCat("there is no result of command ", context.args().Text("command"),
                                            ": it was not sent, or no instance has come to it yet"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddAuditCommands(Registry* registry) {
  registry->AddGroup("audit", "What commands have done, who gave them, and why.");
  registry->Add(
      {.path = "audit list",
       .summary = "List the latest results of commands: who, what, why, and what became of it.",
       .description = "In the order of time, the latest last.",
       .options =
           {{.name = "limit", .kind = OptionKind::kNumber, .value_name = "N", .help = "So many; 0: all. Default: 50."},
            {.name = "command", .value_name = "ID", .help = "The results of this command alone."},
            {.name = "outcome",
             .value_name = "OUTCOME",
             .help = "Those with this outcome alone.",
             .choices = {"applied", "refused", "duplicate"}},
            {.name = "since",
             .kind = OptionKind::kDuration,
             .value_name = "DURATION",
             .help = "Those of the last so long alone."}},
       .examples = {"audit list --since=24h", "audit list --command=4d1f7c52-0f6b-4c1d-9a77-5f0c2f3e8a11 --json"},
       .watches = true,
       .run = RunList});
}

}  // namespace once::cli
