// What dead letters carry beside once.* (rule R6): the headers of other frameworks, and the node that failed.
#include <string>
#include <vector>

#include "tests/driver/scripted.h"

namespace once {
namespace {

// Whatever headers were asked for when the letter was written, and whatever is asked for now.
TEST(RedriveTest, R6HeadersOfOtherFrameworksAreIgnoredAndReplaced) {
  constexpr LetterFamilies kAll{.kafka_streams = true, .spring = true, .connect = true};
  auto script = NewScript();
  script->policy.then = FailureAction::kSkip;
  bool broken = true;
  script->handle = [&broken](const OrderPlaced&) {
    return broken ? absl::InvalidArgumentError("broken") : absl::OkStatus();
  };
  DriverOptions options;
  options.engine.letter_families = kAll;
  TopologyTestDriver driver(Scripted(script), options);
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"trace", "t"}}});
  driver.RunUntilIdle();
  for (size_t round = 0; round < 3; ++round) SendBack(&driver, round);
  std::vector<testkit::MemoryRecord> letters = driver.cluster().ReadCommitted("orders.dlq");
  ASSERT_EQ(letters.size(), 4u);
  EXPECT_EQ(letters[3].headers.size(), letters[0].headers.size()) << "it does not grow";
  EXPECT_EQ(letters[3].header("kafka_dlt-original-offset"), std::string("\0\0\0\0\0\0\0\3", 8));
  EXPECT_EQ(letters[3].header("__connect.errors.class.name"), "customer");
  EXPECT_EQ(letters[3].header("once.node"), "customer");
  driver.Restart(EngineOptions{});
  SendBack(&driver, 3);
  letters = driver.cluster().ReadCommitted("orders.dlq");
  ASSERT_EQ(letters.size(), 5u);
  EXPECT_EQ(letters[4].header("trace"), "t");
  for (const auto& [name, value] : letters[4].headers) {
    EXPECT_FALSE(name.starts_with("kafka_dlt-") || name.starts_with("__connect.errors.")) << name;
  }
  broken = false;
  SendBack(&driver, 4);
  SendBack(&driver, 4);
  EXPECT_EQ(Totals(driver), "alice:1:1");
}

// Which of several nodes it was, by whose handlers the event came before.
TEST(RedriveTest, R6ALetterNamesTheNodeThatFailed) {
  const auto build = [](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("nodes");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    builder.DeadLetterTo("orders.dlq");
    for (const std::string name : {"first", "second", "third"}) {
      builder.AddAggregate<CustomerTotal>(name).On<OrderPlaced>(orders, [name](const OrderPlaced& order, auto&) {
        return order.cents() == 2 && name == "second" ? absl::InvalidArgumentError("broken") : absl::OkStatus();
      });
    }
    return std::move(builder).Build();
  };
  TopologyTestDriver driver(build);
  driver.Send("orders", "alice", Order(2), {.event_id = "1"});
  driver.Send("orders", "alice", Order(3), {.event_id = "2"});
  driver.RunUntilIdle();
  ASSERT_EQ(Letters(driver), "FAILED:1 BLOCKED:2");
  EXPECT_EQ(driver.dead_letters()[0].headers.at("once.node"), "second");
  EXPECT_EQ(driver.dead_letters()[1].headers.count("once.node"), 0u) << "it was not run";
}

}  // namespace
}  // namespace once
