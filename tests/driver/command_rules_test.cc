// Commands of operators that concern more than one queue, and what they leave behind (rule R7): never-process rules,
// pauses, tasks that have failed, releases of many.
#include "absl/strings/match.h"
#include "processor/runtime/worker.h"
#include "tests/driver/command_scene.h"

namespace once {
namespace {

std::string Shorts(const std::vector<CommandOutcome>& outcomes) {
  std::string text;
  for (const CommandOutcome& outcome : outcomes) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", Short(outcome), " ", outcome.queues);
  }
  return text;
}

TEST(CommandRulesTest, R7AnEventThatMatchesARuleIsNeverProcessedAndBlocksNothing) {
  CommandScene scene;
  EXPECT_EQ(Shorts(scene.driver.NeverAdd("customer", NeverEvent("2"), {.id = "r", .reason = "twice billed"})),
            "APPLIED 0");
  scene.broken = {2};
  scene.SendAlice(1, 3);
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:4");
  ASSERT_EQ(Letters(scene.driver), "NEVER_PROCESSED:2");
  EXPECT_EQ(scene.driver.dead_letters()[0].message,
            "a rule for event ID \"2\", added by command r of test: twice billed");
  EXPECT_EQ(scene.driver.dead_letters()[0].headers.at("once.round"), "1");
  EXPECT_EQ(scene.counters().never_processed, 1);
  scene.SendAlice(2, 2);
  EXPECT_EQ(Letters(scene.driver), "NEVER_PROCESSED:2") << "a second copy is a duplicate, as of any event";
}

TEST(CommandRulesTest, R7RulesMatchByKeyTypeAndPlace) {
  CommandScene scene;
  scene.driver.NeverAdd("customer", NeverKey("bob"));
  scene.driver.NeverAdd("customer", NeverType("orders.v1.OrderPlaced"));
  scene.driver.NeverAdd("customer", NeverPlace("orders", 3));
  EXPECT_EQ(scene.driver.NeverRules("customer", 0),
            (std::vector<std::string>{"key \"bob\"", "event type \"orders.v1.OrderPlaced\"", "offset 3 of orders"}));
  scene.driver.Send("orders", "alice", Order(1), {.event_id = "0"});
  scene.driver.Send("orders", "bob", Order(1), {.event_id = "1"});
  scene.driver.Send("orders", "alice", Order(1), {.event_id = "2", .event_type = "orders.v1.OrderPlaced"});
  scene.driver.Send("orders", "alice", Order(1), {.event_id = "3"});
  scene.driver.Send("orders", "alice", Order(1), {.event_id = "4"});
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Letters(scene.driver), "NEVER_PROCESSED:1 NEVER_PROCESSED:2 NEVER_PROCESSED:3");
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:2");
}

TEST(CommandRulesTest, R7ARuleHoldsUntilItIsRemovedWhateverBecomesOfTheProcess) {
  CommandScene scene;
  scene.driver.NeverAdd("customer", NeverKey("alice"));
  for (const auto& restart :
       {&TopologyTestDriver::Crash, &TopologyTestDriver::CrashAndLoseDisk, &TopologyTestDriver::TakeOver}) {
    (scene.driver.*restart)();
    scene.driver.RunUntilIdle();
  }
  scene.SendAlice(1, 1);
  EXPECT_EQ(Totals(scene.driver), "");
  EXPECT_EQ(Shorts(scene.driver.NeverAdd("customer", NeverKey("alice"))), "REFUSED ALREADY_EXISTS 0");
  EXPECT_EQ(Shorts(scene.driver.NeverRemove("customer", NeverKey("bob"))), "REFUSED NOT_FOUND 0");
  EXPECT_EQ(Shorts(scene.driver.NeverRemove("customer", NeverKey("alice"))), "APPLIED 0");
  EXPECT_EQ(scene.driver.NeverRules("customer", 0), std::vector<std::string>());
  scene.SendAlice(2, 2);
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
  EXPECT_EQ(Shorts(scene.driver.NeverAdd("customer", v1::NeverRule())), "REFUSED INVALID_ARGUMENT 0");
}

TEST(CommandRulesTest, R7ARuleEndsHeadsThatAreParkedAndFollowersInTheirTurn) {
  CommandScene scene;
  scene.broken = {1, 3};
  scene.SendAlice(1, 4);
  scene.driver.Send("orders", "bob", Order(3), {.event_id = "bob's"});
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Shorts(scene.driver.NeverAdd("customer", NeverEvent("1"))), "APPLIED 1");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
  EXPECT_EQ(scene.driver.Parked("alice"), 2) << "the third blocks now";
  EXPECT_EQ(Shorts(scene.driver.NeverAdd("customer", NeverEvent("4"))), "APPLIED 0");
  EXPECT_EQ(scene.driver.Parked("alice"), 2) << "it does not head its queue";
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
  EXPECT_EQ(scene.driver.Parked("alice"), 0);
  EXPECT_EQ(scene.driver.Parked("bob"), 1);
}

TEST(CommandRulesTest, R7APausedTaskTakesNoNewEventsAndRunsItsQueues) {
  CommandScene scene({.partitions = 2});
  scene.broken = {1};
  scene.driver.Send("orders", "alice", Order(1), {.event_id = "1", .partition = 0});
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Short(scene.driver.Pause("customer", 0, {.id = "p", .issuer = "bob"})), "APPLIED");
  const CommandOutcome again = scene.driver.Pause("customer", 0);
  EXPECT_EQ(Short(again), "REFUSED ALREADY_EXISTS");
  EXPECT_TRUE(absl::StrContains(again.message, "by command p of bob")) << again.message;
  scene.driver.Send("orders", "carol", Order(5), {.partition = 0});
  scene.driver.Send("orders", "dave", Order(6), {.partition = 1});
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Totals(scene.driver), "dave:1:6") << "the other task goes on";
  scene.broken.clear();
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "dave:1:6 alice:1:1") << "queues go on";
  for (const auto& restart : {&TopologyTestDriver::Crash, &TopologyTestDriver::TakeOver, &TopologyTestDriver::Crash}) {
    (scene.driver.*restart)();
    scene.driver.RunUntilIdle();
    scene.driver.AdvanceTime(absl::Hours(2));
    EXPECT_EQ(Totals(scene.driver), "dave:1:6 alice:1:1");
  }
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "dave:1:6 carol:1:5 alice:1:1");
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "REFUSED FAILED_PRECONDITION");
  EXPECT_TRUE(scene.driver.status().ok()) << scene.driver.status();
}

// T9: what is committed of a task that stands still for long would be forgotten.
TEST(CommandRulesTest, T9APausedTaskCommitsItsOffsetsAgain) {
  CommandScene scene;
  scene.driver.RunUntilIdle();
  scene.driver.Pause("customer", 0);
  const int64_t before = scene.driver.worker().engine().committed_epochs();
  scene.driver.AdvanceTime(absl::Hours(3));
  EXPECT_GT(scene.driver.worker().engine().committed_epochs(), before);
}

TEST(CommandRulesTest, R7ResumeEndsTheBreakersPause) {
  CommandScene scene(WithEngine([](EngineOptions& engine) { engine.breaker_min_failures = 3; }));
  scene.broken = {1};
  for (int i = 0; i < 5; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.RunUntilIdle();
  scene.driver.Send("orders", "alice", Order(2));
  scene.driver.RunUntilIdle();
  ASSERT_EQ(Totals(scene.driver), "") << "it pauses";
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
}

TEST(CommandRulesTest, R7RetryTaskTriesAFailedTaskAtOnce) {
  auto script = NewScript();
  bool stops = true;
  script->policy.then = FailureAction::kStop;
  script->handle = [&](const OrderPlaced&) { return stops ? absl::InvalidArgumentError("broken") : absl::OkStatus(); };
  TopologyTestDriver driver(Scripted(script));
  EXPECT_EQ(Short(driver.RetryTask("customer", 0)), "REFUSED FAILED_PRECONDITION");
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  ASSERT_FALSE(driver.status().ok());
  EXPECT_EQ(Short(driver.RetryTask("customer", 0, {.id = "in-vain"})), "")
      << "it has failed again, before it could say";
  stops = false;
  EXPECT_EQ(Short(driver.RetryTask("customer", 0, {.id = "mended"})), "APPLIED");
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Short(driver.RetryTask("customer", 0)), "REFUSED FAILED_PRECONDITION");
}

// Where brokers tell no ids nothing may be seen of it but that the client does not seek there any more.
TEST(CommandRulesTest, R7WhatTheClientHasGivenUpIsAssignedAnew) {
  CommandScene scene;
  scene.driver.RunUntilIdle();
  scene.driver.cluster().LetClientsNoticeDeletions();
  const std::string topic = "scripted-orders-control";
  scene.driver.cluster().DeleteTopic(topic);
  scene.driver.RunUntilIdle();
  scene.driver.cluster().CreateTopic(topic, 1, {});
  EXPECT_EQ(Short(scene.driver.Skip("customer", "bob")), "");
  // A transaction that is aborted has all positions sought.
  scene.driver.cluster().FailNext(
      {.call = testkit::Call::kCommit,
       .result = {.error = kafka::ErrorClass::kAbortable, .code = "INJECTED", .message = "no"}});
  scene.driver.Send("orders", "dave", Order(4));
  for (int i = 0; i < 120; ++i) scene.driver.AdvanceTime(absl::Seconds(1));
  EXPECT_EQ(scene.counters().refused_commands, 1);
  EXPECT_EQ(Totals(scene.driver), "dave:1:4");
}

// Between its failure and the seek that follows, and while it is opened in vain, a task's commands are fetched for
// nobody.
TEST(CommandRulesTest, R7ATaskHearsWhatIsSentWhileItFails) {
  auto script = NewScript();
  script->policy.then = FailureAction::kStop;
  TopologyTestDriver* fails = nullptr;
  int calls = 0;
  script->handle = [&](const OrderPlaced&) {
    if (++calls > 3) return absl::OkStatus();
    // One for each failure.
    v1::Command command;
    command.set_id(absl::StrCat("retry-", calls));
    command.set_issuer("test");
    command.set_application("scripted");
    command.mutable_retry_task();
    fails->SendCommandBytes("customer", 0, command.SerializeAsString());
    return absl::InvalidArgumentError("broken");
  };
  TopologyTestDriver driver(Scripted(script));
  fails = &driver;
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_EQ(driver.audit().size(), 3);
  for (const CommandOutcome& each : driver.audit()) EXPECT_EQ(Short(each), "APPLIED") << each.command_id;
}

TEST(CommandRulesTest, R7ReleaseAllTakesThoseThatAreSelected) {
  CommandScene scene({.partitions = 2});
  scene.broken = {1};
  for (int i = 0; i < 20; ++i) {
    scene.driver.Send("orders", absl::StrCat("c", i), Order(1),
                      {.event_type = i % 2 == 0 ? "orders.v1.OrderPlaced" : "", .partition = i % 4 / 2});
  }
  scene.driver.RunUntilIdle();
  scene.driver.SendBytes("orders", "odd", "garbage", {.partition = 0});
  scene.driver.AdvanceTime(absl::Minutes(10));
  scene.driver.Send("orders", "young", Order(1), {.partition = 1});
  scene.driver.RunUntilIdle();
  scene.broken.clear();
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer", {.reason = "NOT_FOUND"})), "APPLIED 0, APPLIED 0");
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer",
                                           {.reason = "INVALID_ARGUMENT", .event_type = "orders.v1.OrderPlaced"})),
            "APPLIED 5, APPLIED 5");
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer", {.reason = "INVALID_ARGUMENT", .min_age = absl::Minutes(5)})),
            "APPLIED 5, APPLIED 5");
  EXPECT_EQ(scene.driver.Parked("odd"), 1);
  EXPECT_EQ(scene.driver.Parked("young"), 1);
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer")), "APPLIED 1, APPLIED 1");
  EXPECT_EQ(scene.driver.Parked("odd"), 1) << "it failed again, and was not released again";
  EXPECT_EQ(scene.driver.Parked("young"), 0);
  EXPECT_EQ(scene.counters().released, 22);
}

TEST(CommandRulesTest, R7RetryAllNowAfterAnOutage) {
  CommandScene scene;
  scene.away = {1};
  scene.broken = {2};
  for (int i = 0; i < 5; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.Send("orders", "parked", Order(2));
  scene.driver.RunUntilIdle();
  scene.away.clear();
  EXPECT_EQ(Shorts(scene.driver.RetryAllNow("customer")), "APPLIED 5");
  EXPECT_EQ(scene.driver.Parked("parked"), 1);
  EXPECT_EQ(scene.driver.Read<CustomerTotal>("customer-totals").size(), 5u);
}

TEST(CommandRulesTest, R7AReleaseOfManyKeepsToItsRate) {
  CommandScene scene;
  scene.broken = {1};
  for (int i = 0; i < 30; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.RunUntilIdle();
  scene.broken.clear();
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer", {.per_second = 2}, {.id = "slow"})), "") << "it is under way";
  const auto done = [&] { return scene.driver.Read<CustomerTotal>("customer-totals").size(); };
  EXPECT_GE(done(), 1u);
  EXPECT_LE(done(), 2u);
  for (int i = 0; i < 10; ++i) scene.driver.AdvanceTime(absl::Milliseconds(500));
  EXPECT_GE(done(), 9u);
  EXPECT_LE(done(), 12u);
  EXPECT_EQ(Short(scene.driver.Pause("customer", 0)), "APPLIED") << "no command waits behind it";
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "APPLIED");
  scene.driver.Crash();
  for (int i = 0; i < 40; ++i) scene.driver.AdvanceTime(absl::Milliseconds(500));
  EXPECT_EQ(done(), 30u);
  int64_t queues = 0;
  for (const CommandOutcome& outcome : scene.driver.audit()) {
    if (outcome.command_id == "slow") queues += outcome.queues;
  }
  EXPECT_EQ(queues, 30) << "each is counted once, also over a crash";
}

TEST(CommandRulesTest, R7ManyQueuesGoInPortionsEachOnce) {
  CommandScene scene(WithEngine([](EngineOptions& engine) { engine.max_epoch_records = 3; }));
  scene.broken = {1};
  constexpr int kCustomers = 300;
  for (int i = 0; i < kCustomers; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.RunUntilIdle();
  scene.broken.clear();
  scene.driver.AbortNextCommit();
  EXPECT_EQ(Shorts(scene.driver.ReleaseAll("customer")), absl::StrCat("APPLIED ", kCustomers));
  EXPECT_EQ(scene.driver.Read<CustomerTotal>("customer-totals").size(), size_t{kCustomers});
}

// Commands across a crash between any two steps of their transaction.
TEST(CommandRulesTest, R7ACommandTakesEffectOnceWhateverTheCommitsOutcome) {
  enum class Trouble { kLost, kLanded, kAborted, kCrash };
  for (const Trouble trouble : {Trouble::kLost, Trouble::kLanded, Trouble::kAborted, Trouble::kCrash}) {
    CommandScene scene;
    scene.broken = {1, 2};
    scene.SendAlice(1, 3);
    v1::Command command;
    command.set_id("skip");
    command.mutable_skip()->mutable_target()->set_key("alice");
    scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
    if (trouble == Trouble::kAborted) scene.driver.AbortNextCommit();
    if (trouble == Trouble::kLost || trouble == Trouble::kLanded)
      scene.driver.FailNextCommit(trouble == Trouble::kLanded);
    if (trouble == Trouble::kCrash) {
      // It is carried out, and its transaction open.
      while (scene.driver.worker().engine().idle()) scene.driver.worker().RunOnce();
      scene.driver.Crash();
    }
    scene.driver.RunUntilIdle();
    EXPECT_EQ(scene.driver.Parked("alice"), 2) << "one event was skipped";
    EXPECT_EQ(Letters(scene.driver), "FAILED:1 BLOCKED:2 BLOCKED:3 SKIPPED:1 FAILED:2");
    ASSERT_EQ(scene.driver.audit().size(), 1u);
    EXPECT_EQ(Short(scene.driver.audit()[0]), "APPLIED");
  }
}

TEST(CommandRulesTest, R7CommandsSentWhileNobodyRunsWait) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  scene.broken.clear();
  v1::Command command;
  command.set_id("release");
  command.mutable_release()->mutable_target()->set_key("alice");
  scene.driver.SendCommandBytes("customer", 0, command.SerializeAsString());
  scene.driver.TakeOver();
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3");
}

// Nothing but commands depends on what its topic still holds.
TEST(CommandRulesTest, R7CommandsThatAreGoneArePassedOver) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  EXPECT_EQ(Short(scene.driver.Release("customer", "alice", {.id = "first"})), "APPLIED");
  const TopicPartition control{"scripted-orders-control", Partition(0)};
  scene.driver.SendCommandBytes("customer", 0, "lost");
  scene.driver.SendCommandBytes("customer", 0, "lost, too");
  scene.driver.cluster().Trim({control, Offset(3)});
  scene.driver.TakeOver();
  scene.driver.RunUntilIdle();
  EXPECT_TRUE(scene.driver.status().ok()) << scene.driver.status();
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
}

TEST(CommandRulesTest, R7AControlTopicThatWasMadeAnewIsReadFromItsBeginning) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  for (int i = 0; i < 3; ++i) scene.driver.Release("customer", "alice");
  const TopicPartition control{"scripted-orders-control", Partition(0)};
  EXPECT_EQ(scene.driver.cluster().CommittedOffset("scripted", control), Offset(3));
  scene.driver.cluster().RemakeTopic(control.topic);
  scene.driver.Restart(Scripted(scene.MakeScript()));
  scene.driver.RunUntilIdle();
  EXPECT_TRUE(scene.driver.status().ok()) << scene.driver.status();
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
}

// F2: of commands as of events, the state says up to where they were carried out.
TEST(CommandRulesTest, F2OffsetsOfCommandsThatWereMovedAreTold) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  scene.driver.Release("customer", "alice");
  const TopicPartition control{"scripted-orders-control", Partition(0)};
  scene.driver.Restart();
  scene.driver.RunUntilIdle();
  scene.driver.cluster().SetCommittedOffset("scripted", control, Offset(0));
  scene.driver.TakeOver();
  scene.driver.RunUntilIdle();
  scene.driver.AdvanceTime(absl::Minutes(1));
  EXPECT_TRUE(absl::StrContains(scene.driver.status().ToString(), "--topic scripted-orders-control:0"))
      << scene.driver.status();
}

}  // namespace
}  // namespace once
