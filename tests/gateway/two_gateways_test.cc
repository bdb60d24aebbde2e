// Two gateways of one name on a real broker, and a client that asks both.
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/gateway/gateway_scene.h"

namespace once {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

// Asked again for as long as it is said to be under way.
http::Answer AskUntilTold(int port, const nlohmann::json& body, const std::string& key) {
  http::Answer answer;
  const bool is_told = GatewayScene::Eventually([&] {
    answer = GatewayScene::PostTo(port, "producer/transaction", body, {{"Idempotency-Key", key}});
    return answer.status != 409 && answer.status != 503;
  });
  EXPECT_TRUE(is_told) << answer.status << answer.body;
  return answer;
}

class TwoGatewaysTest : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& flags = {}) {
    scene_.CreateTopic("a");
    ASSERT_TRUE(scene_.Start({.instance = "0", .flags = flags}));
    ports_.push_back(scene_.port());
    first_ = scene_.Detach();
    ASSERT_TRUE(scene_.Start({.instance = "1", .flags = flags}));
    ports_.push_back(scene_.port());
  }

  GatewayScene scene_{"two"};
  std::unique_ptr<Process> first_;
  std::vector<int> ports_;
};

TEST_F(TwoGatewaysTest, OneKeyAtBothAtOnceTakesEffectOnce) {
  Start();
  constexpr int kRounds = 40;
  std::vector<std::string> wanted;
  for (int i = 0; i < kRounds; ++i) {
    const std::string value = absl::StrCat("order-", i);
    wanted.push_back(value);
    std::vector<http::Answer> answers(ports_.size());
    std::vector<std::thread> clients;
    for (size_t each = 0; each < ports_.size(); ++each) {
      clients.emplace_back([&, each] {
        answers[each] = AskUntilTold(ports_[each], scene_.Events({{"a", value}}), value);
      });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(answers[0].status, 200) << answers[0].body;
    EXPECT_EQ(answers[0].body, answers[1].body) << "both tell of one transaction";
  }
  EXPECT_THAT(scene_.Committed("a"), UnorderedElementsAreArray(wanted));
}

TEST_F(TwoGatewaysTest, EachTellsWhatItsConsumerSees) {
  Start({"--follow=" + scene_.TopicName("a")});
  const auto status = [&](size_t each) {
    return nlohmann::json::parse(http::Get(ports_[each], "/api/v1/consumer/status").body, nullptr, false);
  };
  for (size_t each = 0; each < 2; ++each) {
    ASSERT_TRUE(GatewayScene::Eventually([&] { return status(each)["running"] == true; })) << status(each);
    EXPECT_EQ(status(each)["count"], 0);
    EXPECT_TRUE(status(each)["last_message_ms"].is_null());
  }
  const int64_t before = absl::ToUnixMillis(absl::Now());
  ASSERT_EQ(scene_.Post("producer/transaction", scene_.Events({{"a", "1"}, {"a", "2"}})).status, 200);
  const std::string aborted = scene_.Begin();
  ASSERT_EQ(scene_.Post("producer/send", scene_.Events({{"a", "3"}}, aborted)).status, 200);
  ASSERT_EQ(scene_.Post("producer/abort", {{"transaction_id", aborted}}).status, 200);
  ASSERT_EQ(scene_.Post("producer/transaction", scene_.Events({{"a", "4"}})).status, 200);
  for (size_t each = 0; each < 2; ++each) {
    ASSERT_TRUE(GatewayScene::Eventually([&] { return status(each)["count"] == 3; })) << status(each);
    const nlohmann::json now = status(each);
    EXPECT_EQ(now["group"], absl::StrCat(scene_.name(), "-", each));
    EXPECT_EQ(now["topics"].size(), 1u);
    EXPECT_EQ(now["topics"][0]["topic"], scene_.TopicName("a"));
    EXPECT_EQ(now["topics"][0]["count"], 3);
    EXPECT_GE(now["last_message_ms"], before);
    // It is a group of the brokers', and not a name of the gateway's.
    EXPECT_THAT(scene_.MembersOf(now["group"]), testing::ElementsAre(HasSubstr(scene_.name())));
  }
}

}  // namespace
}  // namespace once
