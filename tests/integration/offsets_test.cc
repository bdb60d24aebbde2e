// Operators' commands on a stopped application, on a real broker: offsets move with the state or not at all, a reset
// leaves nothing, and the doctor finds what was planted.
#include <csignal>
#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(20);

struct Answer {
  int code = -1;
  std::string text;
};

class BrokerOffsetsTest : public testing::Test {
 protected:
  BrokerOffsetsTest() { scene_.CreateTopics(2); }

  std::vector<std::string> Settings(const std::string& instance) const {
    return {"--bootstrap_servers=" + scene_.bootstrap_servers(),
            "--application_id=" + scene_.application_id(),
            "--input_topic=" + scene_.input(),
            "--output_topic=" + scene_.output(),
            "--dead_letter_topic=" + scene_.dead_letters(),
            "--state_dir=" + scene_.StateDir(instance)};
  }
  static std::string Program() { return std::filesystem::absolute("tests/integration/stopping_app").string(); }
  std::unique_ptr<Process> Run(std::vector<std::string> args, const std::string& instance = "a") {
    args.insert(args.begin(), Program());
    for (std::string& setting : Settings(instance)) args.push_back(std::move(setting));
    return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                     absl::StrCat(scene_.StateDir("log"), runs_++));
  }
  Answer Command(const std::vector<std::string>& words) {
    const std::unique_ptr<Process> process = Run(words);
    const std::optional<ExitState> ended = process->Wait(absl::Seconds(90));
    Answer answer{.code = ended.has_value() ? ended->code.value_or(-1) : -1, .text = process->Log()};
    return answer;
  }
  void Start() { pod_ = Run({"--session_timeout=6s"}); }
  void Stop() {
    pod_->Signal(SIGTERM);
    const std::optional<ExitState> ended = pod_->Wait(absl::Seconds(30));
    EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod_->Log();
    pod_.reset();
  }
  // `count` events of each partition's only key.
  void Send(const std::vector<int>& partitions, int count) {
    auto producer = scene_.client().NewProducer(scene_.application_id() + "-load", {scene_.input()});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kCall).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    for (const int partition : partitions) {
      const std::string key = absl::StrCat("key", partition);
      for (int i = 0; i < count; ++i) {
        ASSERT_TRUE(
            (*producer)->Send({.topic_index = 0, .partition = Partition(partition), .key = key, .value = "x"}).ok());
      }
    }
    ASSERT_TRUE((*producer)->Commit(kCall).ok());
  }
  TopicPartition Input(int partition) const { return {scene_.input(), Partition(partition)}; }
  int64_t Committed(int partition) {
    const std::vector<TopicPartition> where = {Input(partition)};
    const auto offsets = scene_.admin().StableCommittedOffsets(scene_.application_id(), where, kCall);
    return offsets.ok() && offsets->contains(where[0]) ? offsets->at(where[0]).value() : -1;
  }
  bool CatchUp() {
    return Scene::Eventually([&] {
      for (const int partition : {0, 1}) {
        const auto end = scene_.admin().HighWatermark(Input(partition), kCall);
        if (!end.ok() || Committed(partition) != end->value()) return false;
      }
      return true;
    });
  }
  // The committed count of a key, as the command tells it.
  std::string Count(int partition) {
    const Answer answer = Command({"state", "get", "count", absl::StrCat("key", partition), "--json"});
    const size_t at = answer.text.find("\"state\":");
    EXPECT_NE(at, std::string::npos) << answer.text;
    return at == std::string::npos ? "" : answer.text.substr(at + 8, answer.text.find('}', at) - at - 8);
  }
  // What stands between backquotes behind `lead` in the pod's log: a command's words.
  std::vector<std::string> Advice(const std::string& lead) {
    const std::string log = pod_->Log();
    const size_t at = log.find("`" + lead);
    if (at == std::string::npos) return {};
    const std::string words = log.substr(at + 1, log.find('`', at + 1) - at - 1);
    std::vector<std::string> split;
    for (size_t begin = 0; begin < words.size();) {
      const size_t end = std::min(words.find(' ', begin), words.size());
      split.push_back(words.substr(begin, end - begin));
      begin = end + 1;
    }
    return split;
  }

  Scene scene_{"offsets"};
  std::unique_ptr<Process> pod_;
  int runs_ = 0;
};

TEST_F(BrokerOffsetsTest, X4ATaskWhoseOffsetIsGoneComesBackByTheCommandInItsMessage) {
  Start();
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp()) << pod_->Log();
  Stop();
  const int64_t stood_at = Committed(0);
  Send({0}, 5);
  kafka::BrokerAdmin(scene_.bootstrap_servers()).DeleteRecordsBefore({Input(0), Offset(stood_at + 3)});
  Start();
  EXPECT_TRUE(Scene::Eventually([&] { return !Advice("offsets reset").empty(); })) << pod_->Log();
  std::vector<std::string> command = Advice("offsets reset");
  ASSERT_FALSE(command.empty());
  command.push_back("--yes");
  // Not while it runs.
  const Answer refused = Command(command);
  EXPECT_EQ(refused.code, 1) << refused.text;
  EXPECT_TRUE(absl::StrContains(refused.text, "Stop all instances first")) << refused.text;
  EXPECT_EQ(Committed(0), stood_at);
  const Answer doctor = Command({"doctor"});
  EXPECT_EQ(doctor.code, 1) << doctor.text;
  EXPECT_TRUE(absl::StrContains(doctor.text, "offsets reset --to=earliest")) << doctor.text;
  Stop();
  std::vector<std::string> dry = command;
  dry.push_back("--dry-run");
  const Answer shown = Command(dry);
  EXPECT_EQ(shown.code, 0) << shown.text;
  EXPECT_EQ(Committed(0), stood_at) << "it was a dry run";
  const Answer moved = Command(command);
  EXPECT_EQ(moved.code, 0) << moved.text;
  EXPECT_EQ(Committed(0), stood_at + 3);
  Start();
  EXPECT_TRUE(CatchUp()) << pod_->Log();
  EXPECT_EQ(Count(0), "\"12\"");
  EXPECT_EQ(Count(1), "\"10\"");
  Stop();
}

TEST_F(BrokerOffsetsTest, BackAndForthGivesTheRightTotals) {
  Start();
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp()) << pod_->Log();
  Stop();
  const std::string first = absl::StrCat("--source=", scene_.input());
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"offsets", "reset", "--to=earliest", "--yes"},
                                             {"offsets", "reset", "--to=latest", first, "--partition=1", "--yes"},
                                             {"offsets", "skip", "--partition=0", "--events=4", "--yes"}}) {
    const Answer answer = Command(words);
    EXPECT_EQ(answer.code, 0) << answer.text;
  }
  Start();
  EXPECT_TRUE(CatchUp()) << pod_->Log();
  // They have no event IDs: six of them take effect again.
  EXPECT_EQ(Count(0), "\"16\"");
  EXPECT_EQ(Count(1), "\"10\"");
  Stop();
}

// A command that died after it had sent everything, and before it could commit.
TEST_F(BrokerOffsetsTest, KilledHalfWayNothingIsMoved) {
  Start();
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp()) << pod_->Log();
  Stop();
  const int64_t stood_at = Committed(0);
  const std::string changelog = scene_.application_id() + "-in-changelog";
  {
    auto producer = scene_.client().NewProducer(scene_.application_id() + "-+offsets", {changelog});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kCall).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    const std::string frontier_key = "\x05";
    ASSERT_TRUE(
        (*producer)->Send({.topic_index = 0, .partition = Partition(0), .key = frontier_key, .value = "half"}).ok());
    ASSERT_TRUE((*producer)->Flush(kCall).ok());
  }
  EXPECT_EQ(Committed(0), stood_at);
  const Answer moved = Command({"offsets", "reset", "--to=-3", "--partition=1", "--yes"});
  EXPECT_EQ(moved.code, 0) << moved.text;
  Start();
  EXPECT_TRUE(CatchUp()) << pod_->Log();
  EXPECT_EQ(Count(0), "\"10\"");
  // A marker is among the last three offsets.
  EXPECT_EQ(Count(1), "\"12\"");
  Stop();
}

TEST_F(BrokerOffsetsTest, AfterAResetTheApplicationBeginsAnew) {
  Start();
  Send({0, 1}, 10);
  ASSERT_TRUE(CatchUp()) << pod_->Log();
  const Answer refused = Command({"reset", "--yes"});
  EXPECT_EQ(refused.code, 1) << refused.text;
  Stop();
  const Answer dry = Command({"reset", "--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.text;
  for (const char* topic : {"-in-changelog", "-in-control", "-in-audit"}) {
    EXPECT_TRUE(absl::StrContains(dry.text, scene_.application_id() + topic)) << dry.text;
  }
  EXPECT_NE(Committed(0), -1);
  const Answer done = Command({"reset", "--yes"});
  EXPECT_EQ(done.code, 0) << done.text;
  EXPECT_EQ(Committed(0), -1);
  Start();
  EXPECT_TRUE(CatchUp()) << pod_->Log();
  EXPECT_EQ(Count(0), "\"10\"");
  const Answer lag = Command({"lag", "--json"});
  EXPECT_EQ(lag.code, 0) << lag.text;
  EXPECT_TRUE(absl::StrContains(lag.text, "\"events\":0")) << lag.text;
  Stop();
}

TEST_F(BrokerOffsetsTest, TheDoctorFindsWhatWasPlanted) {
  Answer fresh = Command({"topics", "create"});
  EXPECT_EQ(fresh.code, 0) << fresh.text;
  EXPECT_TRUE(absl::StrContains(fresh.text, "created")) << fresh.text;
  Answer well = Command({"doctor"});
  EXPECT_EQ(well.code, 0) << well.text;
  kafka::BrokerAdmin admin(scene_.bootstrap_servers());
  const std::string changelog = scene_.application_id() + "-in-changelog";
  const auto expect = [&](const std::string& what, int code) {
    Answer found;
    EXPECT_TRUE(Scene::Eventually(
        [&] {
          found = Command({"doctor", "--json"});
          return found.code == code && absl::StrContains(found.text, what);
        },
        absl::Seconds(30)))
        << what << "\nis not in: " << found.text;
  };
  admin.SetTopicSetting(changelog, "cleanup.policy", "delete");
  expect("cleanup.policy=delete", 1);
  admin.SetTopicSetting(changelog, "cleanup.policy", "compact");
  admin.SetTopicSetting(scene_.output(), "min.insync.replicas", "2");
  expect("replicas in sync and needs 2", 1);
  admin.SetTopicSetting(scene_.output(), "min.insync.replicas", "1");
  // An old librdkafka cannot ask for them.
  const bool knows_rights = !absl::StrContains(well.text, "which rights there are on topics is not told");
  EXPECT_TRUE(knows_rights || rd_kafka_version() < 0x02030000);
  if (knows_rights && admin.Deny(RD_KAFKA_RESOURCE_TOPIC, scene_.output(), RD_KAFKA_ACL_OPERATION_WRITE)) {
    expect("no right WRITE on topic " + scene_.output(), 1);
    admin.Allow(RD_KAFKA_RESOURCE_TOPIC, scene_.output());
  }
  // In both partitions, so in a wrong one as well.
  auto producer = scene_.client().NewProducer(scene_.application_id() + "-load", {scene_.input()});
  ASSERT_TRUE(producer.ok() && (*producer)->InitTransactions(kCall).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  for (const int partition : {0, 1}) {
    ASSERT_TRUE(
        (*producer)->Send({.topic_index = 0, .partition = Partition(partition), .key = "k", .value = "x"}).ok());
  }
  ASSERT_TRUE((*producer)->Commit(kCall).ok());
  expect("1 of 2 sampled keys are in other partitions", 0);
  admin.GrowTopic(scene_.input(), 3);
  expect("has 2 partitions", 1);
}

}  // namespace
}  // namespace once
