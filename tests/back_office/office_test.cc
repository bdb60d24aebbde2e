// What a pod is asked by HTTP, on the engine that ships and a Kafka in memory. What comes is what is described.
#include "processor/back_office/office.h"

#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/back_office/kept.h"
#include "processor/http/openapi.h"
#include "tests/cli/shop.h"
#include "tests/http/described.h"

namespace once {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class OfficeTest : public cli::ShopTest {
 protected:
  OfficeTest() {
    options_.application_id = "order-totals";
    client_ = *console_.environment.connect(options_, Config::Load({}));
    admin_ = *client_->NewAdmin();
    graph_ = BuildOrderTotals(Config::Load({}))->shared_graph();
    // As a pod has them.
    kept_ = std::make_unique<Kept>(client_.get(), admin_.get());
    inside_ = std::make_unique<Inside>(options_, graph_, kept_->client(), admin_.get(), &driver_.clock(),
                                       kept_->changelogs());
    office_ = std::make_unique<Office>(inside_.get(), graph_, &driver_.clock());
  }

  http::Response Ask(http::Question question) {
    std::promise<http::Response> promise;
    const std::string path(question.path);
    const std::string method = path == "/v1/commands" ? "post" : "get";
    office_->Ask(std::move(question), [&](http::Response response) { promise.set_value(std::move(response)); });
    http::Response response = promise.get_future().get();
    http::CheckAnswer(description_, path, method, response.status, response.content_type, response.body);
    return response;
  }
  json Get(std::string_view path, std::map<std::string, std::string> query = {}) {
    const http::Response response = Ask({.path = path, .query = std::move(query)});
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  http::Response Post(const std::string& body) {
    return Ask({.path = "/v1/commands", .body = body, .issuer = "alice@10.0.0.5"});
  }
  json Job(const std::string& id) { return json::parse(Ask({.path = "/v1/jobs/{id}", .words = {id}}).body); }
  // The job that the answer names, when it is not pending any more.
  json Follow(const http::Response& accepted) {
    EXPECT_EQ(accepted.status, 202) << accepted.body;
    json job = json::parse(accepted.body);
    EXPECT_EQ(accepted.headers.front(), std::pair(std::string("Location"), job["url"].get<std::string>()));
    while (job["state"] == "pending") job = Job(job["id"]);
    return job;
  }

  const json description_ = json::parse(http::OpenApiJson("1"));
  Options options_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::shared_ptr<const Graph> graph_;
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Inside> inside_;
  std::unique_ptr<Office> office_;
};

TEST_F(OfficeTest, DeadLettersComeDecodedByPage) {
  Place("alice", {100, -1, 20, 3});
  Place("bob", {-5});
  const json all = Get("/v1/dead-letters");
  ASSERT_EQ(all["letters"].size(), 4u);
  EXPECT_EQ(all["letters"][3]["key"], "bob");
  EXPECT_EQ(all["letters"][3]["value"]["cents"], "-5");
  EXPECT_EQ(Get("/v1/dead-letters",
                {{"reason", "invalid_argument"}, {"source", "orders"}, {"disposition", "failed"}})["letters"]
                .size(),
            2u);
  EXPECT_EQ(Get("/v1/dead-letters", {{"key", "bob"}})["letters"].size(), 1u);
  EXPECT_EQ(Get("/v1/dead-letters", {{"count", "1"}})["letters"].size(), 1u);
  // Page by page, of one partition.
  const std::string place = all["letters"][0]["place"];
  const std::string partition = place.substr(0, place.find('/'));
  std::vector<std::string> seen;
  std::string before = "1000";
  while (true) {
    const json page =
        Get("/v1/dead-letters", {{"partition", partition}, {"before", before}, {"count", "2"}})["letters"];
    if (page.empty()) break;
    for (auto letter = page.rbegin(); letter != page.rend(); ++letter) seen.push_back((*letter)["place"]);
    before = seen.back().substr(seen.back().find('/') + 1);
    ASSERT_LE(seen.size(), 4u);
  }
  size_t there = 0;
  for (const json& letter : all["letters"]) there += letter["place"].get<std::string>().starts_with(partition + "/");
  EXPECT_EQ(seen.size(), there);
}

TEST_F(OfficeTest, AnAggregateIsShownWithWhatWaits) {
  Place("alice", {100, -1, 20});
  Place("bob", {5});
  const auto get = [&](const std::string& aggregate, const std::string& key) {
    return Ask({.path = "/v1/aggregates/{aggregate}/{key}", .words = {aggregate, key}});
  };
  const json alice = json::parse(get("customer", "alice").body);
  EXPECT_EQ(alice["phase"], "parked") << alice;
  EXPECT_EQ(alice["state"]["cents"], "100");
  EXPECT_EQ(alice["blocked"]["events"], 2);
  EXPECT_EQ(alice["blocked"]["queue"][0]["value"]["cents"], "-1");
  const json bob = json::parse(get("customer", "bob").body);
  EXPECT_EQ(bob["phase"], "open") << bob;
  EXPECT_TRUE(bob["blocked"].is_null());
  EXPECT_EQ(get("customer", "carol").status, 404);
  EXPECT_EQ(get("customer", "--help").status, 404);
  EXPECT_EQ(get("nobody", "alice").status, 404);
}

TEST_F(OfficeTest, WhatIsAskedWronglyIsRefused) {
  for (const auto& query : std::vector<std::map<std::string, std::string>>{{{"count", "0"}},
                                                                           {{"count", "101"}},
                                                                           {{"source", "nobody"}},
                                                                           {{"disposition", "odd"}},
                                                                           {{"before", "5"}},
                                                                           {{"partition", "99"}},
                                                                           {{"since", "yesterday"}}}) {
    EXPECT_EQ(Ask({.path = "/v1/dead-letters", .query = query}).status, 400) << query.begin()->first;
  }
  EXPECT_EQ(Ask({.path = "/v1/audit", .query = {{"outcome", "odd"}}}).status, 400);
  EXPECT_EQ(Ask({.path = "/v1/jobs/{id}", .words = {"a/b"}}).status, 404);
  EXPECT_EQ(Ask({.path = "/v1/jobs/{id}", .words = {"never-sent"}}).status, 404);
}

TEST_F(OfficeTest, ADryRunSaysWhatItIsAboutAndSendsNothing) {
  Place("alice", {-1, 20, 3});
  Place("bob", {-5});
  const http::Response one = Post(R"({"command": "parked skip", "arguments": ["customer", "alice"], "dry_run": true})");
  EXPECT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(json::parse(one.body)["aggregates"], 1);
  EXPECT_EQ(json::parse(one.body)["events"], 3);
  EXPECT_THAT(one.body, HasSubstr("event alice/0"));
  const http::Response all = Post(R"({"command": "parked release", "options": {"all": true}, "dry_run": true})");
  EXPECT_EQ(json::parse(all.body)["aggregates"], 2) << all.body;
  EXPECT_EQ(json::parse(all.body)["events"], 4);
  const http::Response pause = Post(R"({"command": "tasks pause", "options": {"all": true}, "dry_run": true})");
  EXPECT_EQ(json::parse(pause.body)["tasks"], 2) << pause.body;
  EXPECT_EQ(Post(R"({"command": "parked skip", "arguments": ["customer", "carol"], "dry_run": true})").status, 404);
  EXPECT_EQ(Commands(), 0u);
}

TEST_F(OfficeTest, ACommandIsAJobThatIsDone) {
  Place("alice", {-1, 20, 3});
  const json job = Follow(
      Post(R"({"command": "parked skip", "arguments": ["customer", "alice"], "options": {"because": "ticket 7"}})"));
  EXPECT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["issuer"], "alice@10.0.0.5");
  ASSERT_EQ(job["results"].size(), 1u);
  EXPECT_EQ(job["results"][0]["outcome"], "APPLIED");
  EXPECT_EQ(driver_.State<CustomerTotal>("customer", "alice")->cents(), 23);
  const json audit = Get("/v1/audit", {{"command", job["id"]}});
  ASSERT_EQ(audit["results"].size(), 1u);
  EXPECT_EQ(audit["results"][0]["issuer"], "alice@10.0.0.5");
  EXPECT_EQ(audit["results"][0]["reason"], "ticket 7");
  // Another pod knows it from the audit.
  office_ = std::make_unique<Office>(inside_.get(), graph_, &driver_.clock());
  EXPECT_EQ(Job(job["id"])["state"], "done");
  EXPECT_EQ(Job(job["id"])["command"], "skip");
}

TEST_F(OfficeTest, AReplacedValueIsCheckedBeforeAnythingIsSent) {
  Place("alice", {-1});
  const json wrong = Follow(
      Post(R"({"command": "parked replace", "arguments": ["customer", "alice"], "value": {"no_such_field": 1}})"));
  EXPECT_EQ(wrong["state"], "refused") << wrong;
  EXPECT_EQ(wrong["code"], "INVALID_ARGUMENT");
  EXPECT_THAT(wrong["message"].get<std::string>(), HasSubstr("nothing was sent"));
  EXPECT_EQ(Commands(), 0u);
  const json right = Follow(Post(
      R"({"command": "parked replace", "arguments": ["customer", "alice"], "value": {"cents": 7}, "options": {"release": true}})"));
  EXPECT_EQ(right["state"], "done") << right;
  EXPECT_EQ(driver_.State<CustomerTotal>("customer", "alice")->cents(), 7);
}

TEST_F(OfficeTest, WhatIsNotThereIsARefusedJob) {
  const json job = Follow(Post(R"({"command": "parked skip", "arguments": ["customer", "carol"]})"));
  EXPECT_EQ(job["state"], "refused") << job;
  EXPECT_EQ(job["code"], "NOT_FOUND");
  EXPECT_EQ(Commands(), 0u);
}

TEST_F(OfficeTest, ACommandOfOneIdTakesEffectOnce) {
  Place("alice", {-1, 20, -3});
  const std::string body =
      R"({"command": "parked skip", "arguments": ["customer", "alice"], "command_id": "ticket-7"})";
  EXPECT_EQ(Follow(Post(body))["state"], "done");
  EXPECT_EQ(Commands(), 1u);
  const http::Response again = Post(body);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(json::parse(again.body)["state"], "done");
  EXPECT_EQ(Post(R"({"command": "parked skip", "arguments": ["customer", "bob"], "command_id": "ticket-7"})").status,
            409);
  // By another pod.
  office_ = std::make_unique<Office>(inside_.get(), graph_, &driver_.clock());
  EXPECT_EQ(Follow(Post(body))["state"], "done");
  EXPECT_EQ(Commands(), 1u) << "the third order waits for a decision of its own";
}

TEST_F(OfficeTest, WhatNobodyAnswersIsUnclearAndTheAuditTellsLater) {
  Place("alice", {-1, 20});
  is_running_ = false;
  client_ = *console_.environment.connect(options_, Config::Load({}));
  Inside inside(options_, graph_, client_.get(), admin_.get(), &driver_.clock());
  Office office(&inside, graph_, &driver_.clock(), {.job_timeout = absl::Seconds(1)});
  const auto ask = [&](http::Question question) {
    std::promise<http::Response> promise;
    office.Ask(std::move(question), [&](http::Response response) { promise.set_value(std::move(response)); });
    return json::parse(promise.get_future().get().body);
  };
  json job = ask({.path = "/v1/commands",
                  .body = R"({"command": "parked skip", "arguments": ["customer", "alice"], "command_id": "late"})",
                  .issuer = "x"});
  while (job["state"] == "pending") job = ask({.path = "/v1/jobs/{id}", .words = {"late"}});
  EXPECT_EQ(job["state"], "unclear") << job;
  EXPECT_THAT(job["message"].get<std::string>(), HasSubstr("no answer within"));
  driver_.RunUntilIdle();
  job = ask({.path = "/v1/jobs/{id}", .words = {"late"}});
  EXPECT_EQ(job["state"], "done") << job;
}

TEST_F(OfficeTest, TheEndGivesUpWhatIsUnderWay) {
  Place("alice", {-1});
  is_running_ = false;
  client_ = *console_.environment.connect(options_, Config::Load({}));
  Inside inside(options_, graph_, client_.get(), admin_.get(), &driver_.clock());
  auto office = std::make_unique<Office>(&inside, graph_, &driver_.clock());
  std::atomic<int> replies{0};
  for (int i = 0; i < 40; ++i) {
    office->Ask({.path = "/v1/commands",
                 .body = R"({"command": "parked skip", "arguments": ["customer", "alice"]})",
                 .issuer = "x"},
                [&](const http::Response&) { ++replies; });
  }
  const absl::Time begun = SteadyNow();
  office.reset();
  EXPECT_LT(SteadyNow() - begun, absl::Seconds(30)) << "a command's results are waited for longer";
  EXPECT_EQ(replies, 40);
}

}  // namespace
}  // namespace once
