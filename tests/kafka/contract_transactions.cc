// Transactions: what is committed is read, all else is not, and a fenced producer commits nothing.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "processor/base/murmur2.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(ContractTest, CommittedRecordsAreReadBack) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b"});
  CommitValues(*producer, {"c"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a", "b", "c"));
}

TEST_P(ContractTest, AbortedRecordsAreInvisible) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a"});
  AbortValues(*producer, {"aborted"});
  CommitValues(*producer, {"b"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a", "b"));
}

TEST_P(ContractTest, AbortDropsWhatIsQueued) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Send(*producer, "k", "aborted").ok());
  const Result aborted = Abort(*producer);
  ASSERT_TRUE(aborted.ok()) << ToString(aborted);
  CommitValues(*producer, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

TEST_P(ContractTest, EmptyTransactionsCommitAndAbort) {
  auto producer = ReadyProducer({NewTopic("t")});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(producer->BeginTransaction().ok());
    Result result = Commit(*producer);
    EXPECT_TRUE(result.ok()) << ToString(result);
    ASSERT_TRUE(producer->BeginTransaction().ok());
    result = Abort(*producer);
    EXPECT_TRUE(result.ok()) << ToString(result);
  }
}

TEST_P(ContractTest, OneTransactionSpansTopicsAndPartitions) {
  const std::vector<std::string> topics = {NewTopic("one", 2), NewTopic("two")};
  auto producer = ReadyProducer(topics);
  for (const bool is_commit : {false, true}) {
    ASSERT_TRUE(producer->BeginTransaction().ok());
    const std::string value = is_commit ? "kept" : "dropped";
    for (const auto& [topic_index, partition] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 0)}) {
      OutputRecord record;
      record.topic_index = topic_index;
      record.partition = Partition(partition);
      record.value = value;
      ASSERT_TRUE(producer->Send(record).ok());
    }
    ASSERT_TRUE(Flush(*producer).ok());
    ASSERT_TRUE((is_commit ? Commit(*producer) : Abort(*producer)).ok());
  }
  EXPECT_THAT(ReadValues(topics[0], 0), ElementsAre("kept"));
  EXPECT_THAT(ReadValues(topics[0], 1), ElementsAre("kept"));
  EXPECT_THAT(ReadValues(topics[1], 0), ElementsAre("kept"));
}

TEST_P(ContractTest, OrderIsKeptInsideAPartition) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  std::vector<std::string> expected;
  for (int transaction = 0; transaction < 5; ++transaction) {
    std::vector<std::string> values;
    for (int i = 0; i < 500; ++i) values.push_back(std::to_string(transaction * 1000 + i));
    CommitValues(*producer, values);
    expected.insert(expected.end(), values.begin(), values.end());
  }
  EXPECT_EQ(ReadValues(topic), expected);
}

TEST_P(ContractTest, R9AnOpenTransactionHoldsBackWhatIsBehindIt) {
  const std::string topic = NewTopic("t");
  auto open = ReadyProducer({topic});
  auto other = ReadyProducer({topic});
  CommitValues(*other, {"before"});  // Offset 0, and its marker at 1.
  ASSERT_TRUE(open->BeginTransaction().ok());
  ASSERT_TRUE(Send(*open, "k", "open").ok());  // Offset 2.
  ASSERT_TRUE(Flush(*open).ok());
  CommitValues(*other, {"behind"});  // Offset 3, and its marker at 4.

  auto reader = NewReader({topic});
  ASSERT_TRUE(reader->Add(At(topic, 0, 0)).ok());
  std::vector<std::string> values;
  Offset end(-1);
  Batch batch;
  const auto poll = [&] {
    const absl::Status status = reader->Poll(absl::Milliseconds(20), &batch);
    EXPECT_TRUE(status.ok()) << status;
    for (const RecordView& record : batch.records) values.push_back(std::string(*record.value));
    for (const EndOfPartition& each : batch.ends) end = each.position;
  };
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    poll();
    return end >= Offset(2);
  }));
  EXPECT_EQ(end, Offset(2)) << "the end of a read_committed reader is the last stable offset";
  EXPECT_THAT(values, ElementsAre("before"));
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return HighWatermark(topic) == Offset(5); }))
      << "the high watermark counts open transactions";

  const Result committed = Commit(*open);
  ASSERT_TRUE(committed.ok()) << ToString(committed);
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    poll();
    return end >= Offset(6);
  }));
  EXPECT_THAT(values, ElementsAre("before", "open", "behind"));
}

TEST_P(ContractTest, HighWatermarkCountsAbortedTransactions) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  EXPECT_EQ(HighWatermark(topic), Offset(0));
  AbortValues(*producer, {"a", "b"});
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return HighWatermark(topic) == Offset(3); }))
      << "two records and a marker";
  EXPECT_THAT(ReadValues(topic), IsEmpty());
}

TEST_P(ContractTest, QuietTransactionsRaiseNoSuspicion) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  producer->TakeSuspicion();
  CommitValues(*producer, {"a"});
  EXPECT_FALSE(producer->TakeSuspicion());
  AbortValues(*producer, {"b"});
  EXPECT_FALSE(producer->TakeSuspicion());
}

TEST_P(ContractTest, DestroyedProducerCommitsNothing) {
  const std::string topic = NewTopic("t");
  const std::string id = cluster().UniqueName("producer");
  auto first = ReadyProducer(id, {topic});
  ASSERT_TRUE(first->BeginTransaction().ok());
  ASSERT_TRUE(Send(*first, "k", "lost").ok());
  ASSERT_TRUE(Flush(*first).ok());
  first.reset();
  // Its transaction stays open until the next producer of the id ends it.
  auto second = ReadyProducer(id, {topic});
  CommitValues(*second, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

TEST_P(ContractTest, KeysGoWhereJavasClientsSendThem) {
  constexpr int kPartitions = 7;
  const std::string topic = NewTopic("t", kPartitions);
  auto producer = ReadyProducer({topic});
  std::vector<std::vector<std::string>> expected(kPartitions);
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (int i = 0; i < 50; ++i) {
    const std::string key = std::string(i % 9, 'x') + std::to_string(i);
    ASSERT_TRUE(Send(*producer, key, key, kAnyPartition.value()).ok());
    expected[PartitionForKey(key, kPartitions).value()].push_back(key);
  }
  ASSERT_TRUE(Commit(*producer).ok());
  for (int partition = 0; partition < kPartitions; ++partition) {
    EXPECT_EQ(ReadValues(topic, partition), expected[partition]) << "partition " << partition;
  }
}

TEST_P(ContractTest, DeliveryReportsNameTokensAndOffsets) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"first"});  // Offset 0, and its marker at 1.
  ASSERT_TRUE(producer->BeginTransaction().ok());
  std::vector<Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  EXPECT_THAT(deliveries, IsEmpty()) << "nobody asked for the offset of the first";
  OutputRecord record;
  record.partition = Partition(0);
  record.value = "value";
  for (const uint64_t token : {10, 11, 12}) {
    record.token = token;
    record.want_offset = token != 11;
    ASSERT_TRUE(producer->Send(record).ok());
  }
  record.token = uint64_t{1} << 40;
  record.partition = Partition(1);
  ASSERT_TRUE(producer->Send(record).ok());
  ASSERT_TRUE(Flush(*producer).ok());
  producer->TakeDeliveries(&deliveries);
  std::map<uint64_t, std::pair<int32_t, int64_t>> seen;
  for (const Delivery& delivery : deliveries) {
    EXPECT_FALSE(delivery.failed) << delivery.error;
    ASSERT_TRUE(delivery.offset.has_value());
    EXPECT_EQ(delivery.topic_index, 0u);
    seen[delivery.token] = {delivery.partition.value(), delivery.offset->value()};
  }
  const std::map<uint64_t, std::pair<int32_t, int64_t>> expected = {
      {10, {0, 2}}, {12, {0, 4}}, {uint64_t{1} << 40, {1, 0}}};
  EXPECT_EQ(seen, expected);
  ASSERT_TRUE(Commit(*producer).ok());
  deliveries.clear();
  producer->TakeDeliveries(&deliveries);
  EXPECT_THAT(deliveries, IsEmpty()) << "each report is given once";
}

TEST_P(ContractTest, TooLargeRecordFailsItsTransactionOnly) {
  const std::string topic = NewTopic("t", 2, {{"max.message.bytes", "2000"}});
  const std::string id = cluster().UniqueName("producer");
  auto producer = ReadyProducer(id, {topic});
  CommitValues(*producer, {"a"});
  producer->TakeSuspicion();
  ASSERT_TRUE(producer->BeginTransaction().ok());
  OutputRecord record;
  const std::string large(10'000, 'x');
  record.partition = Partition(0);
  record.value = large;
  record.token = 77;
  ASSERT_TRUE(producer->Send(record).ok());
  ASSERT_TRUE(Send(*producer, "k", "innocent", 1).ok());
  const Result flushed = Flush(*producer);
  EXPECT_EQ(flushed.error, ErrorClass::kAbortable) << ToString(flushed);
  EXPECT_EQ(flushed.code, "MSG_SIZE_TOO_LARGE") << ToString(flushed);
  std::vector<Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_TRUE(deliveries[0].failed);
  EXPECT_TRUE(deliveries[0].record_refused);
  EXPECT_EQ(deliveries[0].refusal, Refusal::kAlone);
  EXPECT_TRUE(deliveries[0].lasting);
  EXPECT_EQ(deliveries[0].code, "MSG_SIZE_TOO_LARGE");
  EXPECT_EQ(deliveries[0].token, 77u);
  EXPECT_FALSE(deliveries[0].offset.has_value());
  const Result committed = Commit(*producer);
  EXPECT_EQ(committed.error, ErrorClass::kAbortable) << ToString(committed);
  const Result aborted = Abort(*producer);
  ASSERT_TRUE(aborted.ok()) << ToString(aborted);

  EXPECT_TRUE(producer->TakeSuspicion()) << "sequence numbers may be out of step, so it is to be replaced";
  producer.reset();
  producer = ReadyProducer(id, {topic});
  CommitValues(*producer, {"b"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a", "b"));
  EXPECT_THAT(ReadValues(topic, 1), IsEmpty());
}

TEST_P(ContractTest, UnknownTopicFailsTheTransactionButNoRecordIsToBlame) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic, cluster().UniqueName("missing")});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  OutputRecord record;
  record.topic_index = 1;
  record.partition = Partition(0);
  record.value = "v";
  const Result sent = producer->Send(record);
  const Result flushed = Flush(*producer);
  EXPECT_EQ(flushed.error, ErrorClass::kAbortable) << ToString(sent) << " / " << ToString(flushed);
  std::vector<Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_TRUE(deliveries[0].failed);
  EXPECT_FALSE(deliveries[0].record_refused);
  EXPECT_EQ(deliveries[0].refusal, Refusal::kNone);
  EXPECT_TRUE(deliveries[0].lasting) << "a topic that is not there";
  const Result aborted = Abort(*producer);
  ASSERT_TRUE(aborted.ok()) << ToString(aborted);
  CommitValues(*producer, {"a"});
  EXPECT_THAT(ReadValues(topic), ElementsAre("a"));
}

}  // namespace
}  // namespace once::kafka
