// Offsets of a stopped application move with its frontiers, or not at all.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "processor/operator/sole_member.h"
#include "processor/runtime/worker.h"
#include "tests/operator/scene.h"

namespace once {
namespace {

using testing::HasSubstr;

class OffsetsTest : public OperatorTest {
 protected:
  OffsetsTest() {
    for (int i = 0; i < 4; ++i) Send(0, 10, absl::StrCat("a", i));
    for (int i = 0; i < 3; ++i) Send(1, 1);
    driver_.RunUntilIdle();
  }
  void ExpectRuns(int64_t cents0, int64_t cents1) {
    Start();
    EXPECT_TRUE(driver_.status().ok()) << driver_.status();
    EXPECT_EQ(Cents(0), cents0);
    EXPECT_EQ(Cents(1), cents1);
    EXPECT_EQ(Committed(0), End(0));
    EXPECT_EQ(Committed(1), End(1));
  }
};

// Partition 0 has event IDs, partition 1 has none.
TEST_F(OffsetsTest, BackToTheBeginningOnlyWhatHasNoIdTakesEffectAgain) {
  Stop();
  const absl::StatusOr<OffsetPlan> planned = Planned("earliest");
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->moves[0].distance(), -4);
  EXPECT_EQ(planned->moves[1].distance(), -3);
  const std::string told = absl::StrJoin(planned->Consequences(), "; ");
  EXPECT_THAT(told, HasSubstr("up to 7 events come again"));
  EXPECT_THAT(told, HasSubstr("duplicates and have no effect"));
  // To plan it changes nothing.
  EXPECT_EQ(Committed(0), Offset(4));
  ASSERT_TRUE(Move("earliest").ok());
  EXPECT_EQ(Committed(0), Offset(0));
  EXPECT_EQ(Committed(1), Offset(0));
  ExpectRuns(40, 6);
  // What a new disk would make of it is the same.
  driver_.CrashAndLoseDisk();
  driver_.RunUntilIdle();
  EXPECT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(Cents(0), 40);
  EXPECT_EQ(Cents(1), 6);
}

// X8: the topic that it is in now has another id than the one that it was written to.
TEST_F(OffsetsTest, ACopiedChangelogIsTakenOnlyWhereThatIsSaid) {
  Stop();
  const std::string changelog = plan_.changelog_topics[0];
  ASSERT_TRUE(plan_.topic_ids.contains(changelog));
  plan_.topic_ids[changelog] = "another topic id";
  const absl::StatusOr<OffsetPlan> refused = Planned("earliest");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--copied_changelog"));
  options_.copied_changelog = true;
  const absl::StatusOr<OffsetPlan> planned = Planned("earliest");
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_THAT(absl::StrJoin(planned->Consequences(), "; "), HasSubstr("what was not copied is lost"));
  EXPECT_EQ(planned->tasks.size(), 2);
  for (const auto& [task, move] : planned->tasks) {
    EXPECT_EQ(move.frontier.changelog_id(), "another topic id");
    EXPECT_FALSE(move.frontier.has_control()) << "commands of the cluster before are none of this one's";
  }
}

TEST_F(OffsetsTest, ForgettingTheWindowLetsEventsTakeEffectAgain) {
  Stop();
  options_.forget_window = true;
  ASSERT_TRUE(Move("earliest", {.partitions = {0}}).ok());
  ExpectRuns(80, 3);
  // Once: the new generation knows them.
  Send(0, 10, "a0");
  driver_.RunUntilIdle();
  EXPECT_EQ(Cents(0), 80);
}

TEST_F(OffsetsTest, ForwardSkipsEvents) {
  Stop();
  driver_.cluster().Append("orders", Partition(0), Customer(0), Order(100).SerializeAsString());
  driver_.cluster().Append("orders", Partition(0), Customer(0), Order(1000).SerializeAsString());
  const absl::StatusOr<OffsetPlan> planned = Planned("+1", {.partitions = {0}});
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_THAT(absl::StrJoin(planned->Consequences(), "; "), HasSubstr("up to 1 events are skipped"));
  ASSERT_TRUE(MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_).ok());
  ExpectRuns(1040, 3);
}

TEST_F(OffsetsTest, BackAndForthComesOutRight) {
  for (const char* to : {"earliest", "latest", "2", "latest", "-1", "+1"}) {
    Stop();
    ASSERT_TRUE(Move(to, {.partitions = {0}}).ok()) << to;
    ExpectRuns(40, 3);
  }
  Send(0, 10, "a9");
  driver_.RunUntilIdle();
  EXPECT_EQ(Cents(0), 50);
}

// X4: the way out after retention has passed an offset.
TEST_F(OffsetsTest, X4ATaskWhoseOffsetIsGoneComesBackWithItsState) {
  Stop();
  for (int i = 0; i < 5; ++i) {
    driver_.cluster().Append("orders", Partition(0), Customer(0), Order(2).SerializeAsString());
  }
  driver_.cluster().Trim({Input(0), Offset(7)});
  Start();
  EXPECT_TRUE(absl::IsOutOfRange(driver_.status())) << driver_.status();
  // Its message says what to do.
  const std::string advice = "offsets reset --to=earliest --source=orders --partition=0";
  EXPECT_TRUE(absl::StrContains(driver_.status().ToString(), advice)) << driver_.status();
  Stop();
  const OffsetSelection selection{.sources = {"orders"}, .partitions = {0}};
  const absl::StatusOr<OffsetPlan> planned = Planned("earliest", selection);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->moves[0].gone(), 3);
  ASSERT_TRUE(MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_).ok());
  ExpectRuns(40 + 2 * 2, 3);
}

// The log that the offsets were of is gone, and the state is kept.
TEST_F(OffsetsTest, X4ASourceThatWasMadeAnewIsReadFromItsBeginning) {
  Stop();
  driver_.cluster().RemakeTopic("orders");
  for (int i = 0; i < 2; ++i) {
    driver_.cluster().Append("orders", Partition(0), Customer(0), Order(5).SerializeAsString());
  }
  Start();
  EXPECT_FALSE(driver_.status().ok());
  Stop();
  ASSERT_TRUE(Move("earliest").ok());
  ExpectRuns(50, 3);
}

// F2: doing what that message says brings it back as well.
TEST_F(OffsetsTest, X4OffsetsThatWereMovedFromOutsideGoBackToTheState) {
  Stop();
  driver_.cluster().SetCommittedOffset(kGroup, Input(0), Offset(1));
  driver_.cluster().SetCommittedOffset(kGroup, Input(1), std::nullopt);
  Start();
  driver_.AdvanceTime(absl::Minutes(1));
  EXPECT_FALSE(driver_.status().ok());
  EXPECT_TRUE(absl::StrContains(driver_.status().ToString(), "offsets reset --to=state")) << driver_.status();
  Stop();
  ASSERT_TRUE(Move("state").ok());
  ExpectRuns(40, 3);
}

TEST_F(OffsetsTest, RefusedWhileAnInstanceRuns) {
  Stop();
  const absl::StatusOr<OffsetPlan> planned = Planned("earliest");
  ASSERT_TRUE(planned.ok()) << planned.status();
  Start();
  const absl::Status refused = MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("application scripted runs: its group has 1 member"));
  EXPECT_EQ(Committed(0), Offset(4));
}

// An instance ran between plan and move, and stopped again.
TEST_F(OffsetsTest, APlanIsVoidWhenTheApplicationHasCommittedSince) {
  Stop();
  const absl::StatusOr<OffsetPlan> planned = Planned("earliest");
  ASSERT_TRUE(planned.ok()) << planned.status();
  Start();
  Send(1, 1);
  driver_.RunUntilIdle();
  Stop();
  const absl::Status refused = MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  ExpectRuns(40, 4);
}

// T6: whoever joins meanwhile ends the membership under which offsets would be sent.
TEST_F(OffsetsTest, T6AnInstanceThatStartsMeanwhileKeepsTheMoveOut) {
  Stop();
  auto member = SoleMember::Join(plan_, client_.get(), admin_.get(), absl::Seconds(5));
  ASSERT_TRUE(member.ok()) << member.status();
  const absl::StatusOr<kafka::GroupMetadata> before = (*member)->Metadata();
  ASSERT_TRUE(before.ok()) << before.status();
  driver_.Restart(Scripted(script_));
  driver_.worker().RunOnce();
  EXPECT_TRUE(absl::IsFailedPrecondition((*member)->Metadata().status()));
  auto producer = *client_->NewProducer("other", {"orders"});
  ASSERT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const TopicPartitionOffset stale{Input(0), Offset(0)};
  EXPECT_FALSE(producer->SendOffsets({&stale, 1}, *before, absl::Seconds(1)).ok());
  EXPECT_TRUE(producer->Abort(absl::Seconds(1)).ok());
  member->reset();
  driver_.RunUntilIdle();
  EXPECT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(Committed(0), End(0));
}

TEST_F(OffsetsTest, AMoveThatIsAbortedMovesNothing) {
  for (const testkit::Call call : {testkit::Call::kSendOffsets, testkit::Call::kCommit, testkit::Call::kFlush}) {
    Stop();
    driver_.cluster().FailNext(
        {.call = call,
         .id_prefix = call == testkit::Call::kSendOffsets ? "" : "scripted-+offsets",
         .result = {.error = kafka::ErrorClass::kAbortable, .code = "INJECTED", .message = "injected: must abort"}});
    const absl::Status moved = Move("earliest");
    EXPECT_THAT(moved.ToString(), HasSubstr("nothing was changed"));
    EXPECT_EQ(driver_.cluster().pending_faults(), 0);
    EXPECT_EQ(Committed(0), Offset(4));
    ExpectRuns(40, 3);
  }
}

// I7: what nobody answered is found out by reading.
TEST_F(OffsetsTest, ACommitWithoutAnAnswerIsFoundOut) {
  for (const bool landed : {false, true}) {
    Stop();
    driver_.FailNextCommit(landed);
    const absl::Status moved = Move("earliest", {.partitions = {0}});
    EXPECT_EQ(moved.ok(), landed) << moved;
    EXPECT_EQ(Committed(0), landed ? Offset(0) : Offset(4));
    ExpectRuns(40, 3);
  }
}

// A process that dies between the changelog and the offsets leaves an open transaction, which ends in an abort.
TEST_F(OffsetsTest, KilledHalfWayNothingMoves) {
  Stop();
  {
    auto producer = *client_->NewProducer("scripted-+offsets", plan_.changelog_topics);
    ASSERT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
    ASSERT_TRUE(producer->BeginTransaction().ok());
    const absl::StatusOr<OffsetPlan> planned = Planned("earliest");
    ASSERT_TRUE(planned.ok());
    const std::string key = FrontierKey();
    const std::string value = planned->tasks.begin()->second.frontier.SerializeAsString();
    ASSERT_TRUE(producer->Send({.topic_index = 0, .partition = Partition(0), .key = key, .value = value}).ok());
    ASSERT_TRUE(producer->Flush(absl::Seconds(1)).ok());
  }
  EXPECT_EQ(Committed(0), Offset(4));
  // Nothing can be read past it until it has timed out.
  options_.timeout = absl::Milliseconds(200);
  EXPECT_TRUE(absl::IsUnavailable(Move("earliest", {.partitions = {0}})));
  driver_.clock().Advance(absl::Minutes(1));
  ASSERT_TRUE(Move("earliest", {.partitions = {1}}).ok());
  EXPECT_EQ(Committed(0), Offset(4));
  ExpectRuns(40, 6);
}

TEST_F(OffsetsTest, WhatIsNotInTheLogIsRefused) {
  Stop();
  EXPECT_TRUE(absl::IsOutOfRange(Move("99")));
  EXPECT_TRUE(absl::IsNotFound(Move("earliest", {.sources = {"no-such"}})));
  EXPECT_TRUE(absl::IsNotFound(Move("earliest", {.partitions = {7}})));
  EXPECT_TRUE(absl::IsInvalidArgument(Move("yesterday")));
  EXPECT_EQ(Committed(0), Offset(4));
}

TEST_F(OffsetsTest, ATimeIsTheFirstEventFromThenOn) {
  driver_.clock().Advance(absl::Hours(1));
  const absl::Time then = driver_.clock().Wall();
  Send(0, 100);
  driver_.RunUntilIdle();
  Stop();
  const absl::StatusOr<OffsetPlan> planned = Planned(absl::FormatTime(then, absl::UTCTimeZone()));
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->moves[0].to, Offset(4));
  EXPECT_EQ(planned->moves[1].to, End(1));
}

TEST_F(OffsetsTest, SkippingIsByEvents) {
  Stop();
  for (int i = 0; i < 3; ++i) {
    driver_.cluster().Append("orders", Partition(0), Customer(0), Order(100).SerializeAsString());
  }
  const absl::StatusOr<OffsetPlan> planned =
      PlanSkip(plan_, client_.get(), admin_.get(), {.partitions = {0}}, 2, options_);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->moves[0].to, Offset(6));
  ASSERT_TRUE(MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_).ok());
  ExpectRuns(140, 3);
}

// Before the first event, as well.
TEST_F(OffsetsTest, ATaskThatNeverCommittedBeginsWhereItIsTold) {
  driver_.cluster().CreateTopic("fresh", 2);
  for (int i = 0; i < 3; ++i) {
    driver_.cluster().Append("fresh", Partition(0), "key", Order(7).SerializeAsString());
  }
  const auto factory = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("fresh-start");
    auto orders = builder.AddSource("fresh", {.topic = "fresh"});
    builder.DeadLetterTo("dlq");
    builder.AddAggregate<CustomerTotal>("customer").On<OrderPlaced>(orders, [](const OrderPlaced& order, auto& total) {
      total.mutable_state()->set_cents(total.mutable_state()->cents() + order.cents());
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  };
  Stop();
  const absl::StatusOr<Topology> topology = factory(Config::FromValues({}));
  ASSERT_TRUE(topology.ok());
  Plan plan = MakePlan(topology->shared_graph(), "fresh-start");
  EXPECT_TRUE(absl::IsNotFound(DescribeLayout(admin_.get(), absl::Seconds(1), &plan)));
  for (const char* topic : {"dlq", "fresh-start-fresh-changelog"}) {
    // The clock of this Kafka is not the machine's.
    driver_.cluster().CreateTopic(
        topic, 2, {{"cleanup.policy", "compact"}, {"message.timestamp.after.max.ms", testkit::Topics::kUnlimited}});
  }
  ASSERT_TRUE(DescribeLayout(admin_.get(), absl::Seconds(1), &plan).ok());
  const auto planned = PlanOffsets(plan, client_.get(), admin_.get(), {}, *ParseOffsetTarget("2"), options_);
  EXPECT_TRUE(absl::IsOutOfRange(planned.status())) << "partition 1 has no offset 2";
  const auto latest =
      PlanOffsets(plan, client_.get(), admin_.get(), {.partitions = {0}}, *ParseOffsetTarget("2"), options_);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(latest->moves[0].distance(), std::nullopt);
  const absl::Status moved = MoveOffsets(plan, client_.get(), admin_.get(), *latest, options_);
  ASSERT_TRUE(moved.ok()) << moved;
  driver_.Restart(factory);
  driver_.RunUntilIdle();
  EXPECT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(driver_.State<CustomerTotal>("customer", "key")->cents(), 7);
}

}  // namespace
}  // namespace once
