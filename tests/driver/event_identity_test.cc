// The identity of forwarded and emitted events (rules E4, X8): unique in each topic.
#include <set>

#include "gmock/gmock.h"
#include "processor/engine/output_builder.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

// Two sources forwarded into one topic, the second twice.
absl::StatusOr<Topology> BuildMerge(const Config&) {
  TopologyBuilder builder("merging");
  auto web = builder.AddSource("web", {.topic = "web"});
  auto shop = builder.AddSource("shop", {.topic = "shop"});
  auto all = builder.AddSink<OrderPlaced>("all", {.topic = "all"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("of-web").EmitsTo(all).On<OrderPlaced>(web, [all](const OrderPlaced&, auto& event) {
    event.Forward(all);
    return absl::OkStatus();
  });
  builder.AddTransform("of-shop").EmitsTo(all).On<OrderPlaced>(shop, [all](const OrderPlaced&, auto& event) {
    event.Forward(all);
    event.Forward(all);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

using Identity = std::pair<std::string, std::string>;

std::vector<Identity> Identities(TopologyTestDriver& driver, const std::string& topic) {
  std::vector<Identity> found;
  for (const testkit::MemoryRecord& record : driver.cluster().ReadCommitted(topic)) {
    found.emplace_back(record.header("ce_source").value_or(""), record.header("ce_id").value_or(""));
  }
  return found;
}

TEST(IdentityTest, E4X8ForwardsOfSeveralSourcesDoNotCollide) {
  TopologyTestDriver driver(BuildMerge);
  driver.Send("web", "alice", Order(1), {.event_id = "1"});
  driver.Send("shop", "alice", Order(1), {.event_id = "1"});
  driver.Send("web", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "app"}}});
  driver.Send("shop", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "app"}}});
  driver.RunUntilIdle();
  const std::vector<Identity> found = Identities(driver, "all");
  EXPECT_EQ(found.size(), 6u);
  EXPECT_EQ(std::set<Identity>(found.begin(), found.end()).size(), 6u);
  EXPECT_EQ(std::count(found.begin(), found.end(), Identity{"web", "1"}), 1) << "the ID stays where its source tells";
  EXPECT_EQ(std::count(found.begin(), found.end(), Identity{"shop", "1"}), 1);
}

// An event that is processed again by another version of Once, as after an upgrade, must give the outputs of before.
TEST(IdentityTest, E4IdentitiesAreThoseOfEarlierVersions) {
  TopologyTestDriver driver(Scripted(NewScript()));
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "shop"}}});
  driver.Send("orders", "alice", Order(1));
  driver.Send("orders", "alice", Order(1), {.event_id = std::string(600, 'x')});
  driver.RunUntilIdle();
  EXPECT_THAT(Identities(driver, "customer-totals"),
              testing::ElementsAre(
                  Identity("", "7c13a265a27ee80089ee3366f39921f0"), Identity("", "3ef502731666e0d2125985c7a5535bca"),
                  Identity("", "503553f7a82dc639054742dea558615b"), Identity("", "381cea2389619346c03c1106ef5731e2")));
}

TEST(IdentityTest, E4X8IdentitiesAreTheSameOnEveryReplay) {
  std::vector<Identity> found[2];
  for (int run = 0; run < 2; ++run) {
    TopologyTestDriver driver(BuildMerge);
    driver.RunUntilIdle();
    if (run == 1) driver.AbortNextCommit();
    driver.Send("shop", "alice", Order(1), {.event_id = "1", .headers = {{"ce_source", "app"}}});
    driver.RunUntilIdle();
    found[run] = Identities(driver, "all");
  }
  EXPECT_EQ(found[0].size(), 2u);
  EXPECT_EQ(found[0], found[1]);
}

// From one source alone the record is passed on as it is.
TEST(IdentityTest, E4AForwardOfTheOnlySourceIsUntouched) {
  TopologyTestDriver driver([](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("single");
    auto web = builder.AddSource("web", {.topic = "web"});
    auto all = builder.AddSink<OrderPlaced>("all", {.topic = "all"});
    builder.DeadLetterTo("dlq");
    builder.AddTransform("of-web").EmitsTo(all).On<OrderPlaced>(web, [all](const OrderPlaced&, auto& event) {
      event.Forward(all);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  });
  driver.Send("web", "alice", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  const auto records = driver.cluster().ReadCommitted("all");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].headers, (testkit::MemoryHeaders{{"ce_id", "1"}}));
}

class NoState final : public StateReader {
 public:
  absl::StatusOr<OptionalBytes> Read(uint16_t, std::string_view) override { return OptionalBytes(); }
};

// The derived ID of an output of the event at orders-0-7.
std::string DerivedId(const std::string& topic_id, uint32_t round, std::string_view id) {
  auto graph = std::make_shared<Graph>();
  graph->sources.emplace_back().topic = "orders";
  graph->sinks.emplace_back().name = "totals";
  graph->nodes.emplace_back().name = "customer";
  graph->groups.push_back({.name = "orders", .sources = {0}});
  Plan plan = MakePlan(graph, "app");
  plan.input_topic_ids[0] = topic_id;
  const Stamps stamps(plan);
  const OutputBuilder builder(&plan, &stamps);
  Arena arena;
  NoState state;
  EventContext context(&state, &arena, nullptr);
  const std::string topic = "orders";
  const RecordView record{.partition = Partition(0), .offset = Offset(7)};
  EventInfo info;
  info.topic = &topic;
  info.id = id;
  context.Start(record, info);
  context.Emit({.sink = 0, .key = "alice", .value = "v"});
  std::vector<OutputRecord> outputs;
  EXPECT_TRUE(builder.Build(context, {.round = round}, &arena, &outputs).ok());
  return std::string(FindHeader(outputs.at(0).headers, "ce_id").value_or(""));
}

TEST(IdentityTest, X8EventsOfATopicMadeAnewHaveIdsOfTheirOwn) {
  EXPECT_EQ(DerivedId("a", 0, ""), DerivedId("a", 0, ""));
  EXPECT_NE(DerivedId("a", 0, ""), DerivedId("b", 0, ""));
  EXPECT_NE(DerivedId("a", 0, ""), DerivedId("", 0, ""));
  EXPECT_EQ(DerivedId("a", 0, "1"), DerivedId("b", 0, "1")) << "an ID is what users mean by it";
  EXPECT_NE(DerivedId("a", 0, "1"), DerivedId("a", 1, "1")) << "as is a round";
}

}  // namespace
}  // namespace once
