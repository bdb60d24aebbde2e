// What a task that fails says: all that is wrong at once, and what helps does (rule X4).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/engine/frontier.h"
#include "processor/runtime/worker.h"
#include "state/changelog.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

TopologyTestDriver::Factory Counting(const std::string& application, const std::string& source,
                                     const std::string& group) {
  return [=](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder(application);
    auto orders = builder.AddSource(source, {.topic = "orders", .group = group});
    builder.DeadLetterTo("dlq");
    builder.AddAggregate<CustomerTotal>("customer").On<OrderPlaced>(orders, [](const OrderPlaced&, auto& total) {
      total.mutable_state()->set_order_count(total.mutable_state()->order_count() + 1);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  };
}

// All that is wrong with a task is told at once: each input, and all tasks.
TEST(TaskAdviceTest, X4AllThatIsWrongIsToldAtOnce) {
  const auto factory = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("joined");
    auto a = builder.AddSource("a", {.topic = "topic-a"});
    auto b = builder.AddSource("b", {.topic = "topic-b"});
    builder.DeadLetterTo("dlq");
    builder.AddAggregate<CustomerTotal>("customer")
        .On<OrderPlaced>(a, [](const OrderPlaced&, auto& total) { return total.mutable_state(), absl::OkStatus(); })
        .On<OrderPlaced>(b, [](const OrderPlaced&, auto& total) { return total.mutable_state(), absl::OkStatus(); });
    return std::move(builder).Build();
  };
  TopologyTestDriver driver(factory, {.partitions = 3});
  for (int p = 0; p < 3; ++p) {
    for (const char* source : {"a", "b"}) {
      for (int i = 0; i < 2; ++i) driver.Send(source, "alice", Order(1), {.partition = p});
    }
  }
  driver.RunUntilIdle();
  for (int p = 0; p < 2; ++p) {
    for (const char* topic : {"topic-a", "topic-b"}) {
      driver.cluster().SetCommittedOffset("joined", {topic, Partition(p)}, Offset(1));
    }
  }
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  for (const char* part : {"topic-a-0-2", "topic-b-0-2", "--topic topic-a:0", "--topic topic-b:0"}) {
    EXPECT_TRUE(absl::StrContains(driver.status().ToString(), part)) << part << "\nin: " << driver.status();
  }
  const std::string all = [&] {
    std::string text;
    for (const std::string& line : driver.log()) text += line + "\n";
    return text;
  }();
  EXPECT_TRUE(absl::StrContains(all, "--topic topic-a:1")) << all;
  EXPECT_FALSE(absl::StrContains(all, "--topic topic-a:2")) << all;
}

// The advice for a changelog that is another application's, and for one that was lost.
TEST(TaskAdviceTest, X4AnotherGroupOrApplicationGoesOnAsTheMessageSays) {
  TopologyTestDriver driver(Counting("a-b", "c", ""));
  driver.Send("c", "alice", Order(1));
  driver.RunUntilIdle();
  driver.Restart(Counting("a", "b-c", ""));
  driver.RunUntilIdle();
  ASSERT_TRUE(absl::StrContains(driver.status().ToString(), "Give the task group another name (SourceOptions.group)"))
      << driver.status();
  driver.Restart(Counting("a", "b-c", "mine"));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 1);

  driver.CrashAndLoseDisk();
  driver.cluster().RemakeTopic("a-mine-changelog");
  driver.Restart(Counting("a", "b-c", "mine"));
  driver.RunUntilIdle();
  ASSERT_TRUE(absl::StrContains(driver.status().ToString(),
                                "the changelog was lost, and the state with it: start under a new application_id"))
      << driver.status();
  driver.Restart(Counting("anew", "b-c", "mine"));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 1);
}

// The advice for a changelog in a format that only a newer version knows.
TEST(TaskAdviceTest, X4ANewerFormatGoesOnAsTheMessageSays) {
  TopologyTestDriver driver(Counting("shop", "orders", ""));
  driver.Send("orders", "alice", Order(1));
  driver.RunUntilIdle();
  const v1::Frontier ours = driver.worker().engine().tasks().begin()->second->frontier;
  const auto write = [&](uint32_t format) {
    v1::Frontier frontier = ours;
    frontier.set_format(format);
    driver.cluster().Append("shop-orders-changelog", Partition(0), FrontierKey(), frontier.SerializeAsString());
  };
  write(kNewestFormat + 1);
  for (const bool keeps_disk : {true, false}) {
    keeps_disk ? driver.Crash() : driver.CrashAndLoseDisk();
    driver.RunUntilIdle();
    ASSERT_TRUE(absl::StrContains(driver.status().ToString(), "Run that version, or start under a new application_id"))
        << driver.status();
  }
  // That version: one that knows the format of all that is there.
  write(kNewestFormat);
  driver.Send("orders", "alice", Order(1));
  driver.Crash();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 2) << "the refusals left all as it was";

  write(kNewestFormat + 1);
  driver.Restart(Counting("anew", "orders", ""));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->order_count(), 2);
}

}  // namespace
}  // namespace once
