// What ends the suspicion of an event, and what does not: commits, commands, openings (R3b, X3).
#include "processor/runtime/worker.h"
#include "tests/driver/command_scene.h"
#include "tests/driver/orders.h"
#include "tests/driver/unkind_client.h"

namespace once {
namespace {

Suspects& SuspectsOf(CommandScene* scene) { return scene->driver.worker().engine().tasks().begin()->second->suspects; }

Place PlaceAt(int64_t offset) { return {{"orders", Partition(0)}, Offset(offset)}; }

// What has ended is run no more: suspected for ever, it would have each parked event run in a transaction of its own.
TEST(ClearedSuspectsTest, X3ASkippedEventIsSuspectedNoMore) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  SuspectsOf(&scene).Warn(PlaceAt(0), "");
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice")), "APPLIED");
  EXPECT_TRUE(SuspectsOf(&scene).empty());
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
}

// The broker refuses a letter, not the command that has it sent.
TEST(ClearedSuspectsTest, R3bTheLetterOfASkippedEventShrinks) {
  CommandScene scene;
  scene.broken = {1};
  scene.SendAlice(1, 2);
  scene.driver.cluster().SetTopicSetting("orders.dlq", "max.message.bytes", "250");
  EXPECT_EQ(Short(scene.driver.Skip("customer", "alice", {.reason = std::string(500, 'r')})), "APPLIED");
  ASSERT_TRUE(scene.driver.status().ok()) << scene.driver.status();
  EXPECT_EQ(scene.driver.dead_letters().back().topic_partition_offset, "orders-0-0");
  EXPECT_EQ(Totals(scene.driver), "alice:1:2");
  EXPECT_TRUE(SuspectsOf(&scene).empty());
}

// T5: that an event has ended shows when the task is opened again.
TEST(ClearedSuspectsTest, X3AnEventThatACommitOfUnknownOutcomeEndedIsSuspectedNoMore) {
  CommandScene scene;
  scene.SendAlice(1, 1);
  SuspectsOf(&scene).Warn(PlaceAt(1), "");
  scene.driver.FailNextCommit(/*landed=*/true);
  scene.SendAlice(2, 2);
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3");
  EXPECT_TRUE(SuspectsOf(&scene).empty());
}

// Also with another aggregate's event parked, for whose retries it would matter.
TEST(ClearedSuspectsTest, X3AlsoWhileOthersAreParked) {
  CommandScene scene;
  scene.broken = {9};
  scene.driver.Send("orders", "bob", Order(9));
  scene.SendAlice(1, 1);
  SuspectsOf(&scene).Warn(PlaceAt(2), "");
  SuspectsOf(&scene).Warn(PlaceAt(0), "it is parked, and stays suspected");
  scene.driver.FailNextCommit(/*landed=*/true);
  scene.SendAlice(2, 2);
  EXPECT_EQ(Totals(scene.driver), "alice:1:1 alice:2:3");
  EXPECT_EQ(SuspectsOf(&scene).BlamedFor(PlaceAt(2)), nullptr);
  EXPECT_EQ(SuspectsOf(&scene).TreatmentOf(PlaceAt(2)), Suspects::Treatment::kFree);
  EXPECT_NE(SuspectsOf(&scene).BlamedFor(PlaceAt(0)), nullptr);
}

// X4: what the broker refused may not be refused any more when the task is tried again.
TEST(ClearedSuspectsTest, X4WhatHasStoppedATaskIsRunWhenThatIsTriedAgain) {
  Unkindness broker;
  auto script = NewScript();
  script->policy.then = FailureAction::kStop;
  DriverOptions options;
  options.engine.exit_on_task_failure = false;
  options.wrap_client = [&](std::unique_ptr<kafka::Client> client) { return WrapUnkindly(std::move(client), &broker); };
  TopologyTestDriver driver(Scripted(script), options);
  broker.max_bytes["customer-totals"] = 200;
  driver.Send("orders", std::string(300, 'k'), Order(1));
  driver.RunUntilIdle();
  ASSERT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 0u);
  broker.max_bytes.clear();
  EXPECT_EQ(Short(driver.RetryTask("customer", 0)), "APPLIED");
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1u);
}

// A transaction with nothing but a portion of a command says nothing of the event that ran before it.
TEST(ClearedSuspectsTest, R3bAPortionClearsNoEvent) {
  CommandScene scene;
  scene.broken = {1};
  for (int i = 0; i < 10; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.RunUntilIdle();
  scene.driver.ReleaseAll("customer", {.per_second = 1});
  scene.driver.Send("orders", "alice", Order(5));
  scene.driver.RunUntilIdle();
  SuspectsOf(&scene).Warn(PlaceAt(10), "");
  scene.driver.AdvanceTime(absl::Seconds(2));
  EXPECT_GE(scene.counters().released, 2);
  EXPECT_FALSE(SuspectsOf(&scene).empty());
}

}  // namespace
}  // namespace once
