// What the gateway writes, read back from a real broker.
#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/gateway_scene.h"

namespace once {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Duration kLong = absl::Seconds(60);

std::vector<std::string> Values(const http::Answer& answer) {
  std::vector<std::string> values;
  const json body = json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !body.is_object()) return {answer.body};
  for (const json& message : body["messages"]) values.push_back(message.value("value", "none"));
  return values;
}

TEST(GatewayTransactionsTest, EventsForSeveralTopicsComeTogether) {
  GatewayScene scene("together");
  scene.CreateTopic("a");
  scene.CreateTopic("b", 3);
  ASSERT_TRUE(scene.Start());
  const http::Answer answer = scene.Post("producer/transaction", scene.Events({{"a", "1"}, {"b", "2"}, {"a", "3"}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(json::parse(answer.body)["outcome"], "committed");
  EXPECT_THAT(scene.Committed("a"), ElementsAre("1", "3"));
  const std::string path = "/api/v1/consumer/messages?topic=";
  EXPECT_THAT(Values(scene.Get(path + scene.TopicName("b"))), ElementsAre("2"));
  EXPECT_THAT(Values(scene.Get(path + scene.TopicName("a") + "&count=1")), ElementsAre("3"));
  EXPECT_THAT(Values(scene.Get(path + scene.TopicName("a") + "&count=1&from=first")), ElementsAre("1"));
  EXPECT_THAT(Values(scene.Get(path + scene.TopicName("a") + "&partition=0&offset=1")), ElementsAre("3"));
  // Dedupe goes by it.
  EXPECT_THAT(scene.Get(path + scene.TopicName("a")).body, HasSubstr("ce_id"));
}

TEST(GatewayTransactionsTest, OneWrongEventKeepsAllOthersOut) {
  GatewayScene scene("wrong");
  scene.CreateTopic("a");
  scene.CreateTopic("small", 1, {{"max.message.bytes", "2000"}});
  ASSERT_TRUE(scene.Start());
  const http::Answer no_topic = scene.Post("producer/transaction", scene.Events({{"a", "1"}, {"nowhere", "2"}}));
  EXPECT_EQ(no_topic.status, 404) << no_topic.body;
  EXPECT_THAT(no_topic.body, HasSubstr("events[1].topic"));
  json wrong = scene.Events({{"a", "1"}, {"a", "2"}});
  wrong["events"][1]["partition"] = 7;
  EXPECT_EQ(scene.Post("producer/transaction", wrong).status, 400);
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}, {"small", std::string(3000, 'x')}})).status,
            413);
  EXPECT_THAT(scene.Committed("a"), IsEmpty());
}

TEST(GatewayTransactionsTest, WhatIsAbortedShowsUncommittedOnly) {
  GatewayScene scene("aborted");
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start());
  const std::string id = scene.Begin();
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"a", "1"}, {"b", "2"}}, id)).status, 200);
  // While it is open as well.
  const std::string path = "/api/v1/consumer/messages?topic=" + scene.TopicName("a") + "&isolation=";
  EXPECT_THAT(Values(scene.Get(path + "read_committed")), IsEmpty());
  EXPECT_THAT(Values(scene.Get(path + "read_uncommitted")), ElementsAre("1"));
  EXPECT_EQ(scene.Post("producer/abort", {{"transaction_id", id}}).status, 200);
  EXPECT_THAT(Values(scene.Get(path + "read_committed")), IsEmpty());
  EXPECT_THAT(Values(scene.Get(path + "read_uncommitted")), ElementsAre("1"));
  EXPECT_THAT(scene.Committed("a"), IsEmpty());
  EXPECT_THAT(scene.Committed("b"), IsEmpty());
  EXPECT_THAT(scene.Uncommitted("b"), ElementsAre("2"));
  EXPECT_EQ(scene.Post("producer/abort", {{"transaction_id", id}}).status, 200);
  const http::Answer commit = scene.Post("producer/commit", {{"transaction_id", id}});
  EXPECT_EQ(commit.status, 409);
  EXPECT_THAT(commit.body, HasSubstr("not committed"));
  EXPECT_EQ(scene.Post("producer/send", scene.Events({{"a", "3"}}, id)).status, 409);
}

TEST(GatewayTransactionsTest, AnExplicitTransactionCommitsOnceHoweverOftenItIsAsked) {
  GatewayScene scene("explicit");
  scene.CreateTopic("a");
  scene.CreateTopic("b");
  ASSERT_TRUE(scene.Start());
  const std::string id = scene.Begin();
  const json first = scene.Events({{"a", "1"}}, id);
  ASSERT_EQ(scene.Post("producer/send", first, {{"Idempotency-Key", "s1"}}).status, 200);
  // A send whose answer was lost.
  EXPECT_THAT(scene.Post("producer/send", first, {{"Idempotency-Key", "s1"}}).head, HasSubstr("Idempotency-Replayed"));
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"b", "2"}}, id)).status, 200);
  const http::Answer commit = scene.Post("producer/commit", {{"transaction_id", id}});
  EXPECT_EQ(commit.status, 200) << commit.body;
  EXPECT_EQ(scene.Post("producer/commit", {{"transaction_id", id}}).body, commit.body);
  scene.Kill();
  ASSERT_TRUE(scene.Start());
  const http::Answer later = scene.Post("producer/commit", {{"transaction_id", id}});
  EXPECT_EQ(later.status, 200);
  EXPECT_EQ(later.body, commit.body);
  EXPECT_EQ(scene.Post("producer/abort", {{"transaction_id", id}}).status, 409);
  EXPECT_THAT(scene.Committed("a"), ElementsAre("1"));
  EXPECT_THAT(scene.Committed("b"), ElementsAre("2"));
}

TEST(GatewayTransactionsTest, ATransactionEndsByItsTimeout) {
  GatewayScene scene("timeout");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start({.flags = {"--max_transactions=1"}}));
  const std::string id = scene.Begin(1500);
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"a", "1"}}, id)).status, 200);
  const http::Answer full = scene.Post("producer/begin", json::object());
  EXPECT_EQ(full.status, 503);
  EXPECT_THAT(full.head, HasSubstr("Retry-After"));
  EXPECT_TRUE(GatewayScene::Eventually([&] { return !scene.IsHeldBack("a"); }));
  EXPECT_EQ(scene.Post("producer/commit", {{"transaction_id", id}}).status, 410);
  EXPECT_THAT(scene.Committed("a"), IsEmpty());
  EXPECT_THAT(scene.Uncommitted("a"), ElementsAre("1"));
  // Its place is free again.
  EXPECT_NE(scene.Begin(), "");
}

TEST(GatewayTransactionsTest, ARetryIsAnsweredTheSame) {
  GatewayScene scene("retry");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start());
  const json body = scene.Events({{"a", "1"}});
  const GatewayScene::Headers key = {{"Idempotency-Key", "order-1"}};
  const http::Answer first = scene.Post("producer/transaction", body, key);
  ASSERT_EQ(first.status, 200) << first.body;
  const http::Answer again = scene.Post("producer/transaction", body, key);
  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(again.head, HasSubstr("Idempotency-Replayed: true"));
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "other"}}), key).status, 422);
  scene.Kill();
  ASSERT_TRUE(scene.Start());
  EXPECT_EQ(scene.Post("producer/transaction", body, key).body, first.body);
  // Another instance of the same name.
  scene.Kill();
  ASSERT_TRUE(scene.Start({.instance = "1"}));
  EXPECT_EQ(scene.Post("producer/transaction", body, key).body, first.body);
  EXPECT_THAT(scene.Committed("a"), ElementsAre("1"));
}

TEST(GatewayTransactionsTest, SigtermAbortsWhatIsOpenAndExitsInOrder) {
  GatewayScene scene("sigterm");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start());
  const std::string id = scene.Begin();
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"a", "1"}}, id)).status, 200);
  scene.process().Signal(SIGTERM);
  const auto ended = scene.process().Wait(kLong);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 0) << scene.process().Log();
  EXPECT_FALSE(scene.IsHeldBack("a"));
  EXPECT_THAT(scene.Committed("a"), IsEmpty());
}

}  // namespace
}  // namespace once
