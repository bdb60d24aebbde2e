#include "processor/cli/send_command.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/record_writer.h"

namespace once::cli {

namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr absl::Duration kPoll = absl::Milliseconds(50);

// The command as a record for each of the partitions; all of them, or none.
absl::Status Produce(Context* context, const std::string& topic, const std::vector<Partition>& partitions,
                     const v1::Command& command) {
  const auto writer = RecordWriter::Open(context, {topic});
  if (!writer.ok()) return writer.status();
  const std::string bytes = command.SerializeAsString();
  std::vector<OutputRecord> records;
  for (const Partition partition : partitions) {
    records.push_back({.partition = partition, .key = command.id(), .value = bytes});
  }
  return (*writer)->Write(
      records, absl::StrCat("whether command ", Printable(command.id()), " was sent is not known: send it again with ",
                            "--command_id=", Printable(command.id()), ", so that it takes effect once"));
}

// Waits for results of one command in the audit topic.
class Answers {
 public:
  Answers(Context* context, std::string topic) : context_(context), topic_(std::move(topic)) {}

  // From now on; before the command is sent.
  absl::Status Begin(const std::vector<Partition>& partitions) {
    const absl::StatusOr<kafka::Client*> client = context_->client();
    if (!client.ok()) return client.status();
    const absl::StatusOr<kafka::Admin*> admin = context_->admin();
    if (!admin.ok()) return admin.status();
    std::vector<TopicPartition> all;
    for (const Partition partition : partitions) all.push_back({topic_, partition});
    const kafka::LogOffsets ends =
        (*admin)->ReadLogOffsets(kafka::LogPoint::kHighWatermark, all, context_->call_timeout());
    auto reader = (*client)->NewLogReader({topic_});
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    for (const auto& [where, offset] : ends) {
      if (!offset.ok()) {
        return absl::Status(offset.status().code(),
                            absl::StrCat(ToString(where), ": ", std::string(offset.status().message())));
      }
      if (absl::Status added = reader_->Add({where, *offset}); !added.ok()) return added;
    }
    return absl::OkStatus();
  }

  // By partition: those that came in time.
  absl::StatusOr<CommandResults> Await(const std::string& id, size_t count) {
    CommandResults results;
    const absl::Time deadline = SteadyNow() + context_->timeout();
    kafka::Batch batch;
    while (results.size() < count && SteadyNow() < deadline) {
      if (absl::Status polled = reader_->Poll(kPoll, &batch); !polled.ok()) return polled;
      // It is sent, so it is as if nobody had answered in time.
      if (!context_->CheckCancelled().ok()) break;
      for (const kafka::PartitionError& error : batch.errors) {
        if (!absl::IsUnavailable(error.status)) return error.status;
      }
      for (const RecordView& record : batch.records) {
        if (!record.key.has_value() || *record.key != id || !record.value.has_value()) continue;
        v1::CommandResult result;
        if (!result.ParseFromArray(record.value->data(), static_cast<int>(record.value->size()))) continue;
        // Sent a second time while it is under way: what becomes of it comes later.
        if (!IsUnderWay(result)) results.emplace(record.partition, std::move(result));
      }
    }
    return results;
  }

 private:
  Context* const context_;
  const std::string topic_;
  std::unique_ptr<kafka::LogReader> reader_;
};

void Complete(Context* context, uint16_t group, v1::Command* command) {
  const Arguments& args = context->args();
  const std::string id = args.Text("command_id");
  command->set_id(id.empty() ? context->environment().draw_id() : id);
  command->set_issuer(args.Text("issuer", context->environment().user));
  command->set_reason(args.Text("because"));
  command->set_issued_ms(absl::ToUnixMillis(context->clock().Wall()));
  command->set_application(context->application_id());
  command->set_task_group(context->graph().groups[group].name);
}

absl::Status CheckTexts(const v1::Command& command) {
  if (command.id().size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--command_id has ", command.id().size(), " bytes, and may have ", kMaxIdBytes));
  }
  if (!IsValidUtf8(command.issuer())) return absl::InvalidArgumentError("--issuer is not UTF-8");
  if (!IsValidUtf8(command.reason())) return absl::InvalidArgumentError("--because is not UTF-8");
  return absl::OkStatus();
}

// Of tasks that have had the command before: what became of it then.
bool WasRefused(const v1::CommandResult& result) {
  if (result.outcome() == v1::CommandResult::REFUSED) return true;
  return result.outcome() == v1::CommandResult::DUPLICATE && result.message().find(": REFUSED") != std::string::npos;
}

absl::Status Judge(const Context& context, const std::string& id, const std::vector<Partition>& partitions,
                   const CommandResults& results) {
  const absl::Status judged = JudgeResults(results);
  if (!judged.ok() || results.size() == partitions.size()) return judged;
  std::vector<std::string> silent;
  for (const Partition partition : partitions) {
    if (!results.contains(partition)) silent.push_back(absl::StrCat(partition.value()));
  }
  return absl::DeadlineExceededError(
      absl::StrCat("no answer within ", FormatAge(context.timeout()), " from the task", silent.size() == 1 ? "" : "s",
                   " of partition ", absl::StrJoin(silent, ", "), "; command ", id,
                   " is sent, and takes effect once the application runs there. `audit list --command=", id,
                   "` shows what became of it"));
}

}  // namespace

bool IsUnderWay(const v1::CommandResult& result) {
  return result.outcome() == v1::CommandResult::DUPLICATE && result.message().find(": UNDER_WAY") != std::string::npos;
}

void ShowResults(Context* context, uint16_t group, const CommandResults& results) {
  const std::string& name = context->graph().groups[group].name;
  Table& table = context->out().AddTable("results",
                                         {{"task", "TASK"},
                                          {"outcome", "OUTCOME"},
                                          {"code", "CODE"},
                                          {"queues", "QUEUES", Align::kRight},
                                          {"events", "EVENTS", Align::kRight},
                                          {"event_id", "EVENT"},
                                          {"message", "MESSAGE"}},
                                         "no task has answered");
  for (const auto& [partition, result] : results) {
    table.AddRow({absl::StrCat(name, "/", partition.value()), v1::CommandResult::Outcome_Name(result.outcome()),
                  result.code(), result.queues(), result.events(), result.event_id(), result.message()});
  }
}

absl::Status JudgeResults(const CommandResults& results) {
  for (const auto& [partition, result] : results) {
    if (!WasRefused(result)) continue;
    return absl::AbortedError(absl::StrCat("refused, ", result.code().empty() ? "" : result.code() + ": ",
                                           PlainText(result.message()), "; nothing was changed by that task"));
  }
  return absl::OkStatus();
}

absl::Status SendCommand(Context* context, uint16_t group, const std::vector<Partition>& partitions,
                         v1::Command command) {
  const TaskGroupSpec& spec = context->graph().groups[group];
  const std::string control = ControlTopic(context->application_id(), spec);
  const absl::StatusOr<int32_t> count =
      CountPartitions(context, control, "from which the application takes commands (unless --commands=false)");
  if (!count.ok()) return count.status();
  for (const Partition partition : partitions) {
    if (partition.value() < *count) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("task group ", spec.name, " has no partition ", partition.value(), "; it has 0 to ", *count - 1));
  }
  Complete(context, group, &command);
  if (absl::Status texts = CheckTexts(command); !texts.ok()) return texts;
  Answers answers(context, AuditTopic(context->application_id(), spec));
  const bool waits = !context->args().Switch("no_wait");
  if (waits) {
    if (absl::Status begun = answers.Begin(partitions); !begun.ok()) return begun;
  }
  if (absl::Status sent = Produce(context, control, partitions, command); !sent.ok()) return sent;
  context->out().Add("command_id", "command", command.id());
  context->out().Add("command", "what", NameOf(command));
  if (!waits) return absl::OkStatus();
  const auto results = answers.Await(command.id(), partitions.size());
  if (!results.ok()) return results.status();
  ShowResults(context, group, *results);
  return Judge(*context, command.id(), partitions, *results);
}

}  // namespace once::cli
