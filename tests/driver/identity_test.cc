// Topologies that change under one application id: what a task's state stands for is there still, or the task says what
// is not (rules F2 and X5).
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "once/v1/changelog.pb.h"
#include "processor/engine/frontier.h"
#include "processor/runtime/worker.h"
#include "state/changelog.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

struct Node {
  std::string name;
  std::vector<std::string> hears;  // Names of sources.
};

// A topology in short: sources as (name, topic), aggregates that count what they hear, and transforms that do nothing.
struct Layout {
  std::string application = "shop";
  std::vector<std::pair<std::string, std::string>> sources = {};
  std::vector<Node> aggregates = {};
  std::vector<Node> transforms = {};
};

TopologyTestDriver::Factory Build(const Layout& layout) {
  return [layout](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder(layout.application);
    std::map<std::string, Source<std::string>> sources;
    for (const auto& [name, topic] : layout.sources) sources.emplace(name, builder.AddSource(name, {.topic = topic}));
    builder.DeadLetterTo("dlq");
    for (const Node& node : layout.aggregates) {
      auto aggregate = builder.AddAggregate<CustomerTotal>(node.name);
      for (const std::string& source : node.hears) {
        aggregate.On<OrderPlaced>(sources.at(source), [](const OrderPlaced&, auto& total) {
          total.mutable_state()->set_order_count(total.mutable_state()->order_count() + 1);
          return absl::OkStatus();
        });
      }
    }
    for (const Node& node : layout.transforms) {
      auto transform = builder.AddTransform(node.name);
      for (const std::string& source : node.hears) {
        transform.On<OrderPlaced>(sources.at(source), [](const OrderPlaced&, auto&) { return absl::OkStatus(); });
      }
    }
    return std::move(builder).Build();
  };
}

void SendToAll(TopologyTestDriver* driver, const Layout& layout) {
  for (const auto& [name, topic] : layout.sources) driver->Send(name, "alice", Order(1));
  driver->RunUntilIdle();
}

int64_t Count(TopologyTestDriver* driver, const std::string& aggregate) {
  const auto total = driver->State<CustomerTotal>(aggregate, "alice");
  return total.has_value() ? total->order_count() : 0;
}

// `after` is refused in words that have all of `says`, with the local state and without; `before` goes on then.
void ExpectRefused(const Layout& before, const Layout& after, const std::vector<std::string>& says) {
  for (const bool disk_is_lost : {false, true}) {
    TopologyTestDriver driver(Build(before));
    SendToAll(&driver, before);
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    if (disk_is_lost) driver.CrashAndLoseDisk();
    driver.Restart(Build(after));
    driver.RunUntilIdle();
    EXPECT_TRUE(absl::IsFailedPrecondition(driver.status())) << driver.status();
    for (const std::string& part : says) {
      EXPECT_NE(driver.status().ToString().find(part), std::string::npos) << part << "\nin: " << driver.status();
    }
    driver.Restart(Build(before));
    SendToAll(&driver, before);
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    for (const Node& node : before.aggregates) {
      EXPECT_EQ(Count(&driver, node.name), 2 * static_cast<int64_t>(node.hears.size())) << node.name;
    }
  }
}

void ExpectFine(const Layout& before, const Layout& after) {
  TopologyTestDriver driver(Build(before));
  SendToAll(&driver, before);
  driver.Restart(Build(after));
  SendToAll(&driver, after);
  EXPECT_TRUE(driver.status().ok()) << driver.status();
}

const std::vector<std::pair<std::string, std::string>> kTwo = {{"a", "topic-a"}, {"b", "topic-b"}};

TEST(IdentityTest, X5AnotherInputTopicIsRefused) {
  ExpectRefused({.sources = {{"orders", "old"}}, .aggregates = {{"x", {"orders"}}}},
                {.sources = {{"orders", "new"}}, .aggregates = {{"x", {"orders"}}}},
                {"shop-orders-changelog-0", "old-0-1", "no source of that group reads there", "given another topic"});
}

TEST(IdentityTest, X5AnotherInputTopicIsRefusedWithoutStateToo) {
  ExpectRefused({.sources = {{"orders", "old"}}, .transforms = {{"t", {"orders"}}}},
                {.sources = {{"orders", "new"}}, .transforms = {{"t", {"orders"}}}},
                {"old-0-1", "given another topic"});
}

TEST(IdentityTest, X5ASourceTakenAwayIsRefused) {
  ExpectRefused({.sources = kTwo, .aggregates = {{"x", {"a", "b"}}}},
                {.sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}}}, {"topic-b-0-1", "taken away"});
}

TEST(IdentityTest, ASourceAddedIsFine) {
  ExpectFine({.sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}}},
             {.sources = kTwo, .aggregates = {{"x", {"a", "b"}}}});
}

TEST(IdentityTest, X5JoinedTaskGroupsAreRefused) {
  ExpectRefused({.sources = kTwo, .aggregates = {{"x", {"a"}}, {"y", {"b"}}}},
                {.sources = kTwo, .aggregates = {{"x", {"a"}}, {"y", {"b", "a"}}}},
                {"state of aggregate \"y\" is held by task group \"b\" (changelog shop-b-changelog)",
                 "belongs to task group \"a\" now"});
}

// Of a group without state there is still the offset.
TEST(IdentityTest, X5ATaskGroupJoinedByAStatelessOneIsRefused) {
  ExpectRefused({.sources = kTwo, .aggregates = {{"x", {"a"}}}, .transforms = {{"t", {"b"}}}},
                {.sources = kTwo, .aggregates = {{"x", {"a", "b"}}}},
                {"topic-b-0-1", "shop-a-changelog-0 of task group \"a\" knows nothing of it",
                 "task group \"b\" (changelog shop-b-changelog)", "cannot be joined"});
}

TEST(IdentityTest, X5AnAggregateThatMovesToAnotherGroupIsRefused) {
  ExpectRefused({.sources = kTwo, .aggregates = {{"x", {"a"}}, {"y", {"b"}}}},
                {.sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}, {"y", {"a"}}}},
                {"\"y\" is held by task group \"b\"", "begin it anew"});
}

TEST(IdentityTest, X5ASplitTaskGroupIsRefused) {
  ExpectRefused({.sources = kTwo, .aggregates = {{"x", {"a"}}, {"y", {"a", "b"}}}},
                {.sources = kTwo, .aggregates = {{"x", {"a"}}, {"y", {"b"}}}},
                {"task group \"a\"", "task group \"b\"", "topic-b-0-1"});
}

TEST(IdentityTest, X5RenamedLeadSourceIsRefused) {
  ExpectRefused(
      {.sources = {{"words", "topic"}}, .aggregates = {{"x", {"words"}}}},
      {.sources = {{"terms", "topic"}}, .aggregates = {{"x", {"terms"}}}},
      {"topic-0-1", "shop-terms-changelog-0", "was source \"terms\" renamed or moved", "SourceOptions.group"});
}

TEST(IdentityTest, X5ReorderedSourcesAreRefused) {
  ExpectRefused(
      {.sources = {{"a", "topic-a"}, {"b", "topic-b"}}, .aggregates = {{"x", {"a", "b"}}}},
      {.sources = {{"b", "topic-b"}, {"a", "topic-a"}}, .aggregates = {{"x", {"b", "a"}}}},
      {"shop-b-changelog-0", "task group \"a\" (changelog shop-a-changelog)", "was source \"b\" renamed or moved"});
}

// Rule F2: without state, too, the first commit writes what it stands for, and it is missed when it is gone.
TEST(IdentityTest, F2AStatelessGroupWhoseChangelogIsLostIsRefused) {
  const Layout layout{.sources = {{"a", "topic-a"}}, .transforms = {{"t", {"a"}}}};
  TopologyTestDriver driver(Build(layout));
  driver.RunUntilIdle();
  const TopicPartition changelog{"shop-a-changelog", Partition(0)};
  std::vector<testkit::MemoryRecord> records = driver.cluster().ReadCommitted(changelog.topic);
  ASSERT_EQ(records.size(), 1) << "the first commit, before the first event";
  EXPECT_EQ(records[0].key, FrontierKey());
  SendToAll(&driver, layout);
  EXPECT_GT(driver.cluster().ReadCommitted(changelog.topic).size(), 1);
  const size_t before = driver.cluster().ReadCommitted(changelog.topic).size();
  driver.AdvanceTime(absl::Minutes(61));
  EXPECT_GT(driver.cluster().ReadCommitted(changelog.topic).size(), before) << "now and then, when idle";
  driver.CrashAndLoseDisk();
  driver.cluster().RemakeTopic(changelog.topic);
  driver.Restart(Build(layout));
  driver.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.status())) << driver.status();
  EXPECT_NE(driver.status().ToString().find("the changelog was lost"), std::string::npos) << driver.status();
}

// Names that are joined with '-' can come out alike.
TEST(IdentityTest, X5TheChangelogOfAnotherApplicationIsRefused) {
  const Layout layout{.application = "a-b", .sources = {{"c", "topic"}}, .aggregates = {{"x", {"c"}}}};
  TopologyTestDriver driver(Build(layout));
  SendToAll(&driver, layout);
  const size_t before = driver.cluster().ReadCommitted("a-b-c-changelog").size();
  driver.Restart(Build({.application = "a", .sources = {{"b-c", "topic"}}, .aggregates = {{"x", {"b-c"}}}}));
  driver.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.status())) << driver.status();
  for (const char* part : {"a-b-c-changelog-0", "another application, \"a-b\", not of \"a\"", "SourceOptions.group"}) {
    EXPECT_NE(driver.status().ToString().find(part), std::string::npos) << driver.status();
  }
  EXPECT_EQ(driver.cluster().ReadCommitted("a-b-c-changelog").size(), before);
}

// To start under a new application_id is what many a refusal advises; the state directory may be the same.
TEST(IdentityTest, X5ANewApplicationBeginsAnewOverTheLocalStateOfTheFormer) {
  Layout layout{.application = "former", .sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}}};
  TopologyTestDriver driver(Build(layout));
  SendToAll(&driver, layout);
  layout.application = "new";
  driver.Restart(Build(layout));  // In order, so that all is in the checkpoint.
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Count(&driver, "x"), 1);
}

TEST(IdentityTest, X5ANewerFormatIsRefused) {
  const Layout layout{.sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}}};
  TopologyTestDriver driver(Build(layout));
  SendToAll(&driver, layout);
  v1::Frontier frontier = driver.worker().engine().tasks().begin()->second->frontier;
  EXPECT_EQ(frontier.format(), kWrittenFormat);
  EXPECT_EQ(frontier.application(), "shop");
  frontier.set_format(kNewestFormat + 1);
  driver.Restart();
  driver.cluster().Append("shop-a-changelog", Partition(0), FrontierKey(), frontier.SerializeAsString());
  driver.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(driver.status())) << driver.status();
  EXPECT_NE(driver.status().ToString().find("a newer version of the program wrote it"), std::string::npos)
      << driver.status();
}

// The rest of the frontier's identity, by itself: brokers that tell the ids of their topics.
class TopicIdTest : public testing::Test {
 protected:
  void Remember() {
    v1::Frontier next = task_.frontier;
    next.clear_inputs();
    v1::InputOffset* input = next.add_inputs();
    input->set_topic("topic-a");
    input->set_next_offset(5);
    AddIdentity(plan_, task_, &next);
    task_.frontier = next;
  }
  absl::Status Check() const {
    absl::Status status = CheckIdentity(plan_, task_);
    if (status.ok()) status = CheckTopology(plan_, task_);
    return status;
  }

  const Layout layout_{.sources = {{"a", "topic-a"}}, .aggregates = {{"x", {"a"}}}};
  Plan plan_ = MakePlan(Build(layout_)(Config::FromValues({}))->shared_graph(), "shop");
  const std::string changelog_ = plan_.changelog_topics[0];
  MemoryCheckpointStore store_;
  const EngineOptions options_ = {};
  const ClockReading clock_ = {};
  Task task_{{0, Partition(0)}, plan_, options_, &store_, &clock_};
};

TEST_F(TopicIdTest, X5ATopicOfAnotherIdIsRefused) {
  for (const std::string& topic : {changelog_, std::string("topic-a")}) {
    task_.frontier.Clear();
    plan_.topic_ids = {{changelog_, "id-1"}, {"topic-a", "id-2"}};
    Remember();
    EXPECT_TRUE(Check().ok()) << Check();
    plan_.topic_ids[topic] = "id-3";
    EXPECT_TRUE(absl::IsFailedPrecondition(Check())) << topic;
    // As kafka-topics.sh shows it, so that both can be compared.
    const std::string was = topic == changelog_ ? "id-1" : "id-2";
    EXPECT_NE(Check().ToString().find("topic " + topic + " had the id " + was + ", but now it has id-3"),
              std::string::npos)
        << Check();
  }
}

// Some brokers and clients do not tell: that says nothing, and what was known stays known.
TEST_F(TopicIdTest, AnIdThatIsNotKnownIsNoOther) {
  Remember();
  EXPECT_TRUE(Check().ok()) << Check();
  EXPECT_EQ(task_.frontier.changelog_id(), "");
  plan_.topic_ids = {{changelog_, "id-1"}, {"topic-a", "id-2"}};
  EXPECT_TRUE(Check().ok()) << Check();
  Remember();
  plan_.topic_ids.clear();
  Remember();
  EXPECT_EQ(task_.frontier.changelog_id(), "id-1");
  EXPECT_EQ(task_.frontier.inputs(0).topic_id(), "id-2");
  EXPECT_TRUE(Check().ok()) << Check();
}

}  // namespace
}  // namespace once
