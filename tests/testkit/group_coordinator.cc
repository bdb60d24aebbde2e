#include "tests/testkit/group_coordinator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace once::testkit {

std::string GroupCoordinator::Join(const std::string& group, const std::vector<std::string>& topics,
                                   absl::Duration session_timeout, absl::Time now) {
  const std::string id = absl::StrCat(group, "-member-", next_member_++);
  groups_[group].members[id] = {topics, session_timeout, now, {}, {}};
  group_of_[id] = group;
  past_group_of_[id] = group;
  next_expiry_ = std::min(next_expiry_, now + session_timeout);
  Rebalance(groups_[group]);
  return id;
}

void GroupCoordinator::Heartbeat(const std::string& member, absl::Time now) {
  if (Member* found = FindMember(member); found != nullptr) found->last_seen = now;
}

void GroupCoordinator::Leave(const std::string& member) {
  const auto entry = group_of_.find(member);
  if (entry == group_of_.end()) return;
  Group& group = groups_[entry->second];
  group.members.erase(member);
  group_of_.erase(entry);
  Rebalance(group);
}

void GroupCoordinator::Expire(absl::Time now) {
  if (now <= next_expiry_ || now < available_) return;
  next_expiry_ = absl::InfiniteFuture();
  std::vector<std::string> over;
  for (const auto& [name, group] : groups_) {
    for (const auto& [id, member] : group.members) {
      if (now - member.last_seen > member.session_timeout) {
        over.push_back(id);
      } else {
        next_expiry_ = std::min(next_expiry_, member.last_seen + member.session_timeout);
      }
    }
  }
  for (const std::string& id : over) Leave(id);
}

void GroupCoordinator::MoveUntil(absl::Time available) {
  available_ = available;
  for (auto& [name, group] : groups_) {
    for (auto& [id, member] : group.members) member.last_seen = std::max(member.last_seen, available);
  }
}

void GroupCoordinator::ForgetTopic(const std::string& topic) {
  for (auto& [name, group] : groups_) {
    std::erase_if(group.committed, [&](const auto& each) { return each.first.topic == topic; });
  }
}

void GroupCoordinator::TopicChanged(const std::string& topic) {
  for (auto& [name, group] : groups_) {
    const bool is_concerned = std::any_of(group.members.begin(), group.members.end(), [&](const auto& member) {
      return std::count(member.second.topics.begin(), member.second.topics.end(), topic) > 0;
    });
    if (is_concerned) Rebalance(group);
  }
}

const GroupCoordinator::Member* GroupCoordinator::FindMember(const std::string& member) const {
  const auto entry = group_of_.find(member);
  return entry == group_of_.end() ? nullptr : &groups_.at(entry->second).members.at(member);
}

GroupCoordinator::Member* GroupCoordinator::FindMember(const std::string& member) {
  return const_cast<Member*>(std::as_const(*this).FindMember(member));
}

int32_t GroupCoordinator::Generation(const std::string& member) const {
  const auto entry = group_of_.find(member);
  return entry == group_of_.end() ? -1 : groups_.at(entry->second).generation;
}

uint64_t GroupCoordinator::Version(const std::string& member) const {
  const auto entry = group_of_.find(member);
  return entry == group_of_.end() ? 0 : groups_.at(entry->second).version;
}

void GroupCoordinator::Rebalance(Group& group) {
  ++group.generation;
  ++group.version;
  std::set<std::string> topics;
  for (auto& [id, member] : group.members) {
    topics.insert(member.topics.begin(), member.topics.end());
    // What a member holds and may keep is its own again, whatever was planned before.
    member.target.clear();
    for (const TopicPartition& each : member.held) {
      if (std::count(member.topics.begin(), member.topics.end(), each.topic) > 0) member.target.insert(each);
    }
  }
  for (const std::string& topic : topics) Balance(group, topic);
}

// Gives each free partition of the topic to the member with the fewest of it, then evens out.
void GroupCoordinator::Balance(Group& group, const std::string& topic) {
  std::map<std::string, std::set<Partition>> share;
  std::set<Partition> free;
  for (int32_t i = 0; i < partition_count_(topic); ++i) free.insert(Partition(i));
  for (const auto& [id, member] : group.members) {
    if (std::count(member.topics.begin(), member.topics.end(), topic) == 0) continue;
    std::set<Partition>& mine = share[id];
    for (const TopicPartition& each : member.target) {
      if (each.topic == topic && free.erase(each.partition) > 0) mine.insert(each.partition);
    }
  }
  if (share.empty()) return;
  const auto fewer = [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); };
  for (const Partition partition : free) {
    std::min_element(share.begin(), share.end(), fewer)->second.insert(partition);
  }
  while (true) {
    auto least = std::min_element(share.begin(), share.end(), fewer);
    auto most = std::max_element(share.begin(), share.end(), fewer);
    if (most->second.size() <= least->second.size() + 1) break;
    const Partition moved = *most->second.rbegin();
    most->second.erase(moved);
    least->second.insert(moved);
  }
  for (auto& [id, mine] : share) {
    std::set<TopicPartition>& target = group.members[id].target;
    std::erase_if(target, [&](const TopicPartition& each) { return each.topic == topic; });
    for (const Partition partition : mine) target.insert({topic, partition});
  }
}

std::vector<TopicPartition> GroupCoordinator::ToRevoke(const std::string& member) const {
  std::vector<TopicPartition> partitions;
  const Member* found = FindMember(member);
  if (found == nullptr) return partitions;
  std::set_difference(found->held.begin(), found->held.end(), found->target.begin(), found->target.end(),
                      std::back_inserter(partitions));
  return partitions;
}

std::vector<TopicPartition> GroupCoordinator::ToAssign(const std::string& member) const {
  std::vector<TopicPartition> partitions;
  const Member* found = FindMember(member);
  if (found == nullptr) return partitions;
  const Group& group = groups_.at(group_of_.at(member));
  for (const TopicPartition& each : found->target) {
    const bool is_held = std::any_of(group.members.begin(), group.members.end(),
                                     [&](const auto& other) { return other.second.held.contains(each); });
    if (!is_held) partitions.push_back(each);
  }
  return partitions;
}

void GroupCoordinator::Released(const std::string& member, std::span<const TopicPartition> partitions) {
  Member* found = FindMember(member);
  if (found == nullptr) return;
  for (const TopicPartition& each : partitions) found->held.erase(each);
  Group& group = groups_[group_of_[member]];
  ++group.generation;
  ++group.version;
}

void GroupCoordinator::Taken(const std::string& member, std::span<const TopicPartition> partitions) {
  Member* found = FindMember(member);
  if (found == nullptr || partitions.empty()) return;
  found->held.insert(partitions.begin(), partitions.end());
  ++groups_[group_of_[member]].version;
}

kafka::Result GroupCoordinator::CheckMetadata(const kafka::GroupMetadata& metadata) const {
  kafka::Result result;
  const int32_t generation = Generation(metadata.member_id);
  if (metadata.generation < 0 || metadata.member_id.empty() || generation < 0) {
    result.error = kafka::ErrorClass::kAbortable;
    result.code = "UNKNOWN_MEMBER_ID";
    result.message =
        absl::StrCat("member \"", metadata.member_id, "\" of generation ", metadata.generation, " is not in the group");
  } else if (metadata.generation != generation) {
    result.error = kafka::ErrorClass::kAbortable;
    result.code = "ILLEGAL_GENERATION";
    result.message = absl::StrCat("generation ", metadata.generation, " of member \"", metadata.member_id,
                                  "\", but the group is at ", generation);
  }
  return result;
}

std::string GroupCoordinator::GroupOf(const std::string& member) const {
  const auto entry = past_group_of_.find(member);
  return entry == past_group_of_.end() ? "" : entry->second;
}

void GroupCoordinator::AddPending(const std::string& group, int64_t producer_id,
                                  std::span<const TopicPartitionOffset> offsets) {
  Group& found = groups_[group];
  Offsets& pending = found.pending[producer_id];
  for (const TopicPartitionOffset& each : offsets) pending[each.where] = {each.offset, found.next_place++};
}

void GroupCoordinator::EndPending(const std::string& group, int64_t producer_id, bool is_commit) {
  Group& found = groups_[group];
  const auto pending = found.pending.extract(producer_id);
  if (pending.empty() || !is_commit) return;
  for (const auto& [partition, sent] : pending.mapped()) {
    OffsetRecord& committed = found.committed[partition];
    if (committed.place < sent.place) committed = sent;
  }
}

bool GroupCoordinator::HasPending(const std::string& group, const TopicPartition& partition) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return false;
  return std::any_of(found->second.pending.begin(), found->second.pending.end(),
                     [&](const auto& pending) { return pending.second.contains(partition); });
}

std::optional<Offset> GroupCoordinator::Committed(const std::string& group, const TopicPartition& partition) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return std::nullopt;
  const auto committed = found->second.committed.find(partition);
  return committed == found->second.committed.end() ? std::nullopt : std::optional(committed->second.offset);
}

void GroupCoordinator::SetCommitted(const std::string& group, const TopicPartition& partition,
                                    std::optional<Offset> offset) {
  Group& found = groups_[group];
  if (offset.has_value()) {
    found.committed[partition] = {*offset, found.next_place++};
  } else {
    found.committed.erase(partition);
  }
}

void GroupCoordinator::ExpireOffsets() {
  for (auto& [name, group] : groups_) {
    std::set<std::string> subscribed;
    for (const auto& [id, member] : group.members) subscribed.insert(member.topics.begin(), member.topics.end());
    std::erase_if(group.committed, [&, &name = name](const auto& each) {
      return !subscribed.contains(each.first.topic) && !HasPending(name, each.first);
    });
  }
}

bool GroupCoordinator::IsKnown(const std::string& group) const {
  const auto found = groups_.find(group);
  return found != groups_.end() && (!found->second.members.empty() || !found->second.committed.empty());
}

bool GroupCoordinator::Forget(const std::string& group) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return true;
  if (!found->second.members.empty()) return false;
  // Its generations go on, so that nobody who was a member is one again.
  found->second.committed.clear();
  return true;
}

std::vector<std::string> GroupCoordinator::Members(const std::string& group) const {
  std::vector<std::string> ids;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return ids;
  for (const auto& [id, member] : found->second.members) ids.push_back(id);
  return ids;
}

std::vector<TopicPartition> GroupCoordinator::Held(const std::string& member) const {
  const Member* found = FindMember(member);
  if (found == nullptr) return {};
  return {found->held.begin(), found->held.end()};
}

}  // namespace once::testkit
