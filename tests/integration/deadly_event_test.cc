// X3: an event that crashes or hangs its process is found out, and ends; what was before it commits.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(20);
constexpr absl::Duration kPatience = absl::Seconds(60);

// What the event does, and who remembers it: the state directory, or, with a new one for each start, the task alone.
struct Case {
  std::string name;
  std::string key;
  std::string value;
  bool is_directory_kept = true;
  int deaths = 0;
  std::string message;
};

class DeadlyScene : public testing::Test {
 protected:
  void Send(const std::vector<std::pair<std::string, std::string>>& events, int partition = 0) {
    auto producer = scene_.client().NewProducer(scene_.application_id() + "-load", {scene_.input()});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kCall).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    for (const auto& [key, value] : events) {
      ASSERT_TRUE(
          (*producer)->Send({.topic_index = 0, .partition = Partition(partition), .key = key, .value = value}).ok());
    }
    ASSERT_TRUE((*producer)->Commit(kCall).ok());
  }

  std::unique_ptr<Process> Start() {
    return std::make_unique<Process>(
        std::vector<std::string>{std::filesystem::absolute("tests/integration/deadly_app").string(),
                                 "--bootstrap_servers=" + scene_.bootstrap_servers(),
                                 "--application_id=" + scene_.application_id(), "--input_topic=" + scene_.input(),
                                 "--output_topic=" + scene_.output(), "--dead_letter_topic=" + scene_.dead_letters(),
                                 "--state_dir=" + scene_.StateDir(StateName()), "--handler_timeout=500ms",
                                 "--transaction_timeout=5s", "--session_timeout=3s",
                                 absl::StrCat("--workers=", workers_)},
        std::vector<std::pair<std::string, std::string>>{}, absl::StrCat(scene_.StateDir("log"), starts_++));
  }

  std::string StateName() const { return is_directory_kept_ ? "a" : absl::StrCat("a", starts_); }

  // Committed records of the partition, as "key=value".
  std::vector<std::string> Read(const std::string& topic, int partition = 0) {
    std::vector<std::string> texts;
    const TopicPartition where{topic, Partition(partition)};
    const auto end = scene_.admin().HighWatermark(where, kCall);
    auto reader = scene_.client().NewLogReader({topic});
    EXPECT_TRUE(end.ok() && reader.ok() && (*reader)->Add({where, Offset(0)}).ok());
    kafka::Batch batch;
    for (bool is_over = false; !is_over;) {
      EXPECT_TRUE((*reader)->Poll(absl::Milliseconds(100), &batch).ok());
      for (const RecordView& record : batch.records) {
        texts.push_back(
            absl::StrCat(std::string(record.key.value_or("")), "=", std::string(record.value.value_or(""))));
        for (const HeaderView& header : record.headers) {
          if (header.name == "once.message" || header.name == "once.reason") {
            texts.back() += " " + std::string(header.value.value_or(""));
          }
        }
      }
      for (const kafka::EndOfPartition& at : batch.ends) is_over = is_over || at.position >= *end;
    }
    return texts;
  }

  // What an operator's supervisor does, and no more often than it takes.
  std::unique_ptr<Process> RunUntil(const std::function<bool()>& is_settled, absl::Duration patience) {
    std::unique_ptr<Process> pod = Start();
    EXPECT_TRUE(Scene::Eventually(
        [&] {
          if (!pod->Running()) pod = Start();
          return is_settled();
        },
        patience))
        << starts_ << " starts; " << pod->Log();
    return pod;
  }

  Scene scene_{"deadly"};
  int workers_ = 1;
  bool is_directory_kept_ = true;
  int starts_ = 0;
};

class DeadlyEventTest : public DeadlyScene, public testing::WithParamInterface<Case> {};

TEST_P(DeadlyEventTest, X3ItsProcessIsStartedAgainAndItFails) {
  scene_.CreateTopics(1);
  const std::string& key = GetParam().key;
  Send({{"alice", "1"}, {key, GetParam().value}, {"carol", "2"}, {key, "3"}, {"alice", "4"}});
  is_directory_kept_ = GetParam().is_directory_kept;
  // A process that nobody knows waits for the session and the transaction of the one before to end.
  std::unique_ptr<Process> pod =
      RunUntil([&] { return Read(scene_.dead_letters()).size() == 2; }, is_directory_kept_ ? kPatience : 3 * kPatience);
  ASSERT_EQ(Read(scene_.dead_letters()).size(), 2) << pod->Log();
  EXPECT_EQ(starts_, GetParam().deaths + 1);
  EXPECT_EQ(Read(scene_.output()), (std::vector<std::string>{"alice=1", "carol=2", "alice=4"}));
  const std::vector<std::string> letters = Read(scene_.dead_letters());
  EXPECT_NE(letters[0].find(absl::StrCat(key, "=", GetParam().value, " INTERNAL ", GetParam().message)),
            std::string::npos)
      << letters[0];
  EXPECT_NE(letters[1].find(key + "=3"), std::string::npos) << letters[1];
  // The next start runs it no more: it waits as a failed event does.
  pod->Signal(SIGTERM);
  ASSERT_TRUE(pod->Wait(kPatience).has_value());
  pod = Start();
  Send({{"alice", "5"}});
  EXPECT_TRUE(Scene::Eventually([&] { return Read(scene_.output()).size() == 4; }, kPatience)) << pod->Log();
  EXPECT_TRUE(pod->Running());
}

INSTANTIATE_TEST_SUITE_P(
    All, DeadlyEventTest,
    testing::Values(
        Case{"Crash", "bob", "crash", true, 4, "the process ended 4 times while the handlers of event"},
        Case{"Hang", "bob", "hang", true, 4, "the process ended 4 times while the handlers of event"},
        Case{"CrashWithNewDirectories", "bob", "crash", false, 5,
             "the process ended 3 times while the handlers of event"},
        Case{"HangWithNewDirectories", "bob", "hang", false, 5,
             "the process ended 3 times while the handlers of event"},
        Case{"KeyCrashes", "crash-decode", "1", true, 4, "the process ended 4 times while the handlers of event"},
        Case{"KeyHangs", "hang-decode", "1", true, 4, "the process ended 4 times while the handlers of event"},
        Case{"TextOfKeyCrashes", "crash-text", "fail", true, 4,
             "the process ended 4 times while the handlers of event"},
        Case{"TextOfKeyHangs", "hang-text", "fail", true, 4, "the process ended 4 times while the handlers of event"},
        Case{"KeyCrashesWithNewDirectories", "crash-decode", "1", false, 5,
             "the process ended 3 times while the handlers of event"}),
    [](const auto& info) { return info.param.name; });

// Two at once, wherever they are, cost no more than one after the other.
class TwoDeadlyEventsTest : public DeadlyScene, public testing::WithParamInterface<std::pair<int, int>> {};

TEST_P(TwoDeadlyEventsTest, X3CostThreeEndsEachAndFewMore) {
  const auto [partitions, workers] = GetParam();
  workers_ = workers;
  scene_.CreateTopics(partitions);
  Send({{"alice", "1"}, {"bob", "crash"}, {"carol", "2"}}, 0);
  Send({{"dave", "3"}, {"erin", "crash"}, {"frank", "4"}}, partitions - 1);
  std::vector<std::string> letters;
  std::vector<std::string> outputs;
  RunUntil(
      [&, count = partitions] {
        letters.clear();
        outputs.clear();
        for (int i = 0; i < count; ++i) {
          for (const std::string& each : Read(scene_.dead_letters(), i)) letters.push_back(each);
          for (const std::string& each : Read(scene_.output(), i)) outputs.push_back(each);
        }
        return letters.size() == 2 && outputs.size() == 4;
      },
      2 * kPatience);
  EXPECT_LE(starts_ - 1, 2 * 3 + 3);
  ASSERT_EQ(letters.size(), 2);
  for (const std::string& letter : letters) EXPECT_NE(letter.find("crash INTERNAL"), std::string::npos) << letter;
  std::sort(outputs.begin(), outputs.end());
  EXPECT_EQ(outputs, (std::vector<std::string>{"alice=1", "carol=2", "dave=3", "frank=4"}));
}

INSTANTIATE_TEST_SUITE_P(All, TwoDeadlyEventsTest, testing::Values(std::pair(1, 1), std::pair(2, 1), std::pair(2, 2)),
                         [](const auto& info) {
                           return absl::StrCat(info.param.first, "Partitions", info.param.second, "Workers");
                         });

}  // namespace
}  // namespace once
