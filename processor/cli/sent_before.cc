#include "processor/cli/sent_before.h"

#include <optional>
#include <string>
#include <utility>

#include "processor/cli/log_scan.h"
#include "processor/cli/send_command.h"

namespace once::cli {

namespace {

// Of tasks that are done with it.
absl::StatusOr<CommandResults> ReadResults(Context* context, uint16_t group, const std::string& id) {
  CommandResults results;
  const auto take = [&](const RecordView& record) {
    if (!record.key.has_value() || *record.key != id || !record.value.has_value()) return;
    v1::CommandResult result;
    if (!result.ParseFromArray(record.value->data(), static_cast<int>(record.value->size()))) return;
    // The first says what was done; the others, that it was.
    if (!IsUnderWay(result)) results.emplace(record.partition, std::move(result));
  };
  const std::string topic = AuditTopic(context->application_id(), context->graph().groups[group]);
  const absl::StatusOr<ScanEnd> end = ScanLog(context, {.topic = topic, .take = take});
  // Whoever is sent something says that the application has not run there.
  if (!end.ok() && !absl::IsNotFound(end.status())) return end.status();
  return results;
}

// Nothing: it was not, as far as the audit goes back.
std::optional<absl::Status> ShowSentBefore(Context* context) {
  const std::string id = context->args().Text("command_id");
  if (id.empty()) return std::nullopt;
  for (uint16_t group = 0; group < context->graph().groups.size(); ++group) {
    const absl::StatusOr<CommandResults> results = ReadResults(context, group, id);
    if (!results.ok()) return results.status();
    if (results->empty()) continue;
    context->out().Add("command_id", "command", id);
    context->out().Add("command", "what", NameOf(results->begin()->second.command()));
    ShowResults(context, group, *results);
    context->out().AddNote("a command of this ID was given before, so nothing was sent; this is what became of it");
    return JudgeResults(*results);
  }
  return std::nullopt;
}

}  // namespace

RunsCommand UnlessSentBefore(RunsCommand run) {
  return [run = std::move(run)](Context& context) {
    if (const std::optional<absl::Status> before = ShowSentBefore(&context); before.has_value()) return *before;
    return run(context);
  };
}

RunsCommand OrSentBefore(RunsCommand run) {
  return [run = std::move(run)](Context& context) {
    absl::Status status = run(context);
    if (!absl::IsNotFound(status) && !absl::IsAlreadyExists(status)) return status;
    const std::optional<absl::Status> before = ShowSentBefore(&context);
    return before.has_value() ? *before : status;
  };
}

}  // namespace once::cli
