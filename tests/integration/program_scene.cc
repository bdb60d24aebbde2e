#include "tests/integration/program_scene.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "processor/kafka/kafka.h"

namespace once {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(20);

}  // namespace

ProgramScene::ProgramScene(const std::string& name, std::string program) : scene_(name), program_(std::move(program)) {}
ProgramScene::~ProgramScene() = default;

std::string ProgramScene::Topic(const std::string& short_name) const {
  return absl::StrCat(scene_.application_id(), "-", short_name);
}

std::string ProgramScene::ApplicationId(const std::string& application) const {
  return application.empty() ? scene_.application_id() : absl::StrCat(scene_.application_id(), "-", application);
}

void ProgramScene::CreateTopics(const std::vector<std::string>& short_names) {
  for (const std::string& short_name : short_names) {
    topics_.push_back(Topic(short_name));
    const absl::Status created =
        scene_.admin().CreateTopic({.name = topics_.back(), .partition_count = kPartitions}, kCallTimeout);
    ASSERT_TRUE(created.ok()) << created;
  }
}

std::unique_ptr<Process> ProgramScene::Start(const ProgramSpec& spec) {
  const std::string program = spec.program.empty() ? program_ : spec.program;
  const std::string state_dir = StateDir(spec.application, spec.instance);
  std::vector<std::string> args = {std::filesystem::absolute(program).string(),
                                   "--bootstrap_servers=" + scene_.bootstrap_servers(),
                                   "--application_id=" + ApplicationId(spec.application), "--state_dir=" + state_dir,
                                   "--instance_id=" + spec.instance,
                                   // A pod that comes back under its name need not wait for its own session to end.
                                   "--static_membership", "--session_timeout=10s", "--commit_interval=50ms"};
  args.insert(args.end(), spec.flags.begin(), spec.flags.end());
  static int starts = 0;
  return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                   absl::StrCat(state_dir, "-", starts++, ".log"));
}

void ProgramScene::Kill(Process* pod) {
  pod->Signal(SIGKILL);
  ASSERT_TRUE(pod->Wait(absl::Seconds(10)).has_value());
}

void ProgramScene::LoseDisk(const std::string& application, const std::string& instance) {
  EXPECT_GT(std::filesystem::remove_all(StateDir(application, instance)), 0u);
}

void ProgramScene::Send(const std::vector<ProgramEvent>& events) {
  if (producer_ == nullptr) {
    auto made = scene_.client().NewProducer(scene_.application_id() + "-events", topics_);
    ASSERT_TRUE(made.ok()) << made.status();
    producer_ = *std::move(made);
    ASSERT_TRUE(producer_->InitTransactions(kCallTimeout).ok());
  }
  ASSERT_TRUE(producer_->BeginTransaction().ok());
  for (const ProgramEvent& event : events) {
    const auto found = std::find(topics_.begin(), topics_.end(), Topic(event.topic));
    ASSERT_NE(found, topics_.end()) << event.topic;
    std::vector<HeaderView> headers;
    if (!event.id.empty()) headers.push_back({"ce_id", event.id});
    if (!event.type.empty()) headers.push_back({"ce_type", event.type});
    OutputRecord record;
    record.topic_index = static_cast<uint32_t>(found - topics_.begin());
    record.key = event.key;
    if (event.value.has_value()) record.value = *event.value;
    record.headers = headers;
    ASSERT_TRUE(producer_->Send(record).ok());
  }
  ASSERT_TRUE(producer_->Flush(kCallTimeout).ok());
  ASSERT_TRUE(producer_->Commit(kCallTimeout).ok());
}

bool ProgramScene::AwaitConsumed(const std::vector<std::string>& short_names, const std::string& application) {
  std::vector<TopicPartition> partitions;
  for (const std::string& short_name : short_names) {
    for (int p = 0; p < kPartitions; ++p) partitions.push_back({Topic(short_name), Partition(p)});
  }
  return Scene::Eventually([&] {
    const auto committed = scene_.admin().StableCommittedOffsets(ApplicationId(application), partitions, kCallTimeout);
    if (!committed.ok()) return false;
    for (const TopicPartition& where : partitions) {
      const auto end = scene_.admin().HighWatermark(where, kCallTimeout);
      const auto found = committed->find(where);
      if (!end.ok() || found == committed->end() || found->second != *end) return false;
    }
    return true;
  });
}

std::vector<ProgramRecord> ProgramScene::Read(const std::string& short_name) {
  std::map<Partition, std::vector<ProgramRecord>> records;
  auto reader = scene_.client().NewLogReader({Topic(short_name)});
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return {};
  for (int p = 0; p < kPartitions; ++p) {
    EXPECT_TRUE((*reader)->Add({{Topic(short_name), Partition(p)}, Offset(0)}).ok());
  }
  std::set<Partition> ended;
  kafka::Batch batch;
  EXPECT_TRUE(Scene::Eventually([&] {
    if (!(*reader)->Poll(absl::Milliseconds(50), &batch).ok()) return false;
    for (const RecordView& record : batch.records) {
      ProgramRecord read{.key = std::string(record.key.value_or("")), .value = std::nullopt, .headers = {}};
      if (record.value.has_value()) read.value = std::string(*record.value);
      for (const HeaderView& header : record.headers) {
        read.headers[std::string(header.name)] = std::string(header.value.value_or(""));
      }
      records[record.partition].push_back(std::move(read));
    }
    for (const kafka::EndOfPartition& end : batch.ends) ended.insert(end.partition);
    return ended.size() == kPartitions;
  })) << "the end of "
      << Topic(short_name);
  std::vector<ProgramRecord> all;
  for (auto& [partition, each] : records) {
    for (ProgramRecord& record : each) all.push_back(std::move(record));
  }
  return all;
}

int ProgramScene::AwaitPort(const Process& pod) {
  int port = 0;
  EXPECT_TRUE(Scene::Eventually([&] {
    port = static_cast<int>(NumberAfter(pod.Log(), " at http://127.0.0.1:"));
    return port > 0;
  })) << pod.Log();
  return port > 0 ? port : 0;
}

}  // namespace once
