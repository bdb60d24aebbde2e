#include "tests/gateway/gateway_scene.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"

namespace once {

namespace {
constexpr absl::Duration kCall = absl::Seconds(20);
constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr char kProgram[] = "tests/gateway/gateway_crashable";
}  // namespace

GatewayScene::GatewayScene(const std::string& name) : log_(std::make_unique<NullLogSink>()) {
  const char* const from_environment = std::getenv("ONCE_TEST_BOOTSTRAP");
  bootstrap_servers_ = from_environment == nullptr ? "" : from_environment;
  unique_ = absl::StrCat(name, "-", absl::ToUnixMillis(absl::Now()), "-", absl::Hex(std::random_device()()));
  dir_ = absl::StrCat(testing::TempDir(), "/gateway-", unique_);
  std::filesystem::create_directories(dir_);
  if (bootstrap_servers_.empty()) {
    ADD_FAILURE() << "ONCE_TEST_BOOTSTRAP is not set; run ./test, or start a broker with docker/kafka/broker";
    return;
  }
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = bootstrap_servers_;
  auto client = kafka::MakeRdKafkaClient(config, log_.get());
  if (!client.ok()) {
    ADD_FAILURE() << client.status();
    return;
  }
  client_ = *std::move(client);
  auto admin = client_->NewAdmin();
  if (admin.ok()) admin_ = *std::move(admin);
}

GatewayScene::~GatewayScene() {
  process_.reset();
  if (testing::Test::HasFailure()) {
    std::fprintf(stderr, "logs are kept in %s\n", dir_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void GatewayScene::CreateTopic(const std::string& topic, int partitions, std::map<std::string, std::string> settings) {
  ASSERT_NE(admin_, nullptr);
  const absl::Status created = admin_->CreateTopic(
      {.name = TopicName(topic), .partition_count = partitions, .settings = std::move(settings)}, kCall);
  ASSERT_TRUE(created.ok()) << created;
}

bool GatewayScene::Start(const GatewaySpec& spec) {
  std::vector<std::string> args = {kProgram, "--bootstrap_servers=" + bootstrap_servers_, "--listen=127.0.0.1:0",
                                   "--name=" + unique_, "--instance_id=" + spec.instance};
  args.insert(args.end(), spec.flags.begin(), spec.flags.end());
  std::vector<std::pair<std::string, std::string>> environment;
  if (!spec.crash_at.empty()) environment.emplace_back("ONCE_CRASH_AT", spec.crash_at);
  process_ = std::make_unique<Process>(args, environment, absl::StrCat(dir_, "/gateway-", starts_++, ".log"));
  constexpr char kServing[] = "serving at http://127.0.0.1:";
  const bool is_serving = Eventually(
      [&] { return process_->Log().find(kServing) != std::string::npos || !process_->Running(); }, kPatience);
  port_ = static_cast<int>(NumberAfter(process_->Log(), kServing));
  if (is_serving && port_ > 0) return true;
  ADD_FAILURE() << "the gateway does not serve: " << process_->Log();
  return false;
}

void GatewayScene::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait(kPatience);
}

http::Answer GatewayScene::Post(const std::string& path, const nlohmann::json& body, const Headers& headers) {
  return PostTo(port_, path, body, headers);
}

http::Answer GatewayScene::PostTo(int port, const std::string& path, const nlohmann::json& body,
                                  const Headers& headers) {
  const std::string text = body.dump();
  std::string request = absl::StrCat("POST /api/v1/", path, " HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1:", port,
                                     "\r\nContent-Type: application/json\r\nContent-Length: ", text.size(), "\r\n");
  for (const auto& [name, value] : headers) absl::StrAppend(&request, name, ": ", value, "\r\n");
  return http::Exchange(port, request + "\r\n" + text);
}

http::Answer GatewayScene::Get(const std::string& path, const Headers& headers) {
  return http::Get(port_, path, headers);
}

nlohmann::json GatewayScene::Events(const std::vector<std::pair<std::string, std::string>>& events,
                                    const std::string& transaction_id) const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [topic, value] : events) {
    list.push_back({{"topic", TopicName(topic)}, {"key", value}, {"value_text", value}});
  }
  nlohmann::json body = {{"events", list}};
  if (!transaction_id.empty()) body["transaction_id"] = transaction_id;
  return body;
}

std::string GatewayScene::Begin(int timeout_ms) {
  const http::Answer answer = Post("producer/begin", {{"timeout_ms", timeout_ms}});
  EXPECT_EQ(answer.status, 200) << answer.body;
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  return json.is_object() ? json.value("transaction_id", "") : "";
}

std::vector<std::string> GatewayScene::MembersOf(const std::string& group) {
  std::vector<std::string> members;
  const absl::StatusOr<kafka::GroupDescription> described = admin_->DescribeGroup(group, kCall);
  if (!described.ok()) return {described.status().ToString()};
  for (const kafka::GroupMember& member : described->members) members.push_back(member.client_id);
  return members;
}

std::vector<std::string> GatewayScene::Committed(const std::string& topic) {
  auto reader = client_->NewLogReader({TopicName(topic)});
  return reader.ok() ? Read(topic, *std::move(reader)) : std::vector<std::string>{"no reader"};
}

std::vector<std::string> GatewayScene::Uncommitted(const std::string& topic) {
  auto reader = client_->NewUncommittedLogReader({TopicName(topic)});
  return reader.ok() ? Read(topic, *std::move(reader)) : std::vector<std::string>{"no reader"};
}

std::vector<std::string> GatewayScene::Read(const std::string& topic, std::unique_ptr<kafka::LogReader> reader) {
  const TopicPartition where{TopicName(topic), Partition(0)};
  const absl::StatusOr<Offset> end = admin_->HighWatermark(where, kCall);
  std::vector<std::string> values;
  if (!end.ok() || !reader->Add({where, Offset(0)}).ok()) return {"cannot be read"};
  Offset position(0);
  kafka::Batch batch;
  const absl::Time deadline = absl::Now() + kPatience;
  while (position < *end) {
    if (absl::Now() > deadline || !reader->Poll(absl::Milliseconds(100), &batch).ok()) return {"not read to its end"};
    for (const RecordView& record : batch.records) {
      values.emplace_back(record.value.value_or("null"));
      position = std::max(position, record.offset + 1);
    }
    for (const kafka::EndOfPartition& each : batch.ends) position = std::max(position, each.position);
  }
  return values;
}

bool GatewayScene::IsHeldBack(const std::string& topic) {
  const std::vector<TopicPartition> where = {{TopicName(topic), Partition(0)}};
  const auto stable = admin_->ReadLogOffsets(kafka::LogPoint::kLastStable, where, kCall);
  const auto end = admin_->ReadLogOffsets(kafka::LogPoint::kHighWatermark, where, kCall);
  return stable.at(where[0]).value_or(Offset(-1)) != end.at(where[0]).value_or(Offset(-2));
}

bool GatewayScene::Eventually(const std::function<bool()>& condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

}  // namespace once
