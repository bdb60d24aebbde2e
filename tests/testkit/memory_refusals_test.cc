// What the cluster in memory refuses, and when; topics that go, rights that are missed, calls that fail by order.
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"

namespace once::testkit {
namespace {

using kafka::ErrorClass;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(1);

class MemoryRefusalsTest : public testing::Test {
 protected:
  void SetUp() override { cluster_.CreateTopic("t", 2); }

  std::unique_ptr<kafka::TransactionalProducer> Producer(const std::string& id) {
    auto producer = *client_->NewProducer(id, {"t"});
    EXPECT_TRUE(producer->InitTransactions(kTimeout).ok());
    return producer;
  }
  std::vector<std::string> Values() {
    std::vector<std::string> values;
    for (const MemoryRecord& each : cluster_.ReadCommitted("t")) values.push_back(each.value.value_or("<null>"));
    return values;
  }

  ManualClock clock_;
  MemoryCluster cluster_{&clock_};
  std::unique_ptr<kafka::Client> client_ = cluster_.NewClient();
};

OutputRecord RecordOf(uint64_t token, std::string_view value) {
  OutputRecord record;
  record.partition = Partition(0);
  record.key = "key";
  record.value = value;
  record.token = token;
  return record;
}

// When a refusal comes depends on the seed alone, and with many seeds it comes at all times.
TEST_F(MemoryRefusalsTest, RefusalsComeAtMomentsThatFollowFromTheSeed) {
  cluster_.CreateTopic("small", 1, {{"max.message.bytes", "300"}});
  const auto sent_before_refusal = [&](uint64_t seed) {
    MemoryCluster cluster(&clock_);
    cluster.CreateTopic("small", 1, {{"max.message.bytes", "300"}});
    const auto client = cluster.NewClient({.delivery_seed = seed});
    const auto producer = *client->NewProducer("p", {"small"});
    EXPECT_TRUE(producer->InitTransactions(kTimeout).ok());
    EXPECT_TRUE(producer->BeginTransaction().ok());
    EXPECT_TRUE(producer->Send(RecordOf(1, std::string(400, 'x'))).ok());
    int sent = 1;
    while (sent < 50 && producer->Send(RecordOf(2, "v")).ok()) ++sent;
    EXPECT_FALSE(producer->Flush(kTimeout).ok());
    return sent;
  };
  std::set<int> moments;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const int sent = sent_before_refusal(seed);
    EXPECT_EQ(sent_before_refusal(seed), sent);
    moments.insert(sent);
  }
  EXPECT_GT(moments.size(), 5u);
  EXPECT_EQ(sent_before_refusal(0), 50) << "without a seed nothing leaves before the flush";
}

TEST_F(MemoryRefusalsTest, BatchesEndWhereTheirLimitsAre) {
  cluster_.CreateTopic("small", 1, {{"max.message.bytes", "300"}});
  const auto failed = [&](MemoryClientOptions options) {
    const auto client = cluster_.NewClient(options);
    const auto producer = *client->NewProducer("p", {"small"});
    EXPECT_TRUE(producer->InitTransactions(kTimeout).ok());
    EXPECT_TRUE(producer->BeginTransaction().ok());
    for (uint64_t token = 1; token <= 6; ++token) {
      EXPECT_TRUE(producer->Send(RecordOf(token, std::string(token == 6 ? 400 : 20, 'x'))).ok());
    }
    EXPECT_FALSE(producer->Flush(kTimeout).ok());
    std::vector<kafka::Delivery> deliveries;
    producer->TakeDeliveries(&deliveries);
    std::vector<uint64_t> tokens;
    for (const kafka::Delivery& each : deliveries) tokens.push_back(each.token);
    return tokens;
  };
  EXPECT_THAT(failed({}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(failed({.max_batch_records = 4}), ElementsAre(5, 6));
  EXPECT_THAT(failed({.max_batch_bytes = 300}), ElementsAre(6));
}

TEST_F(MemoryRefusalsTest, SendRefusesByItselfWhatTheTransactionIsNotToldOf) {
  const auto client = cluster_.NewClient({.max_record_bytes = 100});
  const auto producer = *client->NewProducer("p", {"t"});
  ASSERT_TRUE(producer->InitTransactions(kTimeout).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const kafka::Result sent = producer->Send(RecordOf(7, std::string(200, 'x')));
  EXPECT_EQ(sent.error, ErrorClass::kAbortable);
  EXPECT_EQ(sent.code, "MSG_SIZE_TOO_LARGE");
  std::vector<kafka::Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].token, 7u);
  EXPECT_TRUE(deliveries[0].record_refused);
  EXPECT_TRUE(producer->Commit(kTimeout).ok()) << "it could be committed without the record";
}

TEST_F(MemoryRefusalsTest, SendAndBeginFailByOrder) {
  const auto producer = Producer("p");
  cluster_.FailNext({.call = Call::kBegin, .result = MakeResult(ErrorClass::kAbortable, "INJECTED", "")});
  EXPECT_EQ(producer->BeginTransaction().code, "INJECTED");
  EXPECT_EQ(producer->BeginTransaction().error, ErrorClass::kAbortable) << "until it was aborted";
  EXPECT_TRUE(producer->Abort(kTimeout).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  cluster_.FailNext({.call = Call::kSend, .result = MakeResult(ErrorClass::kRetriable, "_QUEUE_FULL", "")});
  EXPECT_EQ(producer->Send(RecordOf(1, "v")).code, "_QUEUE_FULL");
  EXPECT_TRUE(producer->Send(RecordOf(1, "v")).ok());
  cluster_.FailNext({.call = Call::kSend, .result = MakeResult(ErrorClass::kAbortable, "_STATE", "")});
  EXPECT_EQ(producer->Send(RecordOf(2, "v")).error, ErrorClass::kAbortable);
  std::vector<kafka::Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u) << "of the record that was not taken";
  EXPECT_EQ(deliveries[0].token, 2u);
  EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kAbortable);
  EXPECT_TRUE(producer->Abort(kTimeout).ok());
  EXPECT_THAT(Values(), IsEmpty());
}

TEST_F(MemoryRefusalsTest, RecordsForATopicThatIsGoneWaitAsLongAsTheirTransaction) {
  const auto producer = Producer("p");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(RecordOf(1, "a")).ok());
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  const std::string id = cluster_.TopicId("t");
  cluster_.DeleteTopic("t");
  EXPECT_EQ(cluster_.TopicId("t"), "");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(RecordOf(1, "b")).ok());
  EXPECT_EQ(producer->Flush(kTimeout).error, ErrorClass::kRetriable);
  cluster_.CreateTopic("t", 2);
  EXPECT_NE(cluster_.TopicId("t"), id);
  EXPECT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_THAT(Values(), ElementsAre("b"));

  cluster_.DeleteTopic("t");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(RecordOf(2, "c")).ok());
  EXPECT_EQ(producer->Flush(kTimeout).error, ErrorClass::kRetriable);
  clock_.Advance(absl::Seconds(16));
  EXPECT_EQ(producer->Flush(kTimeout).code, "_MSG_TIMED_OUT");
  EXPECT_EQ(producer->Abort(kTimeout).code, "INVALID_TXN_STATE") << "the coordinator never heard of it";
}

TEST_F(MemoryRefusalsTest, RightsAreMissedWhereTheyAreNeeded) {
  const auto admin = *client_->NewAdmin();
  cluster_.Deny(Right::kDescribeConfigs, "t");
  const absl::StatusOr<kafka::TopicDescription> described = admin->DescribeTopic("t", kTimeout);
  ASSERT_TRUE(described.ok());
  EXPECT_TRUE(absl::IsPermissionDenied(described->settings_error));
  cluster_.Allow(Right::kDescribeConfigs, "t");
  EXPECT_TRUE(admin->DescribeTopic("t", kTimeout)->settings_error.ok());

  cluster_.Deny(Right::kReadGroup, "g");
  const auto consumer = *client_->NewGroupConsumer("g", {"t"});
  kafka::Batch batch;
  EXPECT_TRUE(absl::IsPermissionDenied(consumer->Poll(kTimeout, &batch)));

  cluster_.Append("t", Partition(0), "key", "value");
  const auto reader = *client_->NewLogReader({"t"});
  ASSERT_TRUE(reader->Add({{"t", Partition(0)}, Offset(0)}).ok());
  cluster_.Deny(Right::kReadTopic, "t");
  ASSERT_TRUE(reader->Poll(kTimeout, &batch).ok());
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_TRUE(absl::IsPermissionDenied(batch.errors[0].status));
  cluster_.Allow(Right::kReadTopic, "t");
  ASSERT_TRUE(reader->Poll(kTimeout, &batch).ok());
  EXPECT_EQ(batch.records.size(), 1u);
}

}  // namespace
}  // namespace once::testkit
