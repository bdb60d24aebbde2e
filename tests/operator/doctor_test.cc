// The doctor finds each fault that was planted, and none where there is none.
#include "processor/operator/doctor.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/operator/scene.h"

namespace once {
namespace {

class DoctorTest : public OperatorTest {
 protected:
  DoctorTest() {
    for (int i = 0; i < 10; ++i) driver_.Send("orders", absl::StrCat("key", i), Order(1));
    driver_.RunUntilIdle();
    Stop();
    options_.preflight.takes_commands = true;
    options_.timeout = absl::Seconds(5);
    options_.now = driver_.clock().Wall();
  }

  std::vector<Finding> Look() {
    Plan plan = MakePlan(plan_.graph, plan_.application_id);
    return Examine(options_, client_.get(), admin_.get(), &plan);
  }
  // One line each, but for those that are OK.
  std::string Bad() {
    std::string text;
    for (const Finding& finding : Look()) {
      if (finding.level == FindingLevel::kOk) continue;
      EXPECT_FALSE(finding.fix.empty()) << finding.what;
      // That a Kafka in memory has one replica is told always.
      if (finding.check == "replication" && absl::StrContains(finding.what, "fewer than 3")) continue;
      absl::StrAppend(&text, LevelName(finding.level), " ", finding.check, ": ", finding.what, " -> ", finding.fix,
                      "\n");
    }
    return text;
  }
  void ExpectOnly(const std::string& level_and_check, const std::string& what, const std::string& fix) {
    const std::string bad = Bad();
    EXPECT_TRUE(absl::StartsWith(bad, level_and_check)) << bad;
    EXPECT_TRUE(absl::StrContains(bad, what)) << bad;
    EXPECT_TRUE(absl::StrContains(bad, fix)) << bad;
    EXPECT_EQ(std::count(bad.begin(), bad.end(), '\n'), 1) << bad;
  }

  DoctorOptions options_;
};

TEST_F(DoctorTest, NothingIsWrong) {
  options_.client_version = "9.9.9";
  EXPECT_EQ(Bad(), "");
  std::string checks;
  for (const Finding& finding : Look()) absl::StrAppend(&checks, finding.check, " ");
  for (const char* check :
       {"client", "brokers", "transactions", "group", "topics", "rights", "limits", "keys", "clock", "tasks"}) {
    EXPECT_TRUE(absl::StrContains(checks, check)) << check << " is not in " << checks;
  }
}

TEST_F(DoctorTest, ABadClientLibrary) {
  options_.client_version = "2.2.0";
  options_.client_problem = "librdkafka 2.2.0 has known faults";
  ExpectOnly("WARN client", "known faults", "another release");
}

TEST_F(DoctorTest, NoBroker) {
  driver_.cluster().SetReachable(false);
  ExpectOnly("FAIL brokers", "no broker answers", "--bootstrap_servers");
}

TEST_F(DoctorTest, ASourceIsMissing) {
  driver_.cluster().DeleteTopic("orders");
  ExpectOnly("FAIL topics", "source topic orders does not exist", "--create_topics");
}

TEST_F(DoctorTest, AChangelogThatDeletes) {
  driver_.cluster().SetTopicSetting("scripted-orders-changelog", "cleanup.policy", "delete");
  ExpectOnly("FAIL topics", "cleanup.policy=delete", "set it to compact");
}

TEST_F(DoctorTest, AChangelogThatForgetsDeletionsSoon) {
  driver_.cluster().SetTopicSetting("scripted-orders-changelog", "delete.retention.ms", "600000");
  ExpectOnly("WARN limits", "keeps deletions for 10m", "set it to a day");
}

TEST_F(DoctorTest, PartitionsWereAdded) {
  driver_.cluster().GrowTopic("orders", 3);
  const std::string bad = Bad();
  EXPECT_TRUE(absl::StrContains(bad, "FAIL topics: changelog scripted-orders-changelog has 2 partitions")) << bad;
  EXPECT_TRUE(absl::StrContains(bad, "FAIL topics: topic scripted-orders-control has 2 partitions")) << bad;
}

TEST_F(DoctorTest, NotEnoughReplicasInSync) {
  driver_.cluster().SetTopicSetting("customer-totals", "min.insync.replicas", "2");
  ExpectOnly("FAIL replication", "1 replicas in sync and needs 2", "min.insync.replicas");
}

TEST_F(DoctorTest, RightsAreMissing) {
  driver_.cluster().Deny(testkit::Right::kWriteTopic, "customer-totals");
  ExpectOnly("FAIL rights", "no right WRITE on topic customer-totals", "WRITE");
  driver_.cluster().Allow(testkit::Right::kWriteTopic, "customer-totals");
  driver_.cluster().Deny(testkit::Right::kReadGroup, "scripted");
  const std::string bad = Bad();
  EXPECT_TRUE(absl::StrContains(bad, "FAIL group: there is no right Read on group scripted")) << bad;
}

TEST_F(DoctorTest, TimeoutsThatTheBrokersDoNotTake) {
  driver_.cluster().SetBrokerSetting("process.roles", "broker");
  driver_.cluster().SetBrokerSetting("transaction.max.timeout.ms", "5000");
  ExpectOnly("FAIL timeouts", "transaction_timeout is 15s, and the brokers allow 5s", "--transaction_timeout=5s");
  driver_.cluster().SetBrokerSetting("transaction.max.timeout.ms", "900000");
  driver_.cluster().SetBrokerSetting("group.min.session.timeout.ms", "20000");
  driver_.cluster().SetBrokerSetting("group.max.session.timeout.ms", "30000");
  EXPECT_TRUE(absl::StrContains(Bad(), "FAIL timeouts: session_timeout is 10s")) << Bad();
}

TEST_F(DoctorTest, BrokersOfAReleaseWithAKnownFault) {
  driver_.cluster().SetBrokerSetting("process.roles", "broker");
  EXPECT_EQ(Bad(), "");
  driver_.cluster().SetBrokerSetting("cordoned.log.dirs", "");
  ExpectOnly("WARN version", "KAFKA-20734", "release");
}

TEST_F(DoctorTest, KeysInOtherPartitions) {
  for (int i = 0; i < 50; ++i) {
    const std::string key = absl::StrCat("crc", i);
    driver_.cluster().Append("orders", *ExpectedPartition(Partitioner::kCrc32, std::string_view(key), 2), key,
                             Order(1).SerializeAsString());
  }
  ExpectOnly("WARN keys", "of 60 sampled keys are in other partitions", "let all producers");
  // The last of each partition are all of that kind.
  options_.sampled_records = 15;
  ExpectOnly("WARN keys", "sampled keys are in other partitions", "set SourceOptions.partitioner to kCrc32");
}

TEST_F(DoctorTest, AnEventFromTheFuture) {
  driver_.cluster().Append("orders", kAnyPartition, "key", Order(1).SerializeAsString(), {},
                           absl::ToUnixMillis(options_.now + absl::Hours(2)));
  ExpectOnly("WARN clock", "is stamped 2h ahead", "NTP");
}

TEST_F(DoctorTest, X4RetentionHasPassedATask) {
  for (int i = 0; i < 5; ++i) driver_.cluster().Append("orders", Partition(0), "k", Order(1).SerializeAsString());
  driver_.cluster().Trim({Input(0), Offset(Committed(0)->value() + 2)});
  options_.sampled_records = 0;
  ExpectOnly("FAIL tasks", "is not in the log any more", "offsets reset --to=earliest --source=orders --partition=0");
}

TEST_F(DoctorTest, OffsetsThatDoNotFitTheState) {
  driver_.cluster().SetCommittedOffset(kGroup, Input(1), Offset(0));
  ExpectOnly("FAIL tasks", "the group has committed 0", "offsets reset --to=state --source=orders --partition=1");
}

}  // namespace
}  // namespace once
