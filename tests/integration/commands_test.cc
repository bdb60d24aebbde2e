// Commands of operators to pods on a real broker (docs/commands.md, R7): each takes effect once, with its result, also
// when the pod dies at any point of the transaction, and what is refused changes nothing.
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "once/v1/control.pb.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Seconds(30);
const Partition kOnly(0);

// A shop with one partition, whose operator sends commands and reads their results.
class CommandsTest : public testing::Test {
 protected:
  CommandsTest() : scene_("commands") { scene_.CreateTopics(1); }

  std::string control() const { return scene_.application_id() + "-orders-control"; }
  std::string audit() const { return scene_.application_id() + "-orders-audit"; }

  void StartPod(PodSpec spec = {}) { pod_ = scene_.StartPod(spec); }
  bool AwaitRunning() {
    return Scene::Eventually([&] { return pod_->Log().find("runs from offset ") != std::string::npos; });
  }

  // One transaction with these records, all in partition 0 of the topic.
  void Write(const std::string& topic, const std::vector<std::pair<std::string, std::string>>& records,
             const std::vector<std::string>& ids = {}) {
    auto producer = scene_.client().NewProducer(absl::StrCat(topic, "-operator"), {topic});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kTimeout).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    for (size_t i = 0; i < records.size(); ++i) {
      std::vector<HeaderView> headers;
      if (!ids.empty()) headers.push_back({"ce_id", ids[i]});
      ASSERT_TRUE(
          (*producer)
              ->Send({.partition = kOnly, .key = records[i].first, .value = records[i].second, .headers = headers})
              .ok());
    }
    ASSERT_TRUE((*producer)->Flush(kTimeout).ok());
    ASSERT_TRUE((*producer)->Commit(kTimeout).ok());
  }

  static std::string Order(const std::string& customer, int64_t cents) {
    orders::v1::OrderPlaced order;
    order.set_customer_id(customer);
    order.set_cents(cents);
    return order.SerializeAsString();
  }
  // Orders of a customer by their cents; "CUSTOMER/INDEX" is the event's ID.
  void Place(const std::string& customer, const std::vector<int64_t>& all_cents) {
    std::vector<std::pair<std::string, std::string>> records;
    std::vector<std::string> ids;
    for (const int64_t cents : all_cents) {
      records.push_back({customer, Order(customer, cents)});
      ids.push_back(absl::StrCat(customer, "/", placed_++));
    }
    Write(scene_.input(), records, ids);
  }

  void Command(const std::string& id, v1::Command command) {
    command.set_id(id);
    command.set_issuer("test");
    Write(control(), {{id, command.SerializeAsString()}});
  }
  static v1::Command Skip(const std::string& customer) {
    v1::Command command;
    command.mutable_skip()->mutable_target()->set_key(customer);
    return command;
  }

  // Calls `take` with all committed records of partition 0, from its beginning to its end of now.
  void Read(const std::string& topic, const std::function<void(const RecordView&)>& take) {
    const auto reader = scene_.client().NewLogReader({topic});
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_TRUE((*reader)->Add({{topic, kOnly}, Offset(0)}).ok());
    kafka::Batch batch;
    const bool is_read = Scene::Eventually([&] {
      if (!(*reader)->Poll(absl::Milliseconds(50), &batch).ok()) return false;
      for (const RecordView& each : batch.records) take(each);
      return !batch.ends.empty();
    });
    EXPECT_TRUE(is_read) << topic;
  }
  // "count:cents" of each of the customer's totals, in order.
  std::vector<std::string> Totals(const std::string& customer) {
    std::vector<std::string> totals;
    Read(scene_.output(), [&](const RecordView& record) {
      orders::v1::CustomerTotal total;
      EXPECT_TRUE(total.ParseFromString(std::string(record.value.value_or(""))));
      if (record.key == customer) totals.push_back(absl::StrCat(total.order_count(), ":", total.cents()));
    });
    return totals;
  }
  bool AwaitTotals(const std::string& customer, size_t count) {
    return Scene::Eventually([&] { return Totals(customer).size() >= count; });
  }
  // The dead letters of this disposition.
  int64_t DeadLetters(const std::string& disposition) {
    int64_t count = 0;
    Read(scene_.dead_letters(), [&](const RecordView& record) {
      if (FindHeader(record.headers, "once.disposition") == disposition) ++count;
    });
    return count;
  }
  bool AwaitParked() {
    return Scene::Eventually([&] { return DeadLetters("BLOCKED") >= 1; });
  }

  std::vector<v1::CommandResult> Results() {
    std::vector<v1::CommandResult> results;
    Read(audit(), [&](const RecordView& record) {
      EXPECT_TRUE(results.emplace_back().ParseFromString(std::string(record.value.value_or(""))));
      EXPECT_EQ(results.back().command_id(), record.key);
    });
    return results;
  }
  // "ID OUTCOME CODE" of each result, once there are so many.
  std::vector<std::string> Outcomes(size_t count) {
    std::vector<v1::CommandResult> results;
    Scene::Eventually([&] {
      results = Results();
      return results.size() >= count;
    });
    std::vector<std::string> outcomes;
    for (const v1::CommandResult& each : results) {
      outcomes.push_back(absl::StrCat(each.command_id(), " ", v1::CommandResult::Outcome_Name(each.outcome()),
                                      each.code().empty() ? "" : " ", each.code()));
    }
    return outcomes;
  }

  Scene scene_;
  std::unique_ptr<Process> pod_;
  int placed_ = 0;
};

TEST_F(CommandsTest, ASkippedHeadLetsTheRestFollowOnceAndInOrder) {
  StartPod();
  Place("alice", {100, -1, 20, 3});
  Place("bob", {7});
  ASSERT_TRUE(AwaitTotals("bob", 1)) << pod_->Log();
  ASSERT_TRUE(AwaitParked()) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100")) << "what follows the poison waits";

  Command("c1", Skip("alice"));
  ASSERT_TRUE(AwaitTotals("alice", 3)) << pod_->Log();
  Command("c1", Skip("alice"));
  Command("c2", Skip("alice"));
  Command("c3", Skip("nobody"));
  v1::Command foreign = Skip("alice");
  foreign.set_application("another");
  Command("c4", foreign);
  Write(control(), {{"x", "no command"}});
  EXPECT_THAT(Outcomes(6), ElementsAre("c1 APPLIED", "c1 DUPLICATE", "c2 REFUSED NOT_FOUND", "c3 REFUSED NOT_FOUND",
                                       "c4 REFUSED INVALID_ARGUMENT", HasSubstr("REFUSED INVALID_ARGUMENT")))
      << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100", "2:120", "3:123"));
  const v1::CommandResult first = Results()[0];
  EXPECT_EQ(first.events(), 1);
  EXPECT_EQ(first.event_id(), "alice/1");
  EXPECT_EQ(first.command().issuer(), "test");
  EXPECT_EQ(DeadLetters("SKIPPED"), 1);
}

TEST_F(CommandsTest, AReplacedHeadTakesEffectOnceInItsTurn) {
  StartPod();
  Place("alice", {100, -1, 20});
  ASSERT_TRUE(AwaitParked()) << pod_->Log();
  v1::Command replace;
  replace.mutable_replace()->mutable_target()->set_key("alice");
  replace.mutable_replace()->mutable_target()->set_blocked_by("alice/0");
  replace.mutable_replace()->set_value(Order("alice", 1));
  replace.mutable_replace()->set_release(true);
  Command("other", replace);
  replace.mutable_replace()->mutable_target()->set_blocked_by("alice/1");
  Command("r", replace);
  EXPECT_THAT(Outcomes(2), ElementsAre("other REFUSED FAILED_PRECONDITION", "r APPLIED")) << pod_->Log();
  ASSERT_TRUE(AwaitTotals("alice", 3)) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100", "2:101", "3:121"));
  const v1::CommandResult result = Results()[1];
  EXPECT_EQ(result.hash_before().size(), 16u);
  EXPECT_EQ(result.hash_after().size(), 16u);
  EXPECT_NE(result.hash_before(), result.hash_after());
  EXPECT_TRUE(result.command().replace().value().empty()) << "what is recorded has no values";
}

TEST_F(CommandsTest, APauseOutlivesAKill) {
  StartPod();
  Place("alice", {1});
  ASSERT_TRUE(AwaitTotals("alice", 1)) << pod_->Log();
  v1::Command pause;
  pause.mutable_pause();
  Command("p", pause);
  EXPECT_THAT(Outcomes(1), ElementsAre("p APPLIED"));
  Place("alice", {2});
  pod_->Signal(SIGKILL);
  ASSERT_TRUE(pod_->Wait(absl::Seconds(10)).has_value());
  StartPod({.instance = "b"});  // With a disk of its own.
  ASSERT_TRUE(AwaitRunning()) << pod_->Log();
  // Its answer shows that the pod works, and does not take the order in.
  Command("s", Skip("nobody"));
  EXPECT_THAT(Outcomes(2), ElementsAre("p APPLIED", "s REFUSED NOT_FOUND")) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:1"));
  v1::Command resume;
  resume.mutable_resume();
  Command("r", resume);
  ASSERT_TRUE(AwaitTotals("alice", 2)) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:1", "2:3"));
}

TEST_F(CommandsTest, WithoutCommandsThereAreNoTopicsOfTheirs) {
  StartPod({.flags = {"--commands=false"}});
  Place("alice", {1});
  ASSERT_TRUE(AwaitTotals("alice", 1)) << pod_->Log();
  EXPECT_TRUE(absl::IsNotFound(scene_.admin().DescribeTopic(control(), kTimeout).status()));
  EXPECT_TRUE(absl::IsNotFound(scene_.admin().DescribeTopic(audit(), kTimeout).status()));
}

class CommandsCrashTest : public CommandsTest, public testing::WithParamInterface<const char*> {};

// The pod dies within the transaction that carries the command out.
TEST_P(CommandsCrashTest, AppliedOnce) {
  StartPod();
  Place("alice", {100, -1, 20, 3});
  ASSERT_TRUE(AwaitParked()) << pod_->Log();
  pod_->Signal(SIGTERM);
  ASSERT_TRUE(pod_->Wait(absl::Seconds(30)).has_value()) << pod_->Log();
  Command("c", Skip("alice"));
  StartPod({.crashable = true, .environment = {{"ONCE_CRASH_AT", GetParam()}}});
  const std::optional<ExitState> ended = pod_->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value()) << "the point was not passed: " << pod_->Log();
  ASSERT_EQ(ended->signal, SIGKILL) << pod_->Log();
  StartPod();
  ASSERT_TRUE(AwaitTotals("alice", 3)) << pod_->Log();
  Command("c", Skip("alice"));
  EXPECT_THAT(Outcomes(2), ElementsAre("c APPLIED", "c DUPLICATE")) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100", "2:120", "3:123"));
  EXPECT_EQ(DeadLetters("SKIPPED"), 1);
}

INSTANTIATE_TEST_SUITE_P(Points, CommandsCrashTest,
                         testing::Values("after_send:1", "after_flush:1", "after_send_offsets:1", "before_commit:1",
                                         "after_commit:1"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           const std::string name = info.param;
                           return name.substr(0, name.find(':'));
                         });

}  // namespace
}  // namespace once
