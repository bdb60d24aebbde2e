// X4 on a real broker: what hurts one partition stops that one alone, the log says what to do, and doing so brings it
// back with its state.
#include <librdkafka/rdkafka.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(20);
constexpr absl::Duration kLongestFetch = absl::Milliseconds(500);  // fetch.wait.max.ms

class BrokerTaskFailuresTest : public testing::Test {
 protected:
  // `count` events of each of these partitions' only key.
  void Send(const std::vector<int>& partitions, int count, const std::string& value = "x") {
    auto producer = scene_.client().NewProducer(scene_.application_id() + "-load", {scene_.input()});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kCall).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    for (const int partition : partitions) {
      const std::string key = absl::StrCat("key", partition);
      for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(
            (*producer)->Send({.topic_index = 0, .partition = Partition(partition), .key = key, .value = value}).ok());
      }
    }
    ASSERT_TRUE((*producer)->Commit(kCall).ok());
  }

  void StartPods(const std::vector<std::string>& instances, const std::vector<std::string>& flags = {}) {
    for (const std::string& instance : instances) {
      std::vector<std::string> args = {std::filesystem::absolute("tests/integration/stopping_app").string(),
                                       "--bootstrap_servers=" + scene_.bootstrap_servers(),
                                       "--application_id=" + scene_.application_id(),
                                       "--input_topic=" + scene_.input(),
                                       "--output_topic=" + scene_.output(),
                                       "--dead_letter_topic=" + scene_.dead_letters(),
                                       "--state_dir=" + scene_.StateDir(instance),
                                       "--instance_id=" + instance,
                                       "--session_timeout=3s",
                                       "--mended_file=" + MendedFile()};
      args.insert(args.end(), flags.begin(), flags.end());
      pods_.push_back(std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                                absl::StrCat(scene_.StateDir("log"), starts_++)));
    }
  }
  void StopPods() {
    for (const auto& pod : pods_) pod->Signal(SIGTERM);
    for (const auto& pod : pods_) {
      const std::optional<ExitState> ended = pod->Wait(absl::Seconds(30));
      EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
    }
    pods_.clear();
  }
  std::string MendedFile() const { return scene_.StateDir("mended"); }
  bool AllRun() {
    for (const auto& pod : pods_) {
      if (!pod->Running()) return false;
    }
    return true;
  }
  std::string Logs() const {
    std::string all;
    for (const auto& pod : pods_) all += pod->Log();
    return all;
  }
  bool Say(const std::string& text) const { return Logs().find(text) != std::string::npos; }
  bool WillSay(const std::string& text) {
    return Scene::Eventually([&] { return Say(text); });
  }

  TopicPartition Input(int partition) const { return {scene_.input(), Partition(partition)}; }
  int64_t Committed(int partition) {
    const std::vector<TopicPartition> where = {Input(partition)};
    const auto offsets = scene_.admin().StableCommittedOffsets(scene_.application_id(), where, kCall);
    if (!offsets.ok() || !offsets->contains(where[0])) return -1;
    return offsets->at(where[0]).value();
  }
  // All there is of these partitions is committed before long.
  bool CatchUp(const std::vector<int>& partitions) {
    return Scene::Eventually([&] {
      for (const int partition : partitions) {
        const auto end = scene_.admin().HighWatermark(Input(partition), kCall);
        if (!end.ok() || Committed(partition) != end->value()) return false;
      }
      return true;
    });
  }
  // As an operator's tool does while the group is empty.
  void SetCommitted(int partition, int64_t offset) {
    char error[512];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", scene_.bootstrap_servers().c_str(), error, sizeof(error));
    rd_kafka_conf_set(conf, "group.id", scene_.application_id().c_str(), error, sizeof(error));
    rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    ASSERT_NE(rk, nullptr) << error;
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, scene_.input().c_str(), partition)->offset = offset;
    EXPECT_TRUE(
        Scene::Eventually([&] { return rd_kafka_commit(rk, list, /*async=*/0) == RD_KAFKA_RESP_ERR_NO_ERROR; }, kCall));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
  }
  // The last committed count of each key.
  std::map<std::string, std::string> Counts(int partitions) {
    std::map<std::string, std::string> counts;
    auto reader = scene_.client().NewLogReader({scene_.output()});
    EXPECT_TRUE(reader.ok());
    std::map<int, int64_t> left;
    for (int p = 0; p < partitions; ++p) {
      const TopicPartition where{scene_.output(), Partition(p)};
      left[p] = scene_.admin().HighWatermark(where, kCall)->value();
      EXPECT_TRUE((*reader)->Add({where, Offset(0)}).ok());
    }
    kafka::Batch batch;
    while (!left.empty()) {
      EXPECT_TRUE((*reader)->Poll(absl::Milliseconds(100), &batch).ok());
      for (const RecordView& record : batch.records) counts[std::string(*record.key)] = std::string(*record.value);
      for (const kafka::EndOfPartition& at : batch.ends) {
        const auto found = left.find(at.partition.value());
        if (found != left.end() && at.position.value() >= found->second) left.erase(found);
      }
    }
    return counts;
  }

  Scene scene_{"task-failures"};
  std::vector<std::unique_ptr<Process>> pods_;
  int starts_ = 0;
};

TEST_F(BrokerTaskFailuresTest, X4EachOfThreeHurtPartitionsStopsAloneAndComesBack) {
  const std::vector<int> hurt = {0, 1, 2};
  const std::vector<int> others = {3, 4, 5};
  const std::vector<int> all = {0, 1, 2, 3, 4, 5};
  scene_.CreateTopics(6);
  StartPods({"a", "b", "c"});
  Send(all, 10);
  ASSERT_TRUE(CatchUp(all)) << Logs();
  StopPods();
  const int64_t stood_at = Committed(0);
  const int64_t right = Committed(1);
  // Retention passes what is next; somebody moves the group's offset; an event is to stop its task.
  Send({0}, 5);
  kafka::BrokerAdmin(scene_.bootstrap_servers()).DeleteRecordsBefore({Input(0), Offset(stood_at + 3)});
  SetCommitted(1, 4);
  Send({2}, 1, "stop");

  StartPods({"a", "b", "c"});
  Send(all, 5);
  EXPECT_TRUE(CatchUp(others)) << Logs();
  const std::string in = scene_.input();
  const std::vector<std::string> says = {
      absl::StrCat("task ", in, "-0 of task group \"in\" has failed: offset ", in, "-0-", stood_at),
      "up to 3 events are gone",
      "start the application with --accept_gaps",
      absl::StrCat("task ", in, "-1 of task group \"in\" has failed"),
      absl::StrCat("kafka-consumer-groups.sh --group ", scene_.application_id(), " --topic ", in,
                   ":1 --reset-offsets --execute --to-offset ", right),
      absl::StrCat("task ", in, "-2 of task group \"in\" has failed: event ", in, "-2-"),
      "mend the event's cause"};
  for (const std::string& text : says) EXPECT_TRUE(WillSay(text)) << text << "\nis not in: " << Logs();
  Send(others, 5);
  EXPECT_TRUE(CatchUp(others)) << Logs();
  EXPECT_TRUE(AllRun()) << Logs();
  EXPECT_EQ(Committed(0), stood_at);
  EXPECT_EQ(Committed(1), 4);

  // One comes back by itself, when its cause is mended.
  std::ofstream(MendedFile()) << "it is";
  EXPECT_TRUE(CatchUp({2})) << Logs();
  EXPECT_TRUE(WillSay(absl::StrCat("task ", in, "-2 of task group \"in\" runs again"))) << Logs();
  // The others as their messages say.
  StopPods();
  SetCommitted(1, right);
  StartPods({"a", "b", "c"}, {"--accept_gaps"});
  EXPECT_TRUE(CatchUp(hurt)) << Logs();
  EXPECT_TRUE(CatchUp(others)) << Logs();
  EXPECT_TRUE(
      Say(absl::StrCat("up to 3 events of ", in, "-0, from offset ", stood_at, " to ", stood_at + 2, ", are lost")))
      << Logs();
  const std::map<std::string, std::string> counts = {{"key0", "17"}, {"key1", "15"}, {"key2", "16"},
                                                     {"key3", "20"}, {"key4", "20"}, {"key5", "20"}};
  EXPECT_EQ(Counts(6), counts);
  StopPods();
}

// The log moves on under a pod that hangs for a moment; its client does not read such a partition any more until the
// pod has joined its group anew.
TEST_F(BrokerTaskFailuresTest, X4AGapWhileItRunsIsAcceptedToo) {
  scene_.CreateTopics(2);
  StartPods({"a"}, {"--accept_gaps"});
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp({0, 1})) << Logs();
  const int64_t stood_at = Committed(0);
  pods_[0]->Signal(SIGSTOP);
  // Its last fetch waits at the broker for so long, and would still get what comes.
  absl::SleepFor(2 * kLongestFetch);
  Send({0, 1}, 5);
  kafka::BrokerAdmin(scene_.bootstrap_servers()).DeleteRecordsBefore({Input(0), Offset(stood_at + 3)});
  pods_[0]->Signal(SIGCONT);
  EXPECT_TRUE(CatchUp({0, 1})) << Logs();
  Send({0, 1}, 1);
  EXPECT_TRUE(CatchUp({0, 1})) << Logs();
  EXPECT_TRUE(Say("joins its group anew")) << Logs();
  EXPECT_TRUE(Say("up to 3 events of ")) << Logs();
  const std::map<std::string, std::string> counts = {{"key0", "13"}, {"key1", "16"}};
  EXPECT_EQ(Counts(2), counts);
  StopPods();
}

// Where brokers and client tell topics' ids; elsewhere it is only said that it may be so.
TEST_F(BrokerTaskFailuresTest, X4ASourceMadeAnewBetweenRunsIsReadFromItsBeginning) {
  constexpr int kVersionWithIds = 0x02030000;
  scene_.CreateTopics(2);
  StartPods({"a"});
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp({0, 1})) << Logs();
  StopPods();
  kafka::BrokerAdmin(scene_.bootstrap_servers()).DeleteTopic(scene_.input());
  const kafka::NewTopic anew{.name = scene_.input(), .partition_count = 2};
  ASSERT_TRUE(Scene::Eventually([&] { return scene_.admin().CreateTopic(anew, kCall).ok(); }));
  Send({0, 1}, 15);
  StartPods({"a"});
  EXPECT_TRUE(WillSay("was deleted and made anew")) << Logs();
  EXPECT_EQ(Committed(0), -1);
  StopPods();
  if (rd_kafka_version() < kVersionWithIds) return;
  StartPods({"a"}, {"--accept_gaps"});
  EXPECT_TRUE(CatchUp({0, 1})) << Logs();
  EXPECT_TRUE(Say("is another one than before, so it is read from")) << Logs();
  const std::map<std::string, std::string> counts = {{"key0", "25"}, {"key1", "25"}};
  EXPECT_EQ(Counts(2), counts);
  StopPods();
}

}  // namespace
}  // namespace once
