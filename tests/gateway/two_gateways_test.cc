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
  void Start() {
    scene_.CreateTopic("a");
    ASSERT_TRUE(scene_.Start({.instance = "0"}));
    ports_.push_back(scene_.port());
    first_ = scene_.Detach();
    ASSERT_TRUE(scene_.Start({.instance = "1"}));
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

}  // namespace
}  // namespace once
