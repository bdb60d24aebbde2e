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

namespace once::cli {

namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr absl::Duration kPoll = absl::Milliseconds(50);

constexpr char kNotSent[] = "the command was not sent";

absl::Status FromResult(const kafka::Result& result, const std::string& what, const std::string& therefore = kNotSent) {
  if (result.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", kafka::ToString(result), "; ", therefore);
  return result.lasting ? absl::PermissionDeniedError(message) : absl::UnavailableError(message);
}

kafka::Result Committed(Context* context, kafka::TransactionalProducer* producer) {
  const absl::Time deadline = SteadyNow() + context->timeout();
  while (true) {
    kafka::Result result = producer->Commit(context->call_timeout());
    if (result.error != kafka::ErrorClass::kRetriable || SteadyNow() >= deadline) return result;
  }
}

// The command as a record for each of the partitions; all of them, or none.
absl::Status Produce(Context* context, const std::string& topic, const std::vector<Partition>& partitions,
                     const v1::Command& command) {
  const absl::StatusOr<kafka::Client*> client = context->client();
  if (!client.ok()) return client.status();
  // Below the application's own prefix, by which its rights are given.
  auto producer = (*client)->NewProducer(
      absl::StrCat(context->application_id(), "-command-", context->environment().draw_id()), {topic});
  if (!producer.ok()) return producer.status();
  kafka::TransactionalProducer& calls = **producer;
  const absl::Time deadline = SteadyNow() + context->timeout();
  const auto until_done = [&](const std::string& what, const auto& call) {
    while (true) {
      const kafka::Result result = call();
      // A call that may be repeated waits itself, for as long as it is told.
      if (result.error != kafka::ErrorClass::kRetriable || SteadyNow() >= deadline) return FromResult(result, what);
    }
  };
  const absl::Duration each = context->call_timeout();
  absl::Status done = until_done("connecting to the brokers", [&] { return calls.InitTransactions(each); });
  if (!done.ok()) return done;
  done = FromResult(calls.BeginTransaction(), "beginning a transaction");
  if (!done.ok()) return done;
  const std::string bytes = command.SerializeAsString();
  for (const Partition partition : partitions) {
    done = FromResult(calls.Send({.partition = partition, .key = command.id(), .value = bytes}), topic);
    if (!done.ok()) return done;
  }
  done = until_done(absl::StrCat("writing to ", topic), [&] { return calls.Flush(each); });
  if (done.ok()) {
    // I7: only its success says what became of it.
    return FromResult(Committed(context, &calls), absl::StrCat("committing to ", topic),
                      absl::StrCat("whether command ", Printable(command.id()),
                                   " was sent is not known: send it again with --command_id=", Printable(command.id()),
                                   ", so that it takes effect once"));
  }
  std::vector<kafka::Delivery> deliveries;
  calls.TakeDeliveries(&deliveries);
  // The first record's error says more than the call's.
  for (const kafka::Delivery& delivery : deliveries) {
    if (!delivery.failed || delivery.error.empty()) continue;
    return absl::Status(delivery.lasting ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable,
                        absl::StrCat("writing to ", topic, ": ", delivery.error, "; ", kNotSent));
  }
  return done;
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
  absl::StatusOr<std::map<Partition, v1::CommandResult>> Await(const std::string& id, size_t count) {
    std::map<Partition, v1::CommandResult> results;
    const absl::Time deadline = SteadyNow() + context_->timeout();
    kafka::Batch batch;
    while (results.size() < count && SteadyNow() < deadline) {
      if (absl::Status polled = reader_->Poll(kPoll, &batch); !polled.ok()) return polled;
      for (const kafka::PartitionError& error : batch.errors) {
        if (!absl::IsUnavailable(error.status)) return error.status;
      }
      for (const RecordView& record : batch.records) {
        if (!record.key.has_value() || *record.key != id || !record.value.has_value()) continue;
        v1::CommandResult result;
        if (result.ParseFromArray(record.value->data(), static_cast<int>(record.value->size()))) {
          results.emplace(record.partition, std::move(result));
        }
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

void ShowResults(Context* context, uint16_t group, const std::map<Partition, v1::CommandResult>& results) {
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

// Of tasks that have had the command before: what became of it then.
bool WasRefused(const v1::CommandResult& result) {
  if (result.outcome() == v1::CommandResult::REFUSED) return true;
  return result.outcome() == v1::CommandResult::DUPLICATE && result.message().find(": REFUSED") != std::string::npos;
}

absl::Status Judge(const Context& context, const std::string& id, const std::vector<Partition>& partitions,
                   const std::map<Partition, v1::CommandResult>& results) {
  for (const auto& [partition, result] : results) {
    if (!WasRefused(result)) continue;
    return absl::AbortedError(absl::StrCat("refused, ", result.code().empty() ? "" : result.code() + ": ",
                                           PlainText(result.message()), "; nothing was changed by that task"));
  }
  if (results.size() == partitions.size()) return absl::OkStatus();
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
