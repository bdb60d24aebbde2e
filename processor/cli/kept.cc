#include "processor/cli/kept.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/cli/log_scan.h"
#include "processor/engine/plan.h"
#include "state/changelog.h"

namespace once::cli {

namespace {

absl::Status None() { return absl::FailedPreconditionError("no changelog is remembered"); }

KeptChangelogs::Limits LimitsOf(const Context& context) {
  KeptChangelogs::Limits limits{.timeout = context.timeout()};
  if (context.environment().is_cancelled) limits.is_cancelled = context.environment().is_cancelled;
  return limits;
}

}  // namespace

bool MustReadThrough(const Context& context, const absl::Status& looked_up) {
  return context.environment().changelogs == nullptr || absl::IsResourceExhausted(looked_up) ||
         absl::IsAborted(looked_up);
}

absl::StatusOr<std::optional<KeptKey>> LookUp(Context* context, uint16_t group, const std::string& aggregate,
                                              const std::string& key) {
  KeptChangelogs* const changelogs = context->environment().changelogs;
  if (changelogs == nullptr) return None();
  const Plan plan = MakePlan(context->shared_graph(), context->application_id());
  const absl::StatusOr<int32_t> count =
      CountPartitions(context, plan.changelog_topics[group], "one of the application's topics");
  if (!count.ok()) return count.status();
  return FindKept(changelogs, plan, group, *count, aggregate, key, LimitsOf(*context));
}

absl::StatusOr<std::vector<Waiting>> LookUpWaiting(Context* context, const WaitingQuery& query) {
  if (!query.key.has_value() || query.partition.has_value()) return None();
  const absl::StatusOr<std::optional<KeptKey>> kept = LookUp(context, query.group, "", *query.key);
  if (!kept.ok()) return kept.status();
  std::vector<Waiting> found;
  if (!kept->has_value() || !(*kept)->status.has_value()) return found;
  Waiting waiting{.group = query.group, .partition = (*kept)->partition, .key = query.key};
  if (!waiting.status.ParseFromString((*kept)->status->value)) return found;
  if (waiting.status.state() != v1::AggregateStatus::OPEN) found.push_back(std::move(waiting));
  return found;
}

absl::Status LookUpQueue(Context* context, const Waiting& queue, uint64_t first, uint64_t limit,
                         const std::function<void(uint64_t sequence, const v1::ParkedEvent& event)>& take) {
  KeptChangelogs* const changelogs = context->environment().changelogs;
  if (changelogs == nullptr || !queue.key.has_value()) return None();
  const std::string changelog = ChangelogTopic(context->application_id(), context->graph().groups[queue.group]);
  std::vector<std::string> keys;
  const uint64_t behind = queue.status.next_sequence();
  for (uint64_t sequence = first; sequence < behind && sequence - first < limit; ++sequence) {
    keys.push_back(ParkedEventKey(*queue.key, sequence));
  }
  const auto found = changelogs->Find(changelog, {queue.partition}, keys, LimitsOf(*context));
  if (!found.ok()) return found.status();
  const std::vector<std::optional<KeptRecord>>& records = found->at(queue.partition);
  for (size_t i = 0; i < records.size(); ++i) {
    if (!records[i].has_value()) continue;
    v1::ParkedEvent event;
    if (!event.ParseFromString(records[i]->value)) {
      return absl::DataLossError(absl::StrCat("event ", first + i, " of the queue in ", changelog, " is unreadable"));
    }
    take(first + i, event);
  }
  return absl::OkStatus();
}

}  // namespace once::cli
