// What a pod shows by HTTP on a real broker: probes through its life, under load, without its broker, with a handler
// that hangs.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/client.h"
#include "tests/integration/broker.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

using http::Answer;
using http::Get;
using testing::HasSubstr;

constexpr char kListen[] = "--http_listen=127.0.0.1:0";

// Where the pod says that it serves; 0 until it has said so.
int PortOf(const Process& pod) {
  const std::string log = pod.Log();
  const std::string label = " at http://127.0.0.1:";
  const size_t found = log.find(label);
  return found == std::string::npos ? 0 : std::atoi(log.c_str() + found + label.size());
}

int AwaitPort(const Process& pod) {
  EXPECT_TRUE(Scene::Eventually([&] { return PortOf(pod) != 0; })) << pod.Log();
  return PortOf(pod);
}

bool AwaitStatus(int port, const std::string& path, int status) {
  return Scene::Eventually([&] { return Get(port, path).status == status; });
}

// Of a counter or gauge of the first worker, or of all of the pod; -1 if it is not there.
int64_t Metric(int port, const std::string& series) {
  return NumberAfter(Get(port, "/metrics").body, absl::StrCat("\n", series, " "));
}

TEST(HttpTest, ReadyWhenRestoredAndAllIsShown) {
  Scene scene("http");
  scene.CreateTopics(4);
  scene.Generate({.orders = 200'000, .customers = 100'000});
  auto pod = scene.StartPod({.flags = {kListen}});
  int port = AwaitPort(*pod);
  ASSERT_TRUE(AwaitStatus(port, "/readyz", 200)) << Get(port, "/readyz").body << pod->Log();
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output();
  pod->Signal(SIGKILL);
  ASSERT_TRUE(pod->Wait(absl::Seconds(10)).has_value());
  // Without its checkpoint it reads all of its changelogs.
  std::filesystem::remove_all(scene.StateDir("a"));
  pod = scene.StartPod({.flags = {kListen}});
  port = AwaitPort(*pod);
  std::vector<std::string> reasons;
  ASSERT_TRUE(Scene::Eventually([&] {
    const Answer answer = Get(port, "/readyz");
    if (answer.status == 503 && (reasons.empty() || reasons.back() != answer.body)) reasons.push_back(answer.body);
    return answer.status == 200;
  })) << pod->Log();
  // However short the restore was: nothing of it is left once the pod says that it is ready.
  EXPECT_THAT(reasons, testing::Each(testing::AnyOf(HasSubstr("starting since "), HasSubstr("no partitions"),
                                                    HasSubstr("opening "), HasSubstr("restoring "))));
  EXPECT_FALSE(reasons.empty());
  EXPECT_EQ(Metric(port, "once_tasks{worker=\"0\",phase=\"running\"}"), 4);
  EXPECT_EQ(Get(port, "/startupz").status, 200);
  EXPECT_EQ(Get(port, "/livez").status, 200);
  scene.Generate({.orders = 10'000, .start_index = 1'000'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output();
  ASSERT_TRUE(Scene::Eventually(
      [&] { return Metric(port, "once_events_total{worker=\"0\",outcome=\"processed\"}") >= 9'000; }));
  EXPECT_GT(Metric(port, "once_commits_total{worker=\"0\"}"), 0);
  EXPECT_EQ(Metric(port, "once_tasks{worker=\"0\",phase=\"running\"}"), 4);
  EXPECT_TRUE(Scene::Eventually([&] {
    return Metric(port, absl::StrCat("once_lag_events{topic=\"", scene.input(), "\",partition=\"0\"}")) == 0;
  }));
  EXPECT_THAT(Get(port, "/v1/status").body,
              HasSubstr(absl::StrCat("\"application\": \"", scene.application_id(), "\"")));
  EXPECT_THAT(Get(port, "/v1/tasks").body, HasSubstr(absl::StrCat("\"name\": \"", scene.input(), "-3\"")));
  EXPECT_THAT(Get(port, "/v1/topology").body, HasSubstr("\"kind\": \"aggregate\""));
}

// What librdkafka says of itself, of both clients of a worker.
TEST(HttpTest, MetricsHaveWhatTheClientsSay) {
  Scene scene("http-clients");
  scene.CreateTopics(2);
  scene.Generate({.orders = 1'000});
  auto pod = scene.StartPod({.flags = {kListen, "--kafka.statistics.interval.ms=200"}});
  const int port = AwaitPort(*pod);
  for (const char* client : {"producer", "consumer"}) {
    const std::string labels = absl::StrCat("{worker=\"0\",client=\"", client, "\"");
    ASSERT_TRUE(Scene::Eventually([&] {
      return Metric(port, absl::StrCat("once_client_brokers", labels, ",state=\"up\"}")) > 0 &&
             Metric(port, absl::StrCat("once_client_responses_total", labels, ",broker=\"coordinator\"}")) > 0;
    })) << Get(port, "/metrics").body;
  }
  // They go on while nothing is processed.
  const auto answered = [&] {
    return Metric(port, "once_client_responses_total{worker=\"0\",client=\"consumer\",broker=\"coordinator\"}");
  };
  const int64_t before = answered();
  EXPECT_TRUE(Scene::Eventually([&] { return answered() > before; })) << "heartbeats";
  EXPECT_GT(Metric(port, "once_client_rebalances_total{worker=\"0\"}"), 0);
  EXPECT_EQ(Metric(port, "once_client_queued_records{worker=\"0\"}"), 0);
}

TEST(HttpTest, SigtermUnderLoadLosesNothing) {
  Scene scene("http-sigterm");
  scene.CreateTopics(4);
  auto generator = scene.StartGenerator({.orders = 60'000, .rate = 5'000});
  auto pod = scene.StartPod({.flags = {kListen}});
  const int port = AwaitPort(*pod);
  ASSERT_TRUE(AwaitStatus(port, "/readyz", 200)) << pod->Log();
  ASSERT_TRUE(scene.AwaitOutput(10'000)) << pod->Log();
  const absl::Time told = absl::Now();
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(30));
  RecordProperty("stop_milliseconds", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - told)));
  ASSERT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
  EXPECT_EQ(Get(port, "/livez").status, 0) << "nobody listens any more";
  pod = scene.StartPod({.flags = {kListen}});
  ASSERT_TRUE(scene.Finish(generator.get())) << generator->Log();
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

TEST(HttpTest, AStartThatWaitsForBrokersIsAliveAndNotReady) {
  Scene scene("http-start");
  auto pod = scene.StartPod({.flags = {kListen, "--bootstrap_servers=127.0.0.1:1", "--start_timeout=1h"}});
  const int port = AwaitPort(*pod);
  EXPECT_EQ(Get(port, "/livez").status, 200);
  EXPECT_EQ(Get(port, "/startupz").status, 503);
  const Answer ready = Get(port, "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("waits for the brokers"));
  EXPECT_EQ(Get(port, "/v1/status").status, 200);
}

TEST(HttpTest, ABrokerThatIsGoneIsNoReasonToStartAgain) {
  Broker broker;
  ASSERT_TRUE(broker.script_found()) << broker.script();
  ASSERT_TRUE(broker.Start()) << broker.output();
  Scene scene("http-broker", broker.bootstrap_servers());
  scene.CreateTopics(4);
  auto generator = scene.StartGenerator({.orders = 1'000'000, .rate = 5'000});
  // A transaction that is open cannot end; the pod repeats its calls for as long as this.
  auto pod = scene.StartPod({.flags = {kListen, "--transaction_timeout=10s"}});
  const int port = AwaitPort(*pod);
  ASSERT_TRUE(AwaitStatus(port, "/readyz", 200)) << pod->Log();
  ASSERT_TRUE(scene.AwaitOutput(5'000)) << pod->Log();
  ASSERT_TRUE(broker.Kill()) << broker.output();
  // Long enough for every call to time out and for the transaction to be given up.
  int asked = 0;
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (absl::Now() < until) {
    const Answer live = Get(port, "/livez");
    ASSERT_EQ(live.status, 200) << live.body;
    ASSERT_EQ(Get(port, "/metrics").status, 200);
    ++asked;
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_GT(asked, 10);
  EXPECT_TRUE(pod->Running()) << pod->Log();
}

// What a pod keeps open and remembers for those who ask is right after its broker was away, and of a topic made anew.
TEST(HttpTest, WhatIsKeptFollowsTheBrokers) {
  Broker broker;
  ASSERT_TRUE(broker.script_found()) << broker.script();
  ASSERT_TRUE(broker.Start()) << broker.output();
  Scene scene("http-kept", broker.bootstrap_servers());
  scene.CreateTopics(2);
  scene.Generate({.orders = 2'000, .poison_percent = 0, .customers = 10});
  auto pod = scene.StartPod({.flags = {kListen}});
  const int port = AwaitPort(*pod);
  const auto orders = [&] {
    return NumberAfter(Get(port, "/v1/aggregates/customer/customer-0000003").body, "\"order_count\": \"");
  };
  const auto letters = [&] {
    const Answer answer = Get(port, "/v1/dead-letters?count=100");
    return answer.status != 200 ? -1
                                : static_cast<int>(absl::StrContains(answer.body, "\"place\"")
                                                       ? std::count(answer.body.begin(), answer.body.end(), '/')
                                                       : 0);
  };
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output();
  ASSERT_TRUE(Scene::Eventually([&] { return orders() > 100; }))
      << Get(port, "/v1/aggregates/customer/customer-0000003").body;
  ASSERT_TRUE(Scene::Eventually([&] { return letters() == 0; }));
  const int64_t before = orders();
  ASSERT_TRUE(broker.Kill()) << broker.output();
  ASSERT_TRUE(broker.Start()) << broker.output();
  scene.Generate({.orders = 2'000, .start_index = 1'000'000, .poison_percent = 0, .customers = 10});
  EXPECT_TRUE(Scene::Eventually([&] { return orders() > before + 100; })) << pod->Log();
  EXPECT_TRUE(Scene::Eventually([&] { return Get(port, "/v1/audit").status == 200; }));
  scene.Generate({.orders = 20, .start_index = 2'000'000, .duplicates_percent = 0, .poison_percent = 100});
  ASSERT_TRUE(Scene::Eventually([&] { return letters() > 0; })) << pod->Log();
  ASSERT_TRUE(scene.admin().DeleteTopic(scene.dead_letters(), absl::Seconds(20)).ok());
  ASSERT_TRUE(Scene::Eventually(
      [&] { return scene.admin().CreateTopic({.name = scene.dead_letters()}, absl::Seconds(20)).ok(); }));
  EXPECT_TRUE(Scene::Eventually([&] { return letters() == 0; })) << Get(port, "/v1/dead-letters?count=100").body;
}

TEST(HttpTest, R8AStuckHandlerTurnsLivezRed) {
  Scene scene("http-stuck");
  scene.CreateTopics(1);
  auto producer = scene.client().NewProducer(scene.application_id() + "-load", {scene.input()});
  ASSERT_TRUE(producer.ok()) << producer.status();
  ASSERT_TRUE((*producer)->InitTransactions(absl::Seconds(20)).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  ASSERT_TRUE((*producer)->Send({.topic_index = 0, .partition = Partition(0), .key = "alice", .value = "hang"}).ok());
  ASSERT_TRUE((*producer)->Commit(absl::Seconds(20)).ok());
  const std::string log = scene.StateDir("log");
  Process pod({std::filesystem::absolute("tests/integration/deadly_app").string(),
               "--bootstrap_servers=" + scene.bootstrap_servers(), "--application_id=" + scene.application_id(),
               "--input_topic=" + scene.input(), "--output_topic=" + scene.output(),
               "--dead_letter_topic=" + scene.dead_letters(), "--state_dir=" + scene.StateDir("a"), "--instance_id=a",
               "--handler_timeout=6s", kListen},
              {}, log);
  const int port = AwaitPort(pod);
  std::string red;
  ASSERT_TRUE(Scene::Eventually([&] {
    const Answer live = Get(port, "/livez");
    if (live.status == 503) red = live.body;
    return live.status != 200;
  })) << pod.Log();
  EXPECT_THAT(red, HasSubstr(absl::StrCat("the handlers of event ", scene.input(), "-0-0 have been running")))
      << pod.Log();
  EXPECT_THAT(red, testing::Not(HasSubstr("alice"))) << "anybody may ask";
  const std::optional<ExitState> ended = pod.Wait(absl::Seconds(30));
  EXPECT_TRUE(ended.has_value() && ended->code == 1) << pod.Log();
}

TEST(HttpTest, TheTokenOpensWhatIsGuardedAndIsNowhereShown) {
  Scene scene("http-token");
  scene.CreateTopics(1);
  const std::string token = "canary-of-a-secret-token";
  const std::string file = scene.StateDir("token");
  std::ofstream(file) << token << "\n";
  auto pod = scene.StartPod({.flags = {kListen, "--http_token_file=" + file}});
  const int port = AwaitPort(*pod);
  ASSERT_TRUE(AwaitStatus(port, "/readyz", 200)) << pod->Log();
  std::string all;
  for (const char* path : {"/livez", "/readyz", "/startupz", "/metrics", "/openapi.json"}) {
    const Answer answer = Get(port, path);
    EXPECT_EQ(answer.status, 200) << path;
    all += answer.head + answer.body;
  }
  for (const char* path : {"/v1/status", "/v1/tasks", "/v1/topology", "/v1/parked"}) {
    EXPECT_EQ(Get(port, path).status, 401) << path;
    EXPECT_EQ(Get(port, path, {{"Authorization", "Bearer wrong-secret-token"}}).status, 401) << path;
    const Answer answer = Get(port, path, {{"Authorization", "Bearer " + token}});
    EXPECT_EQ(answer.status, 200) << path;
    all += answer.head + answer.body;
  }
  pod->Signal(SIGTERM);
  ASSERT_TRUE(pod->Wait(absl::Seconds(30)).has_value());
  EXPECT_THAT(all + pod->Log(), testing::Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace once
