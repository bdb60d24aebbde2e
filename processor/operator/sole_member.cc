// T6: brokers check who sends offsets, so being the only member keeps all others out.
#include "processor/operator/sole_member.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"

namespace once {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(100);

absl::Status NotAlone(const std::string& group) {
  return absl::FailedPreconditionError(absl::StrCat(
      "another instance of ", group, " joined its group meanwhile; nothing was changed. Stop all instances first"));
}

}  // namespace

absl::Status CheckInactive(const Plan& plan, kafka::Admin* admin, absl::Duration timeout) {
  const absl::StatusOr<kafka::GroupDescription> group = admin->DescribeGroup(plan.application_id, timeout);
  if (!group.ok()) return group.status();
  if (group->members.empty()) return absl::OkStatus();
  constexpr size_t kMostNamed = 5;
  std::string names;
  for (size_t i = 0; i < std::min(group->members.size(), kMostNamed); ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", group->members[i].client_id, " at ", group->members[i].host);
  }
  if (group->members.size() > kMostNamed) absl::StrAppend(&names, ", …");
  return absl::FailedPreconditionError(absl::StrCat(
      "application ", plan.application_id, " runs: its group has ", group->members.size(), " member(s), ", names,
      ". Stop all instances first; one that was killed stays a member until its session_timeout has "
      "passed"));
}

SoleMember::SoleMember(const Plan& plan, std::unique_ptr<kafka::GroupConsumer> consumer)
    : group_(plan.application_id), consumer_(std::move(consumer)) {
  for (const TaskGroupSpec& group : plan.graph->groups) {
    all_ += static_cast<size_t>(plan.partition_counts[group.sources.front()]);
  }
}

SoleMember::~SoleMember() {
  // It may have lost its membership by now; there is nothing to do about that.
  consumer_->Close().IgnoreError();
}

absl::StatusOr<std::unique_ptr<SoleMember>> SoleMember::Join(const Plan& plan, kafka::Client* client,
                                                             kafka::Admin* admin, absl::Duration timeout) {
  // First by asking, since joining makes a running application rebalance.
  if (absl::Status inactive = CheckInactive(plan, admin, timeout); !inactive.ok()) return inactive;
  const std::vector<std::string> leads = plan.LeadTopics();
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> consumer = client->NewGroupConsumer(plan.application_id, leads);
  if (!consumer.ok()) return consumer.status();
  std::unique_ptr<SoleMember> member(new SoleMember(plan, *std::move(consumer)));
  if (absl::Status joined = member->consumer_->Subscribe(leads, member.get()); !joined.ok()) return joined;
  kafka::Batch batch;
  const absl::Time deadline = SteadyNow() + timeout;
  while (!member->HoldsAll()) {
    if (absl::Status polled = member->consumer_->Poll(kPoll, &batch); !polled.ok()) return polled;
    if (SteadyNow() < deadline) continue;
    if (!member->held_.empty()) return NotAlone(plan.application_id);
    return absl::DeadlineExceededError(absl::StrCat("joining group ", plan.application_id, " has taken longer than ",
                                                    absl::FormatDuration(timeout),
                                                    "; nothing was changed. Try again with a longer --timeout"));
  }
  return member;
}

absl::StatusOr<kafka::GroupMetadata> SoleMember::Metadata() {
  if (absl::Status served = consumer_->ServeCallbacks(); !served.ok()) return served;
  kafka::GroupMetadata metadata = consumer_->group_metadata();
  if (!HoldsAll() || metadata.generation < 0) return NotAlone(group_);
  return metadata;
}

void SoleMember::OnAssigned(std::span<const TopicPartition> partitions) {
  held_.insert(partitions.begin(), partitions.end());
  // What fails here is missing from the membership, and shows when offsets are sent.
  consumer_->Assign(partitions).IgnoreError();
}

void SoleMember::OnRevoked(std::span<const TopicPartition> partitions) {
  for (const TopicPartition& each : partitions) held_.erase(each);
  consumer_->Unassign(partitions).IgnoreError();
}

void SoleMember::OnLost(std::span<const TopicPartition> partitions) { OnRevoked(partitions); }

}  // namespace once
