// Clients that may not, or do not behave; a real broker stands behind, so that what is refused could be done.
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
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
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kToken[] = "a-token-of-some-length";
constexpr absl::Duration kLong = absl::Seconds(60);

int64_t StatusNumber(GatewayScene& scene, const std::string& label) {
  std::ifstream file(absl::StrCat("/proc/", scene.process().pid(), "/status"));
  std::ostringstream text;
  text << file.rdbuf();
  return NumberAfter(text.str(), label);
}

std::string TokenFlag(const GatewayScene& scene) {
  const std::string path = scene.dir() + "/token";
  std::ofstream(path) << kToken << "\n";
  return "--http_token_file=" + path;
}

TEST(GatewaySecurityTest, WithoutTheTokenNothingIsDone) {
  GatewayScene scene("token");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start({.flags = {TokenFlag(scene)}}));
  const json body = scene.Events({{"a", "1"}});
  const GatewayScene::Headers right = {{"Authorization", absl::StrCat("Bearer ", kToken)}};
  for (const GatewayScene::Headers& headers : std::vector<GatewayScene::Headers>{
           {},
           {{"Authorization", "Bearer wrong"}},
           {{"Authorization", absl::StrCat("Basic ", kToken)}},
           {{"Authorization", absl::StrCat("Bearer ", kToken, "x")}},
           {{"Authorization", "Bearer wrong"}, {"Authorization", absl::StrCat("Bearer ", kToken)}}}) {
    const int status = scene.Post("producer/transaction", body, headers).status;
    EXPECT_TRUE(status == 401 || (headers.size() == 2 && status == 400)) << status;
    for (const char* path : {"/api/v1/consumer/status", "/api/v1/consumer/messages?topic=a", "/api/v1/types",
                             "/api/v1/consumer/follow?topic=a", "/nothing"}) {
      const int got = scene.Get(path, headers).status;
      EXPECT_TRUE(got == 401 || (headers.size() == 2 && got == 400)) << path;
    }
    for (const char* path : {"producer/begin", "producer/send", "producer/commit", "producer/abort"}) {
      EXPECT_NE(scene.Post(path, json::object(), headers).status, 200) << path;
    }
  }
  EXPECT_THAT(scene.Uncommitted("a"), IsEmpty());
  EXPECT_EQ(scene.Post("producer/transaction", body, right).status, 200);
  // Nobody is told what it is.
  for (const char* path : {"/", "/health", "/metrics", "/openapi.json", "/api/v1/consumer/status"}) {
    const http::Answer answer = scene.Get(path, right);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_THAT(answer.body + answer.head, Not(HasSubstr(kToken))) << path;
  }
  EXPECT_THAT(scene.process().Log(), Not(HasSubstr(kToken)));
}

TEST(GatewaySecurityTest, PagesOfOtherOriginsAreKeptOut) {
  GatewayScene scene("origin");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start());
  const json body = scene.Events({{"a", "1"}});
  for (const GatewayScene::Headers& headers : std::vector<GatewayScene::Headers>{{{"Origin", "https://evil.example"}},
                                                                                 {{"Origin", "null"}},
                                                                                 {{"Origin", "http://127.0.0.1:1"}},
                                                                                 {{"Sec-Fetch-Site", "cross-site"}},
                                                                                 {{"Sec-Fetch-Site", "same-site"}}}) {
    EXPECT_EQ(scene.Post("producer/transaction", body, headers).status, 403);
    EXPECT_EQ(scene.Get("/api/v1/consumer/status", headers).status, 403);
  }
  // What a form of a page can send without being asked.
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"}) {
    const std::string text = body.dump();
    const http::Answer answer = http::Exchange(
        scene.port(), absl::StrCat("POST /api/v1/producer/transaction HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: "
                                   "close\r\nContent-Type: ",
                                   type, "\r\nContent-Length: ", text.size(), "\r\n\r\n", text));
    EXPECT_EQ(answer.status, 415) << type;
  }
  // A name that somebody lets resolve to this machine.
  EXPECT_EQ(scene.Get("/api/v1/consumer/status", {{"Host", "evil.example"}}).status, 403);
  // A browser asks first, and is not answered as it would have to be.
  const http::Answer asked =
      http::Get(scene.port(), "/api/v1/producer/transaction",
                {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "POST"}}, "OPTIONS");
  EXPECT_NE(asked.status, 200);
  EXPECT_THAT(asked.head, Not(HasSubstr("Access-Control-Allow")));
  EXPECT_THAT(scene.Uncommitted("a"), IsEmpty());
  EXPECT_EQ(
      scene.Post("producer/transaction", body, {{"Origin", absl::StrCat("http://127.0.0.1:", scene.port())}}).status,
      200);
}

TEST(GatewaySecurityTest, WhatIsTooLargeOrNoRequestIsRefused) {
  GatewayScene scene("odd");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start({.flags = {"--max_body_bytes=10000", "--topics=" + scene.TopicName("a")}}));
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", std::string(20'000, 'x')}})).status, 413);
  const http::Answer chunked = http::Exchange(
      scene.port(), absl::StrCat("POST /api/v1/producer/transaction HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                                 "application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
                                 "4e20\r\n", std::string(20'000, ' '), "\r\n0\r\n\r\n"));
  EXPECT_NE(chunked.status, 200);
  for (const char* path : {"/../etc/passwd", "/%2e%2e/etc/passwd", "//", "/api/v1/../v1/types", "/api/v1/types/",
                           "/API/V1/TYPES", "/api/v1/types%00", "/api%2fv1%2ftypes", "/api/v1/types;x"}) {
    EXPECT_EQ(scene.Get(path).status, 404) << path;
  }
  const std::string own = scene.name() + "-idempotency";
  for (const std::string& topic : {own, std::string("__consumer_offsets"), scene.TopicName("b")}) {
    EXPECT_EQ(scene.Get("/api/v1/consumer/messages?topic=" + topic).status, 403) << topic;
    const json body = {{"events", {{{"topic", topic}, {"value_text", "x"}}}}};
    EXPECT_EQ(scene.Post("producer/transaction", body).status, 403) << topic;
  }
  for (const char* query : {"", "?topic=..", "?topic=a&count=0", "?topic=a&count=99999", "?topic=a&isolation=none",
                            "?topic=a&topic=b", "?topic=%zz", "?nothing=1"}) {
    EXPECT_EQ(scene.Get(absl::StrCat("/api/v1/consumer/messages", query)).status, 400) << query;
  }
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}}), {{"Idempotency-Key", "a b"}}).status, 400);
  std::string nested;
  for (int i = 0; i < 3'000; ++i) nested += "{\"a\":";
  const http::Answer deep = http::Exchange(
      scene.port(), absl::StrCat("POST /api/v1/producer/transaction HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: "
                                 "close\r\nContent-Type: application/json\r\nContent-Length: ",
                                 9'000, "\r\n\r\n", nested.substr(0, 9'000)));
  EXPECT_EQ(deep.status, 400);
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}})).status, 200);
}

// Slow clients, however many, take neither threads nor memory that grows, and others are served meanwhile.
TEST(GatewaySecurityTest, SlowClientsKeepNobodyOut) {
  GatewayScene scene("slow");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start({.flags = {"--max_connections=64", "--client_timeout=3s"}}));
  ASSERT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "0"}})).status, 200);
  const int64_t threads = StatusNumber(scene, "Threads:");
  const int64_t memory = StatusNumber(scene, "VmRSS:");
  std::vector<std::unique_ptr<http::Connection>> slow;
  for (int i = 0; i < 400; ++i) {
    slow.push_back(std::make_unique<http::Connection>(scene.port()));
    ASSERT_TRUE(slow.back()->connected());
    // Some stop in the headers, some in the body.
    slow.back()->Write(i % 2 == 0 ? "POST /api/v1/producer/transaction HTTP/1.1\r\nX-Slow: "
                                  : "POST /api/v1/producer/transaction HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                                    "application/json\r\nContent-Length: 100\r\n\r\n{");
    if (i % 100 == 99) {
      EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "x"}})).status, 200);
    }
  }
  EXPECT_EQ(StatusNumber(scene, "Threads:"), threads);
  EXPECT_LT(StatusNumber(scene, "VmRSS:"), memory + 50'000);
  // Those that still are there are ended.
  for (const auto& each : slow) EXPECT_TRUE(each->ReadToEnd(kLong).has_value());
  EXPECT_EQ(scene.Get("/health").status, 200);
}

// Right requests with bytes changed, cut, doubled and put in: no answer but a refusal or a right one, no death, no
// growth.
TEST(GatewaySecurityTest, GarbledRequestsDoNoHarm) {
  GatewayScene scene("garbled");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start());
  const std::string body = scene.Events({{"a", "garbled"}}).dump();
  const std::vector<std::string> right = {
      absl::StrCat(
          "POST /api/v1/producer/transaction HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: "
          "application/json\r\nIdempotency-Key: key\r\nContent-Length: ",
          body.size(), "\r\n\r\n", body),
      absl::StrCat("GET /api/v1/consumer/messages?topic=", scene.TopicName("a"),
                   "&count=1&partition=0&offset=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
      "POST /api/v1/producer/commit HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: "
      "application/json\r\nTransfer-Encoding: chunked\r\n\r\n16\r\n{\"transaction_id\": \"0\"}\r\n0\r\n\r\n"};
  std::mt19937 random(17);
  const auto draw = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  const auto garble = [&](std::string text) {
    for (size_t i = 0; i <= draw(4); ++i) {
      const size_t at = draw(text.size());
      const size_t kind = draw(4);
      if (kind == 0) text[at] = static_cast<char>(random());
      if (kind == 1) text.insert(at, std::string(draw(300), static_cast<char>(random())));
      if (kind == 2) text.insert(at, text.substr(draw(text.size()), draw(100)));
      if (kind == 3) text.erase(at, 1 + draw(20));
      if (text.empty()) text = "x";
    }
    return text;
  };
  ASSERT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "0"}}), {{"Idempotency-Key", "0"}}).status, 200);
  // What the first of each makes for good.
  ASSERT_EQ(scene.Get("/api/v1/consumer/messages?topic=" + scene.TopicName("a")).status, 200);
  const int64_t threads = StatusNumber(scene, "Threads:");
  const int64_t memory = StatusNumber(scene, "VmRSS:");
  for (int i = 0; i < 3'000; ++i) {
    http::Connection connection(scene.port());
    ASSERT_TRUE(connection.connected()) << i;
    connection.Write(garble(right[static_cast<size_t>(i) % right.size()]));
    // Not waited for: what lacks its end is ended by its time.
  }
  ASSERT_TRUE(scene.process().Running()) << scene.process().Log();
  EXPECT_EQ(scene.Get("/health").status, 200);
  EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}})).status, 200);
  // Readers of topics come and go with what is read.
  EXPECT_TRUE(GatewayScene::Eventually([&] { return StatusNumber(scene, "Threads:") <= threads; }));
  EXPECT_LT(StatusNumber(scene, "VmRSS:"), memory + 50'000);
}

TEST(GatewaySecurityTest, AFollowerSeesWhatIsCommittedAndGoesOnWhereItWas) {
  GatewayScene scene("follow");
  scene.CreateTopic("a");
  ASSERT_TRUE(scene.Start({.flags = {"--max_followers=1"}}));
  ASSERT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}, {"a", "2"}})).status, 200);
  http::Connection follower(scene.port());
  const std::string request = absl::StrCat("GET /api/v1/consumer/follow?topic=", scene.TopicName("a"),
                                           " HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 0:1\r\n\r\n");
  ASSERT_TRUE(follower.Write(request));
  EXPECT_TRUE(GatewayScene::Eventually([&] {
    return scene.Get("/api/v1/consumer/status").body.find("\"count\":1,\"followers\":1") != std::string::npos;
  })) << scene.Get("/api/v1/consumer/status").body;
  EXPECT_EQ(scene.Get("/api/v1/consumer/follow?topic=" + scene.TopicName("a")).status, 503);
  const std::string aborted = scene.Begin();
  ASSERT_EQ(scene.Post("producer/send", scene.Events({{"a", "never"}}, aborted)).status, 200);
  ASSERT_EQ(scene.Post("producer/abort", {{"transaction_id", aborted}}).status, 200);
  ASSERT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "3"}})).status, 200);
  EXPECT_TRUE(GatewayScene::Eventually(
      [&] { return scene.Get("/api/v1/consumer/status").body.find("\"count\":2,") != std::string::npos; }));
  scene.process().Signal(SIGTERM);
  const std::string all = follower.ReadToEnd(kLong).value_or("");
  EXPECT_THAT(all, HasSubstr("text/event-stream"));
  EXPECT_THAT(all, HasSubstr("id: 0:2\ndata: "));
  EXPECT_THAT(all, HasSubstr("\"value\":\"2\""));
  EXPECT_THAT(all, HasSubstr("\"value\":\"3\""));
  EXPECT_THAT(all, Not(HasSubstr("\"value\":\"1\"")));
  EXPECT_THAT(all, Not(HasSubstr("never")));
  EXPECT_EQ(scene.process().Wait(kLong).value_or(ExitState{}).code, 0);
}

}  // namespace
}  // namespace once
