// The routes of a pod: who may ask, what comes, and that the description is of what there is.
#include "processor/http/pod_api.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/http/openapi.h"
#include "processor/http/tokens.h"
#include "tests/http/described.h"
#include "tests/http/sample.h"

namespace once::http {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kToken[] = "a-token-of-some-length";

Request Asking(std::string_view path, std::string_view authorization = {}, std::string_view host = "127.0.0.1:8080") {
  return {.method = "GET", .path = path, .authorization = authorization, .host = host};
}

Request Posting(std::string_view path) {
  Request request = Asking(path);
  request.method = "POST";
  request.content_type = "application/json";
  request.has_body = true;
  request.content_length = 2;
  request.body = "{}";
  request.peer = "10.0.0.5";
  return request;
}

// A path that the route has.
std::string PathOf(const Route& route) {
  std::string path;
  bool is_word = false;
  for (const char c : route.path) {
    if (c == '{' || c == '}') is_word = c == '{';
    if (c == '{') path += "1";
    if (!is_word && c != '}') path.push_back(c);
  }
  return path;
}

std::set<std::string> PathsOf(Access access) {
  std::set<std::string> paths;
  for (const Route& route : Routes()) {
    if (route.access == access && route.method == "GET") paths.insert(PathOf(route));
  }
  return paths;
}

// Answers at once, and remembers what it was asked.
class OneOffice final : public BackOffice {
 public:
  void Ask(Question question, Reply reply) override {
    asked = std::move(question);
    ++count;
    reply({.body = "from the office"});
  }
  Question asked;
  int count = 0;
};

// Lets in who has kToken, as alice, and tells those who have "late" that it has expired.
class OneGuard final : public Guard {
 public:
  Caller Check(std::string_view authorization) override {
    return tokens_.Check(authorization, absl::FromUnixSeconds(1'700'000'000));
  }

 private:
  const Tokens tokens_ =
      *Tokens::Parse("a-token-of-some-length name=alice\nlate-token-of-some-length expires=2020-01-01T00:00:00Z");
};

class PodApiTest : public testing::Test {
 protected:
  // As a server asks, with what comes later.
  static Response Ask(PodApi* api, const Request& request) {
    if (std::optional<Response> refusal = api->Refuse(request); refusal.has_value()) return *refusal;
    Response response;
    std::optional<Response> now = api->Answer(request, [&](Response later) { response = std::move(later); });
    return now.value_or(std::move(response));
  }

  FixedStatus status_{SamplePod()};
  OneOffice office_;
  OneGuard guard_;
  PodApi on_loopback_{&status_, &office_, {.is_loopback = true}};
  PodApi for_all_{&status_, &office_, {.is_loopback = false}};
  PodApi guarded_{&status_, &office_, {.guard = &guard_, .is_loopback = false}};
};

TEST_F(PodApiTest, ProbesMetricsAndTheDescriptionAreOpen) {
  EXPECT_EQ(PathsOf(Access::kOpen),
            (std::set<std::string>{"/livez", "/readyz", "/startupz", "/metrics", "/openapi.json"}));
  for (const std::string& path : PathsOf(Access::kOpen)) {
    for (PodApi* api : {&on_loopback_, &for_all_, &guarded_}) {
      EXPECT_EQ(Ask(api, Asking(path, "", "pods.example.com")).status, 200) << path;
    }
  }
}

TEST_F(PodApiTest, AllElseWantsTheToken) {
  for (const std::string& path : PathsOf(Access::kGuarded)) {
    EXPECT_EQ(Ask(&guarded_, Asking(path, "Bearer a-token-of-some-length")).status, 200) << path;
    EXPECT_EQ(Ask(&guarded_, Asking(path, "bearer a-token-of-some-length")).status, 200) << path;
    for (const char* wrong :
         {"", "Bearer", "Bearer ", "Bearer a-token-of-some-lengtH", "Bearer a-token-of-some-lengt",
          "Bearer a-token-of-some-length ", "Basic a-token-of-some-length", "a-token-of-some-length"}) {
      const Response refused = Ask(&guarded_, Asking(path, wrong));
      EXPECT_EQ(refused.status, 401) << path << " with " << wrong;
      EXPECT_THAT(refused.body, testing::Not(HasSubstr(kToken)));
      EXPECT_EQ(refused.headers.front().first, "WWW-Authenticate");
    }
  }
}

TEST_F(PodApiTest, WithoutATokenOthersAreRefusedAndThisMachineIsNot) {
  for (const std::string& path : PathsOf(Access::kGuarded)) {
    EXPECT_EQ(Ask(&for_all_, Asking(path)).status, 403) << path;
    for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "localhost", "localhost:8080", "[::1]:8080", "[::1]"}) {
      EXPECT_EQ(Ask(&on_loopback_, Asking(path, "", host)).status, 200) << path << " as " << host;
    }
    // A name that somebody's page has made to mean this machine.
    for (const char* host :
         {"evil.example", "evil.example:8080", "", "localhost.evil.example", "127.0.0.1.evil.example"}) {
      EXPECT_EQ(Ask(&on_loopback_, Asking(path, "", host)).status, 403) << path << " as " << host;
    }
  }
}

TEST_F(PodApiTest, OtherPathsAreToldNothing) {
  for (const char* path : {"", "/v1", "/v1/", "/v1/status/", "//v1/status", "/v1/../v1/status", "/v1%2Fstatus",
                           "/V1/status", "/v1/status\n", "/livez/../v1/status", "*"}) {
    EXPECT_EQ(Ask(&on_loopback_, Asking(path)).status, 404) << path;
    EXPECT_EQ(Ask(&guarded_, Asking(path)).status, 401) << path;
  }
}

TEST_F(PodApiTest, OnlyGetAndHeadWithoutABody) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""}) {
    Request request = Asking("/v1/status");
    request.method = method;
    const Response refused = Ask(&on_loopback_, request);
    EXPECT_EQ(refused.status, 405) << method;
    EXPECT_EQ(refused.headers.front(), (std::pair<std::string, std::string>("Allow", "GET, HEAD")));
  }
  Request request = Asking("/metrics");
  request.has_body = true;
  EXPECT_EQ(Ask(&on_loopback_, request).status, 413);
}

TEST_F(PodApiTest, CommandsArePostsOfJson) {
  EXPECT_EQ(Ask(&on_loopback_, Posting("/v1/commands")).body, "from the office");
  EXPECT_EQ(office_.asked.body, "{}");
  EXPECT_EQ(office_.asked.issuer, "http@10.0.0.5");
  const Response refused = Ask(&on_loopback_, Asking("/v1/commands"));
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.front(), (std::pair<std::string, std::string>("Allow", "POST")));
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                           "application/jsonx", "text/plain; application/json"}) {
    Request request = Posting("/v1/commands");
    request.content_type = type;
    EXPECT_EQ(Ask(&on_loopback_, request).status, 415) << type;
  }
  Request chunked = Posting("/v1/commands");
  chunked.content_length.reset();
  EXPECT_EQ(Ask(&on_loopback_, chunked).status, 411);
  Request large = Posting("/v1/commands");
  large.content_length = 100'000'000;
  EXPECT_EQ(Ask(&on_loopback_, large).status, 413);
  Request empty = Posting("/v1/commands");
  empty.has_body = false;
  EXPECT_EQ(Ask(&on_loopback_, empty).status, 400);
  EXPECT_EQ(office_.count, 1);
}

// A browser on this machine, or with access to it, that shows somebody's page.
TEST_F(PodApiTest, PagesOfOtherSitesChangeNothing) {
  const auto ask = [&](std::string_view origin, std::string_view fetch_site, std::string_view host) {
    Request request = Posting("/v1/commands");
    request.origin = origin;
    request.fetch_site = fetch_site;
    request.host = host;
    return Ask(&on_loopback_, request).status;
  };
  EXPECT_EQ(ask("https://evil.example", "cross-site", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("https://evil.example", "", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("null", "", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("", "cross-site", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("", "same-site", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("http://127.0.0.1:9999", "", "127.0.0.1:8080"), 403);
  EXPECT_EQ(ask("http://evil.example:8080", "same-origin", "evil.example:8080"), 403) << "its name means this machine";
  EXPECT_EQ(office_.count, 0);
  EXPECT_EQ(ask("http://127.0.0.1:8080", "same-origin", "127.0.0.1:8080"), 200);
  EXPECT_EQ(ask("", "none", "localhost:8080"), 200);
}

TEST_F(PodApiTest, CommandsWantTheTokenAndHaveItsName) {
  Request request = Posting("/v1/commands");
  EXPECT_EQ(Ask(&guarded_, request).status, 401);
  EXPECT_EQ(Ask(&for_all_, request).status, 403);
  request.authorization = "Bearer late-token-of-some-length";
  const Response expired = Ask(&guarded_, request);
  EXPECT_EQ(expired.status, 401);
  EXPECT_THAT(expired.body, HasSubstr("has expired, at 2020-01-01T00:00:00"));
  EXPECT_EQ(office_.count, 0);
  request.authorization = "Bearer a-token-of-some-length";
  EXPECT_EQ(Ask(&guarded_, request).status, 200);
  EXPECT_EQ(office_.asked.issuer, "alice@10.0.0.5");
}

TEST_F(PodApiTest, SegmentsAndParametersAreDecoded) {
  EXPECT_EQ(Ask(&on_loopback_, Asking("/v1/jobs/a%2Fb%00%ff")).status, 200);
  EXPECT_EQ(office_.asked.path, "/v1/jobs/{id}");
  EXPECT_EQ(office_.asked.words, (std::vector<std::string>{std::string("a/b\0\xff", 5)}));
  for (const char* path : {"/v1/jobs/", "/v1/jobs", "/v1/jobs/a/b", "/v1/jobs/%", "/v1/jobs/%2", "/v1/jobs/%zz",
                           "/v1/jobs//", "/v1//jobs/a", "/v1/jobs/a/"}) {
    EXPECT_EQ(Ask(&on_loopback_, Asking(path)).status, 404) << path;
  }
  Request request = Asking("/v1/dead-letters");
  request.query = {{"count", "5"}, {"ke%79", "a%26b"}};
  EXPECT_EQ(Ask(&on_loopback_, request).status, 200);
  EXPECT_EQ(office_.asked.query, (std::map<std::string, std::string>{{"count", "5"}, {"key", "a&b"}}));
  const std::vector<std::vector<std::pair<std::string, std::string>>> wrong = {
      {{"count", "-1"}}, {{"count", "1e3"}},           {{"count", ""}}, {{"count", "99999999999999999999"}},
      {{"cout", "5"}},   {{"key", "a"}, {"key", "b"}}, {{"key", "%"}},  {{"%", "a"}},
      {{"", ""}}};
  for (const auto& query : wrong) {
    request.query = query;
    EXPECT_EQ(Ask(&on_loopback_, request).status, 400) << query[0].first << "=" << query[0].second;
  }
}

TEST_F(PodApiTest, ProbesAnswer503WithTheReason) {
  status_.pod.phase = PodPhase::kStarting;
  EXPECT_EQ(Ask(&for_all_, Asking("/startupz")).status, 503);
  EXPECT_EQ(Ask(&for_all_, Asking("/readyz")).status, 503);
  EXPECT_THAT(Ask(&for_all_, Asking("/readyz")).body, HasSubstr("waits for the brokers"));
  EXPECT_EQ(Ask(&for_all_, Asking("/livez")).status, 200);
  status_.pod.steps[0] = {.lasts = absl::Seconds(9), .event = "orders-0-17"};
  EXPECT_EQ(Ask(&for_all_, Asking("/livez")).status, 503);
}

// What others have written into keys and errors leaves the JSON whole.
TEST_F(PodApiTest, AnyBytesComeOutAsJson) {
  auto worker = std::make_shared<WorkerStatus>(*status_.pod.workers[0]);
  worker->last_error = std::string("\xff\"\\\x01\0<script>", 12);
  worker->tasks[0].why = "\xc3";
  status_.pod.workers[0] = worker;
  for (const char* path : {"/v1/status", "/v1/tasks"}) {
    EXPECT_TRUE(json::accept(Ask(&on_loopback_, Asking(path)).body)) << path;
  }
}

TEST_F(PodApiTest, TheDescriptionHasEveryRouteAndNoOther) {
  const json description = json::parse(OpenApiJson("1"));
  std::set<std::string> described, served;
  for (const auto& [path, methods] : description["paths"].items()) {
    ASSERT_EQ(methods.size(), 1u) << path;
    described.insert(methods.begin().key() + " " + path);
  }
  for (const Route& route : Routes()) {
    const std::string method = route.method == "POST" ? "post" : "get";
    served.insert(method + " " + std::string(route.path));
    const json& operation = description["paths"][std::string(route.path)][method];
    EXPECT_EQ(operation.contains("security"), route.access == Access::kGuarded) << route.path;
    size_t in_query = 0;
    for (const json& parameter : operation.value("parameters", json::array())) in_query += parameter["in"] == "query";
    EXPECT_EQ(in_query, route.parameters.size()) << route.path;
  }
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
  for (const Route& route : Routes()) {
    if (route.answer == nullptr) continue;
    const Response answer = Ask(&on_loopback_, Asking(route.path));
    CheckAnswer(description, std::string(route.path), "get", answer.status, answer.content_type, answer.body);
  }
  EXPECT_EQ(json::parse(Ask(&on_loopback_, Asking("/v1/tasks")).body)["tasks"].size(), 2u);
  const json parked = json::parse(Ask(&on_loopback_, Asking("/v1/parked")).body);
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
  const std::string body = Ask(&on_loopback_, Asking("/v1/parked")).body;
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
  for (const std::string& path : PathsOf(Access::kOpen)) {
    EXPECT_THAT(Ask(&for_all_, Asking(path)).body, testing::Not(HasSubstr("canary"))) << path;
  }
  EXPECT_THAT(Ask(&on_loopback_, Asking("/v1/status")).body, HasSubstr("orders-0-17, key \\\"canary\\\""));
  EXPECT_THAT(Ask(&on_loopback_, Asking("/v1/tasks")).body, HasSubstr("INTERNAL: canary"));
}

}  // namespace
}  // namespace once::http
