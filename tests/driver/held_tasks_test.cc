// What a task does, and does not do, while it is held back or paused (X2, R7, I10).
#include "processor/runtime/worker.h"
#include "tests/driver/command_scene.h"
#include "tests/driver/orders.h"
#include "tests/driver/unkind_client.h"

namespace once {
namespace {

DriverOptions Unkindly(Unkindness* broker) {
  DriverOptions options;
  options.partitions = 2;
  options.wrap_client = [broker](std::unique_ptr<kafka::Client> client) {
    return WrapUnkindly(std::move(client), broker);
  };
  return options;
}

void Pass(CommandScene* scene, absl::Duration duration) {
  constexpr absl::Duration kStep = absl::Milliseconds(200);
  for (absl::Duration passed; passed < duration; passed += kStep) scene->driver.AdvanceTime(kStep);
}

// Its result cannot be written: it is tried more and more seldom, and the worker's other tasks commit on.
TEST(HeldTasksTest, X2ACommandWhoseResultIsRefusedHoldsUpNobodyElse) {
  Unkindness broker;
  CommandScene scene(Unkindly(&broker));
  scene.driver.Send("orders", "bob", Order(1), {.partition = 1});
  scene.driver.RunUntilIdle();
  broker.denied["scripted-orders-audit"] = "TOPIC_AUTHORIZATION_FAILED";
  scene.driver.Pause("customer", 0);
  for (int i = 0; i < 20; ++i) {
    Pass(&scene, absl::Seconds(10));
    scene.driver.Send("orders", "bob", Order(1), {.partition = 1});
  }
  Pass(&scene, absl::Seconds(60));
  ASSERT_TRUE(scene.driver.status().ok()) << scene.driver.status();
  EXPECT_LE(broker.aborts, 30);
  EXPECT_EQ(scene.driver.Read<CustomerTotal>("customer-totals").size(), 21u);
  broker.denied.clear();
  Pass(&scene, absl::Seconds(60));
  EXPECT_EQ(scene.driver.audit().size(), 1);
}

// Nor do retries go on while a task is held, whatever had paused it before.
TEST(HeldTasksTest, X2RetriesWaitAsWell) {
  Unkindness broker;
  CommandScene scene(Unkindly(&broker));
  int64_t handled = 0;
  scene.script->handle = [&](const OrderPlaced& order) {
    ++handled;
    return scene.away.contains(order.cents()) ? absl::UnavailableError("away") : absl::OkStatus();
  };
  scene.away = {1};
  scene.driver.Send("orders", "alice", Order(1), {.partition = 0});
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Short(scene.driver.Pause("customer", 0)), "APPLIED");
  EXPECT_EQ(Short(scene.driver.Resume("customer", 0)), "APPLIED");
  broker.denied["customer-totals"] = "TOPIC_AUTHORIZATION_FAILED";
  scene.away.clear();
  handled = 0;
  Pass(&scene, absl::Minutes(5));
  EXPECT_LE(handled, 30);
  EXPECT_LE(broker.aborts, 30);
  broker.denied.clear();
  Pass(&scene, absl::Seconds(61));
  EXPECT_EQ(Totals(scene.driver), "alice:1:1");
}

TEST(HeldTasksTest, R7APauseOfATaskThatTheBreakerHadPausedLetsItsQueuesRun) {
  CommandScene scene(WithEngine([](EngineOptions& engine) { engine.breaker_min_failures = 3; }));
  scene.broken = {1};
  for (int i = 0; i < 5; ++i) scene.driver.Send("orders", absl::StrCat("c", i), Order(1));
  scene.driver.RunUntilIdle();
  EXPECT_EQ(Short(scene.driver.Pause("customer", 0)), "APPLIED");
  scene.broken.clear();
  EXPECT_EQ(Short(scene.driver.Release("customer", "c0")), "APPLIED");
  scene.driver.AdvanceTime(absl::Hours(1));
  EXPECT_EQ(Totals(scene.driver), "c0:1:1");
}

}  // namespace
}  // namespace once
