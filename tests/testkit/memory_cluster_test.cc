// What the contract suite cannot ask of every cluster: faults, held markers, expired members, the tests' own access.
#include "tests/testkit/memory_cluster.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kafka/contract.h"
#include "tests/testkit/manual_clock.h"

namespace once::testkit {
namespace {

using kafka::At;
using kafka::ContractTest;
using kafka::ErrorClass;
using kafka::Member;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kTimeout = absl::Seconds(1);

// Only the suite's Member is used here; memory_contract_test runs the suite.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ContractTest);

class MemoryClusterTest : public testing::Test {
 protected:
  void SetUp() override { cluster_.CreateTopic("t", 2); }

  std::unique_ptr<kafka::TransactionalProducer> Producer(const std::string& id) {
    auto producer = *client_->NewProducer(id, {"t"});
    EXPECT_TRUE(producer->InitTransactions(kTimeout).ok());
    return producer;
  }
  std::unique_ptr<Member> NewMember() {
    const std::vector<std::string> topics = {"t"};
    return std::make_unique<Member>(*client_->NewGroupConsumer("g", topics), topics);
  }
  static void Open(kafka::TransactionalProducer& producer, const std::string& value) {
    ASSERT_TRUE(producer.BeginTransaction().ok());
    OutputRecord record;
    record.partition = Partition(0);
    record.value = value;
    ASSERT_TRUE(producer.Send(record).ok());
    ASSERT_TRUE(producer.Flush(kTimeout).ok());
  }
  std::vector<std::string> Values(bool is_committed_only = true) {
    std::vector<std::string> values;
    for (const MemoryRecord& each : is_committed_only ? cluster_.ReadCommitted("t") : cluster_.ReadUncommitted("t")) {
      values.push_back(each.value.value_or("<null>"));
    }
    return values;
  }
  static kafka::Result TimedOut() { return MakeResult(ErrorClass::kRetriable, "_TIMED_OUT", "injected"); }

  ManualClock clock_;
  MemoryCluster cluster_{&clock_};
  std::unique_ptr<kafka::Client> client_ = cluster_.NewClient();
};

TEST_F(MemoryClusterTest, CommitWithoutAnAnswerCanOnlyBeRepeated) {
  for (const bool landed : {true, false}) {
    auto producer = Producer("p");
    Open(*producer, "a");
    cluster_.FailNext({.call = Call::kCommit, .id_prefix = "p", .result = TimedOut(), .landed = landed});
    EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kRetriable);
    EXPECT_TRUE(producer->TakeSuspicion());
    EXPECT_EQ(cluster_.pending_faults(), 0u);
    for (const kafka::Result& other : {producer->Abort(kTimeout), producer->BeginTransaction()}) {
      EXPECT_EQ(other.error, ErrorClass::kRetriable);
      EXPECT_EQ(other.code, "_CONFLICT") << ToString(other);
    }
    const kafka::Result second = producer->Commit(kTimeout);
    EXPECT_TRUE(second.ok()) << ToString(second);
    EXPECT_TRUE(producer->BeginTransaction().ok());
  }
  EXPECT_THAT(Values(), ElementsAre("a", "a"));
}

TEST_F(MemoryClusterTest, CommitThatLandedIsFencedWhenItIsRepeatedTooLate) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .result = TimedOut(), .landed = true});
  EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kRetriable);
  auto successor = Producer("p");
  EXPECT_TRUE(producer->Commit(kTimeout).fenced);
  EXPECT_THAT(Values(), ElementsAre("a"));
}

TEST_F(MemoryClusterTest, FaultsHitTheProducerTheyAreMeantFor) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .id_prefix = "other", .result = TimedOut()});
  cluster_.FailNext({.call = Call::kCommit, .id_prefix = "p", .result = TimedOut()});
  EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kRetriable);
  EXPECT_EQ(cluster_.pending_faults(), 1u) << "the other producer's";
  auto successor = Producer("p");
  EXPECT_THAT(Values(), IsEmpty());
  EXPECT_THAT(Values(false), ElementsAre("a"));
}

TEST_F(MemoryClusterTest, FatalFaultEndsTheProducerWhetherItLandedOrNot) {
  for (const bool landed : {true, false}) {
    auto producer = Producer("p");
    Open(*producer, landed ? "landed" : "lost");
    cluster_.FailNext({.call = Call::kCommit,
                       .result = MakeResult(ErrorClass::kFatal, "_FENCED", "injected", true),
                       .landed = landed});
    EXPECT_TRUE(producer->Commit(kTimeout).fenced);
    EXPECT_EQ(producer->BeginTransaction().error, ErrorClass::kFatal);
  }
  Producer("p");
  EXPECT_THAT(Values(), ElementsAre("landed"));
}

TEST_F(MemoryClusterTest, HeldMarkersHideACommitThatWasAcknowledged) {
  auto member = NewMember();
  member->Poll();
  auto producer = Producer("p");
  Open(*producer, "a");
  const std::vector<TopicPartitionOffset> offsets = {At("t", 0, 5)};
  ASSERT_TRUE(producer->SendOffsets(offsets, member->consumer().group_metadata(), kTimeout).ok());
  cluster_.HoldMarkers();
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_THAT(Values(), IsEmpty());
  EXPECT_EQ(cluster_.LastStableOffset(At("t", 0)), Offset(0));
  EXPECT_EQ(cluster_.HighWatermark(At("t", 0)), Offset(1));
  EXPECT_EQ(cluster_.CommittedOffset("g", At("t", 0)), std::nullopt);
  auto admin = *client_->NewAdmin();
  const std::vector<TopicPartition> partitions = {At("t", 0)};
  EXPECT_TRUE(absl::IsUnavailable(admin->StableCommittedOffsets("g", partitions, kTimeout).status()));
  auto successor = *client_->NewProducer("p", {"t"});
  EXPECT_EQ(successor->InitTransactions(kTimeout).error, ErrorClass::kRetriable);

  cluster_.ReleaseMarkers();
  EXPECT_TRUE(successor->InitTransactions(kTimeout).ok());
  EXPECT_THAT(Values(), ElementsAre("a"));
  EXPECT_EQ(cluster_.LastStableOffset(At("t", 0)), Offset(2));
  EXPECT_EQ(cluster_.CommittedOffset("g", At("t", 0)), Offset(5));
}

TEST_F(MemoryClusterTest, LateDuplicateOfACommitEndsTheNextTransaction) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .late_duplicate = true});
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  EXPECT_TRUE(producer->TakeSuspicion());
  Open(*producer, "b");
  EXPECT_THAT(Values(), ElementsAre("a"));
  cluster_.DeliverLate();
  EXPECT_THAT(Values(), ElementsAre("a", "b")) << "nobody committed b";
}

TEST_F(MemoryClusterTest, LateDuplicateDoesNothingToASuccessor) {
  auto producer = Producer("p");
  Open(*producer, "a");
  cluster_.FailNext({.call = Call::kCommit, .late_duplicate = true});
  ASSERT_TRUE(producer->Commit(kTimeout).ok());
  auto successor = Producer("p");
  Open(*successor, "b");
  cluster_.DeliverLate();
  EXPECT_THAT(Values(), ElementsAre("a"));
}

TEST_F(MemoryClusterTest, ExpiredMemberLosesItsPartitionsAndJoinsAnew) {
  auto first = NewMember();
  first->Poll();
  ASSERT_EQ(first->assigned().size(), 2u);
  const std::string old_id = first->consumer().group_metadata().member_id;
  cluster_.ExpireMember(old_id);
  auto producer = Producer("p");
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const std::vector<TopicPartitionOffset> offsets = {At("t", 0, 5)};
  const kafka::Result sent = producer->SendOffsets(offsets, first->consumer().group_metadata(), kTimeout);
  EXPECT_EQ(sent.error, ErrorClass::kAbortable);
  EXPECT_EQ(sent.code, "UNKNOWN_MEMBER_ID");
  first->Poll();
  EXPECT_EQ(first->lost_calls, 1);
  EXPECT_THAT(first->assigned(), IsEmpty());
  first->Poll();
  EXPECT_EQ(first->assigned().size(), 2u);
  EXPECT_NE(first->consumer().group_metadata().member_id, old_id);
}

TEST_F(MemoryClusterTest, SessionsEndByTheClockUnlessTurnedOff) {
  auto first = NewMember();
  first->Poll();
  clock_.Advance(absl::Seconds(9));
  first->Poll();
  clock_.Advance(absl::Seconds(9));
  EXPECT_EQ(cluster_.Members("g").size(), 1u);
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(cluster_.Members("g"), IsEmpty());

  client_ = cluster_.NewClient({.session_timeout = absl::InfiniteDuration()});
  auto lasting = NewMember();
  lasting->Poll();
  clock_.Advance(absl::Hours(24 * 365));
  EXPECT_EQ(cluster_.Members("g").size(), 1u);
}

TEST_F(MemoryClusterTest, MovingPartitionIsRevokedBeforeItIsAssigned) {
  auto first = NewMember();
  first->Poll();
  auto second = NewMember();
  second->Poll();
  second->Poll();
  EXPECT_THAT(second->assigned(), IsEmpty()) << "its owner has not polled yet";
  first->Poll();
  EXPECT_THAT(first->assigned(), ElementsAre(At("t", 0)));
  EXPECT_EQ(first->assigned_calls, 1) << "what stays is not touched";
  second->Poll();
  EXPECT_THAT(second->assigned(), ElementsAre(At("t", 1)));
}

TEST_F(MemoryClusterTest, UnreachableClusterAnswersNothingForGood) {
  auto producer = Producer("p");
  Open(*producer, "a");
  auto member = NewMember();
  cluster_.SetReachable(false);
  EXPECT_EQ(producer->Commit(kTimeout).error, ErrorClass::kRetriable);
  EXPECT_TRUE(producer->TakeSuspicion());
  member->Poll();
  EXPECT_THAT(member->assigned(), IsEmpty());
  auto admin = *client_->NewAdmin();
  EXPECT_TRUE(absl::IsUnavailable(admin->DescribeTopic("t", kTimeout).status()));
  cluster_.SetReachable(true);
  EXPECT_TRUE(producer->Commit(kTimeout).ok());
  member->Poll();
  EXPECT_EQ(member->assigned().size(), 2u);
  EXPECT_THAT(Values(), ElementsAre("a"));
}

// As librdkafka, which sends no request any more for a partition that it has given up, whether that was polled or not.
TEST_F(MemoryClusterTest, EndedReadingIsNotSoughtBeforeItWasPolled) {
  auto member = NewMember();
  member->Poll();
  ASSERT_EQ(member->assigned().size(), 2u);
  cluster_.EndReadings(At("t", 0));
  const std::vector<TopicPartitionOffset> both = {At("t", 0, 0), At("t", 1, 0)};
  const auto failures = member->consumer().SeekEach(both);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].target.where, At("t", 0));
  EXPECT_TRUE(absl::IsFailedPrecondition(failures[0].status)) << failures[0].status;
}

TEST_F(MemoryClusterTest, AppendedRecordsAreReadBackWhole) {
  cluster_.Append("t", Partition(1), "k", std::nullopt, {{"h", "1"}, {"h", std::nullopt}}, 42);
  cluster_.Append("t", kAnyPartition, "k", "v");
  const std::vector<MemoryRecord> records = cluster_.ReadCommitted("t");
  ASSERT_EQ(records.size(), 2u);
  const MemoryRecord& given = records[0].value.has_value() ? records[1] : records[0];
  EXPECT_EQ(given.partition, Partition(1));
  EXPECT_EQ(given.timestamp_ms, 42);
  EXPECT_EQ(given.headers.size(), 2u);
  EXPECT_EQ(given.header("h"), std::nullopt);
}

TEST_F(MemoryClusterTest, CompactionKeepsTheLastCommittedRecordOfEachKey) {
  cluster_.Append("t", Partition(0), "a", "1");
  cluster_.Append("t", Partition(0), "b", "2");
  cluster_.Append("t", Partition(0), "a", "3");
  auto producer = Producer("p");
  Open(*producer, "aborted");
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  cluster_.Compact("t");
  const std::vector<MemoryRecord> records = cluster_.ReadUncommitted("t");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].value, "2");
  EXPECT_EQ(records[1].offset, Offset(2));
  EXPECT_EQ(cluster_.HighWatermark(At("t", 0)), Offset(5));
  EXPECT_EQ(cluster_.Check(), "");
}

}  // namespace
}  // namespace once::testkit
