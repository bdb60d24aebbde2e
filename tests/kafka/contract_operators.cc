// What operators' commands ask of a cluster.
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

TEST_P(ContractTest, AGroupTellsItsMembers) {
  const std::string topic = NewTopic("t");
  const std::string group = cluster().UniqueName("group");
  absl::StatusOr<GroupDescription> found = admin().DescribeGroup(group, kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->state, "Dead") << "nobody knows it";
  EXPECT_TRUE(found->members.empty());
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    member.Poll();
    return !member.assigned().empty();
  }));
  found = admin().DescribeGroup(group, kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->members.size(), 1);
  EXPECT_FALSE(found->members[0].client_id.empty());
  EXPECT_FALSE(found->members[0].id.empty());
  ASSERT_TRUE(member.Close().ok());
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    found = admin().DescribeGroup(group, kPatience);
    return found.ok() && found->members.empty();
  }));
}

TEST_P(ContractTest, AGroupIsDeletedWithItsOffsetsButNotWhileItHasMembers) {
  const std::string topic = NewTopic("t");
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    member.Poll();
    return !member.assigned().empty();
  }));
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 3)}, member.consumer().group_metadata()).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  EXPECT_EQ(Committed(group, At(topic, 0)), 3);
  EXPECT_TRUE(absl::IsFailedPrecondition(admin().DeleteGroup(group, kPatience)));
  EXPECT_EQ(Committed(group, At(topic, 0)), 3);
  ASSERT_TRUE(member.Close().ok());
  absl::Status deleted;
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    deleted = admin().DeleteGroup(group, kPatience);
    return deleted.ok();
  })) << deleted;
  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return absl::IsNotFound(admin().DeleteGroup(group, kPatience)); }));
}

TEST_P(ContractTest, ATopicIsDeleted) {
  const std::string topic = NewTopic("t");
  ASSERT_TRUE(admin().DeleteTopic(topic, kPatience).ok());
  EXPECT_TRUE(cluster().Await(
      kPatience, [&] { return absl::IsNotFound(admin().DescribeTopic(topic, absl::Seconds(5)).status()); }));
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return absl::IsNotFound(admin().DeleteTopic(topic, kPatience)); }));
}

TEST_P(ContractTest, TheLastStableOffsetIsThatOfTheFirstOpenTransaction) {
  const std::string topic = NewTopic("t");
  auto first = ReadyProducer({topic});
  CommitValues(*first, {"a", "b"});
  const std::vector<TopicPartition> asked = {At(topic, 0)};
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    const auto stable = admin().ReadLogOffsets(LogPoint::kLastStable, asked, kPatience).at(asked[0]);
    return stable.ok() && *stable == HighWatermark(topic);
  }));
  const Offset before = HighWatermark(topic);
  auto second = ReadyProducer({topic});
  ASSERT_TRUE(second->BeginTransaction().ok());
  ASSERT_TRUE(Send(*second, "c", "c").ok());
  ASSERT_TRUE(Flush(*second).ok());
  EXPECT_GT(HighWatermark(topic), before);
  const auto stable = admin().ReadLogOffsets(LogPoint::kLastStable, asked, kPatience).at(asked[0]);
  ASSERT_TRUE(stable.ok()) << stable.status();
  EXPECT_EQ(*stable, before);
  ASSERT_TRUE(Abort(*second).ok());
}

TEST_P(ContractTest, OffsetsAreFoundByTime) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  const int64_t now = cluster().NowMs();
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (const int64_t age : {30'000, 20'000, 10'000}) {
    const OutputRecord record{.topic_index = 0, .partition = Partition(0), .timestamp_ms = now - age, .value = "v"};
    ASSERT_TRUE(producer->Send(record).ok());
  }
  ASSERT_TRUE(Commit(*producer).ok());
  const std::vector<TopicPartition> asked = {At(topic, 0), At(topic, 1)};
  const auto found = [&](int64_t ms, int partition) {
    const auto answer = admin().ReadOffsetsAt(absl::FromUnixMillis(ms), asked, kPatience).at(asked[partition]);
    return answer.ok() ? answer->value() : -1;
  };
  EXPECT_EQ(found(now - 60'000, 0), 0);
  EXPECT_EQ(found(now - 20'000, 0), 1);
  EXPECT_EQ(found(now - 15'000, 0), 2);
  EXPECT_EQ(found(now + 60'000, 0), HighWatermark(topic).value()) << "nothing is that late";
  EXPECT_EQ(found(now - 60'000, 1), 0) << "there is nothing";
}

TEST_P(ContractTest, TheClusterAndReplicasAreTold) {
  const std::string topic = NewTopic("t");
  const absl::StatusOr<ClusterDescription> found = admin().DescribeCluster(kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_GE(found->brokers, 1);
  const absl::StatusOr<TopicDescription> described = admin().DescribeTopic(topic, kPatience);
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_GE(described->replicas, 1);
  EXPECT_GE(described->in_sync, 1);
}

TEST_P(ContractTest, RightsAreToldWithoutBeingUsed) {
  const std::string topic = NewTopic("t");
  const std::vector<std::string> asked = {topic};
  auto rights = admin().ReadTopicRights(asked, kPatience);
  ASSERT_TRUE(rights.ok()) << rights.status();
  if (rights->empty()) GTEST_SKIP() << "this client cannot tell";
  EXPECT_TRUE(rights->at(topic).contains("READ"));
  EXPECT_TRUE(rights->at(topic).contains("WRITE"));
  if (!cluster().DenyWriting(topic)) GTEST_SKIP() << "this cluster has no rights";
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    rights = admin().ReadTopicRights(asked, kPatience);
    return rights.ok() && rights->contains(topic) && !rights->at(topic).contains("WRITE");
  }));
  cluster().AllowWriting(topic);
}

}  // namespace
}  // namespace once::kafka
