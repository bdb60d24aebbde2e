// The groups of a cluster: who is a member, who owns which partition, which offsets are committed or pending.
//
// Rebalancing is incremental, as cooperative-sticky's: what stays where it is is not touched; what moves is first
// revoked in a Poll of its owner and only then assigned in a Poll of its heir.
#ifndef ONCE_TESTS_TESTKIT_GROUP_COORDINATOR_H_
#define ONCE_TESTS_TESTKIT_GROUP_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"

namespace once::testkit {

class GroupCoordinator {
 public:
  // Tells how many partitions a topic has; 0 if there is none.
  explicit GroupCoordinator(std::function<int32_t(const std::string&)> partition_count)
      : partition_count_(std::move(partition_count)) {}

  // Adds a member and returns its id, which no member had before. The session ends when `session_timeout` passes
  // without a Heartbeat; never if it is infinite.
  std::string Join(const std::string& group, const std::vector<std::string>& topics, absl::Duration session_timeout,
                   absl::Time now);
  void Heartbeat(const std::string& member, absl::Time now);
  void Leave(const std::string& member);
  // Ends the sessions that are over.
  void Expire(absl::Time now);
  // A topic is gone: so are the offsets committed for it. Members are not told.
  void ForgetTopic(const std::string& topic);
  // A topic came or grew.
  void TopicChanged(const std::string& topic);

  bool IsMember(const std::string& member) const { return group_of_.contains(member); }
  // -1 unless it is a member.
  int32_t Generation(const std::string& member) const;
  // Changes whenever ToRevoke or ToAssign of any member of its group may.
  uint64_t Version(const std::string& member) const;
  // What the member holds but is to give up, and what it is to get and nobody holds any more.
  std::vector<TopicPartition> ToRevoke(const std::string& member) const;
  std::vector<TopicPartition> ToAssign(const std::string& member) const;
  // The member gave them up; the group moves to its next generation so that others get them.
  void Released(const std::string& member, std::span<const TopicPartition> partitions);
  void Taken(const std::string& member, std::span<const TopicPartition> partitions);

  // Whether the group takes offsets with this metadata, and if not, why.
  kafka::Result CheckMetadata(const kafka::GroupMetadata& metadata) const;
  // The group that the member is in, or was in.
  std::string GroupOf(const std::string& member) const;

  // The coordinator moves: until then it answers nobody; sessions begin anew where it goes.
  void MoveUntil(absl::Time available);
  bool IsAvailable(absl::Time now) const { return now >= available_; }

  // Offsets of an open transaction. When it commits they count from their place in the order of all that was sent to
  // the group: an offset that was sent later stays, whenever its transaction ended.
  void AddPending(const std::string& group, int64_t producer_id, std::span<const TopicPartitionOffset> offsets);
  void EndPending(const std::string& group, int64_t producer_id, bool is_commit);
  bool HasPending(const std::string& group, const TopicPartition& partition) const;
  std::optional<Offset> Committed(const std::string& group, const TopicPartition& partition) const;
  void SetCommitted(const std::string& group, const TopicPartition& partition, std::optional<Offset> offset);
  // Forgets the committed offsets of topics that no member of their group subscribes to, as brokers do after
  // offsets.retention.minutes. Those with a pending successor stay.
  void ExpireOffsets();

  // It has members, or committed offsets.
  bool IsKnown(const std::string& group) const;
  // Forgets its offsets; false if it has members.
  bool Forget(const std::string& group);
  // The ids of a group's members, and what each holds.
  std::vector<std::string> Members(const std::string& group) const;
  std::vector<TopicPartition> Held(const std::string& member) const;

 private:
  struct Member {
    std::vector<std::string> topics;
    absl::Duration session_timeout;
    absl::Time last_seen;
    std::set<TopicPartition> held;    // Until it released them.
    std::set<TopicPartition> target;  // What the last rebalance meant for it.
  };
  struct OffsetRecord {
    Offset offset;
    int64_t place = 0;  // In the order of all offsets sent to the group.
  };
  using Offsets = std::map<TopicPartition, OffsetRecord>;
  struct Group {
    int32_t generation = 0;
    uint64_t version = 0;
    int64_t next_place = 1;
    std::map<std::string, Member> members;
    Offsets committed;
    std::map<int64_t, Offsets> pending;  // By producer id.
  };

  void Rebalance(Group& group);
  void Balance(Group& group, const std::string& topic);
  const Member* FindMember(const std::string& member) const;
  Member* FindMember(const std::string& member);

  const std::function<int32_t(const std::string&)> partition_count_;
  std::map<std::string, Group> groups_;
  std::map<std::string, std::string> group_of_;       // Of today's members.
  std::map<std::string, std::string> past_group_of_;  // Of those that left as well.
  int next_member_ = 1;
  absl::Time available_ = absl::InfinitePast();
  absl::Time next_expiry_ = absl::InfiniteFuture();  // No session ends earlier.
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_GROUP_COORDINATOR_H_
