// X4 on a real broker: the service that handlers call is away for 20 s. Nothing is blocked, and order is kept.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(20);
constexpr int kKeys = 500;
constexpr int kEventsPerKey = 4;

void Send(Scene* scene, int round) {
  auto producer = scene->client().NewProducer(scene->application_id() + "-load", {scene->input()});
  ASSERT_TRUE(producer.ok()) << producer.status();
  ASSERT_TRUE((*producer)->InitTransactions(kCall).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  for (int i = 0; i < kKeys; ++i) {
    const std::string key = absl::StrCat("k", i);
    const std::string value = absl::StrCat(round);
    ASSERT_TRUE((*producer)->Send({.topic_index = 0, .partition = Partition(0), .key = key, .value = value}).ok());
  }
  ASSERT_TRUE((*producer)->Commit(kCall).ok());
}

// Committed records of the only partition: the values of each key, in order.
std::map<std::string, std::string> Read(Scene* scene, const std::string& topic, int64_t* count) {
  std::map<std::string, std::string> values;
  *count = 0;
  const auto end = scene->admin().HighWatermark({topic, Partition(0)}, kCall);
  auto reader = scene->client().NewLogReader({topic});
  EXPECT_TRUE(end.ok() && reader.ok() && (*reader)->Add({{topic, Partition(0)}, Offset(0)}).ok());
  kafka::Batch batch;
  for (bool is_over = false; !is_over;) {
    EXPECT_TRUE((*reader)->Poll(absl::Milliseconds(100), &batch).ok());
    *count += static_cast<int64_t>(batch.records.size());
    for (const RecordView& record : batch.records) {
      values[std::string(record.key.value_or(""))] += record.value.value_or("");
    }
    for (const kafka::EndOfPartition& at : batch.ends) is_over = is_over || at.position >= *end;
  }
  return values;
}

TEST(OutageProcessTest, X4TwentySecondsWithoutAServiceBlockNothing) {
  Scene scene("outage");
  scene.CreateTopics(1);
  const std::string down = testing::TempDir() + "/down";
  std::ofstream(down) << "down";
  Process pod(
      {std::filesystem::absolute("tests/integration/outage_app").string(),
       "--bootstrap_servers=" + scene.bootstrap_servers(), "--application_id=" + scene.application_id(),
       "--input_topic=" + scene.input(), "--output_topic=" + scene.output(),
       "--dead_letter_topic=" + scene.dead_letters(), "--state_dir=" + scene.StateDir("a"), "--down_file=" + down},
      {}, scene.StateDir("log"));
  Send(&scene, 0);
  Send(&scene, 1);
  ASSERT_TRUE(Scene::Eventually([&] { return pod.Log().find("made again") != std::string::npos; })) << pod.Log();
  absl::SleepFor(absl::Seconds(20));  // How long the outage is.
  Send(&scene, 2);
  std::filesystem::remove(down);
  Send(&scene, 3);
  int64_t count = 0;
  EXPECT_TRUE(Scene::Eventually([&] { return Read(&scene, scene.output(), &count), count == kKeys * kEventsPerKey; }))
      << count << "\n"
      << pod.Log();
  for (const auto& [key, values] : Read(&scene, scene.output(), &count)) EXPECT_EQ(values, "0123") << key;
  Read(&scene, scene.dead_letters(), &count);
  EXPECT_EQ(count, 0) << "dead letters";
  EXPECT_TRUE(pod.Running());
}

}  // namespace
}  // namespace once
