// The client, and the gateway, killed at each point: no half of a transaction is ever visible, and a retry with the
// same key is answered the same and adds nothing.
#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/gateway_scene.h"

namespace once {
namespace {

using nlohmann::json;
using testing::ElementsAre;

constexpr absl::Duration kLong = absl::Seconds(60);

class GatewayCrashTest : public testing::TestWithParam<std::string> {};

// One request, two topics, a key; the gateway dies in it. before_send:3 and :4 are the outcomes' records.
TEST_P(GatewayCrashTest, ARetryAfterTheGatewaysDeathTakesEffectOnce) {
  std::string name = GetParam();
  std::replace(name.begin(), name.end(), ':', '-');
  std::replace(name.begin(), name.end(), '_', '-');
  GatewayScene scene(name);
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start({.crash_at = GetParam()}));
  const json body = scene.Events({{"a", "1"}, {"b", "2"}});
  const GatewayScene::Headers key = {{"Idempotency-Key", "k"}};
  EXPECT_EQ(scene.Post("producer/transaction", body, key).status, 0);
  const auto died = scene.process().Wait(kLong);
  ASSERT_TRUE(died.has_value());
  ASSERT_EQ(died->signal, SIGKILL) << scene.process().Log();
  ASSERT_TRUE(scene.Start());
  const bool was_committed = GetParam() == "after_commit:1";
  EXPECT_EQ(scene.Committed("a").size(), was_committed ? 1u : 0u);
  EXPECT_EQ(scene.Committed("b").size(), was_committed ? 1u : 0u);
  const http::Answer retry = scene.Post("producer/transaction", body, key);
  EXPECT_EQ(retry.status, 200) << retry.body;
  EXPECT_EQ(retry.head.find("Idempotency-Replayed") != std::string::npos, was_committed);
  EXPECT_EQ(scene.Post("producer/transaction", body, key).body, retry.body);
  EXPECT_THAT(scene.Committed("a"), ElementsAre("1"));
  EXPECT_THAT(scene.Committed("b"), ElementsAre("2"));
}

INSTANTIATE_TEST_SUITE_P(Points, GatewayCrashTest,
                         testing::Values("before_begin:1", "after_begin:1", "before_send:1", "after_send:1",
                                         "after_send:2", "before_flush:1", "after_flush:1", "before_send:3",
                                         "after_send:3", "after_send:4", "before_flush:2", "after_flush:2",
                                         "before_commit:1", "after_commit:1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

// An explicit transaction: begin, send, send, commit; the one who dies does so after so many of these calls.
class GatewayStepsTest : public testing::TestWithParam<int> {
 protected:
  // The calls up to the one after which somebody dies.
  void Call(GatewayScene& scene, int calls) {
    id_ = scene.Begin(2'000);
    const auto post = [&](const char* path, const json& body) {
      const http::Answer answer = scene.Post(path, body);
      EXPECT_EQ(answer.status, 200) << answer.body;
    };
    if (calls > 1) post("producer/send", scene.Events({{"a", "1"}}, id_));
    if (calls > 2) post("producer/send", scene.Events({{"b", "2"}}, id_));
    if (calls > 3) post("producer/commit", {{"transaction_id", id_}});
  }
  void ExpectAllOrNothing(GatewayScene& scene, int calls) {
    EXPECT_EQ(scene.Committed("a").size(), calls > 3 ? 1u : 0u);
    EXPECT_EQ(scene.Committed("b").size(), calls > 3 ? 1u : 0u);
    EXPECT_EQ(scene.Uncommitted("a").size(), calls > 1 ? 1u : 0u);
    EXPECT_EQ(scene.Uncommitted("b").size(), calls > 2 ? 1u : 0u);
  }
  std::string id_;
};

TEST_P(GatewayStepsTest, AClientThatDiesLeavesNothing) {
  GatewayScene scene(absl::StrCat("client-", GetParam()));
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start());
  Call(scene, GetParam());
  ASSERT_TRUE(GatewayScene::Eventually([&] { return !scene.IsHeldBack("a") && !scene.IsHeldBack("b"); }));
  ExpectAllOrNothing(scene, GetParam());
}

TEST_P(GatewayStepsTest, AGatewayThatDiesLeavesNothing) {
  GatewayScene scene(absl::StrCat("gateway-", GetParam()));
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start());
  Call(scene, GetParam());
  scene.Kill();
  ASSERT_TRUE(scene.Start());
  // The start has ended what was open.
  EXPECT_FALSE(scene.IsHeldBack("a"));
  EXPECT_FALSE(scene.IsHeldBack("b"));
  ExpectAllOrNothing(scene, GetParam());
  EXPECT_EQ(scene.Post("producer/commit", {{"transaction_id", id_}}).status, GetParam() > 3 ? 200 : 404);
  ExpectAllOrNothing(scene, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Calls, GatewayStepsTest, testing::Values(1, 2, 3, 4));

// In the middle of the commit's own calls.
class GatewayCommitTest : public testing::TestWithParam<std::string> {};

TEST_P(GatewayCommitTest, AGatewayThatDiesInACommitLeavesAllOrNothing) {
  GatewayScene scene("commit");
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start({.crash_at = GetParam()}));
  const std::string id = scene.Begin();
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"a", "1"}, {"b", "2"}}, id)).status, 200);
  EXPECT_EQ(scene.Post("producer/commit", {{"transaction_id", id}}).status, 0);
  ASSERT_TRUE(scene.process().Wait(kLong).has_value());
  ASSERT_TRUE(scene.Start());
  const size_t visible = GetParam() == "after_commit:1" ? 1 : 0;
  EXPECT_EQ(scene.Committed("a").size(), visible);
  EXPECT_EQ(scene.Committed("b").size(), visible);
  EXPECT_EQ(scene.Post("producer/commit", {{"transaction_id", id}}).status, visible == 1 ? 200 : 404);
}

INSTANTIATE_TEST_SUITE_P(Points, GatewayCommitTest,
                         testing::Values("before_send:3", "before_flush:2", "before_commit:1", "after_commit:1"));

}  // namespace
}  // namespace once
