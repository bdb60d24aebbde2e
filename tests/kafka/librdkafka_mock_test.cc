// What librdkafka does when coordinators are away or refuse, which a real broker does not do to order.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::kafka {
namespace {

using ::testing::HasSubstr;

constexpr char kInput[] = "input";
constexpr char kTopic[] = "output";
constexpr char kGroup[] = "group";
constexpr char kId[] = "group-pod-0-0";
constexpr int32_t kLeader = 1;            // And coordinator of the transactions.
constexpr int32_t kGroupCoordinator = 2;  // Of nothing else.
constexpr int16_t kEndTxn = 26;           // The request's number in Kafka's protocol.

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kShort = absl::Milliseconds(100);

class MockTest : public testing::Test {
 protected:
  void SetUp() override {
    char reason[256];
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "3", reason, sizeof(reason));
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    ASSERT_NE(rk_, nullptr) << reason;
    cluster_ = rd_kafka_mock_cluster_new(rk_, 2);
    rd_kafka_mock_topic_create(cluster_, kInput, 1, 1);
    rd_kafka_mock_topic_create(cluster_, kTopic, 1, 1);
    rd_kafka_mock_partition_set_leader(cluster_, kTopic, 0, kLeader);
    rd_kafka_mock_coordinator_set(cluster_, "transaction", kId, kLeader);
    rd_kafka_mock_coordinator_set(cluster_, "group", kGroup, kGroupCoordinator);
    RdKafkaConfig config;
    config.bootstrap_servers = rd_kafka_mock_cluster_bootstraps(cluster_);
    client_ = *MakeRdKafkaClient(config, &log_);
    native_.reset(rd_kafka_consumer_group_metadata_new_with_genid(kGroup, 1, "member", nullptr),
                  rd_kafka_consumer_group_metadata_destroy);
  }
  void TearDown() override {
    if (cluster_ != nullptr) rd_kafka_mock_cluster_destroy(cluster_);
    if (rk_ != nullptr) rd_kafka_destroy(rk_);
  }

  static Result Eventually(const std::function<Result()>& call) {
    const absl::Time deadline = absl::Now() + kPatience;
    Result result = call();
    while (result.error == ErrorClass::kRetriable && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
      result = call();
    }
    return result;
  }

  std::unique_ptr<TransactionalProducer> NewProducer() { return *client_->NewProducer(kId, {kTopic}); }
  static Result Init(TransactionalProducer& producer) {
    return Eventually([&] { return producer.InitTransactions(absl::Seconds(5)); });
  }
  // A transaction with one record.
  static void Write(TransactionalProducer& producer) {
    ASSERT_TRUE(producer.BeginTransaction().ok());
    OutputRecord record;
    record.partition = Partition(0);
    record.value = "v";
    ASSERT_TRUE(producer.Send(record).ok());
    ASSERT_TRUE(Eventually([&] { return producer.Flush(absl::Seconds(5)); }).ok());
  }
  Result SendOffsets(TransactionalProducer& producer) {
    const std::vector<TopicPartitionOffset> offsets = {{{kInput, Partition(0)}, Offset(7)}};
    return producer.SendOffsets(offsets, {.generation = 1, .member_id = "member", .native = native_}, kShort);
  }

  NullLogSink log_;
  rd_kafka_t* rk_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  std::unique_ptr<Client> client_;
  std::shared_ptr<rd_kafka_consumer_group_metadata_t> native_;
};

// librdkafka itself keeps the call until the coordinator is back, whatever the timeout.
TEST_F(MockTest, SendOffsetsReturnsWhileTheCoordinatorIsAwayAndGoesOnWhenItIsBack) {
  auto producer = NewProducer();
  ASSERT_TRUE(Init(*producer).ok());
  Write(*producer);
  rd_kafka_mock_broker_set_down(cluster_, kGroupCoordinator);
  for (int i = 0; i < 2; ++i) {
    const Result sent = SendOffsets(*producer);
    EXPECT_EQ(sent.error, ErrorClass::kRetriable) << ToString(sent);
    EXPECT_FALSE(sent.lasting);
    EXPECT_TRUE(producer->TakeSuspicion());
  }
  rd_kafka_mock_broker_set_up(cluster_, kGroupCoordinator);
  const Result sent = Eventually([&] { return SendOffsets(*producer); });
  EXPECT_TRUE(sent.ok()) << ToString(sent);
  EXPECT_TRUE(Eventually([&] { return producer->Commit(absl::Seconds(5)); }).ok());
}

TEST_F(MockTest, AProducerWhoseOffsetsAreStuckIsGivenUpAndFewAreAtATime) {
  auto producer = NewProducer();
  ASSERT_TRUE(Init(*producer).ok());
  rd_kafka_mock_broker_set_down(cluster_, kGroupCoordinator);
  Result ready = Result::Ok();
  int given_up = 0;
  for (; ready.ok() && given_up < 10; ++given_up) {
    Write(*producer);
    ASSERT_EQ(SendOffsets(*producer).error, ErrorClass::kRetriable);
    const Result aborted = producer->Abort(kShort);
    EXPECT_EQ(aborted.error, ErrorClass::kFatal) << ToString(aborted);
    EXPECT_FALSE(aborted.fenced);
    EXPECT_THAT(aborted.message, HasSubstr("coordinator"));
    producer = NewProducer();
    ready = producer->InitTransactions(absl::Seconds(5));
  }
  EXPECT_EQ(ready.error, ErrorClass::kRetriable) << ToString(ready);
  EXPECT_EQ(given_up, 4);
  EXPECT_THAT(ready.message, HasSubstr("start that broker"));
  rd_kafka_mock_broker_set_up(cluster_, kGroupCoordinator);
  ASSERT_TRUE(Init(*producer).ok()) << "those that were given up have ended";
  Write(*producer);
  EXPECT_TRUE(Eventually([&] { return SendOffsets(*producer); }).ok());
  EXPECT_TRUE(Eventually([&] { return producer->Commit(absl::Seconds(5)); }).ok());
}

// The coordinator may know nothing of a transaction that the client aborts: the producer is finished, and nothing else.
TEST_F(MockTest, InvalidTransactionStateAtAnAbortEndsTheProducerAndPasses) {
  auto producer = NewProducer();
  ASSERT_TRUE(Init(*producer).ok());
  Write(*producer);
  rd_kafka_mock_push_request_errors(cluster_, kEndTxn, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
  const Result aborted = Eventually([&] { return producer->Abort(absl::Seconds(5)); });
  EXPECT_EQ(aborted.error, ErrorClass::kFatal) << ToString(aborted);
  EXPECT_EQ(aborted.code, "INVALID_TXN_STATE");
  EXPECT_FALSE(aborted.fenced);
  EXPECT_FALSE(aborted.lasting) << "a new producer has it behind it";
  producer = NewProducer();
  ASSERT_TRUE(Init(*producer).ok());
  Write(*producer);
  EXPECT_TRUE(Eventually([&] { return producer->Commit(absl::Seconds(5)); }).ok());
}

}  // namespace
}  // namespace once::kafka
