// Commands of operators, each carried out once (rule R7): what they do to the queues of blocked aggregates.
#include "absl/strings/match.h"
#include "processor/runtime/worker.h"
#include "tests/driver/command_scene.h"

namespace once {
namespace {

TEST(CommandsTest, R7ReleaseRunsTheQueueInOrderAndNewerEventsBehindIt) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 3);
  ASSERT_EQ(scene.driver.Parked("alice"), 3);
  scene.broken.clear();
  const CommandOutcome outcome =
      scene.driver.Release("customer", "alice", {.issuer = "bob", .reason = "the currency was mended"});
  EXPECT_EQ(Short(outcome), "APPLIED");
  EXPECT_EQ(outcome.queues, 1);
  EXPECT_EQ(outcome.events, 3);
  EXPECT_EQ(outcome.result.event_id(), "1");
  EXPECT_EQ(outcome.result.command().issuer(), "bob");
  EXPECT_EQ(outcome.result.command().reason(), "the currency was mended");
  scene.SendAlice(4, 4);
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3 alice:3:6 alice:4:10");
  EXPECT_EQ(scene.counters().released, 1);
}

// An event that ends its process must not take the command's transaction with it, each time anew.
TEST(CommandsTest, X3WhatIsReleasedRunsWhenTheReleaseHasTakenEffect) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  ASSERT_EQ(scene.driver.Parked("alice"), 2);
  // A first parked event has had its turn, so nothing is written down before the next.
  scene.away = {9};
  scene.driver.Send("orders", "bob", Order(9));
  scene.driver.RunUntilIdle();
  scene.driver.AdvanceTime(absl::Minutes(1));
  int runs = 0;
  scene.script->handle = [&](const OrderPlaced& order) -> absl::Status {
    if (order.cents() == 9) return absl::UnavailableError("away");
    ++runs;
    EXPECT_EQ(scene.counters().released, 1);
    return absl::OkStatus();
  };
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "APPLIED");
  EXPECT_EQ(runs, 2);
}

TEST(CommandsTest, R7AReleaseThatFailsAgainLeavesTheRestIntact) {
  CommandScene scene;
  scene.broken = {1, 3};
  scene.SendAlice(1, 4);
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "APPLIED");
  EXPECT_EQ(scene.driver.Parked("alice"), 4) << "its head failed again";
  EXPECT_EQ(Letters(scene.driver), "FAILED:1 BLOCKED:2 BLOCKED:3 BLOCKED:4 FAILED:1");
  scene.broken = {3};
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(scene.driver.Parked("alice"), 2) << "the third failed in its turn";
}

// What the topics' watch tells the workers. Events go on meanwhile, and commands are heard again from the new topic's
// beginning, though it is as long by now as the one before was.
TEST(CommandsTest, R7AControlTopicThatIsMadeAnewWhileItRunsIsHeardAgain) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  ASSERT_EQ(Short(scene.driver.Release("customer", "bob")), "REFUSED NOT_FOUND");
  ASSERT_EQ(Short(scene.driver.Skip("customer", "bob")), "REFUSED NOT_FOUND");
  scene.driver.cluster().LetClientsNoticeDeletions();
  const std::string topic = "scripted-orders-control";
  scene.driver.cluster().DeleteTopic(topic);
  scene.driver.RunUntilIdle();
  scene.driver.cluster().CreateTopic(topic, 1, {});
  EXPECT_EQ(Short(scene.driver.Skip("customer", "carol")), "") << "nobody hears it yet";
  EXPECT_EQ(Short(scene.driver.Discard("customer", "alice")), "");
  scene.driver.Send("orders", "dave", Order(4));
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Totals(scene.driver), "dave:1:4");
  const TopicProblem problem{topic, std::nullopt, absl::UnavailableError("it was made anew")};
  scene.driver.worker().SetTopicProblems({problem});
  scene.driver.RunUntilIdle();
  // The watch finds it at each look; the worker joins its group for it once.
  for (int i = 0; i < 60; ++i) {
    scene.driver.worker().SetTopicProblems({problem});
    scene.driver.AdvanceTime(absl::Seconds(1));
  }
  const auto told = [&](const std::string& what) {
    return std::count_if(scene.driver.log().begin(), scene.driver.log().end(),
                         [&](const std::string& line) { return absl::StrContains(line, what); });
  };
  EXPECT_EQ(told("it was made anew"), 1);
  EXPECT_EQ(told("the worker joins its group anew"), 1);
  EXPECT_EQ(scene.driver.Parked("alice"), 0) << "the second command of the new topic";
  EXPECT_EQ(Short(scene.driver.Skip("customer", "bob")), "REFUSED NOT_FOUND");
  EXPECT_EQ(scene.counters().refused_commands, 4);
  // What it has carried out it does not carry out again.
  scene.driver.Restart();
  scene.driver.RunUntilIdle();
  EXPECT_EQ(scene.counters().refused_commands, 0);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "bob")), "REFUSED NOT_FOUND");
}

TEST(CommandsTest, R7APausedTaskHearsTheTopicThatWasMadeAnew) {
  CommandScene scene;
  scene.driver.RunUntilIdle();
  ASSERT_EQ(Short(scene.driver.Pause("customer", 0)), "APPLIED");
  scene.driver.cluster().LetClientsNoticeDeletions();
  const std::string topic = "scripted-orders-control";
  scene.driver.cluster().DeleteTopic(topic);
  scene.driver.RunUntilIdle();
  scene.driver.cluster().CreateTopic(topic, 1, {});
  scene.SendAlice(1, 1);
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "");
  EXPECT_EQ(Totals(scene.driver), "");
  scene.driver.worker().SetTopicProblems({{topic, std::nullopt, absl::UnavailableError("it was made anew")}});
  for (int i = 0; i < 5; ++i) scene.driver.AdvanceTime(absl::Seconds(1));
  EXPECT_EQ(Totals(scene.driver), "alice:1:1");
}

TEST(CommandsTest, R7RefusesWhatIsNotThere) {
  CommandScene scene;
  scene.away = {7};
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "REFUSED NOT_FOUND");
  scene.driver.Send("orders", "carol", Order(7));
  scene.driver.RunUntilIdle();
  const CommandOutcome retried = scene.driver.Release("customer", "carol");
  EXPECT_EQ(Short(retried), "REFUSED FAILED_PRECONDITION");
  EXPECT_TRUE(absl::StrContains(retried.message, "retry_now")) << retried.message;
  EXPECT_EQ(Short(scene.driver.Skip("customer", "bob")), "REFUSED NOT_FOUND");
  EXPECT_EQ(Short(scene.driver.Discard("customer", "bob")), "REFUSED NOT_FOUND");
  EXPECT_EQ(Short(scene.driver.RetryNow("customer", "bob")), "REFUSED NOT_FOUND");
  EXPECT_EQ(Short(scene.driver.Replace("customer", "bob", Order(1))), "REFUSED NOT_FOUND");
  EXPECT_EQ(scene.counters().refused_commands, 6);
  EXPECT_EQ(scene.driver.Parked("carol"), 1);
}

TEST(CommandsTest, R7RefusesWhenAnotherEventBlocks) {
  CommandScene scene;
  scene.broken = {1, 2};
  scene.SendAlice(1, 3);
  scene.broken = {2};
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice", {.blocked_by = "1"})), "APPLIED");
  const CommandOutcome late = scene.driver.Skip("customer", "alice", {.blocked_by = "1"});
  EXPECT_EQ(Short(late), "REFUSED FAILED_PRECONDITION");
  EXPECT_TRUE(absl::StrContains(late.message, "another event blocks key \"alice\" by now: \"2\"")) << late.message;
  EXPECT_EQ(scene.driver.Parked("alice"), 2);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice", {.blocked_by = "2"})), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:4");
}

TEST(CommandsTest, R7SkipEndsTheHeadAndTheRestFollows) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 3);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice", {.id = "c7", .reason = "a test order"})), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2 alice:2:5");
  EXPECT_EQ(Letters(scene.driver), "FAILED:1 BLOCKED:2 BLOCKED:3 SKIPPED:1");
  const DeadLetterRecord letter = scene.driver.dead_letters()[3];
  EXPECT_EQ(letter.message, "skipped by command c7 of test: a test order");
  EXPECT_EQ(letter.headers.at("once.round"), "1") << "it has ended for good, and may come back (R6)";
  EXPECT_EQ(scene.counters().skipped, 1);
}

TEST(CommandsTest, R7ASkippedEventThatIsSentBackIsAnEventOfItsOwn) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 1);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  scene.broken.clear();
  const testkit::MemoryRecord letter = scene.driver.cluster().ReadCommitted("orders.dlq")[1];
  for (int i = 0; i < 2; ++i) {
    scene.driver.cluster().Append("orders", kAnyPartition, letter.key, letter.value, letter.headers);
    scene.driver.RunUntilIdle();
  }
  EXPECT_EQ(Totals(scene.driver), "alice:1:1");
}

TEST(CommandsTest, R7SkipEndsAlsoWhatIsTriedAgain) {
  CommandScene scene;
  scene.away = {1};
  scene.SendAlice(1, 2);
  ASSERT_EQ(scene.driver.Parked("alice"), 2);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
  EXPECT_EQ(Letters(scene.driver), "SKIPPED:1");
}

TEST(CommandsTest, R7DiscardEndsAllThatWaitsAndNothingThatComesLater) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 3);
  const CommandOutcome outcome = scene.driver.Discard("customer", "alice", {.id = "c1", .reason = "closed"});
  EXPECT_EQ(Short(outcome), "APPLIED");
  EXPECT_EQ(outcome.events, 3);
  scene.SendAlice(4, 4);
  EXPECT_EQ(Totals(scene.driver), "alice:1:4");
  EXPECT_EQ(Letters(scene.driver), "FAILED:1 BLOCKED:2 BLOCKED:3 DISCARDED:1 DISCARDED:2 DISCARDED:3");
  EXPECT_EQ(scene.driver.dead_letters()[4].message, "discarded by command c1 of test: closed");
  EXPECT_EQ(scene.counters().discarded, 3);
}

// Its mark is a number in the queue: what comes while it is carried out lies behind that.
TEST(CommandsTest, R7WhatComesWhileAQueueIsDiscardedIsProcessed) {
  CommandScene scene(WithEngine([](EngineOptions& engine) { engine.max_epoch_records = 1; }));
  scene.broken = {1};
  scene.SendAlice(1, 4);
  v1::Command discard;
  discard.set_id("d");
  discard.mutable_discard()->mutable_target()->set_key("alice");
  scene.driver.SendCommandBytes("customer", 0, discard.SerializeAsString());
  for (int turn = 0; turn < 100 && scene.counters().discarded == 0; ++turn) {
    scene.driver.worker().RunOnce();
    scene.driver.clock().Advance(absl::Milliseconds(50));
  }
  ASSERT_EQ(scene.counters().discarded, 1);
  scene.SendAlice(5, 6);
  EXPECT_EQ(Totals(scene.driver), "alice:1:5 alice:2:11");
  EXPECT_EQ(scene.counters().discarded, 4);
}

TEST(CommandsTest, R7RetryNowDoesNotWaitForTheBackoff) {
  CommandScene scene;
  scene.away = {1};
  scene.SendAlice(1, 2);
  scene.away.clear();
  scene.driver.RunUntilIdle();
  ASSERT_EQ(Totals(scene.driver), "") << "it waits for its time";
  EXPECT_EQ(Short(scene.driver.RetryNow("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3");
  scene.broken = {3};
  scene.SendAlice(3, 3);
  const CommandOutcome outcome = scene.driver.RetryNow("customer", "alice");
  EXPECT_EQ(Short(outcome), "REFUSED FAILED_PRECONDITION");
  EXPECT_TRUE(absl::StrContains(outcome.message, "release runs it again")) << outcome.message;
}

TEST(CommandsTest, R7ReplaceGivesTheHeadAnotherValueAndKeepsItsIdentity) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  const CommandOutcome outcome = scene.driver.Replace("customer", "alice", Order(100));
  EXPECT_EQ(Short(outcome), "APPLIED");
  EXPECT_EQ(outcome.result.hash_before().size(), 16u);
  EXPECT_EQ(outcome.result.hash_after().size(), 16u);
  EXPECT_NE(outcome.result.hash_before(), outcome.result.hash_after());
  EXPECT_FALSE(outcome.result.command().replace().has_value()) << "values are not in the audit topic";
  EXPECT_EQ(Totals(scene.driver), "alice:1:100 alice:2:102");
  scene.SendAlice(1, 1);
  EXPECT_EQ(Totals(scene.driver), "alice:1:100 alice:2:102") << "its ID is the one it had";
}

TEST(CommandsTest, R7AReplacedValueThatFailsStaysAtTheHead) {
  CommandScene scene;
  scene.broken = {1, 50};
  scene.SendAlice(1, 2);
  EXPECT_EQ(Short(scene.driver.Replace("customer", "alice", Order(50))), "APPLIED");
  EXPECT_EQ(scene.driver.Parked("alice"), 2);
  EXPECT_EQ(Short(scene.driver.Replace("customer", "alice", Bytes{"no order at all"})), "APPLIED");
  EXPECT_EQ(scene.driver.dead_letters().back().reason, "DATA_LOSS");
  EXPECT_EQ(scene.driver.Parked("alice"), 2);
  EXPECT_EQ(Short(scene.driver.Replace("customer", "alice", Order(3))), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:3 alice:2:5");
}

TEST(CommandsTest, R7AValueThatDoesNotFitIsRefused) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 1);
  const CommandOutcome outcome = scene.driver.Replace("customer", "alice", Bytes{std::string(4 << 20, 'x')});
  EXPECT_EQ(Short(outcome), "REFUSED OUT_OF_RANGE");
  scene.broken.clear();
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:1") << "nothing was changed";
}

TEST(CommandsTest, R7ACommandThatIsSentTwiceIsCarriedOutOnce) {
  CommandScene scene;
  scene.broken = {1, 2};
  scene.SendAlice(1, 3);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice", {.id = "once"})), "APPLIED");
  const CommandOutcome second = scene.driver.Skip("customer", "alice", {.id = "once"});
  EXPECT_EQ(Short(second), "DUPLICATE");
  EXPECT_TRUE(absl::StrContains(second.message, "APPLIED")) << second.message;
  EXPECT_EQ(scene.driver.Parked("alice"), 2);
  for (const auto& restart : {&TopologyTestDriver::Crash, &TopologyTestDriver::CrashAndLoseDisk}) {
    (scene.driver.*restart)();
    scene.driver.RunUntilIdle();
    EXPECT_EQ(Short(scene.driver.Skip("customer", "alice", {.id = "once"})), "DUPLICATE");
    EXPECT_EQ(scene.driver.Parked("alice"), 2);
  }
  EXPECT_EQ(Short(scene.driver.Release("customer", "nobody", {.id = "refused"})), "REFUSED NOT_FOUND");
  EXPECT_EQ(Short(scene.driver.Release("customer", "nobody", {.id = "refused"})), "DUPLICATE");
}

TEST(CommandsTest, R7WhatIsNoCommandIsRefusedAndTheNextOneIsCarriedOut) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  v1::Command command;
  scene.driver.SendCommandBytes("customer", 0, std::nullopt);
  scene.driver.SendCommandBytes("customer", 0, "{\"skip\": \"alice\"}");
  command.mutable_skip()->mutable_target()->set_key("alice");
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  command.set_id(std::string(65, 'x'));
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  command.set_id("other-application");
  command.set_application("other");
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  command.set_id("other-group");
  command.set_application("");
  command.set_task_group("payments");
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  command.set_task_group("");
  command.set_id("no-target");
  command.mutable_skip()->clear_target();
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  command.set_id("nothing");
  command.clear_skip();
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  scene.driver.RunUntilIdle();
  std::string refused;
  for (const CommandOutcome& outcome : scene.driver.audit()) absl::StrAppend(&refused, Short(outcome), "; ");
  EXPECT_EQ(refused,
            "REFUSED INVALID_ARGUMENT; REFUSED INVALID_ARGUMENT; REFUSED INVALID_ARGUMENT; REFUSED INVALID_ARGUMENT; "
            "REFUSED INVALID_ARGUMENT; REFUSED INVALID_ARGUMENT; REFUSED INVALID_ARGUMENT; REFUSED UNIMPLEMENTED; ");
  EXPECT_EQ(scene.driver.Parked("alice"), 2);
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
}

TEST(CommandsTest, R7AKeylessEventIsNamedByItsPlace) {
  CommandScene scene;
  scene.away = {1};
  scene.driver.SendBytes("orders", std::nullopt, Order(1).SerializeAsString(), {.event_id = "1"});
  scene.driver.RunUntilIdle();
  v1::Command command;
  command.set_id("1");
  v1::Place* place = command.mutable_skip()->mutable_target()->mutable_place();
  place->set_topic("orders");
  place->set_offset(0);
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  scene.driver.RunUntilIdle();
  // An aggregate takes no event without a key, so that it was rejected and does not wait.
  EXPECT_EQ(Short(scene.driver.audit().back()), "REFUSED NOT_FOUND");
  EXPECT_TRUE(absl::StrContains(scene.driver.audit().back().message, "the event without a key at offset 0 of orders"));
}

TEST(CommandsTest, AUsersTestReadsLikeThis) {
  CommandScene scene;
  TopologyTestDriver& driver = scene.driver;
  scene.broken = {1};
  scene.SendAlice(1, 1);
  scene.broken.clear();
  EXPECT_EQ(driver.Release("customer", "alice").outcome, "APPLIED");
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

TEST(CommandsTest, R7TheLogSaysWhatWasDone) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 1);
  scene.driver.Skip("customer", "alice", {.id = "c1", .issuer = "bob"});
  int told = 0;
  for (const std::string& line : scene.driver.log()) {
    told += absl::StrContains(line, "commands: 1, such as command c1 at scripted-orders-control-0-0 of bob: APPLIED");
  }
  EXPECT_EQ(told, 1);
}

TEST(CommandsTest, NamesThatAreNotThereFailTheTest) {
  CommandScene scene;
  EXPECT_THROW(scene.driver.Release("costumer", "alice"), DriverError);
  EXPECT_THROW(scene.driver.Pause("customer", 7), DriverError);
  CommandScene without({.commands = false});
  EXPECT_THROW(without.driver.Release("customer", "alice"), DriverError);
  without.broken = {1};
  without.SendAlice(1, 1);
  EXPECT_EQ(without.driver.Parked("alice"), 1);
}

}  // namespace
}  // namespace once
