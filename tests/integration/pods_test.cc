// Pods that come, go, hang and lose their disks, under load, on a real broker.
#include <csignal>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/integration/scene.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

TEST(PodsTest, JoinAndLeaveWhileLoaded) {
  Scene scene("rebalance");
  scene.CreateTopics(6);
  auto a = scene.StartPod({.instance = "a"});
  auto generator = scene.StartGenerator({.orders = 60'000, .rate = 10'000});
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << a->Log();
  auto b = scene.StartPod({.instance = "b", .flags = {"--workers=2"}});
  ASSERT_TRUE(Scene::Eventually([&] { return SumAfter(b->Log(), "runs from offset ") > 0; })) << b->Log();
  auto c = scene.StartPod({.instance = "c"});
  ASSERT_TRUE(Scene::Eventually([&] { return SumAfter(c->Log(), "runs from offset ") > 0; })) << c->Log();
  a->Signal(SIGTERM);
  const std::optional<ExitState> left = a->Wait(absl::Seconds(30));
  ASSERT_TRUE(left.has_value() && left->code == 0) << a->Log();
  b->Signal(SIGKILL);
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << c->Log();
}

// Rules T1, T6: a superseded worker can commit nothing.
TEST(PodsTest, AZombieCommitsNothing) {
  Scene scene("zombie");
  scene.CreateTopics(4);
  auto zombie = scene.StartPod({.instance = "zombie"});
  auto generator = scene.StartGenerator({.orders = 40'000, .rate = 5'000});
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << zombie->Log();
  zombie->Signal(SIGSTOP);
  auto successor = scene.StartPod({.instance = "successor"});
  ASSERT_TRUE(Scene::Eventually([&] { return NumberAfter(successor->Log(), "runs from offset ") >= 0; }))
      << successor->Log();
  const int64_t taken_over = scene.CountOutput();
  ASSERT_TRUE(scene.AwaitOutput(taken_over + 5'000)) << successor->Log();
  zombie->Signal(SIGCONT);
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << zombie->Log() << successor->Log();
}

int64_t CountOf(const std::string& text, const std::string& what) {
  int64_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// Longer than any wait here: had the restarted pod to wait for its predecessor's session, it would wait in vain.
constexpr char kLongSession[] = "--session_timeout=240s";

// Rule T12: the successor is the same member, takes its tasks at once, and nobody else's move.
TEST(PodsTest, T12AStaticMemberComesBackWithoutARebalance) {
  Scene scene("static");
  scene.CreateTopics(4);
  auto a = scene.StartPod({.instance = "a", .flags = {"--static_membership", kLongSession}});
  ASSERT_TRUE(Scene::Eventually([&] { return CountOf(a->Log(), "runs from offset ") == 4; })) << a->Log();
  auto b = scene.StartPod({.instance = "b", .flags = {"--static_membership", kLongSession}});
  ASSERT_TRUE(Scene::Eventually([&] { return CountOf(b->Log(), "runs from offset ") == 2; })) << b->Log();
  auto generator = scene.StartGenerator({.orders = 30'000, .rate = 6'000});
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << a->Log();
  for (const int signal : {SIGKILL, SIGTERM}) {
    a->Signal(signal);
    ASSERT_TRUE(a->Wait(absl::Seconds(30)).has_value()) << a->Log();
    a = scene.StartPod({.instance = "a", .flags = {"--static_membership", kLongSession}});
    ASSERT_TRUE(Scene::Eventually([&] { return CountOf(a->Log(), "runs from offset ") == 2; })) << a->Log();
  }
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << a->Log() << b->Log();
  EXPECT_EQ(CountOf(b->Log(), "runs from offset "), 2) << b->Log();
}

// Rule T6: of two processes under one name the earlier one commits nothing more, and says why it ends.
TEST(PodsTest, T6AStaticZombieIsFencedAndEnds) {
  Scene scene("static-zombie");
  scene.CreateTopics(2);
  auto zombie = scene.StartPod({.instance = "zombie", .flags = {"--static_membership", kLongSession}});
  auto generator = scene.StartGenerator({.orders = 20'000, .rate = 5'000});
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << zombie->Log();
  zombie->Signal(SIGSTOP);
  auto successor =
      scene.StartPod({.instance = "successor", .flags = {"--static_membership", kLongSession, "--instance_id=zombie"}});
  ASSERT_TRUE(Scene::Eventually([&] { return CountOf(successor->Log(), "runs from offset ") == 2; }))
      << successor->Log();
  zombie->Signal(SIGCONT);
  const std::optional<ExitState> ended = zombie->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value() && ended->code == 1) << zombie->Log();
  EXPECT_NE(zombie->Log().find("FENCED_INSTANCE_ID"), std::string::npos) << zombie->Log();
  EXPECT_NE(zombie->Log().find("give each its own"), std::string::npos) << zombie->Log();
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << zombie->Log() << successor->Log();
}

TEST(PodsTest, WithItsStateKeptAPodReplaysATailOnly) {
  Scene scene("tail");
  scene.CreateTopics(2);
  auto pod = scene.StartPod({.flags = {"--checkpoint_interval=100ms", "--checkpoint_flush_interval=100ms"}});
  scene.Generate({.orders = 30'000, .customers = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  pod->Signal(SIGTERM);
  ASSERT_TRUE(pod->Wait(absl::Seconds(30)).has_value()) << pod->Log();
  pod = scene.StartPod({});
  ASSERT_TRUE(Scene::Eventually([&] { return CountOf(pod->Log(), "runs from offset ") == 2; })) << pod->Log();
  EXPECT_EQ(SumAfter(pod->Log(), "replayed "), 0) << pod->Log();
  scene.Generate({.orders = 5'000, .start_index = 30'000, .customers = 5'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output();
}

TEST(PodsTest, WithItsStateLostAPodReplaysAll) {
  Scene scene("restore");
  scene.CreateTopics(2);
  auto pod = scene.StartPod({.instance = "a"});
  scene.Generate({.orders = 30'000, .customers = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  pod->Signal(SIGKILL);
  pod->Wait(absl::Seconds(10));
  pod = scene.StartPod({.instance = "with-an-empty-directory"});
  ASSERT_TRUE(Scene::Eventually([&] { return CountOf(pod->Log(), "runs from offset ") == 2; })) << pod->Log();
  EXPECT_GE(SumAfter(pod->Log(), "replayed "), 5'000) << pod->Log();
  scene.Generate({.orders = 5'000, .start_index = 30'000, .customers = 5'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output();
}

// A blocked aggregate stays blocked, and alone so, across kill and rebalance; duplicates are known there too.
TEST(PodsTest, PoisonAndDuplicatesAcrossKillAndRebalance) {
  Scene scene("poison");
  scene.CreateTopics(4);
  auto a = scene.StartPod({.instance = "a"});
  auto generator =
      scene.StartGenerator({.orders = 40'000, .duplicates_percent = 20, .poison_percent = 1, .rate = 8'000});
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << a->Log();
  auto b = scene.StartPod({.instance = "b"});
  ASSERT_TRUE(Scene::Eventually([&] { return SumAfter(b->Log(), "runs from offset ") > 0; })) << b->Log();
  a->Signal(SIGKILL);
  a->Wait(absl::Seconds(10));
  a = scene.StartPod({.instance = "a"});
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << a->Log() << b->Log();
}

TEST(PodsTest, BrokersKnowClientsByApplicationInstanceAndWorkerUnlessTheUserNamesThem) {
  Scene scene("names");
  scene.CreateTopics(4);
  kafka::BrokerAdmin admin(scene.bootstrap_servers());
  auto a = scene.StartPod({.instance = "a", .flags = {"--workers=2"}});
  auto b = scene.StartPod({.instance = "b", .flags = {"--kafka.client.id=mine"}});
  const std::string named = scene.application_id() + "-a-";
  const std::set<std::string> expected = {named + "0-consumer", named + "1-consumer", "mine"};
  EXPECT_TRUE(Scene::Eventually([&] { return admin.ClientIdsOf(scene.application_id()) == expected; }))
      << ::testing::PrintToString(admin.ClientIdsOf(scene.application_id())) << a->Log() << b->Log();
}

}  // namespace
}  // namespace once
