// X8: what was checked of topics at the start is held while the application runs.
#include "processor/runtime/topic_watch.h"

#include "processor/runtime/preflight.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

// An older client library, which cannot tell topics' ids.
class WithoutIds final : public kafka::Admin {
 public:
  explicit WithoutIds(kafka::Admin* admin) : admin_(admin) {}
  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) override {
    auto found = admin_->DescribeTopic(topic, timeout);
    if (found.ok()) found->id.clear();
    return found;
  }
  absl::Status CreateTopic(const kafka::NewTopic& topic, absl::Duration timeout) override {
    return admin_->CreateTopic(topic, timeout);
  }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string& group,
                                                                          std::span<const TopicPartition> partitions,
                                                                          absl::Duration timeout) override {
    return admin_->StableCommittedOffsets(group, partitions, timeout);
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition, absl::Duration timeout) override {
    return admin_->BeginningOffset(partition, timeout);
  }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition& partition, absl::Duration timeout) override {
    return admin_->HighWatermark(partition, timeout);
  }

 private:
  kafka::Admin* const admin_;
};

// The one problem, or OK.
absl::Status Only(const std::vector<TopicProblem>& problems) {
  EXPECT_LE(problems.size(), 1);
  return problems.empty() ? absl::OkStatus() : problems.front().why;
}

class TopicWatchTest : public testing::Test {
 protected:
  TopicWatchTest() {
    const absl::StatusOr<Topology> topology = BuildOrderTotals(Config::FromValues({}));
    plan_ = MakePlan(topology->shared_graph(), "order-totals");
    const PreflightOptions preflight{
        .bootstrap_servers = "memory", .create_topics = true, .create_partitions = 4, .takes_commands = true};
    EXPECT_TRUE(Preflight(preflight, admin_.get(), &log_, &plan_).ok());
    cluster_.Append("orders", Partition(3), "alice", Order(1).SerializeAsString());
  }

  testkit::ManualClock clock_;
  testkit::MemoryCluster cluster_{&clock_};
  std::unique_ptr<kafka::Client> client_ = cluster_.NewClient();
  std::unique_ptr<kafka::Admin> admin_ = *client_->NewAdmin();
  WithoutIds old_admin_{admin_.get()};
  NullLogSink log_;
  Plan plan_;
};

TEST_F(TopicWatchTest, X8WhatStaysAsItIsIsFine) {
  TopicWatch watch(&plan_, admin_.get());
  EXPECT_TRUE(Only(watch.Check()).ok());
  cluster_.Append("orders", Partition(3), "alice", Order(1).SerializeAsString());
  cluster_.SetTopicSetting("orders", "max.message.bytes", "1000");
  cluster_.RemakeTopic("customer-totals");
  EXPECT_TRUE(Only(watch.Check()).ok());
}

TEST_F(TopicWatchTest, X8PartitionsAreAdded) {
  TopicWatch watch(&plan_, admin_.get());
  EXPECT_TRUE(Only(watch.Check()).ok());
  cluster_.GrowTopic("orders", 8);
  const absl::Status changed = Only(watch.Check());
  EXPECT_TRUE(absl::IsFailedPrecondition(changed));
  EXPECT_NE(changed.message().find("orders had 4 partitions and has 8 now"), absl::string_view::npos) << changed;
}

TEST_F(TopicWatchTest, X8PartitionsAreAddedBeforeTheFirstLook) {
  for (const std::string& topic : {std::string("orders"), plan_.changelog_topics[0]}) {
    TopicWatch watch(&plan_, admin_.get());
    cluster_.GrowTopic(topic, 8);
    EXPECT_NE(Only(watch.Check()).message().find(topic + " had 4 partitions and has 8 now"), absl::string_view::npos);
    cluster_.DeleteTopic(topic);
    cluster_.CreateTopic(topic, 4, {{"cleanup.policy", "compact"}});
    plan_.topic_ids[topic] = cluster_.TopicId(topic);
  }
}

TEST_F(TopicWatchTest, X8ATopicIsMadeAnew) {
  for (const std::string& topic : {std::string("orders"), plan_.changelog_topics[0]}) {
    TopicWatch watch(&plan_, admin_.get());
    cluster_.RemakeTopic(topic);
    const absl::Status changed = Only(watch.Check());
    EXPECT_NE(changed.message().find(topic + " was deleted and made anew"), absl::string_view::npos) << changed;
    plan_.topic_ids[topic] = cluster_.TopicId(topic);
  }
}

TEST_F(TopicWatchTest, X8ATopicIsMadeAnewUnderAnOldLibrary) {
  plan_.topic_ids.clear();
  TopicWatch watch(&plan_, &old_admin_);
  EXPECT_TRUE(Only(watch.Check()).ok());
  cluster_.RemakeTopic("orders");
  const absl::Status changed = Only(watch.Check());
  EXPECT_NE(changed.message().find("orders-3 ended at 1 and ends at 0 now"), absl::string_view::npos) << changed;
}

TEST_F(TopicWatchTest, X8ATopicIsDeletedForGood) {
  TopicWatch watch(&plan_, admin_.get());
  cluster_.DeleteTopic("orders");
  EXPECT_TRUE(Only(watch.Check()).ok());
  EXPECT_TRUE(Only(watch.Check()).ok());
  EXPECT_NE(Only(watch.Check()).message().find("topic orders was deleted"), absl::string_view::npos);
}

TEST_F(TopicWatchTest, X8AChangelogIsNoLongerCompacted) {
  TopicWatch watch(&plan_, admin_.get());
  cluster_.SetTopicSetting(plan_.changelog_topics[0], "cleanup.policy", "delete");
  EXPECT_NE(Only(watch.Check()).message().find("has cleanup.policy=delete now"), absl::string_view::npos);
}

// R7: what becomes of commands is told, and is no reason for a task to fail.
TEST_F(TopicWatchTest, R7AControlTopicIsMadeAnew) {
  for (WithoutIds* admin : {static_cast<WithoutIds*>(nullptr), &old_admin_}) {
    const std::string control = plan_.control_topics[0];
    cluster_.Append(control, Partition(1), "", "a command");
    if (admin != nullptr) plan_.topic_ids.clear();
    TopicWatch watch(&plan_, admin == nullptr ? admin_.get() : admin);
    EXPECT_TRUE(Only(watch.Check()).ok());
    cluster_.RemakeTopic(control);
    const absl::Status changed = Only(watch.Check());
    EXPECT_TRUE(absl::IsUnavailable(changed)) << changed;
    EXPECT_NE(changed.message().find("commands that the one before still had are lost; send these again"),
              absl::string_view::npos);
    plan_.topic_ids[control] = cluster_.TopicId(control);
  }
}

TEST_F(TopicWatchTest, R7TopicsOfCommandsAreDeletedOrGrow) {
  const std::string control = plan_.control_topics[0];
  const std::string audit = plan_.output_topics[plan_.audit_index(0)];
  for (const std::string& topic : {control, audit}) {
    TopicWatch watch(&plan_, admin_.get());
    cluster_.GrowTopic(topic, 8);
    const absl::Status grown = Only(watch.Check());
    EXPECT_TRUE(absl::IsFailedPrecondition(grown)) << grown;
    EXPECT_NE(grown.message().find(topic + " had 4 partitions and has 8 now"), absl::string_view::npos) << grown;
    EXPECT_NE(grown.message().find("Delete the topic and start"), absl::string_view::npos) << grown;
    cluster_.DeleteTopic(topic);
    for (int i = 0; i < 3; ++i) watch.Check();
    const absl::Status gone = Only(watch.Check());
    EXPECT_NE(gone.message().find("topic " + topic + " was deleted while"), absl::string_view::npos) << gone;
    EXPECT_NE(gone.message().find("Start the application again, which makes it anew"), absl::string_view::npos) << gone;
    cluster_.CreateTopic(topic, 4, {});
    EXPECT_NE(Only(watch.Check()).message().find("made anew"), absl::string_view::npos);
    plan_.topic_ids[topic] = cluster_.TopicId(topic);
  }
}

TEST_F(TopicWatchTest, X8WhatCannotBeAskedIsNoChange) {
  TopicWatch watch(&plan_, admin_.get());
  cluster_.SetReachable(false);
  EXPECT_TRUE(Only(watch.Check()).ok());
}

}  // namespace
}  // namespace once
