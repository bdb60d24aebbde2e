// Offsets in transactions, and who may commit them.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

class Polling {
 public:
  Polling(ClusterFixture& cluster, Member& member) : cluster_(cluster), member_(member) {}
  bool Until(const std::function<bool()>& done) {
    return cluster_.Await(absl::Seconds(60), [&] {
      member_.Poll();
      return done();
    });
  }
  bool UntilAssigned() {
    return Until([&] { return !member_.assigned().empty(); });
  }

 private:
  ClusterFixture& cluster_;
  Member& member_;
};

TEST_P(ContractTest, OffsetsAreCommittedWithTheirTransaction) {
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  auto producer = ReadyProducer({topic});

  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);
  ASSERT_TRUE(producer->BeginTransaction().ok());
  Result result = SendOffsets(*producer, {At(topic, 0, 3), At(topic, 1, 4)}, member.consumer().group_metadata());
  ASSERT_TRUE(result.ok()) << ToString(result);
  result = Commit(*producer);
  ASSERT_TRUE(result.ok()) << ToString(result);
  EXPECT_EQ(Committed(group, At(topic, 0)), 3);
  EXPECT_EQ(Committed(group, At(topic, 1)), 4);

  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 9)}, member.consumer().group_metadata()).ok());
  ASSERT_TRUE(Abort(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), 3) << "the transaction was aborted";

  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 7)}, member.consumer().group_metadata()).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), 7);
  EXPECT_EQ(Committed(group, At(topic, 1)), 4);
}

TEST_P(ContractTest, OffsetsOfTopicsThatNobodySubscribedToAreCommittedToo) {
  const std::string lead = NewTopic("lead");
  const std::string follower = NewTopic("follower");
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {lead, follower}), {lead, follower});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  auto producer = ReadyProducer({lead});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result result =
      SendOffsets(*producer, {At(lead, 0, 1), At(follower, 0, 0)}, member.consumer().group_metadata());
  ASSERT_TRUE(result.ok()) << ToString(result);
  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_EQ(Committed(group, At(lead, 0)), 1);
  EXPECT_EQ(Committed(group, At(follower, 0)), 0);
}

TEST_P(ContractTest, PendingOffsetsAreWaitedFor) {
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 3)}, member.consumer().group_metadata()).ok());

  const std::vector<TopicPartition> pending = {At(topic, 0)};
  const auto unstable = admin().StableCommittedOffsets(group, pending, absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(unstable.status()) || absl::IsDeadlineExceeded(unstable.status()))
      << unstable.status();
  const std::vector<TopicPartition> other = {At(topic, 1)};
  const auto stable = admin().StableCommittedOffsets(group, other, kPatience);
  ASSERT_TRUE(stable.ok()) << stable.status();
  EXPECT_TRUE(stable->empty());

  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), 3);
}

// X5: what is pending of one partition delays no other.
TEST_P(ContractTest, X5CommittedOffsetsOfManyPartitionsComeApart) {
  const std::string topic = NewTopic("t", 3);
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 1, 7)}, member.consumer().group_metadata()).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  ASSERT_EQ(Committed(group, At(topic, 1)), 7);
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 3)}, member.consumer().group_metadata()).ok());

  const std::vector<TopicPartition> all = {At(topic, 0), At(topic, 1), At(topic, 2)};
  CommittedOffsets answers = admin().ReadCommittedOffsets(group, all, absl::Seconds(4));
  ASSERT_EQ(answers.size(), 3);
  EXPECT_TRUE(absl::IsUnavailable(answers.at(all[0]).status())) << answers.at(all[0]).status();
  ASSERT_TRUE(answers.at(all[1]).ok()) << answers.at(all[1]).status();
  EXPECT_EQ(*answers.at(all[1]), std::optional<Offset>(Offset(7)));
  ASSERT_TRUE(answers.at(all[2]).ok()) << answers.at(all[2]).status();
  EXPECT_FALSE(answers.at(all[2])->has_value());

  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    const auto answer = admin().ReadCommittedOffsets(group, {&all[0], 1}, kPatience).at(all[0]);
    return answer.ok() && *answer == std::optional<Offset>(Offset(3));
  }));
}

TEST_P(ContractTest, MetadataNamesTheMember) {
  const std::string topic = NewTopic("t");
  std::unique_ptr<GroupConsumer> consumer = NewConsumer(cluster().UniqueName("group"), {topic});
  EXPECT_LT(consumer->group_metadata().generation, 0) << "not yet a member";
  Member member(std::move(consumer), {topic});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  const GroupMetadata first = member.consumer().group_metadata();
  EXPECT_GE(first.generation, 0);
  EXPECT_FALSE(first.member_id.empty());
  const GroupMetadata again = member.consumer().group_metadata();
  EXPECT_EQ(again.generation, first.generation);
  EXPECT_EQ(again.member_id, first.member_id);
}

TEST_P(ContractTest, OffsetsOfNoMemberAreRefused) {
  const std::string topic = NewTopic("t");
  const std::string group = cluster().UniqueName("group");
  // A consumer that has subscribed may become a member at any time, unasked.
  const GroupMetadata outside = NewConsumer(group, {topic})->group_metadata();
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result result = SendOffsets(*producer, {At(topic, 0, 3)}, outside);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  ASSERT_TRUE(Abort(*producer).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  EXPECT_EQ(SendOffsets(*producer, {At(topic, 0, 3)}, GroupMetadata{}).error, ErrorClass::kAbortable);
  ASSERT_TRUE(Abort(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);
}

TEST_P(ContractTest, OffsetsOfAnOldGenerationAreRefused) {
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  Member first(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(Polling(cluster(), first).UntilAssigned());
  const GroupMetadata stale = first.consumer().group_metadata();
  Member second(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    second.Poll();
    return first.assigned().size() == 1 && second.assigned().size() == 1;
  }));
  EXPECT_GT(first.consumer().group_metadata().generation, stale.generation);

  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Send(*producer, "k", "stale").ok());
  const Result result = SendOffsets(*producer, {At(topic, 0, 3)}, stale);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  EXPECT_EQ(result.code, "ILLEGAL_GENERATION");
  const Result aborted = Abort(*producer);
  ASSERT_TRUE(aborted.ok()) << ToString(aborted);
  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);

  // The producer lives on, with the metadata of today.
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result fresh = SendOffsets(*producer, {At(topic, 0, 4)}, first.consumer().group_metadata());
  ASSERT_TRUE(fresh.ok()) << ToString(fresh);
  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), 4);
  EXPECT_TRUE(ReadValues(topic).empty());
}

TEST_P(ContractTest, OffsetsOfAMemberThatLeftAreRefused) {
  const std::string topic = NewTopic("t");
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(Polling(cluster(), member).UntilAssigned());
  const GroupMetadata before = member.consumer().group_metadata();
  const absl::Status closed = member.Close();
  ASSERT_TRUE(closed.ok()) << closed;
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result result = SendOffsets(*producer, {At(topic, 0, 3)}, before);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  ASSERT_TRUE(Abort(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);
}

}  // namespace
}  // namespace once::kafka
