// A task is the partition of one number of all sources of a task group: "orders/0".
#include "processor/cli/tasks.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/send_command.h"
#include "processor/cli/task_marks.h"

namespace once::cli {

namespace {

// What is known of an input.
struct Input {
  std::optional<Offset> committed = {};
  std::optional<Offset> end = {};
};

template <typename Answers, typename Take>
absl::Status TakeOffsets(const Answers& answers, const Take& take) {
  for (const auto& [where, answer] : answers) {
    if (answer.ok()) {
      take(where, *answer);
    } else if (!absl::IsUnavailable(answer.status())) {
      return absl::Status(answer.status().code(),
                          absl::StrCat(ToString(where), ": ", std::string(answer.status().message())));
    }
  }
  return absl::OkStatus();
}

// Of all sources of a group; what is not known is absent.
absl::StatusOr<std::map<TopicPartition, Input>> ReadInputs(Context* context, uint16_t group, int32_t count) {
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  std::vector<TopicPartition> partitions;
  for (const SourceIndex source : context->graph().groups[group].sources) {
    for (TopicPartition& each : PartitionsOf(context->graph().sources[source].topic, count)) {
      partitions.push_back(std::move(each));
    }
  }
  std::map<TopicPartition, Input> inputs;
  absl::Status taken = TakeOffsets(
      (*admin)->ReadCommittedOffsets(context->application_id(), partitions, context->call_timeout()),
      [&](const TopicPartition& where, const std::optional<Offset>& offset) { inputs[where].committed = offset; });
  if (!taken.ok()) return taken;
  taken = TakeOffsets((*admin)->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, context->call_timeout()),
                      [&](const TopicPartition& where, Offset offset) { inputs[where].end = offset; });
  if (!taken.ok()) return taken;
  return inputs;
}

Json PauseJson(const v1::InputsPaused& paused) {
  return Json::Object()
      .Set("issuer", paused.issuer())
      .Set("reason", paused.reason())
      .Set("since", FormatMoment(absl::FromUnixMillis(paused.time_ms())))
      .Set("command_id", paused.command_id());
}

void AddTask(const Context& context, const Shown& shown, uint16_t group, int32_t p, const TaskMarks& task,
             const std::map<TopicPartition, Input>& inputs, Table* table) {
  const TaskGroupSpec& spec = context.graph().groups[group];
  Json offsets = Json::Array();
  int64_t lag = 0;
  bool is_known = true;
  for (const SourceIndex source : spec.sources) {
    const TopicPartition where{context.graph().sources[source].topic, Partition(p)};
    const auto found = inputs.find(where);
    Json committed, end;
    bool is_known_here = false;
    if (found != inputs.end()) {
      const Input& input = found->second;
      if (input.committed.has_value()) committed = Json(input.committed->value());
      if (input.end.has_value()) end = Json(input.end->value());
      is_known_here = input.committed.has_value() && input.end.has_value();
      if (is_known_here) lag += std::max<int64_t>(*input.end - *input.committed, 0);
    }
    is_known &= is_known_here;
    offsets.Append(
        Json::Object().Set("topic", where.topic).Set("committed", std::move(committed)).Set("end", std::move(end)));
  }
  std::vector<std::string> under_way;
  Json commands = Json::Array();
  for (const v1::CommandUnderWay& each : task.under_way) {
    under_way.push_back(absl::StrCat(NameOf(each.command()), " ", AboutOf(each.command(), shown, group)));
    commands.Append(Json::Object()
                        .Set("command_id", each.command().id())
                        .Set("command", NameOf(each.command()))
                        .Set("about", AboutOf(each.command(), shown, group))
                        .Set("queues", each.queues()));
  }
  const bool is_paused = task.paused.has_value();
  Cell paused(Json(), "");
  if (is_paused) {
    paused = Cell(PauseJson(*task.paused),
                  absl::StrCat("by ", task.paused->issuer(),
                               task.paused->reason().empty() ? "" : absl::StrCat(": ", task.paused->reason())));
  }
  table->AddRow({absl::StrCat(spec.name, "/", p),
                 Cell(is_known ? Json(lag) : Json(), is_known ? absl::StrCat(lag) : "?"), task.blocked, task.waiting,
                 static_cast<int64_t>(task.rules.size()), std::move(paused),
                 Cell(std::move(commands), absl::StrJoin(under_way, "; ")), Cell(std::move(offsets), "")});
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  Table& table = context.out().AddTable("tasks",
                                        {{"task", "TASK"},
                                         {"lag", "LAG", Align::kRight},
                                         {"blocked", "BLOCKED", Align::kRight},
                                         {"waiting", "WAITING", Align::kRight},
                                         {"rules", "RULES", Align::kRight},
                                         {"paused", "PAUSED"},
                                         {"under_way", "UNDER WAY"},
                                         {"inputs", ""}},
                                        "there are no tasks");
  for (uint16_t g = 0; g < context.graph().groups.size(); ++g) {
    const absl::StatusOr<std::vector<TaskMarks>> tasks = ReadTaskMarks(&context, g);
    if (!tasks.ok()) return tasks.status();
    const auto inputs = ReadInputs(&context, g, static_cast<int32_t>(tasks->size()));
    if (!inputs.ok()) return inputs.status();
    for (size_t p = 0; p < tasks->size(); ++p) {
      AddTask(context, shown, g, static_cast<int32_t>(p), (*tasks)[p], *inputs, &table);
    }
  }
  return absl::OkStatus();
}

// The tasks that are meant, of one group.
struct Meant {
  uint16_t group = 0;
  std::vector<Partition> partitions = {};
};

absl::StatusOr<std::pair<uint16_t, Partition>> ParseTask(const Context& context, const std::string& text) {
  const size_t slash = text.rfind('/'), dash = text.rfind('-');
  int32_t partition = -1;
  for (uint16_t g = 0; g < context.graph().groups.size(); ++g) {
    const TaskGroupSpec& group = context.graph().groups[g];
    // As the log has it: the lead source's topic and the partition.
    const std::string& topic = context.graph().sources[group.sources.front()].topic;
    const bool by_group = slash != std::string::npos && text.substr(0, slash) == group.name &&
                          absl::SimpleAtoi(text.substr(slash + 1), &partition);
    const bool by_topic = !by_group && dash != std::string::npos && text.substr(0, dash) == topic &&
                          absl::SimpleAtoi(text.substr(dash + 1), &partition);
    if ((by_group || by_topic) && partition >= 0) return std::pair(g, Partition(partition));
  }
  std::vector<std::string> names;
  for (const TaskGroupSpec& group : context.graph().groups) names.push_back(absl::StrCat(group.name, "/0"));
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", Printable(text), "\" is no task; write GROUP/PARTITION, such as ", absl::StrJoin(names, " or ")));
}

absl::StatusOr<Meant> ReadTasks(Context* context) {
  const Arguments& args = context->args();
  const Shown shown(&context->graph());
  Meant meant;
  if (args.Switch("all") == !args.words().empty()) {
    return absl::InvalidArgumentError("say which tasks: GROUP/PARTITION, one or more, or --all");
  }
  if (!args.words().empty()) {
    for (size_t i = 0; i < args.words().size(); ++i) {
      const auto task = ParseTask(*context, args.Word(i));
      if (!task.ok()) return task.status();
      if (i > 0 && task->first != meant.group) {
        return absl::InvalidArgumentError("a command goes to tasks of one task group; give one for each group");
      }
      meant.group = task->first;
      meant.partitions.push_back(task->second);
    }
    std::sort(meant.partitions.begin(), meant.partitions.end());
    meant.partitions.erase(std::unique(meant.partitions.begin(), meant.partitions.end()), meant.partitions.end());
    return meant;
  }
  const absl::StatusOr<uint16_t> group = shown.FindOnlyGroup(args.Text("group"));
  if (!group.ok()) return group.status();
  meant.group = *group;
  const std::string control = ControlTopic(context->application_id(), context->graph().groups[*group]);
  const absl::StatusOr<int32_t> count =
      CountPartitions(context, control, "from which the application takes commands (unless --commands=false)");
  if (!count.ok()) return count.status();
  for (int32_t p = 0; p < *count; ++p) meant.partitions.emplace_back(p);
  return meant;
}

absl::Status SendToTasks(Context& context, const std::string& words, v1::Command command) {
  const absl::StatusOr<Meant> meant = ReadTasks(&context);
  if (!meant.ok()) return meant.status();
  std::vector<std::string> names;
  for (const Partition partition : meant->partitions) {
    names.push_back(absl::StrCat(context.graph().groups[meant->group].name, "/", partition.value()));
  }
  const std::string which = names.size() <= 5 ? absl::StrJoin(names, ", ") : absl::StrCat(names.size(), " of them");
  absl::Status confirmed = context.Confirm(absl::StrCat(words, " of task", names.size() == 1 ? " " : "s ", which),
                                           {.tasks = static_cast<int64_t>(names.size())});
  if (!confirmed.ok()) return confirmed;
  return SendCommand(&context, meant->group, meant->partitions, std::move(command));
}

absl::Status RunPause(Context& context) {
  v1::Command command;
  command.mutable_pause();
  return SendToTasks(context, "pause the inputs, until they are resumed,", std::move(command));
}

absl::Status RunResume(Context& context) {
  v1::Command command;
  command.mutable_resume();
  return SendToTasks(context, "resume the inputs", std::move(command));
}

absl::Status RunRetry(Context& context) {
  v1::Command command;
  command.mutable_retry_task();
  return SendToTasks(context, "try again at once what has failed", std::move(command));
}

CommandSpec TaskCommand(std::string path, std::string summary, std::string description,
                        std::vector<std::string> examples, std::function<absl::Status(Context&)> run) {
  return {.path = std::move(path),
          .summary = std::move(summary),
          .description = std::move(description),
          .arguments = {{.name = "TASK", .is_optional = true, .repeats = true}},
          .options = {{.name = "all", .kind = OptionKind::kSwitch, .help = "All tasks of the task group."},
                      {.name = "group", .value_name = "NAME", .help = "With --all: which, where there are several."}},
          .examples = std::move(examples),
          .changes = true,
          .commands_application = true,
          .run = std::move(run)};
}

}  // namespace

void AddTaskCommands(Registry* registry) {
  registry->AddGroup("tasks", "The tasks of the application: how far they are, and whether they take events in.");
  registry->Add(
      {.path = "tasks list",
       .summary = "List tasks: lag, what is blocked, who has paused them, which commands are under way.",
       .description = "From the topics alone: whether a task runs at the moment, or has failed, its pod's log says.",
       .examples = {"tasks list", "tasks list --json", "tasks list --watch"},
       .watches = true,
       .run = RunList});
  registry->Add(TaskCommand(
      "tasks pause", "Take no new events in, until `tasks resume`, also after restarts.",
      "What waits in queues goes on.",
      {"tasks pause orders/0 --because='bad deployment upstream' --yes", "tasks pause --all --yes"}, RunPause));
  registry->Add(TaskCommand("tasks resume", "Take new events in again; ends a breaker's pause as well.", "",
                            {"tasks resume orders/0 --yes", "tasks resume --all --yes"}, RunResume));
  registry->Add(TaskCommand("tasks retry", "Try a task that has failed again at once.",
                            "The answer comes when it runs.", {"tasks retry orders/0 --yes"}, RunRetry));
}

}  // namespace once::cli
