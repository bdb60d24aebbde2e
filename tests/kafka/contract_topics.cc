// Topics that are deleted, made anew or grown while they are in use.
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Numbers(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// Neither the reader nor its user can tell: what lies below its position is passed over.
TEST_P(ContractTest, PositionInsideATopicMadeAnewIsReadOnInSilence) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, Numbers(10));
  cluster().DeleteTopic(topic);
  cluster().CreateTopicAgain(topic, 1);
  auto heir = ReadyProducer({topic});
  CommitValues(*heir, Numbers(15));
  auto reader = NewReader({topic});
  ASSERT_TRUE(reader->Add(At(topic, 0, 11)).ok());  // Where the first log ended, with its marker.
  std::vector<std::string> values;
  Batch batch;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    EXPECT_TRUE(reader->Poll(absl::Milliseconds(20), &batch).ok());
    for (const RecordView& record : batch.records) values.emplace_back(*record.value);
    for (const PartitionError& error : batch.errors) ADD_FAILURE() << error.status;
    return !batch.ends.empty();
  }));
  EXPECT_THAT(values, ElementsAre("11", "12", "13", "14"));
}

TEST_P(ContractTest, PositionBehindATopicMadeAnewIsOutOfRange) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, Numbers(10));
  auto reader = NewReader({topic});
  ASSERT_TRUE(reader->Add(At(topic, 0, 0)).ok());
  Batch batch;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    EXPECT_TRUE(reader->Poll(absl::Milliseconds(20), &batch).ok());
    return !batch.ends.empty();
  }));
  cluster().DeleteTopic(topic);
  cluster().CreateTopicAgain(topic, 1);
  std::optional<absl::Status> error;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    EXPECT_TRUE(reader->Poll(absl::Milliseconds(20), &batch).ok());
    EXPECT_THAT(batch.records, IsEmpty());
    if (!batch.errors.empty()) error = batch.errors[0].status;
    return error.has_value();
  }));
  EXPECT_TRUE(absl::IsOutOfRange(*error)) << *error;
}

TEST_P(ContractTest, CommittedOffsetsGoWithTheirTopic) {
  const std::string topic = NewTopic("t");
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    member.Poll();
    return member.assigned().size() == 1;
  }));
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffsets(*producer, {At(topic, 0, 7)}, member.consumer().group_metadata()).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  ASSERT_TRUE(cluster().Await(kPatience, [&] { return Committed(group, At(topic, 0)) == 7; }));
  cluster().DeleteTopic(topic);
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return Committed(group, At(topic, 0)) == std::nullopt; }));
}

TEST_P(ContractTest, ProducerWritesOnIntoATopicMadeAnew) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"});
  cluster().DeleteTopic(topic);
  cluster().CreateTopicAgain(topic, 1);
  CommitValues(*producer, {"c"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("c"));
}

TEST_P(ContractTest, TopicThatGoesWithinATransactionFailsWhatFollows) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Send(*producer, "k", "a").ok());
  ASSERT_TRUE(Flush(*producer).ok());
  cluster().DeleteTopic(topic);
  Result flushed;
  const bool is_told = cluster().Await(kPatience, [&] {
    const Result sent = Send(*producer, "k", "b");
    flushed = producer->Flush(kPatience / 2);
    return !sent.ok() || !flushed.ok();
  });
  ASSERT_TRUE(is_told);
  // A batch that is on its way in the moment in which librdkafka drops the topic fails never: the transaction's time
  // ends what a producer waits for.
  if (flushed.code == "_TIMED_OUT") {
    EXPECT_EQ(flushed.error, ErrorClass::kRetriable) << ToString(flushed);
    return;
  }
  EXPECT_EQ(flushed.error, ErrorClass::kAbortable) << ToString(flushed);
  EXPECT_EQ(flushed.code, "_UNKNOWN_PARTITION") << ToString(flushed);
  const Result aborted = Abort(*producer);
  EXPECT_TRUE(aborted.ok()) << ToString(aborted);
}

TEST_P(ContractTest, TransactionCommitsThoughATopicOfItIsGone) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Send(*producer, "k", "a").ok());
  ASSERT_TRUE(Flush(*producer).ok());
  cluster().DeleteTopic(topic);
  const Result committed = Commit(*producer);
  EXPECT_TRUE(committed.ok()) << ToString(committed);
}

// Until the client asks for metadata again, minutes later, keys go where they went, and new partitions are unknown.
TEST_P(ContractTest, ProducerDoesNotNoticeThatATopicGrew) {
  const std::string topic = NewTopic("t", 1);
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a"});
  cluster().GrowTopic(topic, 3);
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    const absl::StatusOr<TopicDescription> found = admin().DescribeTopic(topic, kPatience);
    return found.ok() && found->partition_count == 3;
  }));
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const Result sent = Send(*producer, "k", "b", 2);
  EXPECT_EQ(sent.error, ErrorClass::kAbortable) << ToString(sent);
  EXPECT_EQ(sent.code, "_UNKNOWN_PARTITION") << ToString(sent);
  std::vector<Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_TRUE(deliveries[0].failed);
  for (int i = 0; i < 10; ++i) {
    OutputRecord record;
    const std::string key = "key" + std::to_string(i);
    record.key = key;
    ASSERT_TRUE(producer->Send(record).ok());
  }
  const Result committed = Commit(*producer);
  EXPECT_TRUE(committed.ok()) << "the transaction knows nothing of the refused record: " << ToString(committed);
  EXPECT_EQ(ReadAll(topic, 0).size(), 11u);
  auto heir = ReadyProducer({topic});
  CommitValues(*heir, {"c"}, 2);
}

}  // namespace
}  // namespace once::kafka
