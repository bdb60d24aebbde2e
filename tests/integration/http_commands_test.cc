// What an operator does by HTTP, on pods and a real broker: dead letters, commands, jobs that any pod knows. Each
// answer is held against the pod's own description.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/client.h"
#include "tests/http/described.h"
#include "tests/integration/operator_scene.h"
#include "tests/integration/process.h"

namespace once {
namespace {

using http::Answer;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kToken[] = "canary-of-a-secret-token";

class HttpCommandsTest : public OperatorTest {
 protected:
  HttpCommandsTest() : OperatorTest("http-commands", 2) {}

  void Start(const std::string& token_line = absl::StrCat(kToken, " name=alice")) {
    WriteToken(token_line);
    StartPod({.flags = {"--http_listen=127.0.0.1:0", "--http_token_file=" + token_file()}});
    port_ = AwaitPort(*pod_);
    ASSERT_TRUE(Scene::Eventually([&] { return http::Get(port_, "/readyz").status == 200; })) << pod_->Log();
    description_ = json::parse(http::Get(port_, "/openapi.json").body);
  }

  std::string token_file() const { return scene_.StateDir("token"); }
  void WriteToken(const std::string& line) const {
    std::ofstream(token_file() + ".new") << line << "\n";
    ASSERT_EQ(std::rename((token_file() + ".new").c_str(), token_file().c_str()), 0);
  }

  static int AwaitPort(const Process& pod) {
    const std::string label = " at http://127.0.0.1:";
    int port = 0;
    EXPECT_TRUE(Scene::Eventually([&] {
      const std::string log = pod.Log();
      const size_t found = log.find(label);
      port = found == std::string::npos ? 0 : std::atoi(log.c_str() + found + label.size());
      return port != 0;
    })) << pod.Log();
    return port;
  }

  // `path` as it is described, `asked` as it is asked for.
  json Get(const std::string& path, const std::string& asked, int status = 200, const std::string& token = kToken) {
    const Answer answer = http::Get(port_, asked, {{"Authorization", "Bearer " + token}});
    EXPECT_EQ(answer.status, status) << asked << answer.body;
    http::CheckAnswer(description_, path, "get", answer.status, "application/json", answer.body);
    return json::parse(answer.body, nullptr, false);
  }
  Answer Post(const std::string& body, const std::string& headers = "") {
    const Answer answer = http::Exchange(
        port_,
        absl::StrCat("POST /v1/commands HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer ",
                     kToken, "\r\nContent-Type: application/json\r\n", headers, "Content-Length: ", body.size(),
                     "\r\n\r\n", body));
    http::CheckAnswer(description_, "/v1/commands", "post", answer.status, "application/json", answer.body);
    return answer;
  }
  json Follow(const Answer& accepted) {
    EXPECT_EQ(accepted.status, 202) << accepted.body;
    json job = json::parse(accepted.body);
    const std::string url = job["url"];
    EXPECT_TRUE(Scene::Eventually([&] {
      job = Get("/v1/jobs/{id}", url);
      return job["state"] != "pending";
    })) << job;
    return job;
  }

  int port_ = 0;
  json description_;
};

TEST_F(HttpCommandsTest, SeesMendsAndIsAudited) {
  Start();
  Place("alice", {100, -1, 20});
  Place("bob", {-5, 7});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 2)) << pod_->Log();
  const json letters = Get("/v1/dead-letters", "/v1/dead-letters?disposition=failed&key=bob");
  ASSERT_EQ(letters["letters"].size(), 1u) << letters;
  EXPECT_EQ(letters["letters"][0]["value"]["cents"], "-5");

  const json bob = Get("/v1/aggregates/{aggregate}/{key}", "/v1/aggregates/customer/bob");
  EXPECT_EQ(bob["phase"], "parked") << bob;
  EXPECT_EQ(bob["blocked"]["queue"].size(), 2u) << bob;
  EXPECT_EQ(Get("/v1/aggregates/{aggregate}/{key}", "/v1/aggregates/customer/alice")["state"]["cents"], "100");
  Get("/v1/aggregates/{aggregate}/{key}", "/v1/aggregates/customer/carol", 404);

  const Answer dry = Post(
      R"({"command": "parked replace", "arguments": ["customer", "bob"], "value": {"cents": 5}, "dry_run": true})");
  ASSERT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(json::parse(dry.body)["events"], 2);
  EXPECT_EQ(Get("/v1/audit", "/v1/audit")["results"].size(), 0u);

  const json replaced = Follow(Post(
      R"({"command": "parked replace", "arguments": ["customer", "bob"], "value": {"customer_id": "bob", "cents": 5},
          "options": {"release": true, "because": "ticket 8"}, "command_id": "ticket-8"})"));
  EXPECT_EQ(replaced["state"], "done") << replaced;
  EXPECT_TRUE(AwaitTotals("bob", 2));
  const json skipped = Follow(Post(R"({"command": "parked skip", "arguments": ["customer", "alice"]})"));
  EXPECT_EQ(skipped["state"], "done") << skipped;
  EXPECT_TRUE(AwaitTotals("alice", 2));
  EXPECT_EQ(Totals("alice").back(), "2:120");

  const json wrong = Follow(Post(R"({"command": "parked skip", "arguments": ["customer", "alice"]})"));
  EXPECT_EQ(wrong["state"], "refused") << wrong;
  EXPECT_EQ(Post(R"({"command": "parked skip", "arguments": ["nobody", "alice"]})").status, 400);
  EXPECT_EQ(Post(std::string(3 << 20, ' ')).status, 413);
  EXPECT_EQ(Post(R"({"command": "tasks pause", "options": {"all": true}})", "Origin: https://evil.example\r\n").status,
            403);

  const json audit = Get("/v1/audit", "/v1/audit?command=ticket-8");
  ASSERT_EQ(audit["results"].size(), 1u) << audit;
  EXPECT_EQ(audit["results"][0]["issuer"], "alice@127.0.0.1");
  EXPECT_EQ(audit["results"][0]["reason"], "ticket 8");
  EXPECT_EQ(Get("/v1/audit", "/v1/audit")["results"].size(), 2u) << "what was refused was not sent";

  // Another pod, which was asked for nothing.
  KillPod();
  Start();
  EXPECT_EQ(Get("/v1/jobs/{id}", "/v1/jobs/ticket-8")["state"], "done");
  Get("/v1/jobs/{id}", "/v1/jobs/ticket-9", 404);
  EXPECT_THAT(pod_->Log(), Not(HasSubstr("canary")));
}

TEST_F(HttpCommandsTest, TokensChangeWhileItRuns) {
  Start();
  const std::string next = "another-canary-of-a-token";
  Get("/v1/audit", "/v1/audit", 401, next);
  WriteToken(absl::StrCat(kToken, "\n", next, " name=bob\n"));
  EXPECT_TRUE(Scene::Eventually([&] {
    return http::Get(port_, "/v1/status", {{"Authorization", "Bearer " + next}}).status == 200;
  }));
  Get("/v1/audit", "/v1/audit");
  WriteToken(absl::StrCat(kToken, " expires=2020-01-01T00:00:00Z\n", next, "\n"));
  EXPECT_TRUE(Scene::Eventually([&] {
    return http::Get(port_, "/v1/status", {{"Authorization", absl::StrCat("Bearer ", kToken)}}).status == 401;
  }));
  EXPECT_THAT(Get("/v1/audit", "/v1/audit", 401)["error"].get<std::string>(), HasSubstr("has expired"));
  Get("/v1/audit", "/v1/audit", 200, next);
  EXPECT_THAT(pod_->Log(), Not(HasSubstr("canary")));
}

// How long each path takes while 5,000 events a second come: told by the test's properties and output, since a machine
// that has other things to do is no place to fail for it.
TEST_F(HttpCommandsTest, EachPathAnswersUnderLoad) {
  Start();
  Place("mallory", {-1, 5});
  auto generator = scene_.StartGenerator({.orders = 1'000'000, .rate = 5'000});
  ASSERT_TRUE(scene_.AwaitOutput(5'000)) << pod_->Log();
  std::string all;
  for (const char* path :
       {"/livez", "/readyz", "/metrics", "/v1/status", "/v1/tasks", "/v1/parked", "/v1/topology",
        "/v1/dead-letters?count=5", "/v1/audit", "/v1/aggregates/customer/mallory", "/v1/jobs/never-sent"}) {
    std::vector<absl::Duration> times;
    for (int i = 0; i < 100; ++i) {
      const absl::Time asked = absl::Now();
      const Answer answer = http::Get(port_, path, {{"Authorization", absl::StrCat("Bearer ", kToken)}});
      times.push_back(absl::Now() - asked);
      EXPECT_TRUE(answer.status == 200 || answer.status == 404) << path << answer.status << answer.body;
    }
    std::sort(times.begin(), times.end());
    absl::StrAppend(&all, path, ": half within ", absl::FormatDuration(times[50]), ", 99 % within ",
                    absl::FormatDuration(times[98]), "\n");
  }
  RecordProperty("times", all);
  printf("%s", all.c_str());
  EXPECT_TRUE(generator->Running()) << generator->Log();
}

// While commands wait for answers, probes are answered, and the pod ends in time.
TEST_F(HttpCommandsTest, WhatWaitsKeepsNobodyUp) {
  Start();
  std::vector<std::unique_ptr<http::Connection>> dawdlers;
  for (int i = 0; i < 40; ++i) {
    dawdlers.push_back(std::make_unique<http::Connection>(port_));
    dawdlers.back()->Write(absl::StrCat("GET /v1/dead-letters?count=", i + 1,
                                        " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ", kToken,
                                        "\r\n\r\n"));
  }
  std::vector<absl::Duration> times;
  for (int i = 0; i < 200; ++i) {
    const absl::Time asked = absl::Now();
    EXPECT_EQ(http::Get(port_, "/livez").status, 200);
    times.push_back(absl::Now() - asked);
  }
  std::sort(times.begin(), times.end());
  RecordProperty("livez_p99_microseconds", static_cast<int>(absl::ToInt64Microseconds(times[197])));
  int answered = 0, refused = 0;
  for (const auto& dawdler : dawdlers) {
    const std::string all = dawdler->ReadToEnd(absl::Seconds(60)).value_or("");
    answered += all.starts_with("HTTP/1.1 200");
    refused += all.starts_with("HTTP/1.1 503");
  }
  EXPECT_EQ(answered + refused, 40);
  EXPECT_GE(answered, 16);
  for (int i = 0; i < 10; ++i) {
    http::Connection(port_).Write(
        absl::StrCat("GET /v1/audit HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ", kToken, "\r\n\r\n"));
  }
  pod_->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod_->Wait(absl::Seconds(30));
  EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod_->Log();
}

}  // namespace
}  // namespace once
