// What the cluster in memory does of the transactional protocol beyond the contract suite: requests that come late or
// twice, coordinators that move, sequence numbers, limits, compaction.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kafka/contract.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"

namespace once::testkit {
namespace {

using kafka::At;
using kafka::ContractTest;
using kafka::ErrorClass;
using kafka::Member;
using kafka::Result;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(1);

// Only the suite's Member is used here; memory_contract_test runs the suite.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ContractTest);

class MemoryProtocolTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.CreateTopic("t", 2);
    member_ = std::make_unique<Member>(*client_->NewGroupConsumer("g", {"t"}), std::vector<std::string>{"t"});
    member_->Poll();
  }

  std::unique_ptr<kafka::TransactionalProducer> Producer(const std::string& id, const std::string& topic = "t") {
    auto producer = *client_->NewProducer(id, {topic});
    EXPECT_TRUE(producer->InitTransactions(kTimeout).ok());
    return producer;
  }
  static Result Write(kafka::TransactionalProducer& producer, const std::string& value, int partition = 0,
                      OptionalBytes key = std::nullopt) {
    OutputRecord record;
    record.partition = Partition(partition);
    record.key = key;
    record.value = value;
    EXPECT_TRUE(producer.Send(record).ok());
    return producer.Flush(kTimeout);
  }
  static void Open(kafka::TransactionalProducer& producer, const std::string& value) {
    ASSERT_TRUE(producer.BeginTransaction().ok());
    ASSERT_TRUE(Write(producer, value).ok());
  }
  Result SendOffset(kafka::TransactionalProducer& producer, int64_t offset) {
    const std::vector<TopicPartitionOffset> offsets = {At("t", 0, offset)};
    return producer.SendOffsets(offsets, member_->consumer().group_metadata(), kTimeout);
  }
  std::optional<int64_t> Committed() {
    const auto offset = cluster_.CommittedOffset("g", At("t", 0));
    return offset.has_value() ? std::optional(offset->value()) : std::nullopt;
  }
  std::vector<std::string> Values(const std::string& topic = "t") {
    std::vector<std::string> values;
    for (const MemoryRecord& each : cluster_.ReadCommitted(topic)) values.push_back(each.value.value_or("<null>"));
    return values;
  }

  ManualClock clock_;
  MemoryCluster cluster_{&clock_};
  std::unique_ptr<kafka::Client> client_ = cluster_.NewClient({.session_timeout = absl::InfiniteDuration()});
  std::unique_ptr<Member> member_;
};

TEST_F(MemoryProtocolTest, LaterOffsetsWinWhicheverTransactionEndsLast) {
  auto first = Producer("p1");
  auto second = Producer("p2");
  ASSERT_TRUE(first->BeginTransaction().ok());
  ASSERT_TRUE(second->BeginTransaction().ok());
  ASSERT_TRUE(SendOffset(*second, 20).ok());
  ASSERT_TRUE(SendOffset(*first, 10).ok());
  ASSERT_TRUE(first->Commit(kTimeout).ok());
  EXPECT_EQ(Committed(), 10);
  ASSERT_TRUE(second->Commit(kTimeout).ok());
  EXPECT_EQ(Committed(), 10) << "20 was sent before 10";
}

TEST_F(MemoryProtocolTest, AfterALateCommitThePartitionIsNotInTheTransactionAnyMore) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .late_duplicate = true});
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  Open(*producer, "b");
  ASSERT_EQ(cluster_.late(), 1u);
  cluster_.DeliverLate(0);
  EXPECT_EQ(cluster_.late(), 0u);
  EXPECT_THAT(Values(), ElementsAre("a", "b")) << "nobody committed b";
  const Result refused = Write(*producer, "c");
  EXPECT_EQ(refused.error, ErrorClass::kAbortable);
  EXPECT_EQ(refused.code, "INVALID_TXN_STATE");
  EXPECT_EQ(producer->Abort(kTimeout).error, ErrorClass::kFatal) << "the last transaction was committed";
}

TEST_F(MemoryProtocolTest, AfterALateCommitAnotherPartitionOpensANewTransaction) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .late_duplicate = true});
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  Open(*producer, "b");
  cluster_.DeliverLate();
  ASSERT_TRUE(Write(*producer, "c", 1).ok());
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  EXPECT_THAT(Values(), ElementsAre("a", "b")) << "one transaction, half of it aborted";
}

TEST_F(MemoryProtocolTest, LateOffsetsMoveTheGroupBackInTheNextTransactionOnly) {
  auto producer = Producer("p");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  cluster_.FailNext({.call = Call::kSendOffsets, .late_duplicate = true});
  cluster_.FailNext({.call = Call::kSendOffsets, .late_duplicate = true});
  ASSERT_TRUE(SendOffset(*producer, 1).ok());
  ASSERT_TRUE(SendOffset(*producer, 2).ok());
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  ASSERT_EQ(cluster_.late(), 2u);
  cluster_.DeliverLate(1);
  EXPECT_EQ(Committed(), 2) << "no transaction is open";
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(SendOffset(*producer, 3).ok());
  cluster_.DeliverLate(0);
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_EQ(Committed(), 1);
}

TEST_F(MemoryProtocolTest, RepeatedEndIsAnsweredByTheStateOfTheTransaction) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext(
      {.call = Call::kCommit, .result = MakeResult(ErrorClass::kRetriable, "_TIMED_OUT", "injected"), .landed = true});
  cluster_.HoldMarkers();
  EXPECT_EQ(producer->Commit(kTimeout).code, "_TIMED_OUT");
  const Result ending = producer->Commit(kTimeout);
  EXPECT_EQ(ending.error, ErrorClass::kRetriable);
  EXPECT_EQ(ending.code, "CONCURRENT_TRANSACTIONS");
  cluster_.ReleaseMarkers();
  EXPECT_TRUE(producer->Commit(kTimeout).ok());
}

TEST_F(MemoryProtocolTest, GapAfterARefusedRecordFailsTheNextTransactionThere) {
  cluster_.SetTopicSetting("t", "max.message.bytes", "200");
  auto producer = Producer("p");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  EXPECT_EQ(Write(*producer, std::string(300, 'x')).code, "MSG_SIZE_TOO_LARGE");
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Write(*producer, "innocent", 1).ok());
  EXPECT_TRUE(Write(*producer, "a").ok()) << "the record is dropped without a report";
  const Result gap = producer->Commit(kTimeout);
  EXPECT_EQ(gap.error, ErrorClass::kAbortable);
  EXPECT_EQ(gap.code, "OUT_OF_ORDER_SEQUENCE_NUMBER");
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  Open(*producer, "b");
  ASSERT_TRUE(producer->Commit(kTimeout).ok()) << "the abort brought a new epoch";
  EXPECT_THAT(Values(), ElementsAre("b"));
}

TEST_F(MemoryProtocolTest, SizeIsThatOfTheEncodedBatch) {
  auto producer = Producer("p");
  const std::string value(1000, 'x');
  // 61 of the batch, 2 of the record's length, 3 fixed, 1 + 1 of the key, 2 + 1000 of the value, 1 of the headers.
  for (const auto& [limit, is_written] : {std::pair{"1071", true}, std::pair{"1070", false}}) {
    cluster_.SetTopicSetting("t", "max.message.bytes", limit);
    ASSERT_TRUE(producer->BeginTransaction().ok());
    EXPECT_EQ(Write(*producer, value, 0, "k").ok(), is_written) << limit;
    ASSERT_TRUE(producer->Abort(kTimeout).ok());
  }
}

TEST_F(MemoryProtocolTest, CompactedTopicsTakeNoKeylessRecords) {
  cluster_.CreateTopic("c", 1, {{"cleanup.policy", "compact,delete"}});
  auto producer = Producer("p", "c");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Write(*producer, "v", 0, "k").ok());
  const Result refused = Write(*producer, "v");
  EXPECT_EQ(refused.error, ErrorClass::kAbortable);
  EXPECT_EQ(refused.code, "INVALID_RECORD");
  std::vector<kafka::Delivery> deliveries;
  producer->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_TRUE(deliveries[0].record_refused);
}

TEST_F(MemoryProtocolTest, TombstonesGoAfterTheirTime) {
  cluster_.CreateTopic("c", 1, {{"cleanup.policy", "compact"}, {"delete.retention.ms", "1000"}});
  cluster_.Append("c", Partition(0), "a", "1");
  cluster_.Append("c", Partition(0), "a", std::nullopt);
  cluster_.Compact("c");
  EXPECT_THAT(Values("c"), ElementsAre("<null>"));
  clock_.Advance(absl::Milliseconds(999));
  cluster_.Compact("c");
  EXPECT_THAT(Values("c"), ElementsAre("<null>"));
  clock_.Advance(absl::Milliseconds(1));
  cluster_.Compact("c");
  EXPECT_THAT(Values("c"), IsEmpty());
  EXPECT_EQ(cluster_.HighWatermark(At("c", 0)), Offset(2));
}

TEST_F(MemoryProtocolTest, MovingTransactionCoordinatorIsWaitedFor) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.MoveTransactionCoordinator(absl::Seconds(5));
  EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kRetriable);
  auto successor = *client_->NewProducer("q", {"t"});
  EXPECT_EQ(successor->InitTransactions(kTimeout).error, ErrorClass::kRetriable);
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_TRUE(successor->InitTransactions(kTimeout).ok());
  EXPECT_THAT(Values(), ElementsAre("a"));
}

TEST_F(MemoryProtocolTest, MovingGroupCoordinatorFailsWhatCannotWait) {
  auto producer = Producer("p");
  auto admin = *client_->NewAdmin();
  const std::vector<TopicPartition> partitions = {At("t", 0)};
  ASSERT_TRUE(producer->BeginTransaction().ok());
  cluster_.MoveGroupCoordinator(absl::Seconds(5));
  EXPECT_EQ(SendOffset(*producer, 1).error, ErrorClass::kAbortable);
  EXPECT_TRUE(absl::IsUnavailable(admin->StableCommittedOffsets("g", partitions, kTimeout).status()));
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  clock_.Advance(absl::Seconds(5));
  member_->Poll();
  EXPECT_EQ(member_->lost_calls, 0) << "members live on";
  ASSERT_TRUE(producer->BeginTransaction().ok());
  EXPECT_TRUE(SendOffset(*producer, 1).ok());
  EXPECT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_EQ(Committed(), 1);
}

TEST_F(MemoryProtocolTest, MemberWithoutAnswersGivesUpByItself) {
  client_ = cluster_.NewClient({.session_timeout = absl::Seconds(10)});
  Member member(*client_->NewGroupConsumer("h", {"t"}), {"t"});
  member.Poll();
  ASSERT_EQ(member.assigned().size(), 2u);
  cluster_.SetReachable(false);
  clock_.Advance(absl::Seconds(11));
  member.Poll();
  EXPECT_EQ(member.lost_calls, 1);
  EXPECT_LT(member.consumer().group_metadata().generation, 0);
  cluster_.SetReachable(true);
  member.Poll();
  EXPECT_EQ(member.assigned().size(), 2u);
}

TEST_F(MemoryProtocolTest, OffsetsOfTopicsWithoutASubscriberExpire) {
  cluster_.CreateTopic("other");
  cluster_.SetCommittedOffset("g", At("t", 0), Offset(1));
  cluster_.SetCommittedOffset("g", At("other", 0), Offset(2));
  cluster_.SetCommittedOffset("empty", At("t", 0), Offset(3));
  cluster_.ExpireOffsets();
  EXPECT_EQ(Committed(), 1);
  EXPECT_EQ(cluster_.CommittedOffset("g", At("other", 0)), std::nullopt);
  EXPECT_EQ(cluster_.CommittedOffset("empty", At("t", 0)), std::nullopt);
}

TEST_F(MemoryProtocolTest, CallsOutOfTurnChangeNothing) {
  auto producer = Producer("p");
  EXPECT_EQ(producer->Commit(kTimeout).code, "_STATE");
  EXPECT_EQ(producer->Abort(kTimeout).code, "_STATE");
  OutputRecord record;
  record.value = "v";
  EXPECT_EQ(producer->Send(record).error, ErrorClass::kAbortable);
  Open(*producer, "a");
  EXPECT_EQ(producer->BeginTransaction().code, "_STATE");
  EXPECT_EQ(producer->InitTransactions(kTimeout).code, "_STATE");
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_THAT(Values(), ElementsAre("a"));
}

}  // namespace
}  // namespace once::testkit
