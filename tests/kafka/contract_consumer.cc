// Reading as a member of a group: positions, seeks, ends.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool PollUntil(ClusterFixture& cluster, Member& member, const std::function<bool()>& done) {
  return cluster.Await(absl::Seconds(60), [&] {
    member.Poll();
    return done();
  });
}

TEST_P(ContractTest, ConsumerReadsCommittedRecordsToTheEndPastMarkers) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"});  // 0, 1, marker 2.
  AbortValues(*producer, {"dropped"});  // 3, marker 4.
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.has_end(At(topic, 0)); }));
  EXPECT_THAT(member.values(), ElementsAre("a", "b"));
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.ends[At(topic, 0)] == Offset(5); }))
      << "the position past the abort's marker";

  CommitValues(*producer, {"c"});  // 5, marker 6.
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.ends[At(topic, 0)] == Offset(7); }));
  EXPECT_THAT(member.values(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(member.records.back().offset, 5);
}

TEST_P(ContractTest, AssignedPartitionIsReadFromItsEndUntilSought) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"old"});

  struct Listener : RebalanceListener {
    void OnAssigned(std::span<const TopicPartition> partitions) override {
      EXPECT_TRUE(consumer->Assign(partitions).ok());
      is_assigned = true;
    }
    void OnRevoked(std::span<const TopicPartition> partitions) override {
      EXPECT_TRUE(consumer->Unassign(partitions).ok());
    }
    void OnLost(std::span<const TopicPartition> partitions) override { OnRevoked(partitions); }
    GroupConsumer* consumer = nullptr;
    bool is_assigned = false;
  } listener;
  auto consumer = NewConsumer(cluster().UniqueName("group"), {topic});
  listener.consumer = consumer.get();
  const std::vector<std::string> topics = {topic};
  ASSERT_TRUE(consumer->Subscribe(topics, &listener).ok());
  Batch batch;
  std::vector<std::string> values;
  bool is_end = false;
  const auto poll = [&] {
    EXPECT_TRUE(consumer->Poll(absl::Milliseconds(20), &batch).ok());
    for (const RecordView& record : batch.records) values.push_back(std::string(*record.value));
    is_end = is_end || !batch.ends.empty();
  };
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    poll();
    return listener.is_assigned && is_end;
  }));
  EXPECT_THAT(values, IsEmpty());
  CommitValues(*producer, {"new"});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    poll();
    return !values.empty();
  }));
  EXPECT_THAT(values, ElementsAre("new"));

  const std::vector<TopicPartitionOffset> start = {At(topic, 0, 0)};
  ASSERT_TRUE(consumer->Seek(start).ok());
  values.clear();
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    poll();
    return values.size() == 2;
  }));
  EXPECT_THAT(values, ElementsAre("old", "new"));
}

TEST_P(ContractTest, NothingFetchedBeforeASeekIsReturnedAfterIt) {
  constexpr int kRecords = 4000;
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  for (int partition = 0; partition < 2; ++partition) {
    CommitValues(*producer, std::vector<std::string>(kRecords, std::string(100, 'x')), partition);
  }
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.records.size() == 2 * kRecords; }));

  uint32_t random = 1;
  for (int round = 0; round < 60; ++round) {
    random = random * 1664525 + 1013904223;
    std::vector<int64_t> next = {random % kRecords, (random >> 12) % kRecords};
    const std::vector<TopicPartitionOffset> seeks = {At(topic, 0, next[0]), At(topic, 1, next[1])};
    ASSERT_TRUE(member.consumer().Seek(seeks).ok());
    member.records.clear();
    member.ends.clear();
    // A few rounds read on so that more is fetched than polled, the others seek again at once.
    const size_t enough = round % 3 == 0 ? 500 : 1;
    ASSERT_TRUE(
        PollUntil(cluster(), member, [&] { return member.records.size() >= enough || member.ends.size() == 2; }));
    for (const Seen& record : member.records) {
      ASSERT_EQ(record.offset, next[record.partition]++) << "partition " << record.partition << ", round " << round;
    }
  }
}

TEST_P(ContractTest, SeekingToTheEndReportsTheEnd) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"});
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.has_end(At(topic, 0)); }));
    EXPECT_EQ(member.ends[At(topic, 0)], Offset(3));
    member.ends.clear();
    const std::vector<TopicPartitionOffset> end = {At(topic, 0, 3)};
    ASSERT_TRUE(member.consumer().Seek(end).ok());
  }
  EXPECT_THAT(member.values(), ElementsAre("a", "b"));
}

TEST_P(ContractTest, EndIsWhereTheLogEndsWhenItIsSought) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"});
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.has_end(At(topic, 0)); }));
  const std::vector<TopicPartitionOffset> start = {At(topic, 0, 0)};
  const std::vector<TopicPartitionOffset> end = {{At(topic, 0), kEndOffset}};
  ASSERT_TRUE(member.consumer().Seek(start).ok());
  ASSERT_TRUE(member.consumer().Seek(end).ok());
  member.records.clear();
  CommitValues(*producer, {"c"});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return !member.records.empty(); }));
  EXPECT_THAT(member.values(), ElementsAre("c"));
}

// X5: one that cannot be sought keeps no other from it.
TEST_P(ContractTest, X5SeeksSucceedAndFailByThemselves) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"}, 0);
  CommitValues(*producer, {"c"}, 1);
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.values().size() == 3; }));
  const std::vector<TopicPartitionOffset> seeks = {At(topic, 0, 1), At(topic, 7, 0), At(topic, 1, 0)};
  const std::vector<SeekFailure> failures = member.consumer().SeekEach(seeks);
  ASSERT_EQ(failures.size(), 1);
  EXPECT_EQ(failures[0].target.where, At(topic, 7));
  EXPECT_FALSE(failures[0].status.ok());
  member.records.clear();
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.values().size() == 2; }));
  std::vector<std::string> values = member.values();
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, (std::vector<std::string>{"b", "c"}));
}

TEST_P(ContractTest, SeekInsideACallbackHolds) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b", "c"});
  struct Listener : RebalanceListener {
    void OnAssigned(std::span<const TopicPartition> partitions) override {
      EXPECT_TRUE(consumer->Assign(partitions).ok());
      std::vector<TopicPartitionOffset> seeks;
      for (const TopicPartition& each : partitions) seeks.push_back({each, Offset(1)});
      EXPECT_TRUE(consumer->Seek(seeks).ok());
    }
    void OnRevoked(std::span<const TopicPartition> partitions) override {
      EXPECT_TRUE(consumer->Unassign(partitions).ok());
    }
    void OnLost(std::span<const TopicPartition> partitions) override { OnRevoked(partitions); }
    GroupConsumer* consumer = nullptr;
  } listener;
  auto consumer = NewConsumer(cluster().UniqueName("group"), {topic});
  listener.consumer = consumer.get();
  const std::vector<std::string> topics = {topic};
  ASSERT_TRUE(consumer->Subscribe(topics, &listener).ok());
  Batch batch;
  std::vector<std::string> values;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    EXPECT_TRUE(consumer->Poll(absl::ZeroDuration(), &batch).ok());
    for (const RecordView& record : batch.records) values.push_back(std::string(*record.value));
    return values.size() >= 2;
  }));
  EXPECT_THAT(values, ElementsAre("b", "c"));
}

TEST_P(ContractTest, OffsetsOutsideTheLogAreErrors) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  for (int partition = 0; partition < 2; ++partition) CommitValues(*producer, {"a", "b", "c", "d"}, partition);
  cluster().DeleteRecordsBefore(At(topic, 0, 2));
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  member.set_start(At(topic, 0), Offset(1));
  member.set_start(At(topic, 1), Offset(1000));
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return member.errors.size() >= 2; }));
  for (const PartitionError& error : member.errors) EXPECT_TRUE(absl::IsOutOfRange(error.status)) << error.status;
  EXPECT_NE(member.errors[0].partition, member.errors[1].partition);
  EXPECT_THAT(member.values(), IsEmpty());
}

TEST_P(ContractTest, MisuseOfAConsumerIsRefused) {
  const std::string topic = NewTopic("t");
  const std::string other = NewTopic("other");
  Member member(NewConsumer(cluster().UniqueName("group"), {topic}), {topic});
  ASSERT_TRUE(PollUntil(cluster(), member, [&] { return !member.assigned().empty(); }));
  const std::vector<TopicPartition> partitions = {At(topic, 0)};
  EXPECT_TRUE(absl::IsFailedPrecondition(member.consumer().Assign(partitions)));
  EXPECT_TRUE(absl::IsFailedPrecondition(member.consumer().Unassign(partitions)));
  const std::vector<TopicPartitionOffset> elsewhere = {At(other, 0, 0)};
  EXPECT_FALSE(member.consumer().Seek(elsewhere).ok());
  auto consumer = NewConsumer(cluster().UniqueName("group"), {topic});
  const std::vector<std::string> wrong = {other};
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->Subscribe(wrong, &member)));
}

}  // namespace
}  // namespace once::kafka
