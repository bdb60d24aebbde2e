// R7: commands, each carried out once, with its result in the transaction of its effect. What goes in portions is in
// command_portions.cc.
#include "processor/engine/commands.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/dead_letter.h"
#include "state/changelog.h"

namespace once {

namespace {

constexpr size_t kMaxIdBytes = 64;

int64_t QueueLength(const v1::AggregateStatus& status) {
  return static_cast<int64_t>(status.next_sequence() - status.head_sequence());
}

// "skipped by command 7f3a of alice: wrong currency".
std::string Words(std::string_view what, const v1::Command& command) {
  return absl::StrCat(ToAbsl(what), " by command ", Printable(command.id()),
                      command.issuer().empty() ? "" : absl::StrCat(" of ", command.issuer()),
                      command.reason().empty() ? "" : absl::StrCat(": ", command.reason()));
}

const char* NameOf(v1::CommandResult::Outcome outcome) {
  switch (outcome) {
    case v1::CommandResult::APPLIED:
      return "APPLIED";
    case v1::CommandResult::REFUSED:
      return "REFUSED";
    case v1::CommandResult::DUPLICATE:
      return "DUPLICATE";
    default:
      return "UNDER_WAY";
  }
}

std::string Describe(const v1::Target& target) {
  if (target.queue_case() == v1::Target::kKey) return absl::StrCat("key \"", Printable(target.key()), "\"");
  return absl::StrCat("the event without a key at offset ", target.place().offset(), " of ",
                      Printable(target.place().topic()));
}

}  // namespace

absl::StatusOr<v1::Command> ParseCommand(const RecordView& record) {
  v1::Command command;
  if (!record.value.has_value() ||
      !command.ParseFromArray(record.value->data(), static_cast<int>(record.value->size()))) {
    return absl::InvalidArgumentError("the record's value is no command (once.v1.Command)");
  }
  // X3: free texts have a bound where they are stored.
  command.set_issuer(std::string(CutUtf8(command.issuer(), kMaxStoredTextBytes)));
  command.set_reason(std::string(CutUtf8(command.reason(), kMaxStoredTextBytes)));
  if (command.id().empty()) return absl::InvalidArgumentError("the command has no ID");
  if (command.id().size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command's ID has ", command.id().size(), " bytes, and may have ", kMaxIdBytes));
  }
  return command;
}

Commands::Commands(const Plan* plan, const ClockReading* clock, Epoch* epoch, LogSink* log, Failures* failures)
    : plan_(plan),
      clock_(clock),
      epoch_(epoch),
      log_(log),
      failures_(failures),
      carried_out_(LogLevel::kInfo, "commands", "see the audit topic for all of them") {}

Outcome Commands::Process(Task* task, const RecordView& record) {
  const Place place{task->control->position.where, record.offset};
  epoch_->NoteEvent([&] { return place; });
  const absl::StatusOr<v1::Command> command = ParseCommand(record);
  if (!command.ok()) {
    Tell(task, nullptr, "", record.offset, {.refusal = command.status()}, nullptr);
    return {};
  }
  ControlState& state = task->control_state;
  if (const v1::CommandDone* before = state.FindDone(command->id()); before != nullptr) {
    const v1::CommandDone copy = *before;
    Tell(task, &*command, command->id(), record.offset, {}, &copy);
    return {};
  }
  Answer answer;
  // R3b: what it brought about was refused by the broker, again and again.
  const std::string* const blame = task->suspects.empty() ? nullptr : task->suspects.BlamedFor(place);
  answer.refusal = blame != nullptr ? absl::OutOfRangeError(*blame) : CheckCommand(*task, *command);
  if (answer.refusal.ok()) answer = Execute(task, *command, record.offset);
  if (!answer.store.ok()) return FromStore(answer.store);
  v1::CommandDone done;
  done.set_id(command->id());
  if (!answer.is_under_way) {
    done.set_outcome(answer.refusal.ok() ? v1::CommandResult::APPLIED : v1::CommandResult::REFUSED);
    if (!answer.refusal.ok()) done.set_code(StatusCodeName(answer.refusal.code()));
    Tell(task, &*command, command->id(), record.offset, answer, nullptr);
  }
  return FromStore(state.AddDone(done));
}

absl::Status Commands::CheckCommand(const Task& task, const v1::Command& command) const {
  if (!command.application().empty() && command.application() != plan_->application_id) {
    return absl::InvalidArgumentError(absl::StrCat("the command is for application \"",
                                                   Printable(command.application()), "\", and this is \"",
                                                   plan_->application_id, "\""));
  }
  const std::string& group = plan_->group(task.id.group).name;
  if (!command.task_group().empty() && command.task_group() != group) {
    return absl::InvalidArgumentError(absl::StrCat("the command is for task group \"", Printable(command.task_group()),
                                                   "\", and this is \"", group, "\""));
  }
  return absl::OkStatus();
}

Commands::Answer Commands::Execute(Task* task, const v1::Command& command, Offset offset) {
  switch (command.what_case()) {
    case v1::Command::kRelease:
      return Release(task, command, offset);
    case v1::Command::kRetryNow:
      return RetryNow(task, command, offset);
    case v1::Command::kSkip:
      return Skip(task, command);
    case v1::Command::kDiscard:
      return Discard(task, command);
    case v1::Command::kReplace:
      return Replace(task, command);
    case v1::Command::kNeverAdd:
      return AddNever(task, command, offset);
    case v1::Command::kNeverRemove:
      return RemoveNever(task, command);
    case v1::Command::kPause:
      return Pause(task, command);
    case v1::Command::kResume:
      return Resume(task);
    case v1::Command::kRetryTask:
      return RetryTask(task, offset);
    case v1::Command::WHAT_NOT_SET:
      break;
  }
  return {.refusal = absl::UnimplementedError(
              "the command says nothing that this version knows; was it sent by a newer one?")};
}

// The queue, as it is now, if the command is meant for what heads it.
Commands::Found Commands::Find(const Task& task, const v1::Target& target) const {
  Found found;
  if (target.queue_case() == v1::Target::kPlace) {
    found.queue = KeylessStatusKey(target.place().topic(), target.place().offset());
  } else if (target.queue_case() == v1::Target::kKey) {
    found.queue = AggregateStatusKey(target.key());
  } else {
    found.refusal = absl::InvalidArgumentError("the command names no queue: neither a key nor a place");
    return found;
  }
  const v1::AggregateStatus* status = task.parking.FindQueue(found.queue);
  if (status == nullptr) {
    found.refusal = absl::NotFoundError(
        absl::StrCat("nothing waits of ", Describe(target), " in task ", ToString(task.inputs.front().where)));
    return found;
  }
  found.status = *status;
  const std::string_view meant = CutUtf8(target.blocked_by(), kMaxStoredTextBytes);
  if (status->state() == v1::AggregateStatus::DRAINING) {
    found.refusal = absl::FailedPreconditionError(
        absl::StrCat(Describe(target), " is not blocked: what waits of it is being run or discarded"));
  } else if (!meant.empty() && meant != status->blocking_event_id()) {
    found.refusal = absl::FailedPreconditionError(absl::StrCat("another event blocks ", Describe(target), " by now: \"",
                                                               Printable(status->blocking_event_id()), "\", not \"",
                                                               Printable(meant), "\""));
  }
  return found;
}

Commands::Answer Commands::Release(Task* task, const v1::Command& command, Offset offset) {
  if (command.release().which_case() == v1::Release::kAll) return Begin(task, command, offset);
  Found found = Find(*task, command.release().target());
  if (!found.refusal.ok()) return {.refusal = found.refusal};
  if (found.status.state() != v1::AggregateStatus::PARKED) {
    return {.refusal = absl::FailedPreconditionError(
                absl::StrCat(Describe(command.release().target()),
                             " has not failed for good: it is tried again by itself; retry_now"
                             " has it tried at once"))};
  }
  Answer answer{.queues = 1, .events = QueueLength(found.status), .event_id = found.status.blocking_event_id()};
  ++epoch_->counters.released;
  answer.Take(failures_->Release(task, found.queue, std::move(found.status)));
  return answer;
}

Commands::Answer Commands::RetryNow(Task* task, const v1::Command& command, Offset offset) {
  if (command.retry_now().which_case() == v1::RetryNow::kAll) return Begin(task, command, offset);
  Found found = Find(*task, command.retry_now().target());
  if (!found.refusal.ok()) return {.refusal = found.refusal};
  if (found.status.state() != v1::AggregateStatus::RETRYING) {
    return {.refusal = absl::FailedPreconditionError(
                absl::StrCat(Describe(command.retry_now().target()),
                             " waits for no attempt: its head has failed for good; release runs it again"))};
  }
  Answer answer{.queues = 1, .events = QueueLength(found.status), .event_id = found.status.blocking_event_id()};
  answer.store = RetryQueueNow(task, found.queue, std::move(found.status));
  return answer;
}

Commands::Answer Commands::Skip(Task* task, const v1::Command& command) {
  Found found = Find(*task, command.skip().target());
  if (!found.refusal.ok()) return {.refusal = found.refusal};
  Answer answer{.queues = 1, .events = 1, .event_id = found.status.blocking_event_id()};
  ++epoch_->counters.skipped;
  answer.Take(
      failures_->EndHead(task, found.queue, std::move(found.status), Disposition::kSkipped, Words("skipped", command)));
  return answer;
}

// Marked only: each is told of in a turn of its own, so that a million of them hold up nobody (X1).
Commands::Answer Commands::Discard(Task* task, const v1::Command& command) {
  Found found = Find(*task, command.discard().target());
  if (!found.refusal.ok()) return {.refusal = found.refusal};
  Answer answer{.queues = 1, .events = QueueLength(found.status), .event_id = found.status.blocking_event_id()};
  found.status.set_discard_below(found.status.next_sequence());
  found.status.set_message(std::string(CutUtf8(Words("discarded", command), kMaxStoredMessageBytes)));
  answer.Take(failures_->Release(task, found.queue, std::move(found.status)));
  return answer;
}

Commands::Answer Commands::AddNever(Task* task, const v1::Command& command, Offset offset) {
  const v1::NeverRule& rule = command.never_add().rule();
  const std::string name = once::NameOf(rule);
  if (name.empty()) return {.refusal = absl::InvalidArgumentError("the rule matches nothing: it names no event")};
  if (task->control_state.HasRule(rule)) {
    return {.refusal =
                absl::AlreadyExistsError(absl::StrCat("there is a rule for ", once::Describe(rule), " already"))};
  }
  if (task->control_state.rule_count() >= kMaxNeverRules) {
    return {.refusal = absl::ResourceExhaustedError(absl::StrCat("the task has ", kMaxNeverRules, " rules already"))};
  }
  v1::NeverRuleAdded added;
  *added.mutable_rule() = rule;
  added.set_command_id(command.id());
  added.set_issuer(command.issuer());
  added.set_reason(command.reason());
  added.set_time_ms(absl::ToUnixMillis(epoch_->opened_wall));
  const size_t bytes = added.ByteSizeLong();
  if (!failures_->FitsChangelog(*task, name.size() + 2, bytes)) {
    return {.refusal = absl::OutOfRangeError(
                absl::StrCat("the rule of ", bytes, " bytes does not fit into ", task->changelog.topic))};
  }
  if (absl::Status written = task->control_state.AddRule(added); !written.ok()) return {.store = written};
  // What is parked and matches must not block for ever: each head is looked at.
  return task->parking.blocked_aggregates() == 0 ? Answer() : Begin(task, command, offset);
}

Commands::Answer Commands::RemoveNever(Task* task, const v1::Command& command) {
  const v1::NeverRule& rule = command.never_remove().rule();
  if (!task->control_state.HasRule(rule)) {
    return {.refusal = absl::NotFoundError(absl::StrCat("there is no rule for ", once::Describe(rule)))};
  }
  return {.store = task->control_state.RemoveRule(rule)};
}

// It stops after the transaction: see Tasks::FollowCommands.
Commands::Answer Commands::Pause(Task* task, const v1::Command& command) {
  if (const v1::InputsPaused* by = task->control_state.paused(); by != nullptr) {
    return {.refusal = absl::AlreadyExistsError(
                absl::StrCat("the inputs are paused already, by command ", Printable(by->command_id()),
                             by->issuer().empty() ? "" : absl::StrCat(" of ", by->issuer())))};
  }
  v1::InputsPaused paused;
  paused.set_command_id(command.id());
  paused.set_issuer(command.issuer());
  paused.set_reason(command.reason());
  paused.set_time_ms(absl::ToUnixMillis(epoch_->opened_wall));
  return {.store = task->control_state.SetPaused(paused)};
}

// R5: also of what the breaker has paused.
Commands::Answer Commands::Resume(Task* task) {
  const bool is_paused = task->control_state.paused() != nullptr;
  if (!is_paused && task->phase != TaskPhase::kPaused) {
    return {.refusal = absl::FailedPreconditionError("the inputs are not paused")};
  }
  task->resumes = true;
  if (!is_paused) return {};
  return {.store = task->control_state.SetPaused(std::nullopt)};
}

// One that fails hears of it at once, without a transaction (Scheduler::TakeCommands). It is answered when it runs.
Commands::Answer Commands::RetryTask(Task* task, Offset offset) {
  const std::optional<Offset>& asked = task->control->retry_asked;
  if (asked.has_value() && offset <= *asked) return {};
  return {.refusal = absl::FailedPreconditionError(
              absl::StrCat("task ", ToString(task->inputs.front().where), " has not failed"))};
}

// The result, and the line of the log.
void Commands::Tell(Task* task, const v1::Command* command, std::string_view id, Offset offset, const Answer& answer,
                    const v1::CommandDone* before) {
  v1::CommandResult result;
  result.set_command_id(std::string(id));
  if (before != nullptr) {
    result.set_outcome(v1::CommandResult::DUPLICATE);
    result.set_message(absl::StrCat("the task has had this command: ", NameOf(before->outcome()),
                                    before->code().empty() ? "" : absl::StrCat(", ", before->code())));
    ++epoch_->counters.duplicate_commands;
  } else if (answer.refusal.ok()) {
    result.set_outcome(v1::CommandResult::APPLIED);
    ++epoch_->counters.commands;
  } else {
    result.set_outcome(v1::CommandResult::REFUSED);
    result.set_code(StatusCodeName(answer.refusal.code()));
    result.set_message(std::string(CutUtf8(ToStd(answer.refusal.message()), kMaxStoredMessageBytes)));
    ++epoch_->counters.refused_commands;
  }
  result.set_queues(answer.queues);
  result.set_events(answer.events);
  result.set_hash_before(answer.hash_before);
  result.set_hash_after(answer.hash_after);
  result.set_event_id(answer.event_id);
  result.set_application(plan_->application_id);
  result.set_task_group(plan_->group(task->id.group).name);
  result.set_partition(task->id.partition.value());
  result.set_offset(offset.value());
  const int64_t now_ms = absl::ToUnixMillis(epoch_->opened_wall);
  result.set_time_ms(now_ms);
  if (command != nullptr) {
    *result.mutable_command() = *command;
    if (command->has_replace()) result.mutable_command()->mutable_replace()->clear_value();
  }
  const uint32_t topic = plan_->audit_index(task->id.group);
  OutputRecord record;
  record.topic_index = topic;
  record.partition = task->id.partition;
  record.timestamp_ms = epoch_->stamps->Present(topic, now_ms);
  record.key = epoch_->arena->Copy(result.command_id());
  record.value = epoch_->arena->Copy(result.SerializeAsString());
  // E7: a key as large as a record may be is left out; it is in the control topic.
  if (EstimatedSize(record) > plan_->max_record_bytes[topic]) {
    result.clear_command();
    record.value = epoch_->arena->Copy(result.SerializeAsString());
  }
  const size_t first = epoch_->outputs->size();
  epoch_->outputs->push_back(record);
  epoch_->Account(first);
  carried_out_.Count([&] {
    return absl::StrCat("command ", Printable(id), " at ", ToString(task->control->position.where, offset),
                        command == nullptr || command->issuer().empty() ? "" : absl::StrCat(" of ", command->issuer()),
                        ": ", NameOf(result.outcome()),
                        result.message().empty() ? "" : absl::StrCat(": ", OneLine(result.message())));
  });
}

}  // namespace once
