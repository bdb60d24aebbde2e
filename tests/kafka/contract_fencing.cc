// A producer whose id was taken over, or whose transaction timed out, commits nothing and says why.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::ElementsAre;

void ExpectFenced(const Result& result) {
  EXPECT_EQ(result.error, ErrorClass::kFatal) << ToString(result);
  EXPECT_TRUE(result.fenced) << ToString(result);
  EXPECT_FALSE(result.code.empty());
}

TEST_P(ContractTest, FencedProducerCannotCommit) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  auto zombie = ReadyProducer(id, {topic});
  ASSERT_TRUE(zombie->BeginTransaction().ok());
  ASSERT_TRUE(Send(*zombie, "k", "zombie").ok());
  ASSERT_TRUE(Flush(*zombie).ok());
  auto successor = ReadyProducer(id, {topic});
  ExpectFenced(Commit(*zombie));
  ExpectFenced(Send(*zombie, "k", "zombie"));
  ExpectFenced(Flush(*zombie));
  CommitValues(*successor, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

TEST_P(ContractTest, FencedProducerCannotFlush) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  auto zombie = ReadyProducer(id, {topic});
  CommitValues(*zombie, {"before"});
  ASSERT_TRUE(zombie->BeginTransaction().ok());
  ASSERT_TRUE(Send(*zombie, "k", "zombie").ok());
  ASSERT_TRUE(Flush(*zombie).ok());
  auto successor = ReadyProducer(id, {topic});
  ASSERT_TRUE(Send(*zombie, "k", "zombie").ok()) << "it cannot know yet";
  ExpectFenced(Flush(*zombie));
  ExpectFenced(Send(*zombie, "k", "zombie"));
  ExpectFenced(Commit(*zombie));
  CommitValues(*successor, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("before", "a"));
}

TEST_P(ContractTest, FencedProducerCannotAddAPartition) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  auto zombie = ReadyProducer(id, {topic});
  ASSERT_TRUE(zombie->BeginTransaction().ok());
  auto successor = ReadyProducer(id, {topic});
  Send(*zombie, "k", "zombie");
  ExpectFenced(Commit(*zombie));
  CommitValues(*successor, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

TEST_P(ContractTest, FencedProducerCannotSendOffsets) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  const std::string group = cluster().UniqueName("group");
  Member member(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    member.Poll();
    return !member.assigned().empty();
  }));
  auto zombie = ReadyProducer(id, {topic});
  ASSERT_TRUE(zombie->BeginTransaction().ok());
  auto successor = ReadyProducer(id, {topic});
  ExpectFenced(SendOffsets(*zombie, {At(topic, 0, 5)}, member.consumer().group_metadata()));
  EXPECT_TRUE(zombie->TakeSuspicion());
  ExpectFenced(Commit(*zombie));
  EXPECT_EQ(Committed(group, At(topic, 0)), std::nullopt);
}

TEST_P(ContractTest, TransactionThatTimedOutFencesItsProducer) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  auto slow_client = cluster().NewClient({.transaction_timeout = absl::Seconds(1)});
  auto slow = slow_client->NewProducer(id, {topic});
  ASSERT_TRUE(slow.ok()) << slow.status();
  ASSERT_TRUE(Init(**slow).ok());
  ASSERT_TRUE((*slow)->BeginTransaction().ok());
  ASSERT_TRUE(Send(**slow, "k", "late").ok());
  ASSERT_TRUE(Flush(**slow).ok());
  ASSERT_EQ(HighWatermark(topic), Offset(1));
  ASSERT_TRUE(cluster().Await(kPatience, [&] { return HighWatermark(topic) == Offset(2); }))
      << "the broker writes the abort's marker";
  ExpectFenced(Commit(**slow));
  slow->reset();
  auto successor = ReadyProducer(id, {topic});
  CommitValues(*successor, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

TEST_P(ContractTest, EachProducerOfAnIdFencesTheOneBefore) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  std::vector<std::unique_ptr<TransactionalProducer>> producers;
  for (int i = 0; i < 3; ++i) {
    producers.push_back(ReadyProducer(id, {topic}));
    CommitValues(*producers.back(), {std::to_string(i)});
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(producers[i]->BeginTransaction().ok());
    Send(*producers[i], "k", "zombie");
    ExpectFenced(Commit(*producers[i]));
  }
  CommitValues(*producers[2], {"last"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("0", "1", "2", "last"));
}

}  // namespace
}  // namespace once::kafka
