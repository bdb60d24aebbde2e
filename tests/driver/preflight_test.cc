// What is checked before the first record is read, against brokers that answer this or that.
#include "processor/runtime/preflight.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/engine/frontier.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kChangelog[] = "order-totals-orders-changelog";

// Answers as it is told.
class FakeAdmin final : public kafka::Admin {
 public:
  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string& topic, absl::Duration) override {
    const auto found = answers.find(topic);
    if (found == answers.end()) return absl::NotFoundError("there is no such topic");
    return found->second;
  }
  absl::Status CreateTopic(const kafka::NewTopic& topic, absl::Duration) override {
    if (!create_error.ok()) return create_error;
    created.insert(topic.name);
    if (shows_late) return absl::OkStatus();
    answers[topic.name] = kafka::TopicDescription{.partition_count = topic.partition_count};
    return absl::OkStatus();
  }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string&,
                                                                          std::span<const TopicPartition>,
                                                                          absl::Duration) override {
    return absl::UnimplementedError("offsets");
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition&, absl::Duration) override { return Offset(0); }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition&, absl::Duration) override { return Offset(0); }

  std::map<std::string, absl::StatusOr<kafka::TopicDescription>> answers;
  absl::Status create_error;
  bool shows_late = false;
  std::set<std::string> created;
};

struct LinesLog final : LogSink {
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kWarning) warnings += message + "\n";
  }
  std::string warnings;
};

class PreflightTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<Topology> topology = BuildOrderTotals(Config::FromValues({}));
    ASSERT_TRUE(topology.ok()) << topology.status();
    plan_ = MakePlan(topology->shared_graph(), topology->graph().application_id);
    for (const std::string& topic :
         {std::string("orders"), std::string("customer-totals"), std::string("orders.dlq")}) {
      admin_.answers[topic] = Described({{"max.message.bytes", "1000012"}});
    }
    admin_.answers[kChangelog] = Described({{"cleanup.policy", "compact"}, {"delete.retention.ms", "3600000"}});
  }

  static kafka::TopicDescription Described(std::map<std::string, std::string> settings) {
    return {.partition_count = 4, .settings = std::move(settings)};
  }
  absl::Status Run() { return Preflight({.bootstrap_servers = "b:1"}, &admin_, &log_, &plan_); }

  FakeAdmin admin_;
  LinesLog log_;
  Plan plan_;
};

TEST_F(PreflightTest, LimitsOfOutputsAreTakenFromTheirTopics) {
  admin_.answers["customer-totals"] = Described({{"max.message.bytes", "5000"},
                                                 {"message.timestamp.after.max.ms", "60000"},
                                                 {"message.timestamp.before.max.ms", "9223372036854775807"},
                                                 {"message.timestamp.type", "CreateTime"}});
  admin_.answers["orders.dlq"] = Described({{"message.timestamp.after.max.ms", "9223372036854775807"},
                                            {"message.timestamp.before.max.ms", "86400000"},
                                            {"message.timestamp.type", "LogAppendTime"}});
  admin_.answers[kChangelog] = Described({{"cleanup.policy", "compact"},
                                          {"delete.retention.ms", "3600000"},
                                          {"message.timestamp.difference.max.ms", "7200000"}});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(log_.warnings, IsEmpty());
  EXPECT_EQ(plan_.max_record_bytes[0], 5000u);
  EXPECT_EQ(plan_.timestamp_after_max[0], absl::Minutes(1));
  EXPECT_EQ(plan_.timestamp_before_max[0], absl::InfiniteDuration());
  EXPECT_FALSE(plan_.log_append_time[0]);
  EXPECT_EQ(plan_.timestamp_after_max[1], absl::InfiniteDuration());
  EXPECT_EQ(plan_.timestamp_before_max[1], absl::Hours(24));
  EXPECT_TRUE(plan_.log_append_time[1]);
  EXPECT_EQ(plan_.timestamp_after_max[2], absl::Hours(2)) << "the one limit of brokers before 3.6";
  EXPECT_EQ(plan_.timestamp_before_max[2], absl::Hours(2));
  EXPECT_EQ(plan_.delete_retention[0], absl::Hours(1));
}

TEST_F(PreflightTest, E7AReadersLimitBelowATopicsIsTold) {
  const auto run = [&](int64_t limit) {
    return Preflight({.bootstrap_servers = "b:1", .max_response_bytes = limit}, &admin_, &log_, &plan_);
  };
  admin_.answers["orders"] = Described({{"max.message.bytes", "3000000"}});
  admin_.answers["orders.dlq"] = Described({{"max.message.bytes", "3000000"}});
  ASSERT_TRUE(run(3'001'024).ok());
  EXPECT_THAT(log_.warnings, IsEmpty());
  ASSERT_TRUE(run(2'000'000).ok());
  EXPECT_THAT(log_.warnings, HasSubstr("kafka.receive.message.max.bytes"));
  EXPECT_THAT(log_.warnings, HasSubstr("up to 3000000 bytes: orders. One that is larger"));
}

TEST_F(PreflightTest, X2WithoutTheRightToReadSettingsOnlyChecksAreLost) {
  for (auto& [topic, answer] : admin_.answers) {
    answer = kafka::TopicDescription{.partition_count = 4,
                                     .settings_error = absl::PermissionDeniedError("TOPIC_AUTHORIZATION_FAILED")};
  }
  const absl::Status checked = Run();
  ASSERT_TRUE(checked.ok()) << checked;
  EXPECT_THAT(log_.warnings, HasSubstr("DescribeConfigs"));
  EXPECT_THAT(log_.warnings, HasSubstr("cleanup.policy"));
  for (const char* each : {"orders", "customer-totals", "orders.dlq", kChangelog}) {
    EXPECT_THAT(log_.warnings, HasSubstr(each));
  }
  EXPECT_EQ(plan_.max_record_bytes[0], kDefaultMaxRecordBytes);
  EXPECT_EQ(plan_.timestamp_after_max[0], absl::Hours(1));
  EXPECT_EQ(plan_.delete_retention[0], absl::Hours(24));
}

TEST_F(PreflightTest, AllProblemsAreToldAtOnce) {
  admin_.answers["orders"] = absl::PermissionDeniedError("TOPIC_AUTHORIZATION_FAILED");
  admin_.answers["customer-totals"] = absl::InternalError("SOMETHING_ODD");
  admin_.answers.erase("orders.dlq");
  admin_.answers.erase(kChangelog);
  const absl::Status checked = Run();
  EXPECT_TRUE(absl::IsFailedPrecondition(checked)) << checked;
  const std::string text = checked.ToString();
  EXPECT_THAT(text, HasSubstr("3 problem(s)"));
  EXPECT_THAT(text, HasSubstr("the right Read on the topic, and Describe with it"));
  EXPECT_THAT(text, HasSubstr("SOMETHING_ODD"));
  EXPECT_THAT(text, HasSubstr("orders.dlq does not exist"));
  EXPECT_THAT(text, Not(HasSubstr("is the broker up")));
  EXPECT_THAT(admin_.created, IsEmpty()) << "nothing is made for an application that does not start";
}

TEST_F(PreflightTest, X3ADeadLetterTopicThatTakesNoneIsRefused) {
  admin_.answers["orders.dlq"] = Described({{"max.message.bytes", "100"}});
  EXPECT_THAT(Run().ToString(), HasSubstr("orders.dlq has max.message.bytes=100"));
  admin_.answers["orders.dlq"] = Described({{"max.message.bytes", "200"}});
  EXPECT_TRUE(Run().ok());
}

// Else nothing would ever commit, and nothing would say why.
TEST_F(PreflightTest, E7AChangelogThatDoesNotTakeTheEnginesOwnRecordsIsRefused) {
  admin_.answers[kChangelog] = Described({{"cleanup.policy", "compact"}, {"max.message.bytes", "400"}});
  const std::string text = Run().ToString();
  EXPECT_THAT(text, HasSubstr("changelog order-totals-orders-changelog has max.message.bytes=400"));
  const std::string least = std::to_string(LargestFrontierRecord(plan_, 0));
  EXPECT_THAT(text, HasSubstr("raise it to at least " + least));
  admin_.answers[kChangelog] = Described({{"cleanup.policy", "compact"}, {"max.message.bytes", least}});
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(plan_.max_record_bytes[2], LargestFrontierRecord(plan_, 0));
}

TEST_F(PreflightTest, E7AProducersLimitBelowTheEnginesOwnRecordsIsRefused) {
  admin_.answers.erase(kChangelog);
  const absl::Status refused = Preflight({.bootstrap_servers = "b:1", .max_record_bytes = 400}, &admin_, &log_, &plan_);
  EXPECT_THAT(refused.ToString(), HasSubstr("the producer's message.max.bytes=400"));
  EXPECT_THAT(refused.ToString(), HasSubstr("kafka.message.max.bytes"));
  EXPECT_THAT(admin_.created, IsEmpty());
}

TEST_F(PreflightTest, F6AChangelogThatForgetsDeletionsAtOnceIsRefused) {
  admin_.answers[kChangelog] = Described({{"cleanup.policy", "compact"}, {"delete.retention.ms", "0"}});
  EXPECT_THAT(Run().ToString(), HasSubstr("has delete.retention.ms=0"));
}

TEST_F(PreflightTest, R6DeadLettersThatCannotHoldAnEventAreWarnedOf) {
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(log_.warnings, Not(HasSubstr("dead-letter topic")));
  admin_.answers["orders.dlq"] = Described({{"max.message.bytes", "5000"}});
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(log_.warnings, HasSubstr("dead-letter topic orders.dlq takes 5000 bytes a record and the sources up to "
                                       "1000012: dead letters of larger events have no value"));
}

TEST_F(PreflightTest, MissingRightToCreateTheChangelogSaysWhatToCreate) {
  admin_.answers.erase(kChangelog);
  admin_.create_error = absl::PermissionDeniedError("CLUSTER_AUTHORIZATION_FAILED");
  const std::string text = Run().ToString();
  EXPECT_THAT(text, HasSubstr("the right Create on it, or create it yourself with 4 partitions"));
  EXPECT_THAT(text, HasSubstr("cleanup.policy=compact"));
}

TEST_F(PreflightTest, OnlyAnUnreachableBrokerIsUnavailable) {
  admin_.answers["customer-totals"] = absl::UnavailableError("nobody answers");
  const absl::Status checked = Run();
  EXPECT_TRUE(absl::IsUnavailable(checked)) << checked;
  EXPECT_THAT(checked.ToString(), HasSubstr("is the broker up"));
}

// As one of a thousand partitions, by a busy controller: the start waits on.
TEST_F(PreflightTest, X5ACreatedTopicThatShowsLateIsNobodysMistake) {
  admin_.answers.erase(kChangelog);
  admin_.shows_late = true;
  const absl::Status checked =
      Preflight({.bootstrap_servers = "b:1", .timeout = absl::Milliseconds(50)}, &admin_, &log_, &plan_);
  EXPECT_TRUE(absl::IsUnavailable(checked)) << checked;
  EXPECT_THAT(checked.ToString(), HasSubstr("was created, but b:1 does not show it yet"));
}

TEST_F(PreflightTest, RefusedCredentialsAreSaidOnce) {
  for (auto& [topic, answer] : admin_.answers) answer = absl::UnauthenticatedError("wrong password");
  const absl::Status checked = Run();
  EXPECT_TRUE(absl::IsUnauthenticated(checked)) << checked;
  EXPECT_THAT(checked.ToString(), Not(HasSubstr("is the broker up")));
}

}  // namespace
}  // namespace once
