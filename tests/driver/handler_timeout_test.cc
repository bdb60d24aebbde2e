// Rule R8: handlers that do not return are seen, named, and end the process.
#include <thread>

#include "processor/base/mutex.h"
#include "processor/runtime/handler_monitor.h"
#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

struct Lines final : LogSink {
  void Log(LogLevel, const std::string& message) override { text += message + "\n"; }
  std::string text;
};

// Checks for `duration`, as often as the monitor wants to be asked; its first refusal.
absl::Status CheckFor(HandlerMonitor* monitor, absl::Duration duration, absl::Time* now) {
  for (const absl::Time end = *now + duration; *now < end; *now += monitor->period()) {
    if (absl::Status status = monitor->Check(*now); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// The test is the handler: it looks at the monitor from inside, so nothing has to wait for anything.
TEST(HandlerTimeoutTest, R8AHandlerThatDoesNotReturnIsNamedThenRefused) {
  auto script = NewScript();
  TopologyTestDriver driver(Scripted(script));
  Lines log;
  HandlerMonitor monitor({&driver.worker().handler_watch()}, kTimeout, &log);
  absl::Time now = absl::UnixEpoch();
  absl::Status stuck;
  script->handle = [&](const OrderPlaced& order) {
    if (order.cents() != 2) return absl::OkStatus();
    EXPECT_TRUE(CheckFor(&monitor, kTimeout / 20, &now).ok());
    EXPECT_EQ(log.text, "");
    EXPECT_TRUE(CheckFor(&monitor, kTimeout / 10, &now).ok());
    EXPECT_NE(log.text.find("orders-0-1"), std::string::npos) << log.text;
    EXPECT_NE(log.text.find("key \"bob\""), std::string::npos) << log.text;
    stuck = CheckFor(&monitor, kTimeout, &now);
    return absl::OkStatus();
  };
  driver.Send("orders", "alice", Order(1));
  driver.Send("orders", "bob", Order(2));
  driver.Send("orders", "carol", Order(3));
  driver.RunUntilIdle();
  EXPECT_TRUE(absl::IsDeadlineExceeded(stuck)) << stuck;
  EXPECT_NE(stuck.message().find("orders-0-1, key \"bob\""), absl::string_view::npos) << stuck;
  EXPECT_NE(stuck.message().find("--handler_timeout"), absl::string_view::npos) << stuck;
  EXPECT_EQ(std::count(log.text.begin(), log.text.end(), '\n'), 1) << "warned more than once: " << log.text;
  EXPECT_TRUE(CheckFor(&monitor, 2 * kTimeout, &now).ok()) << "nothing runs any more";
}

// Many events in a row are no stuck handler, and neither is a time in which the process itself stood still.
TEST(HandlerTimeoutTest, R8BusyOrStoppedIsNotStuck) {
  auto script = NewScript();
  TopologyTestDriver driver(Scripted(script));
  Lines log;
  HandlerMonitor monitor({&driver.worker().handler_watch()}, kTimeout, &log);
  absl::Time now = absl::UnixEpoch();
  script->handle = [&](const OrderPlaced&) {
    EXPECT_TRUE(CheckFor(&monitor, kTimeout / 20, &now).ok());
    now += absl::Hours(1);
    EXPECT_TRUE(monitor.Check(now).ok());
    return absl::OkStatus();
  };
  for (int i = 0; i < 100; ++i) driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(driver).substr(0, 9), "alice:1:1");
  EXPECT_EQ(log.text, "");
}

// From another thread, as the pod does it, while events come and go.
TEST(HandlerTimeoutTest, R8IsSeenFromAnotherThread) {
  auto script = NewScript();
  Mutex mutex;
  CondVar changed;
  bool entered = false;
  bool released = false;
  script->handle = [&](const OrderPlaced& order) {
    MutexLock lock(&mutex);
    if (order.cents() != 1'000) return absl::OkStatus();
    entered = true;
    changed.NotifyAll();
    while (!released) changed.Wait(&mutex);
    return absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script));
  for (int i = 1; i <= 2'000; ++i) driver.Send("orders", "customer-" + std::to_string(i), Order(i));
  HandlerWatch& watch = driver.worker().handler_watch();
  std::thread worker([&] { driver.RunUntilIdle(); });
  const auto has_entered = [&] {
    MutexLock lock(&mutex);
    return entered;
  };
  while (!has_entered()) watch.Look();
  Lines log;
  HandlerMonitor monitor({&watch}, kTimeout, &log);
  absl::Time now = absl::UnixEpoch();
  const absl::Status stuck = CheckFor(&monitor, 2 * kTimeout, &now);
  EXPECT_TRUE(absl::IsDeadlineExceeded(stuck)) << stuck;
  EXPECT_NE(stuck.message().find("orders-0-999, key \"customer-1000\""), absl::string_view::npos) << stuck;
  {
    MutexLock lock(&mutex);
    released = true;
    changed.NotifyAll();
  }
  worker.join();
  EXPECT_FALSE(watch.Look().has_value());
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 2'000);
}

}  // namespace
}  // namespace once
