// Facts of topics that must hold while the application runs (X8).
#include "processor/runtime/topic_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"

namespace once {

namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
// A broker that has just started may not know a topic yet.
constexpr int kLooksBeforeMissing = 3;
// Of topics without a known id so many partitions are looked at in one check, in turn.
constexpr int32_t kEndsPerCheck = 32;

}  // namespace

TopicWatch::TopicWatch(const Plan* plan, kafka::Admin* admin) : admin_(admin) {
  // What the start has seen counts, not what the first look finds.
  const auto add = [&](const std::string& name, Role role, int32_t partition_count) {
    Topic& topic = topics_.emplace_back();
    topic.name = name;
    topic.role = role;
    topic.partition_count = partition_count;
    if (const auto known = plan->topic_ids.find(name); known != plan->topic_ids.end()) topic.id = known->second;
  };
  for (size_t i = 0; i < plan->input_topics.size(); ++i) {
    add(plan->input_topics[i], Role::kInput, plan->partition_counts[i]);
  }
  for (size_t i = 0; i < plan->changelog_topics.size(); ++i) {
    const SourceIndex lead = plan->group(static_cast<uint16_t>(i)).sources.front();
    add(plan->changelog_topics[i], Role::kChangelog, plan->partition_counts[lead]);
    if (!plan->has_commands()) continue;
    add(plan->control_topics[i], Role::kControl, plan->partition_counts[lead]);
    add(plan->output_topics[plan->audit_index(static_cast<uint16_t>(i))], Role::kAudit, plan->partition_counts[lead]);
  }
}

std::vector<TopicProblem> TopicWatch::Check() {
  std::vector<TopicProblem> problems;
  for (Topic& topic : topics_) CheckOne(&topic, &problems);
  next_end_ += kEndsPerCheck;
  return problems;
}

void TopicWatch::CheckOne(Topic* topic, std::vector<TopicProblem>* problems) {
  const absl::StatusOr<kafka::TopicDescription> found = admin_->DescribeTopic(topic->name, kCallTimeout);
  if (absl::IsNotFound(found.status()) && ++topic->missing >= kLooksBeforeMissing) {
    topic->problem = Deleted(*topic);
  }
  if (found.ok()) {
    topic->missing = 0;
    topic->problem = CheckFacts(topic, *found);
    // What the start could not see counts as it was seen first.
    if (topic->partition_count == 0) topic->partition_count = found->partition_count;
    if (topic->id.empty()) topic->id = found->id;
    // Where ids are not told, only a log that got shorter tells of a topic made anew.
    if (topic->id.empty()) CheckEnds(topic);
  }
  if (!topic->problem.ok()) problems->push_back({topic->name, std::nullopt, topic->problem});
  for (const auto& [index, why] : topic->shortened) {
    problems->push_back({topic->name, Partition(index), why});
  }
}

absl::Status TopicWatch::Deleted(const Topic& topic) {
  const std::string what = absl::StrCat("topic ", topic.name, " was deleted while the application runs");
  switch (topic.role) {
    case Role::kInput:
      return absl::FailedPreconditionError(absl::StrCat(
          what, ". Make it anew, with as many partitions, and start the application again, with --accept_gaps"));
    case Role::kChangelog:
      return absl::FailedPreconditionError(absl::StrCat(what, AdviceOnRemade(true)));
    case Role::kControl:
      return absl::FailedPreconditionError(
          absl::StrCat(what,
                       ": no command is heard, and no transaction of its tasks can commit, so that no event is"
                       " processed either. Start the application again, which makes it anew"));
    case Role::kAudit:
      return absl::FailedPreconditionError(
          absl::StrCat(what,
                       ": what came of commands before is lost, and no further command can be carried out."
                       " Start the application again, which makes it anew"));
  }
  return absl::OkStatus();
}

absl::Status TopicWatch::Remade(const Topic& topic, const std::string& id) {
  const std::string what = absl::StrCat("topic ", topic.name, " was deleted and made anew while the application runs");
  switch (topic.role) {
    case Role::kInput:
    case Role::kChangelog:
      return absl::FailedPreconditionError(absl::StrCat(what, AdviceOnRemade(topic.role == Role::kChangelog)));
    case Role::kControl:
      // The id: it may be made anew once more.
      return absl::UnavailableError(
          absl::StrCat(what, " (its id is ", id,
                       " now): it is read from its beginning as soon as the worker has joined its group"
                       " anew, and commands that the one before still had are lost; send these again"));
    case Role::kAudit:
      return absl::FailedPreconditionError(
          absl::StrCat(what, " (its id is ", id,
                       " now): what came of commands before is lost, and commands go on. Take the right"
                       " to delete it from whoever did"));
  }
  return absl::OkStatus();
}

absl::Status TopicWatch::Shortened(const Topic& topic, const TopicPartition& where, Offset seen, Offset end) {
  const std::string what =
      absl::StrCat(ToString(where), " ended at ", seen.value(), " and ends at ", end.value(),
                   " now: the topic was deleted and made anew, or its brokers lost what they had acknowledged. ");
  if (topic.role == Role::kControl) {
    return absl::UnavailableError(
        absl::StrCat(what, "It is read anew, and commands that the one before still had are lost; send these again"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(what, topic.role == Role::kAudit
                             ? "What came of commands before is lost; take the right to delete it from whoever did"
                             : "What is stored stands for the log before; start under a new application_id"));
}

absl::Status TopicWatch::CheckFacts(Topic* topic, const kafka::TopicDescription& found) const {
  const bool is_of_commands = topic->role == Role::kControl || topic->role == Role::kAudit;
  const bool has_other_count = topic->partition_count != 0 && found.partition_count != topic->partition_count;
  if (is_of_commands && has_other_count) {
    return absl::FailedPreconditionError(absl::StrCat(
        "topic ", topic->name, " had ", topic->partition_count, " partitions and has ", found.partition_count,
        " now: each task has a partition of its commands, and the next start is"
        " refused. Delete the topic and start the application again, which makes it anew"));
  }
  if (!topic->id.empty() && !found.id.empty() && found.id != topic->id) return Remade(*topic, found.id);
  if (has_other_count) {
    return absl::FailedPreconditionError(absl::StrCat(
        "topic ", topic->name, " had ", topic->partition_count, " partitions and has ", found.partition_count,
        " now: keys would go to other partitions than those that hold their state. Move to a topic with the new count"
        " under a new application_id"));
  }
  const auto policy = found.settings.find("cleanup.policy");
  if (topic->role == Role::kChangelog && policy != found.settings.end() && policy->second != "compact") {
    return absl::FailedPreconditionError(absl::StrCat("changelog ", topic->name, " has cleanup.policy=", policy->second,
                                                      " now, which deletes state; set it to compact"));
  }
  return absl::OkStatus();
}

// A log's end never goes back; one that did belongs to another log of the same name.
void TopicWatch::CheckEnds(Topic* topic) {
  for (int32_t i = 0; i < std::min(kEndsPerCheck, topic->partition_count); ++i) {
    const int32_t index = (next_end_ + i) % topic->partition_count;
    const TopicPartition where{topic->name, Partition(index)};
    const absl::StatusOr<Offset> end = admin_->HighWatermark(where, kCallTimeout);
    // Who does not answer says nothing.
    if (!end.ok()) continue;
    Offset& seen = topic->ends[index];
    if (*end < seen) {
      // Once shorter it stays told: the other log may grow beyond where the one before had been.
      topic->shortened.try_emplace(index, Shortened(*topic, where, seen, *end));
    }
    seen = std::max(seen, *end);
  }
}

}  // namespace once
