// Commands of operators to pods on a real broker (docs/commands.md, R7): each takes effect once, with its result, also
// when the pod dies at any point of the transaction, and what is refused changes nothing.
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/integration/operator_scene.h"

namespace once {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CommandsTest : public OperatorTest {
 protected:
  CommandsTest() : OperatorTest("commands", 1) {}

  static v1::Command Skip(const std::string& customer) {
    v1::Command command;
    command.mutable_skip()->mutable_target()->set_key(customer);
    return command;
  }
};

TEST_F(CommandsTest, ASkippedHeadLetsTheRestFollowOnceAndInOrder) {
  StartPod();
  Place("alice", {100, -1, 20, 3});
  Place("bob", {7});
  ASSERT_TRUE(AwaitTotals("bob", 1)) << pod_->Log();
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100")) << "what follows the poison waits";

  Command("c1", Skip("alice"));
  ASSERT_TRUE(AwaitTotals("alice", 3)) << pod_->Log();
  Command("c1", Skip("alice"));
  Command("c2", Skip("alice"));
  Command("c3", Skip("nobody"));
  v1::Command foreign = Skip("alice");
  foreign.set_application("another");
  Command("c4", foreign);
  Write(control(), {{.key = "x", .value = "no command"}});
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
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
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
  KillPod();
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
  EXPECT_TRUE(absl::IsNotFound(scene_.admin().DescribeTopic(control(), absl::Seconds(30)).status()));
  EXPECT_TRUE(absl::IsNotFound(scene_.admin().DescribeTopic(audit(), absl::Seconds(30)).status()));
}

class CommandsCrashTest : public CommandsTest, public testing::WithParamInterface<const char*> {};

// The pod dies within the transaction that carries the command out.
TEST_P(CommandsCrashTest, AppliedOnce) {
  StartPod();
  Place("alice", {100, -1, 20, 3});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
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
