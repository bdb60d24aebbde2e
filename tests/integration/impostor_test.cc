// Somebody who may join the application's group says that it is a pod. It is asked as one, and learns nothing by which
// it could ask others.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/base/mutex.h"
#include "processor/http/listen_socket.h"
#include "processor/kafka/librdkafka/client.h"
#include "tests/http/client.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kToken[] = "canary-of-a-secret-token";

class NoLog final : public LogSink {
 public:
  void Log(LogLevel, const std::string&) override {}
};

class TakesAll final : public kafka::RebalanceListener {
 public:
  explicit TakesAll(std::unique_ptr<kafka::GroupConsumer>* consumer) : consumer_(consumer) {}
  void OnAssigned(std::span<const TopicPartition> partitions) override { (void)(*consumer_)->Assign(partitions); }
  void OnRevoked(std::span<const TopicPartition> partitions) override { (void)(*consumer_)->Unassign(partitions); }
  void OnLost(std::span<const TopicPartition> partitions) override { (void)(*consumer_)->Unassign(partitions); }

 private:
  std::unique_ptr<kafka::GroupConsumer>* const consumer_;
};

// A member of the group whose client ID is a pod's, and a port that keeps what it is sent and closes.
class Impostor {
 public:
  explicit Impostor(const Scene& scene) {
    fd_ = *http::Listen(&address_);
    kafka::RdKafkaConfig config;
    config.bootstrap_servers = scene.bootstrap_servers();
    config.client_id = absl::StrCat(scene.application_id(), "-evil.loopback-", address_.port);
    client_ = *kafka::MakeRdKafkaClient(config, &log_);
    consumer_ = *client_->NewGroupConsumer(scene.application_id(), {scene.input()});
    EXPECT_TRUE(consumer_->Subscribe(std::vector<std::string>{scene.input()}, &listener_).ok());
    member_ = std::thread([this] {
      kafka::Batch batch;
      while (!is_ending_) (void)consumer_->Poll(absl::Milliseconds(50), &batch);
    });
    listening_ = std::thread([this] { Listen(); });
  }
  ~Impostor() {
    is_ending_ = true;
    member_.join();
    listening_.join();
    (void)consumer_->Close();
    close(fd_);
  }

  // All requests.
  std::string Heard() {
    MutexLock lock(&mutex_);
    return heard_;
  }
  // The header's value in the last of them.
  std::string Authorization() {
    const std::string heard = Heard();
    const std::string name = "\r\nAuthorization: ";
    const size_t at = heard.rfind(name);
    if (at == std::string::npos) return "";
    return heard.substr(at + name.size(), heard.find("\r\n", at + 2) - at - name.size());
  }

 private:
  void Listen() {
    while (!is_ending_) {
      pollfd waits = {.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&waits, 1, 50) <= 0) continue;
      const int connection = accept(fd_, nullptr, nullptr);
      std::string request(8192, '\0');
      const ssize_t size = connection < 0 ? -1 : recv(connection, request.data(), request.size(), 0);
      if (connection >= 0) close(connection);
      if (size <= 0) continue;
      MutexLock lock(&mutex_);
      heard_ += request.substr(0, static_cast<size_t>(size));
    }
  }

  NoLog log_;
  ListenAddress address_{.host = "127.0.0.1", .port = 0};
  int fd_ = -1;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::GroupConsumer> consumer_;
  TakesAll listener_{&consumer_};
  std::atomic<bool> is_ending_{false};
  Mutex mutex_;
  std::string heard_ ABSL_GUARDED_BY(mutex_);
  std::thread member_, listening_;
};

int PortOf(const Process& pod) {
  const std::string label = " at http://127.0.0.1:";
  const std::string log = pod.Log();
  const size_t found = log.find(label);
  return found == std::string::npos ? 0 : std::atoi(log.c_str() + found + label.size());
}

TEST(ImpostorTest, WhoJoinsTheGroupGetsNoToken) {
  Scene scene("http-impostor");
  scene.CreateTopics(4);
  const std::string file = scene.StateDir("token");
  std::ofstream(file) << kToken << " name=alice\n";
  std::vector<std::unique_ptr<Process>> pods;
  for (const char* instance : {"a", "b"}) {
    pods.push_back(
        scene.StartPod({.instance = instance, .flags = {"--http_listen=127.0.0.1:0", "--http_token_file=" + file}}));
  }
  for (const auto& pod : pods) ASSERT_TRUE(Scene::Eventually([&] { return PortOf(*pod) != 0; })) << pod->Log();
  const std::pair<std::string, std::string> token("Authorization", absl::StrCat("Bearer ", kToken));
  // Of a pod, by its instance.
  const auto ask = [&](const std::string& instance) {
    const json all =
        json::parse(http::Get(PortOf(*pods[0]), "/v1/status?scope=application", {token}).body, nullptr, false);
    if (!all.is_object() || !all.contains("pods")) return json();
    for (const json& pod : all["pods"]) {
      if (pod["instance"] == instance) return pod;
    }
    return json();
  };
  ASSERT_TRUE(Scene::Eventually([&] {
    const json b = ask("b");
    return b.is_object() && b["answered"] == true;
  })) << ask("b")
      << pods[1]->Log();
  EXPECT_EQ(ask("b")["answer"]["application"], scene.application_id());

  Impostor impostor(scene);
  ASSERT_TRUE(Scene::Eventually([&] {
    ask("evil");
    return !impostor.Authorization().empty();
  })) << impostor.Heard();
  EXPECT_THAT(impostor.Heard(), Not(HasSubstr("canary")));
  // It sends on at once what it was shown.
  const http::Answer sent_on = http::Get(PortOf(*pods[1]), "/v1/status", {{"Authorization", impostor.Authorization()}});
  EXPECT_EQ(sent_on.status, 401) << sent_on.body;
  EXPECT_THAT(sent_on.body, HasSubstr("another request or address"));
  EXPECT_EQ(ask("b")["answered"], true);
  for (const auto& pod : pods) EXPECT_THAT(pod->Log(), Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace once
