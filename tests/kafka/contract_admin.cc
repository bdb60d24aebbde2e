// Calls that concern no single transaction.
#include <string>
#include <vector>

#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

TEST_P(ContractTest, TopicsAreDescribedAsTheyWereCreated) {
  const std::string topic = NewTopic("t", 3, {{"cleanup.policy", "compact"}, {"max.message.bytes", "123456"}});
  const absl::StatusOr<TopicDescription> found = admin().DescribeTopic(topic, kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->partition_count, 3);
  EXPECT_EQ(found->settings.at("cleanup.policy"), "compact");
  EXPECT_EQ(found->settings.at("max.message.bytes"), "123456");
  EXPECT_TRUE(found->settings.contains("delete.retention.ms")) << "defaults are told as well";
}

TEST_P(ContractTest, MissingTopicIsNotFoundAndNotCreated) {
  const std::string topic = cluster().UniqueName("missing");
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<TopicDescription> found = admin().DescribeTopic(topic, kPatience);
    EXPECT_TRUE(absl::IsNotFound(found.status())) << found.status();
    EXPECT_NE(found.status().message().find(topic), std::string::npos) << found.status();
  }
}

TEST_P(ContractTest, CreatingATopicTwiceIsRefused) {
  const std::string topic = NewTopic("t");
  const absl::Status status = admin().CreateTopic({topic, 5, {}}, kPatience);
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  const absl::StatusOr<TopicDescription> found = admin().DescribeTopic(topic, kPatience);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->partition_count, 1);
}

TEST_P(ContractTest, BeginningOffsetFollowsRetention) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b", "c"});
  absl::StatusOr<Offset> first = admin().BeginningOffset(At(topic, 0), kPatience);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, Offset(0));
  cluster().DeleteRecordsBefore(At(topic, 0, 2));
  first = admin().BeginningOffset(At(topic, 0), kPatience);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, Offset(2));
  // A commit is acknowledged before its marker is written.
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return HighWatermark(topic) == Offset(4); }));
}

TEST_P(ContractTest, WatermarksOfAMissingPartitionAreNotFound) {
  const std::string topic = NewTopic("t");
  const absl::StatusOr<Offset> high = admin().HighWatermark(At(topic, 9), kPatience);
  EXPECT_TRUE(absl::IsNotFound(high.status())) << high.status();
}

// X5: each partition has an answer of its own.
TEST_P(ContractTest, X5LogOffsetsOfManyPartitionsComeApart) {
  const std::string topic = NewTopic("t", 3);
  const std::string other = NewTopic("u");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"}, 1);
  cluster().DeleteRecordsBefore(At(topic, 1, 1));
  // A commit is acknowledged before its marker is written.
  ASSERT_TRUE(cluster().Await(kPatience, [&] { return HighWatermark(topic, 1) == Offset(3); }));
  const std::vector<TopicPartition> asked = {At(topic, 0), At(topic, 1), At(topic, 9), At(other, 0)};
  const LogOffsets begin = admin().ReadLogOffsets(LogPoint::kBeginning, asked, kPatience);
  const LogOffsets end = admin().ReadLogOffsets(LogPoint::kHighWatermark, asked, kPatience);
  const auto expect = [](const LogOffsets& found, const TopicPartition& where, int64_t offset) {
    ASSERT_TRUE(found.contains(where)) << ToString(where);
    ASSERT_TRUE(found.at(where).ok()) << found.at(where).status();
    EXPECT_EQ(found.at(where)->value(), offset) << ToString(where);
  };
  expect(begin, asked[0], 0);
  expect(end, asked[0], 0);
  expect(begin, asked[1], 1);
  expect(end, asked[1], 3);
  expect(begin, asked[3], 0);
  expect(end, asked[3], 0);
  EXPECT_TRUE(absl::IsNotFound(begin.at(asked[2]).status())) << begin.at(asked[2]).status();
  EXPECT_TRUE(absl::IsNotFound(end.at(asked[2]).status())) << end.at(asked[2]).status();
}

TEST_P(ContractTest, UnknownGroupHasNoOffsets) {
  const std::string topic = NewTopic("t");
  EXPECT_EQ(Committed(cluster().UniqueName("group"), At(topic, 0)), std::nullopt);
}

}  // namespace
}  // namespace once::kafka
