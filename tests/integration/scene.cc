#include "tests/integration/scene.h"

#include <librdkafka/rdkafka.h>

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
constexpr absl::Duration kCallTimeout = absl::Seconds(20);
}  // namespace

Scene::Scene(const std::string& name, std::string bootstrap_servers)
    : bootstrap_servers_(std::move(bootstrap_servers)), log_(std::make_unique<NullLogSink>()) {
  if (bootstrap_servers_.empty()) {
    const char* from_environment = std::getenv("ONCE_TEST_BOOTSTRAP");
    bootstrap_servers_ = from_environment == nullptr ? "" : from_environment;
  }
  if (bootstrap_servers_.empty()) {
    ADD_FAILURE() << "ONCE_TEST_BOOTSTRAP is not set; run ./test, or start a broker with docker/kafka/broker";
    return;
  }
  // Shards of a test begin in the same millisecond, each in a sandbox where its process has the same number.
  const std::string unique =
      absl::StrCat(name, "-", absl::ToUnixMillis(absl::Now()), "-", absl::Hex(std::random_device()()));
  application_id_ = absl::StrCat("app-", unique);
  input_ = absl::StrCat("orders-", unique);
  output_ = absl::StrCat("totals-", unique);
  dead_letters_ = absl::StrCat("dlq-", unique);
  dir_ = absl::StrCat(::testing::TempDir(), "/once-", unique);
  std::filesystem::create_directories(dir_);
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

Scene::~Scene() {
  if (::testing::Test::HasFailure()) {
    std::fprintf(stderr, "logs are kept in %s\n", dir_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

std::string Scene::Tool(const std::string& name) const {
  const bool is_ours = name == "order_totals_crashable" || name == "order_totals_troubled";
  const std::string package = is_ours ? "tests/integration/" : "examples/order_totals/";
  return std::filesystem::absolute(package + name).string();
}

std::string Scene::LogPath(const std::string& what) { return absl::StrCat(dir_, "/", logs_++, "-", what, ".log"); }

void Scene::CreateTopics(int partitions) {
  partitions_ = partitions;
  for (const std::string& topic : {input_, output_, dead_letters_}) {
    const absl::Status created = admin_->CreateTopic({.name = topic, .partition_count = partitions}, kCallTimeout);
    ASSERT_TRUE(created.ok()) << created;
  }
}

std::unique_ptr<Process> Scene::StartPod(const PodSpec& spec) {
  const std::string program = spec.crashable ? "order_totals_crashable" : "order_totals";
  std::vector<std::string> args = {Tool(spec.troubled ? "order_totals_troubled" : program),
                                   "--bootstrap_servers=" + bootstrap_servers_,
                                   "--application_id=" + application_id_,
                                   "--input_topic=" + input_,
                                   "--output_topic=" + output_,
                                   "--dead_letter_topic=" + dead_letters_,
                                   "--state_dir=" + StateDir(spec.instance),
                                   "--instance_id=" + spec.instance,
                                   "--session_timeout=3s",
                                   "--commit_interval=50ms"};
  // A flag is given once.
  const auto name_of = [](const std::string& flag) { return flag.substr(0, flag.find('=')); };
  for (const std::string& flag : spec.flags) {
    std::erase_if(args, [&](const std::string& arg) { return name_of(arg) == name_of(flag); });
  }
  args.insert(args.end(), spec.flags.begin(), spec.flags.end());
  return std::make_unique<Process>(args, spec.environment, LogPath("pod-" + spec.instance));
}

std::unique_ptr<Process> Scene::StartGenerator(const LoadSpec& spec) {
  std::vector<std::string> args = {Tool("order_generator"),
                                   "--bootstrap_servers=" + bootstrap_servers_,
                                   "--topic=" + input_,
                                   absl::StrCat("--orders=", spec.orders),
                                   absl::StrCat("--start_index=", spec.start_index),
                                   absl::StrCat("--duplicates_percent=", spec.duplicates_percent),
                                   absl::StrCat("--poison_percent=", spec.poison_percent),
                                   absl::StrCat("--customers=", spec.customers),
                                   absl::StrCat("--rate=", spec.rate),
                                   "--seed=7"};
  args.insert(args.end(), spec.flags.begin(), spec.flags.end());
  return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{}, LogPath("generator"));
}

bool Scene::Finish(Process* generator) {
  const std::optional<ExitState> ended = generator->Wait(absl::Seconds(120));
  return ended.has_value() && ended->code == 0;
}

void Scene::Generate(const LoadSpec& spec) {
  std::unique_ptr<Process> generator = StartGenerator(spec);
  ASSERT_TRUE(Finish(generator.get())) << generator->Log();
}

int Scene::Verify(absl::Duration wait, const std::vector<std::string>& flags) {
  std::vector<std::string> args = {Tool("order_verifier"),
                                   "--bootstrap_servers=" + bootstrap_servers_,
                                   "--application_id=" + application_id_,
                                   "--input_topic=" + input_,
                                   "--output_topic=" + output_,
                                   "--dead_letter_topic=" + dead_letters_,
                                   absl::StrCat("--wait=", absl::ToInt64Seconds(wait), "s")};
  args.insert(args.end(), flags.begin(), flags.end());
  Process verifier(args, {}, LogPath("verifier"));
  const std::optional<ExitState> ended = verifier.Wait(wait + absl::Seconds(60));
  verifier_output_ = verifier.Log();
  return ended.has_value() && ended->code.has_value() ? *ended->code : -1;
}

int64_t Scene::CountOutput() {
  int64_t records = 0;
  for (int p = 0; p < partitions_; ++p) {
    const auto end = admin_->HighWatermark({output_, Partition(p)}, kCallTimeout);
    if (end.ok()) records += end->value();
  }
  return records;
}

int64_t Scene::CountRecords(const char* isolation_level) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap_servers_.c_str(), error, sizeof(error));
  rd_kafka_conf_set(conf, "group.id", "count", error, sizeof(error));
  rd_kafka_conf_set(conf, "isolation.level", isolation_level, error, sizeof(error));
  rd_kafka_conf_set(conf, "enable.partition.eof", "true", error, sizeof(error));
  rd_kafka_conf_set(conf, "enable.auto.commit", "false", error, sizeof(error));
  rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
  rd_kafka_topic_partition_list_t* partitions = rd_kafka_topic_partition_list_new(partitions_);
  for (int p = 0; p < partitions_; ++p) {
    rd_kafka_topic_partition_list_add(partitions, output_.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_assign(consumer, partitions);
  rd_kafka_topic_partition_list_destroy(partitions);
  int64_t records = 0;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  for (int ends = 0; ends < partitions_ && absl::Now() < deadline;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ends;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) ++records;
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return records;
}

OutputCounts Scene::ReadOutput() {
  return {.read_committed = CountRecords("read_committed"), .read_uncommitted = CountRecords("read_uncommitted")};
}

bool Scene::Eventually(const std::function<bool()>& condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

bool Scene::AwaitOutput(int64_t records, absl::Duration timeout) {
  return Eventually([&] { return CountOutput() >= records; }, timeout);
}

}  // namespace once
