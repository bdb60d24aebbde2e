// Records that the cluster refuses, for what they are or for want of a right: a batch at a time.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr int64_t kHourMs = 3'600'000;

OutputRecord Record(uint64_t token, std::string_view value, int64_t timestamp_ms = -1) {
  OutputRecord record;
  record.partition = Partition(0);
  record.key = "key";
  record.value = value;
  record.timestamp_ms = timestamp_ms;
  record.token = token;
  return record;
}

std::vector<Delivery> Deliveries(TransactionalProducer& producer) {
  std::vector<Delivery> deliveries;
  producer.TakeDeliveries(&deliveries);
  return deliveries;
}

std::vector<uint64_t> FailedTokens(const std::vector<Delivery>& deliveries) {
  std::vector<uint64_t> tokens;
  for (const Delivery& each : deliveries) {
    if (each.failed) tokens.push_back(each.token);
  }
  return tokens;
}

TEST_P(ContractTest, OneRecordOfAnotherTimeFailsItsBatchAndNoOther) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(Record(1, "a")).ok());
  ASSERT_TRUE(producer->Send(Record(2, "b", cluster().NowMs() + 48 * kHourMs)).ok());
  ASSERT_TRUE(producer->Send(Record(3, "c")).ok());
  OutputRecord other = Record(4, "d");
  other.partition = Partition(1);
  other.want_offset = true;
  ASSERT_TRUE(producer->Send(other).ok());
  const Result flushed = Flush(*producer);
  EXPECT_EQ(flushed.error, ErrorClass::kAbortable) << ToString(flushed);
  EXPECT_EQ(flushed.code, "INVALID_TIMESTAMP") << ToString(flushed);
  const std::vector<Delivery> deliveries = Deliveries(*producer);
  EXPECT_THAT(FailedTokens(deliveries), ElementsAre(1, 2, 3));
  for (const Delivery& each : deliveries) {
    if (!each.failed) continue;
    EXPECT_THAT(each.error, StartsWith("INVALID_TIMESTAMP"));
  }
  const Result sent = producer->Send(Record(5, "e"));
  EXPECT_EQ(sent.error, ErrorClass::kAbortable) << ToString(sent);
  EXPECT_EQ(sent.code, "INVALID_TIMESTAMP") << "what failed is known by now";
  EXPECT_EQ(Commit(*producer).error, ErrorClass::kAbortable);
  EXPECT_TRUE(Abort(*producer).ok());
}

TEST_P(ContractTest, TimestampsAreTakenWithinTheLimitsOfTheTopic) {
  const std::string topic = NewTopic("t", 1, {{"message.timestamp.before.max.ms", "3600000"}});
  const auto refused = [&](int64_t timestamp_ms) {
    auto producer = ReadyProducer({topic});
    EXPECT_TRUE(producer->BeginTransaction().ok());
    EXPECT_TRUE(producer->Send(Record(1, "v", timestamp_ms)).ok());
    const Result committed = Commit(*producer);
    if (committed.ok()) return false;
    EXPECT_EQ(committed.code, "INVALID_TIMESTAMP") << ToString(committed);
    EXPECT_TRUE(Abort(*producer).ok());
    return true;
  };
  EXPECT_TRUE(refused(cluster().NowMs() - 2 * kHourMs));
  EXPECT_FALSE(refused(cluster().NowMs() - kHourMs / 2));
  EXPECT_FALSE(refused(cluster().NowMs() + kHourMs / 2));
  EXPECT_TRUE(refused(cluster().NowMs() + 2 * kHourMs));
  cluster().SetTopicSetting(topic, "message.timestamp.type", "LogAppendTime");
  EXPECT_TRUE(cluster().Await(kPatience, [&] { return !refused(cluster().NowMs() + 48 * kHourMs); }));
  for (const Seen& record : ReadAll(topic)) EXPECT_LT(record.timestamp_ms, cluster().NowMs() + kHourMs);
}

// The refusal is there before anybody asked for it: the transaction has failed, and says so without a reason.
TEST_P(ContractTest, SendSaysNotWhyBeforeTheRefusalWasTaken) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(Record(1, "a", cluster().NowMs() + 48 * kHourMs)).ok());
  Result sent;
  uint64_t token = 1;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    sent = producer->Send(Record(++token, "b"));
    return !sent.ok();
  }));
  EXPECT_EQ(sent.error, ErrorClass::kAbortable) << ToString(sent);
  EXPECT_EQ(sent.code, "_STATE") << ToString(sent);
  std::vector<Delivery> deliveries = Deliveries(*producer);
  ASSERT_GE(deliveries.size(), 2u);
  EXPECT_EQ(deliveries[0].token, token) << "what Send refused is told first";
  EXPECT_THAT(deliveries[0].error, StartsWith("_STATE"));
  EXPECT_FALSE(deliveries[0].record_refused);
  EXPECT_EQ(deliveries[1].token, 1u);
  EXPECT_THAT(deliveries[1].error, StartsWith("INVALID_TIMESTAMP"));
  EXPECT_EQ(producer->Send(Record(++token, "c")).code, "INVALID_TIMESTAMP");
  EXPECT_THAT(Deliveries(*producer), IsEmpty());
  EXPECT_TRUE(Abort(*producer).ok());
  EXPECT_TRUE(producer->TakeSuspicion());
}

TEST_P(ContractTest, RefusalThatNobodyTookIsThereAfterTheAbort) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(Record(1, "a", cluster().NowMs() + 48 * kHourMs)).ok());
  ASSERT_TRUE(cluster().Await(kPatience, [&] { return !producer->Send(Record(2, "b")).ok(); }));
  ASSERT_TRUE(Abort(*producer).ok());
  const std::vector<uint64_t> failed = FailedTokens(Deliveries(*producer));
  EXPECT_EQ(std::count(failed.begin(), failed.end(), 1), 1);
}

TEST_P(ContractTest, LoweredLimitRefusesBatchesOfSmallRecords) {
  const std::string topic = NewTopic("t");
  cluster().SetTopicSetting(topic, "max.message.bytes", "200");
  Result flushed;
  std::vector<Delivery> deliveries;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    auto producer = ReadyProducer({topic});
    EXPECT_TRUE(producer->BeginTransaction().ok());
    for (uint64_t token = 1; token <= 5; ++token) {
      EXPECT_TRUE(producer->Send(Record(token, std::string(50 + token, 'x'))).ok());
    }
    flushed = Flush(*producer);
    deliveries = Deliveries(*producer);
    EXPECT_TRUE(Abort(*producer).ok());
    return !flushed.ok();
  }));
  EXPECT_EQ(flushed.code, "MSG_SIZE_TOO_LARGE") << ToString(flushed);
  EXPECT_THAT(FailedTokens(deliveries), ElementsAre(1, 2, 3, 4, 5));
}

TEST_P(ContractTest, RecordWithoutAKeyFailsItsBatchInACompactedTopic) {
  const std::string topic = NewTopic("t", 1, {{"cleanup.policy", "compact"}});
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(Record(1, "a")).ok());
  OutputRecord keyless = Record(2, "b");
  keyless.key = std::nullopt;
  ASSERT_TRUE(producer->Send(keyless).ok());
  EXPECT_EQ(Flush(*producer).code, "INVALID_RECORD");
  EXPECT_THAT(FailedTokens(Deliveries(*producer)), ElementsAre(1, 2));
  EXPECT_TRUE(Abort(*producer).ok());
}

// Nothing is reported, and not even the abort goes well: the client takes the refusal for a partition added.
TEST_P(ContractTest, WithoutTheRightToWriteATransactionFailsWithoutReports) {
  const std::string topic = NewTopic("t");
  if (!cluster().DenyWriting(topic)) GTEST_SKIP() << "this cluster knows no rights";
  Result committed;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    auto producer = ReadyProducer({topic});
    EXPECT_TRUE(producer->BeginTransaction().ok());
    EXPECT_TRUE(producer->Send(Record(1, "a")).ok());
    const Result flushed = Flush(*producer);
    committed = Commit(*producer);
    if (committed.ok()) return false;
    EXPECT_TRUE(flushed.ok()) << "says only that nothing is queued: " << ToString(flushed);
    EXPECT_THAT(Deliveries(*producer), IsEmpty());
    const Result sent = producer->Send(Record(2, "b"));
    EXPECT_EQ(sent.error, ErrorClass::kAbortable) << ToString(sent);
    EXPECT_EQ(sent.code, "TOPIC_AUTHORIZATION_FAILED") << ToString(sent);
    EXPECT_TRUE(sent.lasting);
    EXPECT_THAT(ToString(sent), HasSubstr(topic));
    const std::vector<Delivery> deliveries = Deliveries(*producer);
    EXPECT_EQ(deliveries.size(), 1u);
    if (deliveries.empty()) return true;
    EXPECT_EQ(deliveries[0].topic_index, 0u) << "the topic that is to blame";
    EXPECT_EQ(deliveries[0].code, "TOPIC_AUTHORIZATION_FAILED");
    EXPECT_TRUE(deliveries[0].lasting);
    EXPECT_FALSE(deliveries[0].record_refused);
    const Result aborted = Abort(*producer);
    EXPECT_EQ(aborted.error, ErrorClass::kFatal) << ToString(aborted);
    EXPECT_FALSE(aborted.fenced);
    return true;
  }));
  EXPECT_EQ(committed.error, ErrorClass::kAbortable) << ToString(committed);
  EXPECT_EQ(committed.code, "TOPIC_AUTHORIZATION_FAILED") << ToString(committed);
  cluster().AllowWriting(topic);
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    auto producer = ReadyProducer({topic});
    EXPECT_TRUE(producer->BeginTransaction().ok());
    EXPECT_TRUE(producer->Send(Record(1, "again")).ok());
    return Commit(*producer).ok();
  }));
}

TEST_P(ContractTest, RightToWriteThatGoesWithinATransactionFailsItsRecords) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(Record(1, "a")).ok());
  ASSERT_TRUE(Flush(*producer).ok());
  if (!cluster().DenyWriting(topic)) GTEST_SKIP() << "this cluster knows no rights";
  Result flushed;
  ASSERT_TRUE(cluster().Await(absl::Seconds(10), [&] {
    EXPECT_TRUE(producer->Send(Record(2, "b")).ok());
    flushed = Flush(*producer);
    return !flushed.ok();
  }));
  EXPECT_EQ(flushed.error, ErrorClass::kAbortable) << ToString(flushed);
  EXPECT_EQ(flushed.code, "TOPIC_AUTHORIZATION_FAILED") << ToString(flushed);
  const std::vector<Delivery> deliveries = Deliveries(*producer);
  EXPECT_THAT(FailedTokens(deliveries), ElementsAre(2));
  EXPECT_FALSE(deliveries.back().record_refused) << "no record is to blame";
  EXPECT_TRUE(Abort(*producer).ok());
  cluster().AllowWriting(topic);
}

}  // namespace
}  // namespace once::kafka
