// The routes of a pod: who may ask, what comes, and that the description is of what there is.
#include "processor/http/pod_api.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/http/bearer_token.h"
#include "processor/http/openapi.h"
#include "tests/http/sample.h"

namespace once::http {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kToken[] = "a-token-of-some-length";

Request Asking(std::string_view path, std::string_view authorization = {}, std::string_view host = "127.0.0.1:8080") {
  return {.method = "GET", .path = path, .authorization = authorization, .host = host};
}

std::set<std::string> PathsOf(PodApi::Access access) {
  std::set<std::string> paths;
  for (const PodApi::Route& route : PodApi::routes()) {
    if (route.access == access) paths.insert(std::string(route.path));
  }
  return paths;
}

class PodApiTest : public testing::Test {
 protected:
  FixedStatus status_{SamplePod()};
  const PodApi on_loopback_{&status_, {.token = "", .is_loopback = true}};
  const PodApi for_all_{&status_, {.token = "", .is_loopback = false}};
  const PodApi guarded_{&status_, {.token = kToken, .is_loopback = false}};
};

TEST_F(PodApiTest, ProbesMetricsAndTheDescriptionAreOpen) {
  EXPECT_EQ(PathsOf(PodApi::Access::kOpen),
            (std::set<std::string>{"/livez", "/readyz", "/startupz", "/metrics", "/openapi.json"}));
  for (const std::string& path : PathsOf(PodApi::Access::kOpen)) {
    for (const PodApi* api : {&on_loopback_, &for_all_, &guarded_}) {
      EXPECT_EQ(api->Answer(Asking(path, "", "pods.example.com")).status, 200) << path;
    }
  }
}

TEST_F(PodApiTest, AllElseWantsTheToken) {
  for (const std::string& path : PathsOf(PodApi::Access::kGuarded)) {
    EXPECT_EQ(guarded_.Answer(Asking(path, "Bearer a-token-of-some-length")).status, 200) << path;
    EXPECT_EQ(guarded_.Answer(Asking(path, "bearer a-token-of-some-length")).status, 200) << path;
    for (const char* wrong :
         {"", "Bearer", "Bearer ", "Bearer a-token-of-some-lengtH", "Bearer a-token-of-some-lengt",
          "Bearer a-token-of-some-length ", "Basic a-token-of-some-length", "a-token-of-some-length"}) {
      const Response refused = guarded_.Answer(Asking(path, wrong));
      EXPECT_EQ(refused.status, 401) << path << " with " << wrong;
      EXPECT_THAT(refused.body, testing::Not(HasSubstr(kToken)));
      EXPECT_EQ(refused.headers.front().first, "WWW-Authenticate");
    }
  }
}

TEST_F(PodApiTest, WithoutATokenOthersAreRefusedAndThisMachineIsNot) {
  for (const std::string& path : PathsOf(PodApi::Access::kGuarded)) {
    EXPECT_EQ(for_all_.Answer(Asking(path)).status, 403) << path;
    for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "localhost", "localhost:8080", "[::1]:8080", "[::1]"}) {
      EXPECT_EQ(on_loopback_.Answer(Asking(path, "", host)).status, 200) << path << " as " << host;
    }
    // A name that somebody's page has made to mean this machine.
    for (const char* host :
         {"evil.example", "evil.example:8080", "", "localhost.evil.example", "127.0.0.1.evil.example"}) {
      EXPECT_EQ(on_loopback_.Answer(Asking(path, "", host)).status, 403) << path << " as " << host;
    }
  }
}

TEST_F(PodApiTest, OtherPathsAreToldNothing) {
  for (const char* path : {"", "/v1", "/v1/", "/v1/status/", "//v1/status", "/v1/../v1/status", "/v1%2Fstatus",
                           "/V1/status", "/v1/status\n", "/livez/../v1/status", "*"}) {
    EXPECT_EQ(on_loopback_.Answer(Asking(path)).status, 404) << path;
    EXPECT_EQ(guarded_.Answer(Asking(path)).status, 401) << path;
  }
}

TEST_F(PodApiTest, OnlyGetAndHeadWithoutABody) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
    Request request = Asking("/v1/status");
    request.method = method;
    const Response refused = on_loopback_.Answer(request);
    EXPECT_EQ(refused.status, 405) << method;
    EXPECT_EQ(refused.headers.front(), (std::pair<std::string, std::string>("Allow", "GET, HEAD")));
  }
  Request request = Asking("/metrics");
  request.has_body = true;
  EXPECT_EQ(on_loopback_.Answer(request).status, 413);
}

TEST_F(PodApiTest, ProbesAnswer503WithTheReason) {
  status_.pod.phase = PodPhase::kStarting;
  EXPECT_EQ(for_all_.Answer(Asking("/startupz")).status, 503);
  EXPECT_EQ(for_all_.Answer(Asking("/readyz")).status, 503);
  EXPECT_THAT(for_all_.Answer(Asking("/readyz")).body, HasSubstr("waits for the brokers"));
  EXPECT_EQ(for_all_.Answer(Asking("/livez")).status, 200);
  status_.pod.steps[0] = {.lasts = absl::Seconds(9), .event = "orders-0-17"};
  EXPECT_EQ(for_all_.Answer(Asking("/livez")).status, 503);
}

// What others have written into keys and errors leaves the JSON whole.
TEST_F(PodApiTest, AnyBytesComeOutAsJson) {
  auto worker = std::make_shared<WorkerStatus>(*status_.pod.workers[0]);
  worker->last_error = std::string("\xff\"\\\x01\0<script>", 12);
  worker->tasks[0].why = "\xc3";
  status_.pod.workers[0] = worker;
  for (const char* path : {"/v1/status", "/v1/tasks"}) {
    EXPECT_TRUE(json::accept(on_loopback_.Answer(Asking(path)).body)) << path;
  }
}

// Whether `value` is what `schema` describes; `where` says which part is not.
void Check(const json& all, const json& schema, const json& value, const std::string& where) {
  if (value.is_null()) {
    EXPECT_TRUE(schema.value("nullable", false)) << where;
    return;
  }
  if (schema.contains("allOf")) return Check(all, schema["allOf"][0], value, where);
  if (schema.contains("$ref")) {
    const std::string reference = schema["$ref"];
    return Check(all, all.at(json::json_pointer(reference.substr(1))), value, where);
  }
  const std::string type = schema.at("type");
  if (type == "array") {
    ASSERT_TRUE(value.is_array()) << where;
    for (const json& each : value) Check(all, schema["items"], each, where + "[]");
  } else if (type == "object") {
    ASSERT_TRUE(value.is_object()) << where;
    for (const auto& [name, each] : value.items()) {
      ASSERT_TRUE(schema["properties"].contains(name)) << where << "." << name << " is not described";
      Check(all, schema["properties"][name], each, where + "." + name);
    }
    for (const json& name : schema.value("required", json::array())) {
      EXPECT_TRUE(value.contains(name)) << where << "." << name << " is missing";
    }
  } else if (type == "integer") {
    EXPECT_TRUE(value.is_number_integer()) << where;
  } else if (type == "number") {
    EXPECT_TRUE(value.is_number()) << where;
  } else {
    EXPECT_TRUE(type == "boolean" ? value.is_boolean() : value.is_string()) << where;
  }
}

TEST_F(PodApiTest, TheDescriptionHasEveryRouteAndNoOther) {
  const json description = json::parse(OpenApiJson("1"));
  std::set<std::string> described;
  for (const auto& [path, methods] : description["paths"].items()) {
    described.insert(path);
    ASSERT_TRUE(methods.contains("get"));
    EXPECT_EQ(methods["get"].contains("security"), PathsOf(PodApi::Access::kGuarded).contains(path)) << path;
  }
  std::set<std::string> served = PathsOf(PodApi::Access::kOpen);
  served.merge(PathsOf(PodApi::Access::kGuarded));
  EXPECT_EQ(described, served);
}

TEST_F(PodApiTest, AnswersAreAsDescribed) {
  TaskStatus restoring = SampleTask(1, TaskPhaseStatus::kRestoring);
  restoring.restore = RestoreStatus{.done = 1, .target = 2, .left = absl::Seconds(1)};
  restoring.behind = absl::Seconds(2);
  restoring.oldest_failure = SampleTime();
  restoring.checkpoint_age = absl::Seconds(3);
  restoring.why = "restores";
  restoring.blocked_aggregates = 3;
  restoring.blocked = std::make_shared<const std::vector<BlockedStatus>>(
      2, BlockedStatus{
             .aggregate = "alice", .events = 2, .event_id = "1", .reason = "NOT_FOUND: x", .since = SampleTime()});
  status_.pod = SamplePod({restoring});
  const json description = json::parse(OpenApiJson("1"));
  for (const auto& [path, methods] : description["paths"].items()) {
    const Response answer = on_loopback_.Answer(Asking(path));
    const json& content = methods["get"]["responses"][std::to_string(answer.status)]["content"];
    const std::string type = answer.content_type.substr(0, answer.content_type.find(';'));
    ASSERT_TRUE(content.contains(type)) << path << " answers " << answer.content_type;
    if (type != "application/json" || path == "/openapi.json") continue;
    Check(description, content[type]["schema"], json::parse(answer.body), path);
  }
  EXPECT_EQ(json::parse(on_loopback_.Answer(Asking("/v1/tasks")).body)["tasks"].size(), 2u);
  const json parked = json::parse(on_loopback_.Answer(Asking("/v1/parked")).body);
  EXPECT_EQ(parked["aggregates"].size(), 2u);
  EXPECT_EQ(parked["not_shown"], 1);
}

TEST_F(PodApiTest, OfVeryManyBlockedAggregatesTheOldestAreShown) {
  std::vector<TaskStatus> tasks;
  for (int i = 1; i <= 1000; ++i) {
    TaskStatus task = SampleTask(i, TaskPhaseStatus::kRunning);
    task.blocked_aggregates = 150;
    std::vector<BlockedStatus> blocked(TaskStatus::kMostBlocked, {.aggregate = std::string(500, 'k'),
                                                                  .events = 2,
                                                                  .event_id = std::string(500, 'e'),
                                                                  .reason = std::string(500, 'r'),
                                                                  .since = SampleTime() - absl::Seconds(i)});
    task.blocked = std::make_shared<const std::vector<BlockedStatus>>(std::move(blocked));
    tasks.push_back(std::move(task));
  }
  status_.pod = SamplePod(std::move(tasks));
  const std::string body = on_loopback_.Answer(Asking("/v1/parked")).body;
  EXPECT_LT(body.size(), 1'000'000u);
  const json parked = json::parse(body);
  ASSERT_EQ(parked["aggregates"].size(), 200u);
  EXPECT_EQ(parked["aggregates"][0]["task"], "orders-1000");
  EXPECT_EQ(parked["aggregates"][199]["task"], "orders-999");
  EXPECT_EQ(parked["not_shown"], 150'000 - 200);
}

// Neither keys nor what handlers have said is told to those who have no token.
TEST_F(PodApiTest, OpenPathsTellNoKeysAndNoErrors) {
  TaskStatus failed = SampleTask(1, TaskPhaseStatus::kFailed);
  failed.why = "INTERNAL: canary";
  TaskStatus paused = SampleTask(2, TaskPhaseStatus::kPaused);
  paused.why = "by command 1 of canary";
  status_.pod = SamplePod({failed, paused});
  status_.pod.steps[0] = {.lasts = absl::Seconds(9), .event = "orders-0-17", .key = "canary"};
  for (const std::string& path : PathsOf(PodApi::Access::kOpen)) {
    EXPECT_THAT(for_all_.Answer(Asking(path)).body, testing::Not(HasSubstr("canary"))) << path;
  }
  EXPECT_THAT(on_loopback_.Answer(Asking("/v1/status")).body, HasSubstr("orders-0-17, key \\\"canary\\\""));
  EXPECT_THAT(on_loopback_.Answer(Asking("/v1/tasks")).body, HasSubstr("INTERNAL: canary"));
}

class TokenFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = testing::TempDir() + "/token";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
};

TEST_F(TokenFileTest, TheFirstLineCounts) {
  const auto token = ReadTokenFile(Write("  a-token-of-some-length \r\nsomething else\n"));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(*token, kToken);
}

TEST_F(TokenFileTest, WhatIsNoTokenIsRefusedAndNotShown) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("short"), std::string("two words of a token"),
        std::string(5000, 'x'), std::string("secret-\x80-secret-secret")}) {
    const auto token = ReadTokenFile(Write(text));
    ASSERT_FALSE(token.ok()) << text;
    EXPECT_THAT(std::string(token.status().message()), testing::Not(HasSubstr("secret")));
  }
  EXPECT_THAT(std::string(ReadTokenFile("/nowhere/token").status().message()), HasSubstr("No such file"));
}

}  // namespace
}  // namespace once::http
