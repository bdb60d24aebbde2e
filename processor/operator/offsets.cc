// What is known of inputs, and the plan of a move. Nothing is changed here.
#include "processor/operator/offsets.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/engine/frontier.h"
#include "processor/operator/layout.h"
#include "processor/operator/log_scan.h"

namespace once {

namespace {

const v1::InputOffset* FindInput(const v1::Frontier& frontier, const std::string& topic) {
  const auto found = std::find_if(frontier.inputs().begin(), frontier.inputs().end(),
                                  [&](const v1::InputOffset& input) { return input.topic() == topic; });
  return found == frontier.inputs().end() ? nullptr : &*found;
}

// All inputs of the tasks of which something is selected.
struct Situation {
  std::vector<OffsetMove> inputs;
  std::set<TopicPartition> selected;
  std::map<TaskId, v1::Frontier> frontiers;
};

absl::StatusOr<Situation> Select(const Plan& plan, const OffsetSelection& selection) {
  std::set<SourceIndex> sources;
  for (const std::string& name : selection.sources) {
    bool is_known = false;
    for (SourceIndex source = 0; source < plan.input_topics.size(); ++source) {
      if (plan.graph->sources[source].name != name && plan.input_topics[source] != name) continue;
      sources.insert(source);
      is_known = true;
    }
    if (!is_known) {
      return absl::NotFoundError(absl::StrCat("the topology has no source, and no source's topic, named \"", name,
                                              "\"; `topology` lists them"));
    }
  }
  Situation situation;
  for (const TaskId& task : TasksOf(plan)) {
    const bool is_partition = selection.partitions.empty() || selection.partitions.contains(task.partition.value());
    std::vector<OffsetMove> inputs;
    bool has_selected = false;
    for (const SourceIndex source : plan.group(task.group).sources) {
      const TopicPartition where{plan.input_topics[source], task.partition};
      inputs.push_back({.task = task, .facts = {.where = where}});
      if (!is_partition || (!sources.empty() && !sources.contains(source))) continue;
      situation.selected.insert(where);
      has_selected = true;
    }
    if (has_selected) situation.inputs.insert(situation.inputs.end(), inputs.begin(), inputs.end());
  }
  if (!situation.selected.empty()) return situation;
  return absl::NotFoundError("no partition of a source is selected; `offsets show` lists all");
}

std::vector<TaskId> TasksOf(const Situation& situation) {
  std::set<TaskId> tasks;
  for (const OffsetMove& input : situation.inputs) tasks.insert(input.task);
  return {tasks.begin(), tasks.end()};
}

// Of the whole group, since they are written together; by partition, since what is pending delays only itself.
absl::Status ReadCommitted(const Plan& plan, kafka::Admin* admin, absl::Duration timeout,
                           std::vector<OffsetMove>* inputs) {
  std::vector<TopicPartition> partitions;
  for (const OffsetMove& input : *inputs) partitions.push_back(input.facts.where);
  const auto committed = admin->StableCommittedOffsets(plan.application_id, partitions, timeout);
  if (!committed.ok()) return committed.status();
  for (OffsetMove& input : *inputs) {
    const auto found = committed->find(input.facts.where);
    if (found != committed->end()) input.facts.committed = found->second;
  }
  return absl::OkStatus();
}

absl::Status ReadLogs(kafka::Admin* admin, absl::Duration timeout, std::vector<OffsetMove>* inputs) {
  std::vector<TopicPartition> partitions;
  for (const OffsetMove& input : *inputs) partitions.push_back(input.facts.where);
  const auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, timeout));
  if (!ends.ok()) return ends.status();
  const auto begins = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, timeout));
  if (!begins.ok()) return begins.status();
  for (OffsetMove& input : *inputs) {
    input.facts.begin = begins->at(input.facts.where);
    input.facts.end = std::max(ends->at(input.facts.where), input.facts.begin);
  }
  return absl::OkStatus();
}

absl::StatusOr<Situation> ReadSituation(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                        const OffsetSelection& selection, absl::Duration timeout) {
  absl::StatusOr<Situation> situation = Select(plan, selection);
  if (!situation.ok()) return situation;
  // First, so that the frontiers, which are read up to later ends, cover what they stand for.
  if (absl::Status read = ReadCommitted(plan, admin, timeout, &situation->inputs); !read.ok()) return read;
  auto frontiers = ReadFrontiers(plan, client, admin, TasksOf(*situation), timeout);
  if (!frontiers.ok()) return frontiers.status();
  situation->frontiers = *std::move(frontiers);
  if (absl::Status read = ReadLogs(admin, timeout, &situation->inputs); !read.ok()) return read;
  for (OffsetMove& input : situation->inputs) {
    const auto frontier = situation->frontiers.find(input.task);
    if (frontier != situation->frontiers.end()) {
      const v1::InputOffset* known = FindInput(frontier->second, input.facts.where.topic);
      if (known != nullptr) input.facts.state = Offset(known->next_offset());
    }
    input.to = input.facts.current().value_or(input.facts.begin);
  }
  return situation;
}

// X5f: state that nobody has any more is not made to look as if there had never been any.
absl::Status CheckHasState(const Plan& plan, const Situation& situation, const OffsetMove& input) {
  if (!input.facts.committed.has_value() || situation.frontiers.contains(input.task)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "group ", plan.application_id, " has the committed offset ", ToString(input.facts.where, *input.facts.committed),
      ", but changelog ", ToString(plan.changelog(input.task)),
      " holds no state for it: the changelog was lost, or the group was another program's. Start under a new "
      "application_id, or let `reset` begin this one anew"));
}

absl::Status CheckStays(const Plan& plan, const OffsetMove& input) {
  const OffsetFacts& facts = input.facts;
  if (!facts.state.has_value() || facts.committed == facts.state) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the state of ", ToString(plan.changelog(input.task)), " stands for ", ToString(facts.where, *facts.state),
      ", but the group has committed ",
      facts.committed.has_value() ? absl::StrCat(facts.committed->value()) : std::string("nothing"),
      " there, and that input is not among those to be moved; move it too, or all inputs --to=state first"));
}

// Only what moves is another topic from now on.
void SetInput(const Plan& plan, const OffsetMove& input, v1::Frontier* frontier) {
  v1::InputOffset* offset = nullptr;
  for (v1::InputOffset& each : *frontier->mutable_inputs()) {
    if (each.topic() == input.facts.where.topic) offset = &each;
  }
  if (offset == nullptr) {
    offset = frontier->add_inputs();
    offset->set_topic(input.facts.where.topic);
  }
  offset->set_next_offset(input.to.value());
  // Another event is the first now.
  offset->clear_watch();
  const auto id = plan.topic_ids.find(input.facts.where.topic);
  if (id != plan.topic_ids.end()) offset->set_topic_id(id->second);
}

v1::Frontier NewFrontier(const Plan& plan, const TaskId& task) {
  std::random_device random;
  v1::Frontier frontier;
  frontier.set_incarnation((uint64_t{random()} << 32) | random() | 1);
  frontier.set_window_clock_ms(absl::ToUnixMillis(absl::Now()));
  AddStores(plan, task.group, &frontier);
  AddIdentity(plan, task, v1::Frontier(), &frontier);
  return frontier;
}

// X8: whether the state was written to another topic than the one that is there now, as far as the brokers tell.
bool IsOfOtherTopic(const Plan& plan, const TaskId& task, const v1::Frontier& frontier) {
  const auto id = plan.topic_ids.find(plan.changelog(task).topic);
  return id != plan.topic_ids.end() && !id->second.empty() && !frontier.changelog_id().empty() &&
         frontier.changelog_id() != id->second;
}

// Of what the frontier says beside its inputs: nothing that stands for places of the cluster it was copied from.
void TakeCopied(const Plan& plan, const TaskId& task, v1::Frontier* frontier) {
  frontier->clear_control();
  frontier->clear_run_marks();
  AddIdentity(plan, task, v1::Frontier(*frontier), frontier);
}

absl::Status CheckFrontier(const Plan& plan, const TaskId& task, const v1::Frontier& frontier,
                           const OffsetOptions& options) {
  const std::string changelog = ToString(plan.changelog(task));
  if (frontier.format() > kNewestFormat) {
    return absl::FailedPreconditionError(absl::StrCat("changelog ", changelog, " is of format ", frontier.format(),
                                                      ", which a newer version of the program wrote: run that one"));
  }
  if (!frontier.application().empty() && frontier.application() != plan.application_id) {
    return absl::FailedPreconditionError(absl::StrCat("changelog ", changelog, " holds the state of application ",
                                                      frontier.application(), ", not of ", plan.application_id));
  }
  if (!options.copied_changelog && IsOfOtherTopic(plan, task, frontier)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the state of changelog ", changelog,
        " was written to another topic of that name: it was copied from "
        "elsewhere, or the topic was deleted and made anew. If it was copied whole, say --copied_changelog; what it "
        "lacks is lost for good"));
  }
  return absl::OkStatus();
}

// The offsets that each of the inputs gets are set; makes what is to be written of them.
absl::StatusOr<OffsetPlan> Finish(const Plan& plan, Situation situation, const OffsetOptions& options) {
  OffsetPlan result;
  result.forgets_window = options.forget_window;
  result.takes_copied_changelog = options.copied_changelog;
  for (const OffsetMove& input : situation.inputs) {
    const bool is_selected = situation.selected.contains(input.facts.where);
    absl::Status can_be = CheckHasState(plan, situation, input);
    if (can_be.ok() && !is_selected) can_be = CheckStays(plan, input);
    const auto known = situation.frontiers.find(input.task);
    if (can_be.ok() && known != situation.frontiers.end()) {
      can_be = CheckFrontier(plan, input.task, known->second, options);
    }
    if (!can_be.ok()) return can_be;
    const bool is_new = !result.tasks.contains(input.task);
    TaskMove& task = result.tasks[input.task];
    if (is_new) {
      task.frontier = known != situation.frontiers.end() ? known->second : NewFrontier(plan, input.task);
      if (known == situation.frontiers.end()) ++result.tasks_without_state;
      if (options.copied_changelog) TakeCopied(plan, input.task, &task.frontier);
      task.frontier.set_epoch(task.frontier.epoch() + 1);
      if (options.forget_window) {
        task.frontier.set_idempotency_generation(task.frontier.idempotency_generation() + 1);
      }
    }
    if (is_selected) {
      SetInput(plan, input, &task.frontier);
      result.moves.push_back(input);
    } else if (!input.facts.state.has_value()) {
      continue;  // A source that the task does not know yet begins as it says.
    }
    task.offsets.push_back({input.facts.where, input.to});
  }
  for (auto& [id, task] : result.tasks) {
    if (!task.frontier.has_control()) continue;
    const TopicPartition where{task.frontier.control().topic(), id.partition};
    task.offsets.push_back({where, Offset(task.frontier.control().next_offset())});
  }
  return result;
}

}  // namespace

int64_t OffsetMove::gone() const {
  const int64_t skipped = distance().value_or(0);
  if (skipped <= 0) return 0;
  return std::clamp<int64_t>(facts.begin - *facts.current(), 0, skipped);
}

std::vector<std::string> OffsetPlan::Consequences() const {
  int64_t skipped = 0;
  int64_t repeated = 0;
  int64_t gone = 0;
  for (const OffsetMove& move : moves) {
    const int64_t distance = move.distance().value_or(0);
    (distance > 0 ? skipped : repeated) += distance > 0 ? distance : -distance;
    gone += move.gone();
  }
  std::vector<std::string> told;
  if (skipped > 0) {
    told.push_back(absl::StrCat(
        "up to ", skipped, " events are skipped: they take no effect",
        gone > 0 ? absl::StrCat("; ", gone, " of these offsets are not in the log any more") : std::string()));
  }
  if (repeated > 0 && forgets_window) {
    told.push_back(absl::StrCat("up to ", repeated,
                                " events come again and take effect again, on top of the state as it is, also those "
                                "whose event IDs are known"));
  } else if (repeated > 0) {
    told.push_back(absl::StrCat("up to ", repeated,
                                " events come again. Those whose event IDs are still in the idempotency window are "
                                "duplicates and have no effect; those without an event ID, or whose ID is forgotten, "
                                "take effect again, on top of the state as it is"));
  }
  if (repeated == 0 && forgets_window) {
    told.push_back("the event IDs that are known are forgotten: a second copy of an event takes effect");
  }
  if (takes_copied_changelog) {
    told.push_back(
        absl::StrCat("the changelog is taken for this application's own, as it is: what was not copied is lost",
                     tasks_without_state > 0 ? absl::StrCat("; ", tasks_without_state, " tasks have no state in it")
                                             : std::string()));
  }
  told.push_back("state, and events that are parked, stay as they are");
  return told;
}

absl::StatusOr<std::vector<OffsetMove>> ReadOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                                    const OffsetSelection& selection, const OffsetOptions& options) {
  absl::StatusOr<Situation> situation = ReadSituation(plan, client, admin, selection, options.timeout);
  if (!situation.ok()) return situation.status();
  std::erase_if(situation->inputs,
                [&](const OffsetMove& input) { return !situation->selected.contains(input.facts.where); });
  return std::move(situation->inputs);
}

absl::StatusOr<OffsetPlan> PlanOffsets(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                       const OffsetSelection& selection, const OffsetTarget& target,
                                       const OffsetOptions& options) {
  absl::StatusOr<Situation> situation = ReadSituation(plan, client, admin, selection, options.timeout);
  if (!situation.ok()) return situation.status();
  if (target.kind == OffsetTarget::Kind::kTime) {
    const std::vector<TopicPartition> asked(situation->selected.begin(), situation->selected.end());
    const auto found = AllOf(admin->ReadOffsetsAt(target.time, asked, options.timeout));
    if (!found.ok()) return found.status();
    for (OffsetMove& input : situation->inputs) {
      if (found->contains(input.facts.where)) input.facts.at_time = found->at(input.facts.where);
    }
  }
  for (OffsetMove& input : situation->inputs) {
    if (!situation->selected.contains(input.facts.where)) continue;
    const absl::StatusOr<Offset> to = ResolveOffset(target, input.facts);
    if (!to.ok()) return to.status();
    input.to = *to;
  }
  return Finish(plan, *std::move(situation), options);
}

absl::StatusOr<OffsetPlan> PlanSkip(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                    const OffsetSelection& selection, int64_t count, const OffsetOptions& options) {
  if (count < 1) return absl::InvalidArgumentError("the number of events to skip must be at least 1");
  absl::StatusOr<Situation> situation = ReadSituation(plan, client, admin, selection, options.timeout);
  if (!situation.ok()) return situation.status();
  const std::vector<TopicPartition> asked(situation->selected.begin(), situation->selected.end());
  // Committed events only: what a transaction has not committed yet may never be an event.
  const auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kLastStable, asked, options.timeout));
  if (!ends.ok()) return ends.status();
  std::vector<LogRange> ranges;
  std::map<TopicPartition, int64_t> left;
  std::map<TopicPartition, Offset> behind;
  for (const OffsetMove& input : situation->inputs) {
    if (!situation->selected.contains(input.facts.where)) continue;
    left[input.facts.where] = count;
    behind[input.facts.where] = input.to;
    ranges.push_back({input.facts.where, std::max(input.to, input.facts.begin), ends->at(input.facts.where)});
  }
  const absl::Status scanned = ScanLogs(client, ranges, options.timeout, [&](const auto& where, const auto& record) {
    behind[where] = record.offset + 1;
    return --left[where] > 0;
  });
  if (!scanned.ok()) return scanned;
  for (OffsetMove& input : situation->inputs) {
    const auto found = behind.find(input.facts.where);
    if (found != behind.end()) input.to = found->second;
  }
  return Finish(plan, *std::move(situation), options);
}

}  // namespace once
