// What a task's state says of itself, written with each epoch (F1), and the checks that an opening makes of it (F2, X5c
// to X5f). Each message names what moved and how to go on.
#include "processor/engine/frontier.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "state/changelog.h"

namespace once {

namespace {

constexpr char kOrStartAnew[] = ", or start under a new application_id";

std::string Quoted(std::string_view name) { return absl::StrCat("\"", std::string(name), "\""); }

// "the changelog app-orders-changelog-3 of task group "orders"".
std::string Changelog(const Plan& plan, const Task& task) {
  return absl::StrCat("the changelog ", ToString(task.changelog), " of task group ",
                      Quoted(plan.group(task.id.group).name));
}

// "task group "words" (changelog app-words-changelog)".
std::string GroupNamed(const Plan& plan, const std::string& name) {
  TaskGroupSpec group;
  group.name = name;
  return absl::StrCat("task group ", Quoted(name), " (changelog ", ChangelogTopic(plan.application_id, group), ")");
}

std::string KnownId(const Plan& plan, const std::string& topic) {
  const auto found = plan.topic_ids.find(topic);
  return found == plan.topic_ids.end() ? std::string() : found->second;
}

// Both ids are known and differ.
bool IsOtherTopic(const Plan& plan, const std::string& topic, const std::string& written) {
  const std::string now = KnownId(plan, topic);
  // Brokers that tell no ids, and frontiers from before, are not held against anybody.
  return !written.empty() && !now.empty() && written != now;
}

std::string DescribeOtherTopic(const Plan& plan, const std::string& topic, const std::string& written,
                               const std::string& holder) {
  return absl::StrCat(holder, " was written when topic ", topic, " had the id ", Printable(written),
                      ", but now it has ", Printable(KnownId(plan, topic)), ": the topic was deleted and made anew");
}

// One status of many problems.
absl::Status AllOf(const std::vector<std::string>& problems) {
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(problems, ". And "));
}

const v1::InputOffset* FindInput(const v1::Frontier& frontier, const std::string& topic) {
  const auto found = std::find_if(frontier.inputs().begin(), frontier.inputs().end(),
                                  [&](const v1::InputOffset& input) { return input.topic() == topic; });
  return found == frontier.inputs().end() ? nullptr : &*found;
}

bool HasStore(const v1::Frontier& frontier, const std::string& aggregate) {
  return std::any_of(frontier.stores().begin(), frontier.stores().end(),
                     [&](const v1::Store& store) { return store.aggregate() == aggregate; });
}

// Who reads the topic instead: empty if no source does.
std::string OtherReader(const Plan& plan, const std::string& topic) {
  for (size_t source = 0; source < plan.input_topics.size(); ++source) {
    if (plan.input_topics[source] != topic) continue;
    return absl::StrCat(" (source ", Quoted(plan.graph->sources[source].name), " of task group ",
                        Quoted(plan.group(plan.group_of_source[source]).name), " reads it now)");
  }
  return "";
}

// Every input that the state stands for must be read still, and be the topic that it was.
void CheckInputs(const Plan& plan, const Task& task, bool accept_remade, std::vector<std::string>* problems) {
  std::vector<std::string> missing;
  for (const v1::InputOffset& known : task.frontier.inputs()) {
    const bool is_read = std::any_of(task.inputs.begin(), task.inputs.end(),
                                     [&](const InputPosition& input) { return input.where.topic == known.topic(); });
    if (!is_read) {
      missing.push_back(absl::StrCat(ToString({known.topic(), task.id.partition}, Offset(known.next_offset())),
                                     OtherReader(plan, known.topic())));
      continue;
    }
    // X4: with --accept_gaps it is read from its beginning, see AcceptGaps.
    if (accept_remade || !IsOtherTopic(plan, known.topic(), known.topic_id())) continue;
    problems->push_back(
        absl::StrCat(DescribeOtherTopic(plan, known.topic(), known.topic_id(), Changelog(plan, task)),
                     ", and its offsets mean other events. To read the new one from its beginning with the state kept,"
                     " start the application with --accept_gaps",
                     kOrStartAnew));
  }
  if (missing.empty()) return;
  problems->push_back(absl::StrCat(
      Changelog(plan, task), " holds what became of the events up to ", absl::StrJoin(missing, " and "),
      ", but no source of that group reads there any more: was a source given another topic, taken away, or moved to"
      " another task group? Its state would be taken for that of other events. Give the group its source back",
      kOrStartAnew));
}

// Every aggregate that has state must still be there, with that state: of one that was renamed, or has come from
// another task group, nothing would be found, in silence.
void CheckStores(const Plan& plan, const Task& task, std::vector<std::string>* problems) {
  const auto find = [&](const std::string& aggregate) -> const NodeSpec* {
    for (const NodeIndex node : plan.aggregates[task.id.group]) {
      if (plan.graph->nodes[node].name == aggregate) return &plan.graph->nodes[node];
    }
    return nullptr;
  };
  for (const v1::Store& known : task.frontier.stores()) {
    const std::string written = absl::StrCat("the changelog ", task.changelog.topic, " holds state of aggregate ",
                                             Quoted(known.aggregate()), ", of type ", known.type());
    const NodeSpec* now = find(known.aggregate());
    if (now == nullptr) {
      problems->push_back(absl::StrCat(
          written, ", but the topology has no such aggregate there: was it renamed or removed? Give it back its name",
          kOrStartAnew));
    } else if (now->state_type != known.type()) {
      problems->push_back(absl::StrCat(
          written, ", but the topology's is of type ", now->state_type,
          ": it would be read wrong. Keep the type (fields may be added to a protobuf message)", kOrStartAnew));
    }
  }
  // X5c: what another group held when this was written, and this one is to have now.
  for (const v1::Store& known : task.frontier.elsewhere()) {
    if (find(known.aggregate()) == nullptr || HasStore(task.frontier, known.aggregate())) continue;
    problems->push_back(absl::StrCat(
        "the state of aggregate ", Quoted(known.aggregate()), " is held by ", GroupNamed(plan, known.task_group()),
        ", but it belongs to task group ", Quoted(plan.group(task.id.group).name),
        " now, which would begin it anew: was it given other sources? Let it hear those it heard", kOrStartAnew));
  }
}

// A committed offset that the state knows nothing of: some other changelog does.
std::string UnknownInput(const Plan& plan, const Task& task, const InputPosition& input) {
  const TaskGroupSpec& group = plan.group(task.id.group);
  const SourceSpec& source = plan.graph->sources[input.source];
  const std::string committed = absl::StrCat("group ", plan.application_id, " has the committed offset ",
                                             ToString(input.where, *input.committed), ", but ", Changelog(plan, task));
  // X5d: the group has state, but not of this input: another group had it.
  if (!task.frontier.inputs().empty()) {
    return absl::StrCat(
        committed, " knows nothing of it: another task group has held the state of source ", Quoted(source.name),
        ", such as ", GroupNamed(plan, source.name),
        ". Task groups that hold state cannot be joined: its state and its parked events would be lost. Let no"
        " aggregate hear sources of both",
        kOrStartAnew);
  }
  // Nothing was ever written here: told are all groups that may have held it, under other names of this one too.
  std::vector<std::string> others;
  for (const SourceIndex each : group.sources) {
    if (plan.graph->sources[each].name == group.name) continue;
    others.push_back(GroupNamed(plan, plan.graph->sources[each].name));
  }
  for (const TaskGroupSpec& other : plan.graph->groups) {
    if (other.name != group.name) others.push_back(GroupNamed(plan, other.name));
  }
  return absl::StrCat(
      committed,
      " holds no state for it. Either the changelog was lost, and the state with it: start under a new"
      " application_id. Or another task group held it",
      others.empty() ? "" : absl::StrCat(", such as ", absl::StrJoin(others, " or ")), ": was source ",
      Quoted(plan.graph->sources[group.sources.front()].name),
      " renamed or moved, or a task group split? Name the group (SourceOptions.group) as it was, to keep its"
      " changelog. Or the group was used by another program: start under a new application_id");
}

// What is wrong with an offset that the state stands for; empty if nothing is.
std::string DescribeMisfit(const Plan& plan, const Task& task, const InputPosition& input, Offset known) {
  if (input.committed == known) return "";
  const std::string state_side =
      absl::StrCat("the state of ", ToString(task.changelog), " stands for ", ToString(input.where, known));
  if (!input.committed.has_value()) {
    return absl::StrCat(state_side, ", but group ", plan.application_id,
                        " has no committed offset there: it expired or was deleted (or topic ", input.where.topic,
                        " was deleted and made anew: then start under a new application_id)");
  }
  return absl::StrCat(state_side, ", but group ", plan.application_id, " has committed ", input.committed->value(),
                      " there: ",
                      *input.committed > known ? "the offsets were moved forward from outside, or the changelog was"
                                                 " restored from an older copy"
                                               : "the offsets were moved back from outside");
}

}  // namespace

void AddIdentity(const Plan& plan, const Task& task, v1::Frontier* frontier) {
  AddIdentity(plan, task.id, task.frontier, frontier);
  // R7: of one that was made anew since the start the opening has found out.
  if (frontier->has_control() && task.control.has_value() && !task.control->topic_id.empty()) {
    frontier->mutable_control()->set_topic_id(task.control->topic_id);
  }
}

void AddStores(const Plan& plan, uint16_t group, v1::Frontier* frontier) {
  frontier->clear_stores();
  for (const NodeIndex node : plan.aggregates[group]) {
    v1::Store* store = frontier->add_stores();
    store->set_aggregate(plan.graph->nodes[node].name);
    store->set_type(plan.graph->nodes[node].state_type);
  }
}

void AddIdentity(const Plan& plan, const TaskId& task, const v1::Frontier& last, v1::Frontier* frontier) {
  frontier->set_application(plan.application_id);
  // Older records may be of a newer format, after a downgrade: the number stands for all of them.
  frontier->set_format(std::max(kWrittenFormat, last.format()));
  if (std::string id = KnownId(plan, plan.changelog_topics[task.group]); !id.empty()) {
    frontier->set_changelog_id(std::move(id));
  }
  for (v1::InputOffset& input : *frontier->mutable_inputs()) {
    std::string id = KnownId(plan, input.topic());
    // A broker that does not tell just now must not make us forget.
    if (const v1::InputOffset* known = FindInput(last, input.topic()); id.empty() && known != nullptr) {
      id = known->topic_id();
    }
    if (!id.empty()) input.set_topic_id(std::move(id));
  }
  if (frontier->has_control()) {
    if (std::string id = KnownId(plan, frontier->control().topic()); !id.empty()) {
      frontier->mutable_control()->set_topic_id(std::move(id));
    }
  }
  // X5c: what the other groups hold, so that an aggregate that moves from one to another is missed.
  frontier->clear_elsewhere();
  for (uint16_t group = 0; group < plan.aggregates.size(); ++group) {
    if (group == task.group) continue;
    for (const NodeIndex node : plan.aggregates[group]) {
      v1::Store* store = frontier->add_elsewhere();
      store->set_aggregate(plan.graph->nodes[node].name);
      store->set_type(plan.graph->nodes[node].state_type);
      store->set_task_group(plan.group(group).name);
    }
  }
}

absl::StatusOr<v1::Frontier> ParseFrontier(std::string_view bytes) {
  v1::Frontier frontier;
  if (!frontier.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("is unreadable");
  }
  // To a client a negative offset is a place by itself, -1 the end.
  for (const v1::InputOffset& input : frontier.inputs()) {
    if (input.next_offset() < 0) return absl::DataLossError(absl::StrCat("names offset ", input.next_offset()));
  }
  return frontier;
}

absl::Status CheckIdentity(const Plan& plan, const Task& task) {
  const v1::Frontier& frontier = task.frontier;
  // X5e: better not to start than to read a newer format half.
  if (frontier.format() > kNewestFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        Changelog(plan, task), " is of format ", frontier.format(), ", and this version reads formats up", " to ",
        kNewestFormat, " only: a newer version of the program wrote it. Run that version", kOrStartAnew));
  }
  if (!frontier.application().empty() && frontier.application() != plan.application_id) {
    return absl::FailedPreconditionError(absl::StrCat(
        Changelog(plan, task), " holds the state of another application, ", Quoted(frontier.application()), ", not of ",
        Quoted(plan.application_id),
        ": names of application and task group, joined with '-', come out alike, or the topic was copied. Give the"
        " task group another name (SourceOptions.group)",
        kOrStartAnew));
  }
  if (!IsOtherTopic(plan, task.changelog.topic, frontier.changelog_id())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(DescribeOtherTopic(plan, task.changelog.topic, frontier.changelog_id(), Changelog(plan, task)),
                   ", and may lack state that the one before held. Start under a new application_id"));
}

std::string AdviceOnRemade(bool is_changelog) {
  if (is_changelog) return ". The state that it held is in no log any more: start under a new application_id";
  return ". What is stored stands for the topic before, and events of the new one may have been passed over. To read "
         "the new one from its beginning with the state kept, start the application again, with --accept_gaps; or"
         " start under a new application_id";
}

absl::Status CheckTopicIds(const Plan& plan, const Task& task, const std::map<std::string, std::string>& ids_now) {
  std::vector<std::string> problems;
  const auto check = [&](const std::string& topic, bool is_changelog) {
    const auto now = ids_now.find(topic);
    // X8: held against the ids of the start, since the plan was made from those.
    if (now == ids_now.end() || !IsOtherTopic(plan, topic, now->second)) return;
    problems.push_back(absl::StrCat("topic ", topic, " was deleted and made anew while the application runs",
                                    AdviceOnRemade(is_changelog)));
  };
  check(task.changelog.topic, true);
  for (const InputPosition& input : task.inputs) check(input.where.topic, false);
  return AllOf(problems);
}

absl::Status CheckTopology(const Plan& plan, const Task& task, bool accept_remade) {
  std::vector<std::string> problems;
  CheckInputs(plan, task, accept_remade, &problems);
  CheckStores(plan, task, &problems);
  return AllOf(problems);
}

bool IsRemade(const Plan& plan, const Task& task, const InputPosition& input) {
  const v1::InputOffset* known = FindInput(task.frontier, input.where.topic);
  return known != nullptr && IsOtherTopic(plan, known->topic(), known->topic_id());
}

absl::Status CheckOffsets(const Plan& plan, const Task& task, bool accept_remade) {
  std::vector<std::string> unknown;
  std::vector<std::string> misfits;
  std::vector<std::string> commands;
  std::vector<std::string> topics;
  for (const InputPosition& input : task.inputs) {
    const v1::InputOffset* known = FindInput(task.frontier, input.where.topic);
    if (known == nullptr) {
      // X5d: a source is new only if nobody knows an offset of it.
      if (input.committed.has_value()) unknown.push_back(UnknownInput(plan, task, input));
      continue;
    }
    // Brokers forget offsets with the topic; where it goes on AcceptGaps says.
    if (accept_remade && IsRemade(plan, task, input)) continue;
    std::string misfit = DescribeMisfit(plan, task, input, Offset(known->next_offset()));
    if (misfit.empty()) continue;
    misfits.push_back(std::move(misfit));
    topics.push_back(input.where.topic);
    commands.push_back(absl::StrCat("kafka-consumer-groups.sh --group ", plan.application_id, " --topic ",
                                    input.where.topic, ":", input.where.partition.value(),
                                    " --reset-offsets --execute --to-offset ", known->next_offset()));
  }
  std::vector<std::string> problems = std::move(unknown);
  if (!misfits.empty()) {
    // The tool refuses while the group has members.
    problems.push_back(absl::StrCat(
        absl::StrJoin(misfits, "; "),
        ". Set the group's offset to what the state stands for, while no instance runs:"
        " `offsets reset --to=state --source=",
        absl::StrJoin(topics, ","), " --partition=", task.id.partition.value(),
        "`, a command of this program's, or with Kafka's tool: ", absl::StrJoin(commands, "; "), kOrStartAnew));
  }
  return AllOf(problems);
}

absl::Status CheckDelivered(const Task& task, Offset delivered) {
  // It is the last of the epoch's records, which all come behind what the state stands for.
  const auto sent = static_cast<int64_t>(task.state.epoch_writes().size());
  const Offset first_possible = task.changelog_position + std::max<int64_t>(sent - 1, 0);
  if (delivered >= first_possible) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "an epoch's last record went to ", ToString(task.changelog, delivered),
      ", though the state stands for all below ", task.changelog_position.value(), " and ", sent,
      " records were sent: the changelog was deleted and made anew, or truncated, while the application ran. Nothing of"
      " that epoch is committed. Start under a new application_id"));
}

}  // namespace once
