// Each command on a real broker (docs/commands.md, R7): that it does what it is for, and that what is wrong with one
// changes nothing and is said.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/integration/operator_scene.h"

namespace once {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A keeper of values, which are broken ("bad...") or have to wait ("wait...") until the application is mended.
class EachCommandTest : public OperatorTest {
 protected:
  EachCommandTest() : OperatorTest("each-command", 1) { Break(); }

  static v1::Target Of(const std::string& key) {
    v1::Target target;
    target.set_key(key);
    return target;
  }
  // What the result of that command says.
  v1::CommandResult ResultOf(const std::string& id) {
    v1::CommandResult found;
    Scene::Eventually([&] {
      for (const v1::CommandResult& each : Results()) {
        if (each.command_id() == id) found = each;
      }
      return !found.command_id().empty();
    });
    return found;
  }
  std::string OutcomeOf(const std::string& id) {
    const v1::CommandResult result = ResultOf(id);
    return absl::StrCat(v1::CommandResult::Outcome_Name(result.outcome()), result.code().empty() ? "" : " ",
                        result.code());
  }
  // An event that takes its turn behind all that was sent before it.
  void PassMarker() {
    const std::string value = absl::StrCat("marker", ++markers_);
    Send("marker", {value});
    ASSERT_TRUE(AwaitOutputs("marker", static_cast<size_t>(markers_))) << pod_->Log();
  }

 private:
  int markers_ = 0;
};

TEST_F(EachCommandTest, ReleaseRunsAQueueAndByFilterAllOfIt) {
  StartMendable();
  for (const std::string key : {"a", "b", "c"}) Send(key, {"bad1", "ok2", "ok3"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 6)) << pod_->Log();
  v1::Command one;
  *one.mutable_release()->mutable_target() = Of("a");
  Command("too early", one);
  EXPECT_EQ(OutcomeOf("too early"), "APPLIED");
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 4)) << "released, it fails again, and the rest is intact";
  EXPECT_EQ(DeadLetters("BLOCKED"), 6);
  Mend();
  Command("one", one);
  EXPECT_EQ(OutcomeOf("one"), "APPLIED");
  ASSERT_TRUE(AwaitOutputs("a", 3)) << pod_->Log();
  v1::Command all;
  all.mutable_release()->mutable_all()->set_reason("DATA_LOSS");
  Command("another reason", all);
  EXPECT_EQ(ResultOf("another reason").queues(), 0);
  all.mutable_release()->mutable_all()->set_reason("INVALID_ARGUMENT");
  Command("all", all);
  const v1::CommandResult result = ResultOf("all");
  EXPECT_EQ(result.queues(), 2);
  EXPECT_EQ(result.events(), 6);
  for (const std::string key : {"a", "b", "c"}) {
    ASSERT_TRUE(AwaitOutputs(key, 3)) << pod_->Log();
    EXPECT_THAT(Outputs(key), ElementsAre("bad1", "ok2", "ok3")) << key;
  }
  Command("one again", one);
  EXPECT_EQ(OutcomeOf("one again"), "REFUSED NOT_FOUND");
}

TEST_F(EachCommandTest, RetryNowMakesTheAttempt) {
  // By itself it would be tried when the test is long over.
  StartMendable("block", "a", {"--backoff=30m"});
  Send("a", {"wait1", "ok2"});
  ASSERT_TRUE(AwaitLog("made again")) << pod_->Log();
  v1::Command retry;
  *retry.mutable_retry_now()->mutable_target() = Of("a");
  v1::Command release;
  *release.mutable_release()->mutable_target() = Of("a");
  Command("release", release);
  EXPECT_EQ(OutcomeOf("release"), "REFUSED FAILED_PRECONDITION") << "it has not failed for good";
  Mend();
  Command("retry", retry);
  EXPECT_EQ(OutcomeOf("retry"), "APPLIED");
  ASSERT_TRUE(AwaitOutputs("a", 2)) << pod_->Log();
  EXPECT_THAT(Outputs("a"), ElementsAre("wait1", "ok2"));
  Break();
  Send("b", {"bad1"});
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 1));
  *retry.mutable_retry_now()->mutable_target() = Of("b");
  Command("parked", retry);
  EXPECT_EQ(OutcomeOf("parked"), "REFUSED FAILED_PRECONDITION");
  v1::Command all;
  all.mutable_retry_now()->mutable_all();
  Command("all", all);
  EXPECT_EQ(ResultOf("all").queues(), 0);
}

TEST_F(EachCommandTest, DiscardEndsAllThatWaits) {
  StartMendable();
  Send("a", {"bad1", "ok2", "bad3"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 2)) << pod_->Log();
  v1::Command discard;
  *discard.mutable_discard()->mutable_target() = Of("a");
  Command("d", discard);
  EXPECT_EQ(ResultOf("d").events(), 3);
  ASSERT_TRUE(AwaitDeadLetters("DISCARDED", 3)) << pod_->Log();
  Send("a", {"ok4"});
  ASSERT_TRUE(AwaitOutputs("a", 1)) << pod_->Log();
  EXPECT_THAT(Outputs("a"), ElementsAre("ok4"));
  Command("d", discard);
  Command("again", discard);
  EXPECT_THAT(Outcomes(3), ElementsAre("d APPLIED", "d DUPLICATE", "again REFUSED NOT_FOUND"));
}

// By event ID, key, type and place; a head that matches ends, and what follows goes on.
TEST_F(EachCommandTest, NeverRulesOfEachKind) {
  StartMendable();
  Send("parked", {"bad1", "ok2"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
  v1::NeverRule by_id, by_key, by_type, by_place;
  by_id.set_event_id("parked/bad1");
  by_key.set_key("banned");
  by_type.set_event_type("std.string.banned");
  by_place.mutable_place()->set_topic(scene_.input());
  by_place.mutable_place()->set_offset(5);
  const auto add = [&](const std::string& id, const v1::NeverRule& rule) {
    v1::Command command;
    *command.mutable_never_add()->mutable_rule() = rule;
    Command(id, command);
    EXPECT_EQ(OutcomeOf(id), id == "id twice" ? "REFUSED ALREADY_EXISTS" : "APPLIED") << id;
  };
  add("id", by_id);
  add("id twice", by_id);
  ASSERT_TRUE(AwaitOutputs("parked", 1)) << "the head has ended, and the rest follows: " << pod_->Log();
  add("key", by_key);
  add("type", by_type);
  add("place", by_place);
  // Offsets 0 and 1 are those above, 2 their transaction's marker.
  Write(scene_.input(), {{.key = "banned", .value = "ok", .headers = {{"ce_id", "x1"}}},
                         {.key = "c", .value = "ok", .headers = {{"ce_id", "x2"}, {"ce_type", "std.string.banned"}}},
                         {.key = "at5", .value = "ok", .headers = {{"ce_id", "x3"}}},
                         {.key = "last", .value = "ok", .headers = {{"ce_id", "x4"}}}});
  ASSERT_TRUE(AwaitOutputs("last", 1)) << pod_->Log();
  EXPECT_EQ(DeadLetters("NEVER_PROCESSED"), 4);
  for (const std::string key : {"banned", "c", "at5"}) EXPECT_TRUE(Outputs(key).empty()) << key;
  v1::Command remove;
  *remove.mutable_never_remove()->mutable_rule() = by_key;
  Command("remove", remove);
  EXPECT_EQ(OutcomeOf("remove"), "APPLIED");
  Command("remove again", remove);
  EXPECT_EQ(OutcomeOf("remove again"), "REFUSED NOT_FOUND");
  Send("banned", {"ok2"});
  ASSERT_TRUE(AwaitOutputs("banned", 1)) << pod_->Log();
  EXPECT_THAT(Outputs("banned"), ElementsAre("ok2"));
}

TEST_F(EachCommandTest, RetryTaskTriesATaskThatHasFailed) {
  StartMendable("stop");
  Send("a", {"ok1", "bad2", "ok3"});
  ASSERT_TRUE(AwaitLog("whose policy is to stop")) << pod_->Log();
  Mend();
  v1::Command retry;
  retry.mutable_retry_task();
  // One that comes in the very moment of the failure, before the task listens at the end, is not heard until it runs.
  std::string id;
  for (int i = 0; Outputs("a").size() < 3; ++i) {
    ASSERT_LT(i, 20) << pod_->Log();
    id = absl::StrCat("retry", i);
    Command(id, retry);
    AwaitOutputs("a", 3, absl::Seconds(3));
  }
  EXPECT_THAT(Outputs("a"), ElementsAre("ok1", "bad2", "ok3"));
  EXPECT_EQ(OutcomeOf(id), "APPLIED");
}

// Commands of every kind that names an aggregate, or none; none of them is right.
class WrongCommandTest : public EachCommandTest {
 protected:
  // "a" is blocked, and the changelog takes less than the control topic, so that a value can be too large.
  void Start() {
    ASSERT_TRUE(scene_.admin()
                    .CreateTopic({.name = scene_.application_id() + "-orders-changelog",
                                  .partition_count = 1,
                                  .settings = {{"cleanup.policy", "compact"}, {"max.message.bytes", "400000"}}},
                                 absl::Seconds(20))
                    .ok());
    StartMendable();
    Send("a", {"bad1", "ok2"});
    ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
  }

  static std::vector<v1::Command> OfA() {
    std::vector<v1::Command> all(4);
    *all[0].mutable_release()->mutable_target() = Of("a");
    *all[1].mutable_skip()->mutable_target() = Of("a");
    *all[2].mutable_discard()->mutable_target() = Of("a");
    *all[3].mutable_replace()->mutable_target() = Of("a");
    all[3].mutable_replace()->set_value("ok");
    return all;
  }
  static v1::Target* TargetOf(v1::Command* command) {
    if (command->has_release()) return command->mutable_release()->mutable_target();
    if (command->has_skip()) return command->mutable_skip()->mutable_target();
    if (command->has_discard()) return command->mutable_discard()->mutable_target();
    return command->mutable_replace()->mutable_target();
  }

  // Each answer was a refusal that says why, and the queue is as it was.
  void ExpectNothingChanged() {
    for (const v1::CommandResult& result : Results()) {
      EXPECT_EQ(v1::CommandResult::Outcome_Name(result.outcome()), "REFUSED") << result.ShortDebugString();
      EXPECT_FALSE(result.message().empty()) << result.ShortDebugString();
    }
    PassMarker();
    EXPECT_TRUE(Outputs("a").empty());
    EXPECT_EQ(Read(scene_.dead_letters()).size(), 2u);
    Mend();
    Command("right", OfA()[0]);
    ASSERT_TRUE(AwaitOutputs("a", 2)) << pod_->Log();
    EXPECT_THAT(Outputs("a"), ElementsAre("bad1", "ok2"));
  }
};

TEST_F(WrongCommandTest, ForAnotherApplicationGroupOrAggregate) {
  Start();
  std::vector<v1::Command> all = OfA();
  all.emplace_back().mutable_release()->mutable_all();
  all.emplace_back().mutable_never_add()->mutable_rule()->set_key("a");
  all.emplace_back().mutable_pause();
  for (size_t i = 0; i < all.size(); ++i) {
    v1::Command foreign = all[i];
    foreign.set_application("another");
    Command(absl::StrCat("application", i), foreign);
    EXPECT_EQ(OutcomeOf(absl::StrCat("application", i)), "REFUSED INVALID_ARGUMENT");
    foreign = all[i];
    foreign.set_task_group("another");
    Command(absl::StrCat("group", i), foreign);
    EXPECT_THAT(std::string(ResultOf(absl::StrCat("group", i)).message()), HasSubstr("task group \"another\""));
  }
  for (v1::Command command : OfA()) {
    v1::Target* const target = TargetOf(&command);
    const std::string name = absl::StrCat("what", static_cast<int>(command.what_case()));
    target->set_key("nobody");
    Command(name + " unknown", command);
    EXPECT_THAT(std::string(ResultOf(name + " unknown").message()), HasSubstr("nothing waits of key \"nobody\""));
    target->clear_queue();
    Command(name + " none", command);
    EXPECT_EQ(OutcomeOf(name + " none"), "REFUSED INVALID_ARGUMENT");
    *target = Of("a");
    target->set_blocked_by("a/ok2");
    Command(name + " other head", command);
    EXPECT_THAT(std::string(ResultOf(name + " other head").message()), HasSubstr("another event blocks"));
  }
  ExpectNothingChanged();
}

TEST_F(WrongCommandTest, TooLargeOrNoCommandAtAll) {
  Start();
  v1::Command large;
  *large.mutable_replace()->mutable_target() = Of("a");
  large.mutable_replace()->set_value(std::string(500'000, 'x'));
  Command("large", large);
  EXPECT_EQ(OutcomeOf("large"), "REFUSED OUT_OF_RANGE");
  v1::Command large_rule;
  large_rule.mutable_never_add()->mutable_rule()->set_key(std::string(500'000, 'x'));
  Command("large rule", large_rule);
  EXPECT_EQ(OutcomeOf("large rule"), "REFUSED OUT_OF_RANGE");
  // Of no ID that could be told: by their places.
  Command(std::string(65, 'i'), OfA()[0]);
  Write(control(), {{.key = "json", .value = R"({"id": "x", "skip": {"target": {"key": "YQ=="}}})"},
                    {.key = "null"},
                    {.key = "another type", .value = Order("a", 1)}});
  ASSERT_TRUE(Scene::Eventually([&] { return Results().size() >= 6; })) << pod_->Log();
  ExpectNothingChanged();
}

// Killed between a replacement and what follows, and sent again: neither lost nor done twice.
TEST_F(EachCommandTest, AReplacementOutlivesAKillAndIsNotMadeTwice) {
  StartMendable();
  Send("a", {"bad1", "ok2"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 1)) << pod_->Log();
  v1::Command replace;
  *replace.mutable_replace()->mutable_target() = Of("a");
  replace.mutable_replace()->set_value("good1");
  Command("r", replace);
  EXPECT_EQ(OutcomeOf("r"), "APPLIED");
  KillPod();
  Command("r", replace);
  v1::Command release;
  *release.mutable_release()->mutable_target() = Of("a");
  Command("go", release);
  StartMendable("block", "b");
  ASSERT_TRUE(AwaitOutputs("a", 2)) << pod_->Log();
  EXPECT_THAT(Outcomes(3), ElementsAre("r APPLIED", "r DUPLICATE", "go APPLIED"));
  EXPECT_THAT(Outputs("a"), ElementsAre("good1", "ok2"));
}

}  // namespace
}  // namespace once
