// Several members of a group.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::ElementsAre;

std::vector<std::string> Sorted(std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST_P(ContractTest, PartitionsMoveToAMemberThatJoinsAndBack) {
  constexpr int kPartitions = 4;
  const std::string topic = NewTopic("t", kPartitions);
  const std::string group = cluster().UniqueName("group");
  auto producer = ReadyProducer({topic});
  Member first(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    return first.assigned().size() == kPartitions && first.ends.size() == kPartitions;
  }));

  auto second = std::make_unique<Member>(NewConsumer(group, {topic}), std::vector<std::string>{topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    second->Poll();
    return first.assigned().size() == 2 && second->assigned().size() == 2 && second->ends.size() == 2;
  }));
  EXPECT_GE(first.revoked_calls, 1);
  EXPECT_EQ(first.lost_calls, 0);
  for (const TopicPartition& each : second->assigned()) {
    EXPECT_FALSE(std::count(first.assigned().begin(), first.assigned().end(), each)) << ToString(each);
  }

  for (int partition = 0; partition < kPartitions; ++partition) {
    CommitValues(*producer, {std::to_string(partition)}, partition);
  }
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    second->Poll();
    return first.records.size() + second->records.size() == kPartitions;
  }));
  EXPECT_EQ(first.records.size(), 2u) << "what is kept is read on without an interruption, what is gone is not";
  std::vector<std::string> all = first.values();
  for (const std::string& value : second->values()) all.push_back(value);
  EXPECT_THAT(Sorted(all), ElementsAre("0", "1", "2", "3"));

  const absl::Status closed = second->Close();
  EXPECT_TRUE(closed.ok()) << closed;
  EXPECT_GE(second->revoked_calls, 1) << "closing revokes what is still assigned";
  EXPECT_TRUE(second->assigned().empty());
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    return first.assigned().size() == kPartitions;
  }));
}

// With an assignment that it has not heard of yet, librdkafka has two callbacks for a member that closes.
TEST_P(ContractTest, AMemberThatClosesIsGivenNothingMore) {
  constexpr int kPartitions = 4;
  const std::string topic = NewTopic("t", kPartitions);
  for (int round = 0; round < 5; ++round) {
    const std::string group = cluster().UniqueName("group");
    Member first(NewConsumer(group, {topic}), {topic});
    Member second(NewConsumer(group, {topic}), {topic});
    ASSERT_TRUE(cluster().Await(kPatience, [&] {
      first.Poll();
      second.Poll();
      return first.assigned().size() == 2 && second.assigned().size() == 2;
    }));
    const int32_t generation = second.consumer().group_metadata().generation;
    ASSERT_TRUE(first.Close().ok());
    ASSERT_TRUE(cluster().Await(kPatience, [&] { return second.consumer().group_metadata().generation > generation; }));

    const int assigned = second.assigned_calls;
    const int revoked = second.revoked_calls;
    const absl::Status closed = second.Close();
    EXPECT_TRUE(closed.ok()) << closed;
    EXPECT_EQ(second.assigned_calls, assigned);
    EXPECT_EQ(second.revoked_calls, revoked + 1);
    EXPECT_EQ(second.lost_calls, 0);
    EXPECT_TRUE(second.assigned().empty());
    EXPECT_LT(second.consumer().group_metadata().generation, 0) << "it has left";
  }
}

TEST_P(ContractTest, FollowersAreAssignedAlong) {
  const std::string lead = NewTopic("lead", 2);
  const std::string follower = NewTopic("follower", 2);
  const std::string group = cluster().UniqueName("group");
  auto producer = ReadyProducer({follower});
  CommitValues(*producer, {"f0"}, 0);
  CommitValues(*producer, {"f1"}, 1);
  Member first(NewConsumer(group, {lead, follower}), {lead, follower});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    return first.records.size() == 2;
  }));
  EXPECT_THAT(Sorted(first.values()), ElementsAre("f0", "f1"));
  EXPECT_EQ(first.assigned().size(), 4u);

  Member second(NewConsumer(group, {lead, follower}), {lead, follower});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    second.Poll();
    return first.assigned().size() == 2 && second.records.size() == 1;
  }));
  EXPECT_EQ(first.assigned()[0].partition, first.assigned()[1].partition) << "lead and follower stay together";
  EXPECT_EQ(second.assigned()[0].partition, second.assigned()[1].partition);
  EXPECT_NE(first.assigned()[0].partition, second.assigned()[0].partition);

  first.records.clear();
  second.records.clear();
  CommitValues(*producer, {"g0"}, 0);
  CommitValues(*producer, {"g1"}, 1);
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    second.Poll();
    return first.records.size() + second.records.size() == 2;
  }));
  EXPECT_EQ(first.records.size(), 1u);
}

TEST_P(ContractTest, PartitionsOfAMemberThatVanishedAreTakenOver) {
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  auto brief = cluster().NewClient({.session_timeout = absl::Seconds(6)});
  auto consumer = brief->NewGroupConsumer(group, {topic});
  ASSERT_TRUE(consumer.ok()) << consumer.status();
  auto vanishing = std::make_unique<Member>(*std::move(consumer), std::vector<std::string>{topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    vanishing->Poll();
    return vanishing->assigned().size() == 2;
  }));
  const GroupMetadata zombie = vanishing->consumer().group_metadata();
  vanishing->Destroy();
  EXPECT_EQ(vanishing->revoked_calls, 0) << "the destructor calls nobody";

  Member heir(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    heir.Poll();
    return heir.assigned().size() == 2;
  }));
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result result = SendOffsets(*producer, {At(topic, 0, 3)}, zombie);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  ASSERT_TRUE(Abort(*producer).ok());
}

TEST_P(ContractTest, NothingOfARevokedPartitionIsReturned) {
  constexpr int kRecords = 3000;
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  auto producer = ReadyProducer({topic});
  for (int partition = 0; partition < 2; ++partition) {
    CommitValues(*producer, std::vector<std::string>(kRecords, std::string(50, 'x')), partition);
  }
  // Member::Poll checks each record against the assignment; here members come and go while there is much to read.
  Member first(NewConsumer(group, {topic}), {topic});
  for (int round = 0; round < 3; ++round) {
    auto second = std::make_unique<Member>(NewConsumer(group, {topic}), std::vector<std::string>{topic});
    ASSERT_TRUE(cluster().Await(kPatience, [&] {
      first.Poll();
      second->Poll();
      return first.assigned().size() == 1 && second->assigned().size() == 1 && second->records.size() >= kRecords;
    }));
    ASSERT_TRUE(second->Close().ok());
    second.reset();
    ASSERT_TRUE(cluster().Await(kPatience, [&] {
      first.Poll();
      return first.assigned().size() == 2;
    }));
  }
}

}  // namespace
}  // namespace once::kafka
