// Commands in a test: sent to the control topic as an operator's tool does, and answered by the audit topic.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/partitioner.h"
#include "processor/runtime/worker.h"
#include "tests/testkit/topology_test_driver.h"

namespace once {

namespace {

CommandOutcome ToOutcome(v1::CommandResult result) {
  CommandOutcome outcome;
  outcome.command_id = result.command_id();
  outcome.outcome = v1::CommandResult::Outcome_Name(result.outcome());
  outcome.code = result.code();
  outcome.message = result.message();
  outcome.queues = result.queues();
  outcome.events = result.events();
  outcome.partition = result.partition();
  outcome.result = std::move(result);
  return outcome;
}

v1::Selection ToProto(const CommandSelection& selection) {
  v1::Selection proto;
  proto.set_reason(selection.reason);
  proto.set_event_type(selection.event_type);
  proto.set_min_age_ms(absl::ToInt64Milliseconds(selection.min_age));
  proto.set_per_second(static_cast<uint32_t>(selection.per_second));
  return proto;
}

}  // namespace

uint16_t TopologyTestDriver::GroupOf(const std::string& aggregate) const {
  const Graph& graph = Built("a command");
  if (!plan_.has_commands()) throw DriverError("TopologyTestDriver: the application takes no commands");
  std::vector<std::string> names;
  for (size_t node = 0; node < graph.nodes.size(); ++node) {
    if (graph.nodes[node].kind != NodeKind::kAggregate) continue;
    names.push_back(graph.nodes[node].name);
    if (names.back() != aggregate) continue;
    for (const HandlerSpec& handler : graph.handlers) {
      if (handler.node == node) return plan_.group_of_source[handler.source];
    }
  }
  for (size_t source = 0; source < graph.sources.size(); ++source) {
    if (graph.sources[source].name == aggregate) return plan_.group_of_source[source];
    names.push_back(graph.sources[source].name);
  }
  throw DriverError(absl::StrCat("TopologyTestDriver: the topology has no aggregate or source named \"", aggregate,
                                 "\"; there are: ", absl::StrJoin(names, ", ")));
}

const std::string& TopologyTestDriver::SourceOf(const std::string& aggregate) const {
  return graph_->sources[graph_->groups[GroupOf(aggregate)].sources.front()].name;
}

v1::Target TopologyTestDriver::TargetOf(const std::string& aggregate, const std::string& key,
                                        const CommandOptions& options) const {
  GroupOf(aggregate);
  v1::Target target;
  target.set_key(key);
  target.set_blocked_by(options.blocked_by);
  return target;
}

std::string TopologyTestDriver::Complete(v1::Command* command, const CommandOptions& options) {
  command->set_id(options.id.empty() ? absl::StrCat("command-", ++commands_) : options.id);
  command->set_issuer(options.issuer);
  command->set_reason(options.reason);
  command->set_issued_ms(absl::ToUnixMillis(clock_.Wall()));
  command->set_application(plan_.application_id);
  return command->id();
}

CommandOutcome TopologyTestDriver::Command(const std::string& aggregate, v1::Command command,
                                           const CommandOptions& options) {
  const uint16_t group = GroupOf(aggregate);
  std::string key;
  if (command.has_release()) key = command.release().target().key();
  if (command.has_retry_now()) key = command.retry_now().target().key();
  if (command.has_skip()) key = command.skip().target().key();
  if (command.has_discard()) key = command.discard().target().key();
  if (command.has_replace()) key = command.replace().target().key();
  // Where it waits, else where its events belong.
  const SourceSpec& lead = graph_->sources[graph_->groups[group].sources.front()];
  int partition = ExpectedPartition(lead.partitioner, key, options_.partitions).value_or(Partition(0)).value();
  for (const auto& [id, task] : Running("a command").engine().tasks()) {
    if (id.group == group && task->parking.Find(key) != nullptr) partition = id.partition.value();
  }
  return CommandTo(aggregate, partition, std::move(command), options);
}

CommandOutcome TopologyTestDriver::CommandTo(const std::string& aggregate, int partition, v1::Command command,
                                             const CommandOptions& options) {
  const std::string id = Complete(&command, options);
  SendCommandBytes(aggregate, partition, command.SerializeAsString());
  RunUntilIdle();
  CommandOutcome last;
  for (CommandOutcome& outcome : audit()) {
    if (outcome.command_id == id && outcome.partition == partition) last = std::move(outcome);
  }
  return last;
}

std::vector<CommandOutcome> TopologyTestDriver::CommandAll(const std::string& aggregate, v1::Command command,
                                                           const CommandOptions& options) {
  const std::string id = Complete(&command, options);
  for (int p = 0; p < options_.partitions; ++p) SendCommandBytes(aggregate, p, command.SerializeAsString());
  RunUntilIdle();
  std::vector<CommandOutcome> outcomes;
  for (CommandOutcome& outcome : audit()) {
    if (outcome.command_id == id) outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

std::vector<CommandOutcome> TopologyTestDriver::ReleaseAll(const std::string& aggregate,
                                                           const CommandSelection& selection,
                                                           const CommandOptions& options) {
  v1::Command command;
  *command.mutable_release()->mutable_all() = ToProto(selection);
  return CommandAll(aggregate, std::move(command), options);
}

std::vector<CommandOutcome> TopologyTestDriver::RetryAllNow(const std::string& aggregate,
                                                            const CommandSelection& selection,
                                                            const CommandOptions& options) {
  v1::Command command;
  *command.mutable_retry_now()->mutable_all() = ToProto(selection);
  return CommandAll(aggregate, std::move(command), options);
}

std::vector<CommandOutcome> TopologyTestDriver::NeverAdd(const std::string& aggregate, const v1::NeverRule& rule,
                                                         const CommandOptions& options) {
  v1::Command command;
  *command.mutable_never_add()->mutable_rule() = rule;
  return CommandAll(aggregate, std::move(command), options);
}

std::vector<CommandOutcome> TopologyTestDriver::NeverRemove(const std::string& aggregate, const v1::NeverRule& rule,
                                                            const CommandOptions& options) {
  v1::Command command;
  *command.mutable_never_remove()->mutable_rule() = rule;
  return CommandAll(aggregate, std::move(command), options);
}

std::vector<std::string> TopologyTestDriver::NeverRules(const std::string& aggregate, int partition) const {
  const Task* task = Running("NeverRules").engine().FindTask({GroupOf(aggregate), Partition(partition)});
  return task == nullptr ? std::vector<std::string>() : task->control_state.DescribeRules();
}

CommandOutcome TopologyTestDriver::Pause(const std::string& aggregate, int partition, const CommandOptions& options) {
  v1::Command command;
  command.mutable_pause();
  return CommandTo(aggregate, partition, std::move(command), options);
}

CommandOutcome TopologyTestDriver::Resume(const std::string& aggregate, int partition, const CommandOptions& options) {
  v1::Command command;
  command.mutable_resume();
  return CommandTo(aggregate, partition, std::move(command), options);
}

CommandOutcome TopologyTestDriver::RetryTask(const std::string& aggregate, int partition,
                                             const CommandOptions& options) {
  v1::Command command;
  command.mutable_retry_task();
  return CommandTo(aggregate, partition, std::move(command), options);
}

void TopologyTestDriver::SendCommandBytes(const std::string& aggregate, int partition,
                                          std::optional<std::string> bytes) {
  Running("a command");
  const std::string& topic = plan_.control_topics[GroupOf(aggregate)];
  if (!cluster_->HasPartition({topic, Partition(partition)})) {
    throw DriverError(absl::StrCat("TopologyTestDriver: topic \"", topic, "\" has no partition ", partition,
                                   "; see DriverOptions.partitions"));
  }
  cluster_->Append(topic, Partition(partition), std::nullopt, std::move(bytes), {}, -1);
}

std::vector<CommandOutcome> TopologyTestDriver::audit() const {
  std::vector<CommandOutcome> outcomes;
  for (const TaskGroupSpec& group : Built("audit").groups) {
    for (const testkit::MemoryRecord& record : cluster_->ReadCommitted(AuditTopic(plan_.application_id, group))) {
      v1::CommandResult result;
      if (!result.ParseFromString(record.value.value_or(""))) throw DriverError("an audit record is unreadable");
      outcomes.push_back(ToOutcome(std::move(result)));
    }
  }
  return outcomes;
}

}  // namespace once
