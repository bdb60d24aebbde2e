#include "processor/config/options.h"

#include <stdlib.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace once {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Mistakes(const std::map<std::string, std::string>& values) {
  const Config config = Config::FromValues(values);
  LoadOptions(config, "app");
  return std::string(config.Check().message());
}

TEST(OptionsTest, DefaultsAreThoseOfTheStructAndRight) {
  const Config config;
  const Options options = LoadOptions(config, "order-totals");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
  EXPECT_TRUE(ValidateOptions(options).ok());
  EXPECT_TRUE(ValidateOptions(Options()).ok());
  EXPECT_EQ(options.application_id, "order-totals");
  EXPECT_EQ(options.bootstrap_servers, "localhost:9092");
  EXPECT_EQ(options.workers, 1);
  EXPECT_EQ(options.commit_interval, absl::Milliseconds(100));
  EXPECT_EQ(options.transaction_timeout, absl::Seconds(15));
  EXPECT_EQ(options.session_timeout, absl::Seconds(10));
  EXPECT_EQ(options.max_poll_interval, absl::Minutes(5));
  EXPECT_EQ(options.memory_bytes, 0);
  EXPECT_EQ(options.checkpoint_interval, absl::Seconds(2));
  EXPECT_EQ(options.idempotency_retention, absl::Hours(24));
  EXPECT_EQ(options.idempotency_max_ids, 10'000'000);
  EXPECT_FALSE(options.static_membership);
  EXPECT_FALSE(options.create_topics);
  EXPECT_FALSE(options.exit_on_task_failure);
  EXPECT_FALSE(options.accept_gaps);
  EXPECT_EQ(options.create_partitions, 4);
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
}

TEST(OptionsTest, WhatTasksDoThatFailIsLoaded) {
  const Options options =
      LoadOptions(Config::FromValues({{"exit_on_task_failure", "true"}, {"accept_gaps", "true"}}), "app");
  EXPECT_TRUE(options.exit_on_task_failure);
  EXPECT_TRUE(options.accept_gaps);
}

TEST(OptionsTest, EveryOptionIsLoaded) {
  const Config config = Config::FromValues({{"application_id", "a"},
                                            {"bootstrap_servers", "h1:1,h2"},
                                            {"instance_id", "i"},
                                            {"state_dir", "/s"},
                                            {"static_membership", "true"},
                                            {"workers", "2"},
                                            {"create_topics", "true"},
                                            {"create_partitions", "3"},
                                            {"start_timeout", "4s"},
                                            {"log_level", "debug"},
                                            {"commit_interval", "5ms"},
                                            {"max_epoch_records", "6"},
                                            {"max_epoch_bytes", "7KiB"},
                                            {"transaction_timeout", "8s"},
                                            {"session_timeout", "9s"},
                                            {"max_poll_interval", "10s"},
                                            {"memory_bytes", "99MiB"},
                                            {"checkpoint_interval", "12s"},
                                            {"checkpoint_flush_interval", "13s"},
                                            {"idempotency_retention", "0"},
                                            {"idempotency_max_ids", "15"},
                                            {"handler_timeout", "2s"},
                                            {"max_parked_per_aggregate", "16"},
                                            {"max_parked_per_task", "17"},
                                            {"breaker_min_failures", "18"},
                                            {"breaker_failure_ratio", "0.19"},
                                            {"breaker_window", "20s"},
                                            {"breaker_backoff", "21s"}});
  const Options options = LoadOptions(config, "default");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
  EXPECT_EQ(options.application_id, "a");
  EXPECT_EQ(options.bootstrap_servers, "h1:1,h2");
  EXPECT_EQ(options.instance_id, "i");
  EXPECT_EQ(options.state_dir, "/s");
  EXPECT_TRUE(options.static_membership);
  EXPECT_EQ(options.workers, 2);
  EXPECT_TRUE(options.create_topics);
  EXPECT_EQ(options.create_partitions, 3);
  EXPECT_EQ(options.start_timeout, absl::Seconds(4));
  EXPECT_EQ(options.log_level, LogLevel::kDebug);
  EXPECT_EQ(options.commit_interval, absl::Milliseconds(5));
  EXPECT_EQ(options.max_epoch_records, 6);
  EXPECT_EQ(options.max_epoch_bytes, 7 << 10);
  EXPECT_EQ(options.transaction_timeout, absl::Seconds(8));
  EXPECT_EQ(options.session_timeout, absl::Seconds(9));
  EXPECT_EQ(options.max_poll_interval, absl::Seconds(10));
  EXPECT_EQ(options.memory_bytes, 99 << 20);
  EXPECT_EQ(options.checkpoint_interval, absl::Seconds(12));
  EXPECT_EQ(options.checkpoint_flush_interval, absl::Seconds(13));
  EXPECT_EQ(options.idempotency_retention, absl::ZeroDuration());
  EXPECT_EQ(options.idempotency_max_ids, 15);
  EXPECT_EQ(options.handler_timeout, absl::Seconds(2));
  EXPECT_EQ(options.max_parked_per_aggregate, 16);
  EXPECT_EQ(options.max_parked_per_task, 17);
  EXPECT_EQ(options.breaker_min_failures, 18);
  EXPECT_EQ(options.breaker_failure_ratio, 0.19);
  EXPECT_EQ(options.breaker_window, absl::Seconds(20));
  EXPECT_EQ(options.breaker_backoff, absl::Seconds(21));
}

TEST(OptionsTest, HeadersOfDeadLettersAreNamed) {
  const Config config = Config::FromValues({{"dead_letter_headers", "once,spring"}});
  const Options options = LoadOptions(config, "default");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
  EXPECT_FALSE(options.dead_letter_headers.kafka_streams);
  EXPECT_TRUE(options.dead_letter_headers.spring);
  EXPECT_TRUE(LoadOptions(Config::FromValues({}), "default").dead_letter_headers.kafka_streams);
}

struct WrongCase {
  std::string option;
  std::string value;
  std::string why;
};

class WrongOption : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongOption, IsRefusedWithPlaceReasonAndFix) {
  const WrongCase& param = GetParam();
  EXPECT_EQ(Mistakes({{param.option, param.value}}),
            absl::StrCat("flag --", param.option, " = \"", param.value, "\": ", param.why));
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongOption,
    testing::Values(
        WrongCase{"workers", "0", "it is out of range; use 1 to 64"},
        WrongCase{"workers", "65", "it is out of range; use 1 to 64"},
        WrongCase{"create_partitions", "0", "it is out of range; use 1 to 10000"},
        WrongCase{"commit_interval", "0", "it is out of range; use 1ms to 10m"},
        WrongCase{"transaction_timeout", "0", "it is out of range; use 1s to 15m"},
        WrongCase{"max_epoch_bytes", "1B", "it is out of range; use 1KiB to 1GiB"},
        WrongCase{"idempotency_retention", "-1s", "it is out of range; use 0 to 8784h"},
        WrongCase{"breaker_failure_ratio", "1.5", "it is out of range; use 0 to 1"},
        WrongCase{"dead_letter_headers", "spring",
                  "\"once\" is missing, and by these headers a dead letter that is sent back is known; write once,..."},
        WrongCase{"log_level", "loud", "there is no such level; use debug, info, warning or error"},
        WrongCase{"log_format", "xml", "there is no such format; use text or json"},
        WrongCase{"http_listen", "8080",
                  "\"8080\" is no place to listen at; write ADDRESS:PORT, as 127.0.0.1:8080, or [::]:8080 for all "
                  "addresses of this machine"},
        WrongCase{"application_id", "a/b", "Kafka does not allow it; use only letters, digits, '.', '_' and '-'"},
        WrongCase{"application_id", "", "it is empty; give it a name"},
        WrongCase{"instance_id", "a b", "Kafka does not allow it; use only letters, digits, '.', '_' and '-'"},
        WrongCase{"bootstrap_servers", "", "it is empty; give at least one broker as host:port"},
        WrongCase{"bootstrap_servers", "h:x,h2:1", "\"h:x\" is not a broker's address; write host:port,host:port"},
        WrongCase{"bootstrap_servers", "h:70000", "\"h:70000\" is not a broker's address; write host:port,host:port"},
        WrongCase{"bootstrap_servers", "h:1,", "\"\" is not a broker's address; write host:port,host:port"},
        WrongCase{"bootstrap_servers", ":9092", "\":9092\" is not a broker's address; write host:port,host:port"},
        WrongCase{"max_parked_per_aggregate", "5000000",
                  "it exceeds max_parked_per_task, which is 4000000; lower it"}));

TEST(OptionsTest, AddressesOfBrokersMayBeIpV6) {
  EXPECT_EQ(Mistakes({{"bootstrap_servers", "[::1]:9092,[::1], kafka:9092"}}), "");
}

// T11: twice the commit interval and what ends a transaction must fit into its timeout, and that into the poll
// interval.
TEST(OptionsTest, T11CommitIntervalMustFitTheTransaction) {
  EXPECT_EQ(Mistakes({{"commit_interval", "4999ms"}}), "");
  EXPECT_EQ(Mistakes({{"commit_interval", "5s"}}),
            "flag --commit_interval = \"5s\": twice it, with 5s for handlers, flush and commit, could outlast "
            "transaction_timeout (15s); use less than 5s or raise transaction_timeout");
  EXPECT_EQ(Mistakes({{"commit_interval", "5s"}, {"transaction_timeout", "16s"}}), "");
}

TEST(OptionsTest, T11AllowanceShrinksWithTheTransaction) {
  EXPECT_EQ(Mistakes({{"commit_interval", "499ms"}, {"transaction_timeout", "2s"}}), "");
  EXPECT_THAT(Mistakes({{"commit_interval", "500ms"}, {"transaction_timeout", "2s"}}),
              HasSubstr("with 1s for handlers, flush and commit, could outlast transaction_timeout (2s); use less than "
                        "500ms"));
}

// X1: the brokers must not abort a transaction because of one slow event in it.
TEST(OptionsTest, X1HandlersMustFitTheTransaction) {
  EXPECT_EQ(Mistakes({{"handler_timeout", "9900ms"}}), "");
  EXPECT_EQ(Mistakes({{"handler_timeout", "60s"}}),
            "flag --handler_timeout = \"60s\": the brokers would abort the transaction while the handlers of one event "
            "still run; use 9.9s or less, or raise transaction_timeout (15s) to 1m5.1s");
  EXPECT_EQ(Mistakes({{"handler_timeout", "60s"}, {"transaction_timeout", "65100ms"}}), "");
}

TEST(OptionsTest, X1WithoutAHandlerTimeoutItIsWhatTheTransactionLeaves) {
  Options options;
  EXPECT_EQ(HandlerTimeout(options), absl::Milliseconds(9900));
  options.transaction_timeout = absl::Seconds(2);
  EXPECT_EQ(HandlerTimeout(options), absl::Milliseconds(900));
  options.handler_timeout = absl::Milliseconds(300);
  EXPECT_EQ(HandlerTimeout(options), absl::Milliseconds(300));
}

TEST(OptionsTest, T11TransactionMustFitThePollInterval) {
  EXPECT_EQ(Mistakes({{"transaction_timeout", "299s"}}), "");
  EXPECT_EQ(Mistakes({{"transaction_timeout", "300s"}}),
            "option max_poll_interval (the default): a worker would be taken for dead while it ends a transaction; use "
            "more than transaction_timeout, which is 5m");
}

TEST(OptionsTest, SessionMustBeShorterThanThePollInterval) {
  EXPECT_EQ(Mistakes({{"session_timeout", "5m"}}),
            "flag --session_timeout = \"5m\": it is not below max_poll_interval (5m); lower it");
}

TEST(OptionsTest, AllMistakesComeAtOnceButOneForEachValue) {
  const std::string mistakes =
      Mistakes({{"workers", "0"}, {"commit_interval", "0"}, {"memory_bytes", "much"}, {"wokers", "2"}});
  EXPECT_THAT(mistakes,
              AllOf(HasSubstr("--workers = \"0\""), HasSubstr("--commit_interval = \"0\": it is out of range"),
                    HasSubstr("--memory_bytes = \"much\": it is not a size in bytes"),
                    HasSubstr("--wokers: there is no such flag; did you mean --workers?")));
  EXPECT_EQ(std::count(mistakes.begin(), mistakes.end(), '\n'), 3);
}

TEST(OptionsTest, TimeoutsMayBeGivenAsProperties) {
  const Config config = Config::FromValues({{"kafka.session.timeout.ms", "7000"},
                                            {"kafka.transaction.timeout.ms", "20000"},
                                            {"kafka.max.poll.interval.ms", "60000"}});
  const Options options = LoadOptions(config, "app");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
  EXPECT_EQ(options.session_timeout, absl::Seconds(7));
  EXPECT_EQ(options.transaction_timeout, absl::Seconds(20));
  EXPECT_EQ(options.max_poll_interval, absl::Seconds(60));
}

TEST(OptionsTest, WrongPropertiesAreNamedAsTheCause) {
  EXPECT_EQ(Mistakes({{"kafka.session.timeout.ms", "7000"}, {"session_timeout", "8s"}}),
            "flag --session_timeout = \"8s\": flag --kafka.session.timeout.ms says the same; remove one of the two");
  EXPECT_EQ(Mistakes({{"kafka.session.timeout.ms", "400000"}}),
            "option session_timeout (the default): as set by flag --kafka.session.timeout.ms, it is not below "
            "max_poll_interval (5m); lower it");
  EXPECT_EQ(Mistakes({{"kafka.session.timeout.ms", "7s"}}),
            "option session_timeout (the default): flag --kafka.session.timeout.ms = \"7s\" is no number of "
            "milliseconds; write --session_timeout=10s");
}

TEST(OptionsTest, OptionsMadeByHandAreChecked) {
  Options options;
  options.workers = 0;
  options.breaker_failure_ratio = std::numeric_limits<double>::quiet_NaN();
  const absl::Status status = ValidateOptions(options);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(),
            "option workers: it is out of range; use 1 to 64\n"
            "option breaker_failure_ratio: it is out of range; use 0 to 1");
}

// Restores the environment, which other tests read too.
class StateDirTest : public testing::Test {
 protected:
  StateDirTest() : home_(Value("HOME")), state_(Value("XDG_STATE_HOME")) {}
  ~StateDirTest() override {
    Set("HOME", home_);
    Set("XDG_STATE_HOME", state_);
  }
  static std::string Value(const char* name) { return getenv(name) == nullptr ? "" : getenv(name); }
  static void Set(const char* name, const std::string& value) {
    value.empty() ? unsetenv(name) : setenv(name, value.c_str(), 1);
  }
  static std::string Dir(const std::string& state_dir) {
    Options options;
    options.application_id = "app";
    options.state_dir = state_dir;
    return StateDir(options);
  }

 private:
  const std::string home_;
  const std::string state_;
};

TEST_F(StateDirTest, IsWhatIsSetOrUnderTheUsersStateDirectory) {
  Set("HOME", "/home/me");
  Set("XDG_STATE_HOME", "/state");
  EXPECT_EQ(Dir("/var/lib/x"), "/var/lib/x");
  EXPECT_EQ(Dir(""), "/state/once/app");
  Set("XDG_STATE_HOME", "");
  EXPECT_EQ(Dir(""), "/home/me/.local/state/once/app");
  Set("HOME", "");
  EXPECT_EQ(Dir(""), "once-state/app");
}

}  // namespace
}  // namespace once
