// Secrets in files, tokens of the program's, and what is told of TLS; on handles that reach nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/handles.h"
#include "processor/kafka/librdkafka/secrets.h"
#include "processor/kafka/librdkafka/tls_cause.h"
#include "processor/kafka/librdkafka/token_cause.h"
#include "processor/kafka/librdkafka/token_source.h"

namespace once::kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Lines final : public LogSink {
 public:
  void Log(LogLevel, const std::string& message) override {
    MutexLock lock(&mutex_);
    lines_.push_back(message);
  }
  int Count(const std::string& text) {
    MutexLock lock(&mutex_);
    int count = 0;
    for (const std::string& line : lines_) count += line.find(text) != std::string::npos ? 1 : 0;
    return count;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_;
};

class SecretFilesTest : public ::testing::Test {
 protected:
  SecretFilesTest() : path_(absl::StrCat(::testing::TempDir(), "/once-secret-", getpid())) {}
  ~SecretFilesTest() override { std::filesystem::remove(path_); }

  void Write(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_;
  Lines log_;
};

TEST_F(SecretFilesTest, X10AFileThatChangesIsReadAgain) {
  Write("the first\n");
  auto secrets = *Secrets::Load({{"sasl.password.file", path_}, {"sasl.username", "me"}}, &log_);
  EXPECT_EQ(secrets->values().at("sasl.password"), "the first");
  Write("the second\r\n");
  secrets->Look();
  EXPECT_EQ(secrets->values().at("sasl.password"), "the second");
  secrets->Look();
  EXPECT_EQ(log_.Count("new Kafka credentials from files"), 1);
  // What it was is secret still.
  EXPECT_EQ(secrets->Redact("from the first to the second"), "from (secret) to (secret)");
}

TEST_F(SecretFilesTest, X10HandlesAreGivenTheNewPassword) {
  Write("the first");
  auto secrets = *Secrets::Load({{"sasl.password.file", path_}, {"sasl.username", "me"}}, &log_);
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[256] = "";
  for (const auto& [name, value] :
       {std::pair("security.protocol", "SASL_PLAINTEXT"), std::pair("sasl.mechanisms", "PLAIN"),
        std::pair("sasl.username", "me"), std::pair("sasl.password", "the first")}) {
    rd_kafka_conf_set(conf, name, value, text, sizeof(text));
  }
  rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
  ASSERT_NE(rk, nullptr) << text;
  secrets->Add(rk);
  Write("the second");
  secrets->Look();
  size_t size = sizeof(text);
  EXPECT_EQ(rd_kafka_conf_get(rd_kafka_conf(rk), "sasl.password", text, &size), RD_KAFKA_CONF_OK);
  EXPECT_STREQ(text, "the second");
  secrets->Remove(rk);
  rd_kafka_destroy(rk);
}

TEST_F(SecretFilesTest, X10WhatWasConfiguredIsSecretHoweverManyTokensCome) {
  auto secrets = *Secrets::Load({{"sasl.oauthbearer.client.secret", "configured"}}, &log_);
  for (int i = 0; i < 1000; ++i) secrets->Keep(absl::StrCat("token-", i));
  EXPECT_EQ(secrets->Redact("configured token-999 token-0"), "(secret) (secret) token-0");
}

TEST_F(SecretFilesTest, X10WhatAnErrorQuotesOfAConfigurationIsNotShown) {
  auto secrets = *Secrets::Load({}, &log_);
  EXPECT_EQ(secrets->Redact("Unrecognized sasl.oauthbearer.config beginning at: canary cut sho"),
            "Unrecognized sasl.oauthbearer.config beginning at: (secret)");
}

TEST_F(SecretFilesTest, TwoNamesOfOnePropertyAreRefused) {
  RdKafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.extra = {{"sasl.mechanism", "PLAIN"}, {"sasl.mechanisms", "SCRAM-SHA-256"}};
  EXPECT_THAT(MakeRdKafkaClient(config, &log_).status().ToString(), HasSubstr("are one; remove one of the two"));
}

TEST_F(SecretFilesTest, X10AFileThatIsGoneIsToldOnceAndItsValueStays) {
  Write("the first");
  auto secrets = *Secrets::Load({{"ssl.key.password.file", path_}}, &log_);
  std::filesystem::remove(path_);
  secrets->Look();
  secrets->Look();
  EXPECT_EQ(secrets->values().at("ssl.key.password"), "the first");
  EXPECT_EQ(log_.Count("No such file"), 1);
  Write("the second");
  secrets->Look();
  EXPECT_EQ(log_.Count("restart the process"), 1);
}

TEST_F(SecretFilesTest, HandlesTakeNewCredentialsWhileTheyLog) {
  Write("the first");
  RdKafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.extra = {{"security.protocol", "SASL_PLAINTEXT"},
                  {"sasl.mechanism", "PLAIN"},
                  {"debug", "all"},
                  {"sasl.username", "me"},
                  {"sasl.password.file", path_}};
  auto client = MakeRdKafkaClient(config, &log_);
  ASSERT_TRUE(client.ok()) << client.status();
  auto producer = (*client)->NewProducer("p", {"t"});
  ASSERT_TRUE(producer.ok()) << producer.status();
  Write("the second");
  // By the thread that looks at files.
  while (log_.Count("new Kafka credentials from files") == 0) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(log_.Count("the first") + log_.Count("the second"), 0);
}

TEST_F(SecretFilesTest, AFileThatCannotBeUsedIsRefusedWithTheWay) {
  RdKafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.extra = {{"sasl.password.file", path_}};
  EXPECT_THAT(MakeRdKafkaClient(config, &log_).status().ToString(), AllOf(HasSubstr(path_), HasSubstr("may read")));
  Write("");
  EXPECT_THAT(MakeRdKafkaClient(config, &log_).status().ToString(), HasSubstr("the file is empty"));
}

class TokenSourceTest : public ::testing::Test {
 protected:
  TokenSourceTest() : secrets_(*Secrets::Load({}, &log_)) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char reason[256];
    for (const auto& [name, value] :
         {std::pair("security.protocol", "SASL_PLAINTEXT"), std::pair("sasl.mechanisms", "OAUTHBEARER")}) {
      rd_kafka_conf_set(conf, name, value, reason, sizeof(reason));
    }
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, [](rd_kafka_t*, const char*, void*) {});
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
  }
  ~TokenSourceTest() override { rd_kafka_destroy(rk_); }

  Lines log_;
  const std::shared_ptr<Secrets> secrets_;
  rd_kafka_t* rk_ = nullptr;
  int calls_ = 0;
};

TEST_F(TokenSourceTest, X11OneTokenServesAllHandles) {
  TokenSource source(
      [&] {
        ++calls_;
        return OauthToken{"a-token", "me", absl::Now() + absl::Hours(1), {{"traceId", "7"}}};
      },
      &log_, secrets_);
  for (int handle = 0; handle < 5; ++handle) source.Refresh(rk_);
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(source.failure().ok()) << source.failure();
  EXPECT_EQ(secrets_->Redact("x a-token y"), "x (secret) y");
}

TEST_F(TokenSourceTest, X11AFailureIsToldOnceAndItsEndAsWell) {
  absl::StatusOr<OauthToken> answer = absl::UnavailableError("the issuer is away");
  TokenSource source(
      [&] {
        ++calls_;
        return answer;
      },
      &log_, secrets_);
  for (int handle = 0; handle < 5; ++handle) source.Refresh(rk_);
  EXPECT_EQ(calls_, 5);
  EXPECT_EQ(log_.Count("the issuer is away"), 1);
  EXPECT_TRUE(absl::IsUnavailable(source.failure()));
  // One that has expired is none.
  answer = OauthToken{"a-token", "me", absl::Now() - absl::Hours(1), {}};
  source.Refresh(rk_);
  EXPECT_EQ(log_.Count("is refused"), 1);
  answer->expires_at = absl::Now() + absl::Hours(1);
  source.Refresh(rk_);
  EXPECT_EQ(log_.Count("there is an OAUTHBEARER token again"), 1);
}

TEST_F(TokenSourceTest, X11WhoWaitedForACallThatFailedIsGivenItsFailure) {
  TokenSource source(
      [&] {
        ++calls_;
        return absl::UnavailableError("the issuer is away");
      },
      &log_, secrets_);
  const absl::Time before = SteadyNow();
  for (int handle = 0; handle < 5; ++handle) source.Refresh(rk_, before);
  EXPECT_EQ(calls_, 1);
  source.Refresh(rk_);
  EXPECT_EQ(calls_, 2);
}

TEST_F(TokenSourceTest, X11AfterItsEndNobodyIsAskedOrTold) {
  TokenSource source(
      [&] {
        ++calls_;
        return absl::UnavailableError("the issuer is away");
      },
      &log_, secrets_);
  source.End();
  source.Refresh(rk_);
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(log_.Count(""), 0);
}

TEST_F(TokenSourceTest, ATokenMayNeverExpire) {
  TokenSource source([] { return OauthToken{"a-token", "me", absl::InfiniteFuture(), {}}; }, &log_, secrets_);
  source.Refresh(rk_);
  EXPECT_TRUE(source.failure().ok()) << source.failure();
}

TEST_F(TokenSourceTest, X3AFunctionThatThrowsFails) {
  TokenSource source([]() -> absl::StatusOr<OauthToken> { throw std::runtime_error("oops"); }, &log_, secrets_);
  source.Refresh(rk_);
  EXPECT_EQ(log_.Count("the function that brings tokens threw: oops"), 1);
}

size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// What a start is told, with a function of the program's or with an issuer that nobody reaches.
class NoTokenTest : public ::testing::Test {
 protected:
  absl::Status Describe(OauthTokenFunction function, std::map<std::string, std::string> extra = {}) {
    RdKafkaConfig config;
    config.bootstrap_servers = "127.0.0.1:1";
    config.extra = std::move(extra);
    config.extra.insert({{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", "OAUTHBEARER"}});
    config.oauth_token = std::move(function);
    auto client = MakeRdKafkaClient(config, &log_);
    if (!client.ok()) return client.status();
    auto admin = (*client)->NewAdmin();
    if (!admin.ok()) return admin.status();
    return (*admin)->DescribeTopic("t", absl::Seconds(1)).status();
  }

  Lines log_;
};

TEST_F(NoTokenTest, X11AFunctionsFailureIsTheStartsOwn) {
  absl::Status told = Describe([] { return absl::DeadlineExceededError("the issuer is slow"); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(told)) << told;
  EXPECT_THAT(told.ToString(), AllOf(HasSubstr("the issuer is slow"), Not(HasSubstr("bootstrap_servers"))));
  told = Describe([] { return absl::PermissionDeniedError("you are nobody"); });
  EXPECT_TRUE(absl::IsUnauthenticated(told)) << told;
  EXPECT_THAT(told.ToString(), HasSubstr("you are nobody"));
}

TEST_F(NoTokenTest, X11AnIssuerThatNobodyReachesIsWaitedFor) {
  const absl::Status told = Describe({}, {{"sasl.oauthbearer.method", "oidc"},
                                          {"sasl.oauthbearer.client.id", "me"},
                                          {"sasl.oauthbearer.client.secret", "canary"},
                                          {"sasl.oauthbearer.token.endpoint.url", "http://127.0.0.1:1/token"}});
  if (absl::IsInvalidArgument(told)) GTEST_SKIP() << told;  // Built without libcurl.
  EXPECT_TRUE(absl::IsUnavailable(told)) << told;
  EXPECT_THAT(told.ToString(), AllOf(HasSubstr("there is no OAUTHBEARER token"), HasSubstr("sasl.oauthbearer.*")));
}

TEST_F(NoTokenTest, X2AFunctionThatDoesNotReturnDoesNotHoldUpAnEnd) {
  struct Gate {
    Mutex mutex;
    CondVar changed;
    bool asked ABSL_GUARDED_BY(mutex) = false;
    bool open ABSL_GUARDED_BY(mutex) = false;
  };
  auto gate = std::make_shared<Gate>();
  const size_t threads = Threads();
  RdKafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.extra = {{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", "OAUTHBEARER"}};
  config.oauth_token = [gate]() -> absl::StatusOr<OauthToken> {
    MutexLock lock(&gate->mutex);
    gate->asked = true;
    gate->changed.NotifyAll();
    while (!gate->open) gate->changed.Wait(&gate->mutex);
    return absl::UnavailableError("late");
  };
  {
    auto client = MakeRdKafkaClient(config, &log_);
    ASSERT_TRUE(client.ok()) << client.status();
    auto producer = (*client)->NewProducer("p", {"t"});
    ASSERT_TRUE(producer.ok()) << producer.status();
    MutexLock lock(&gate->mutex);
    while (!gate->asked) gate->changed.Wait(&gate->mutex);
  }
  EXPECT_EQ(log_.Count("within 1s; its threads are left behind"), 1);
  {
    MutexLock lock(&gate->mutex);
    gate->open = true;
    gate->changed.NotifyAll();
  }
  // As the process exits, OpenSSL frees what the threads that were left behind use until they end.
  while (Threads() > threads) absl::SleepFor(absl::Milliseconds(10));
}

TEST(TokenCauseTest, X11AnIssuersRefusalIsToldFromItsAbsence) {
  const std::string failed = "Failed to acquire SASL OAUTHBEARER token: ";
  EXPECT_TRUE(IsIssuersRefusal(failed + R"({"error": "invalid_client"})"));
  EXPECT_FALSE(IsIssuersRefusal(failed + "Failed to connect to 127.0.0.1 port 1: Connection refused"));
  EXPECT_FALSE(IsIssuersRefusal("SASL authentication error: invalid_request"));
  EXPECT_FALSE(IsOfMissingToken("SASL authentication error: Authentication failed"));
}

TEST(TlsCauseTest, X11NamesTheCauseAndOneFix) {
  const std::string failed = "ssl://b:1: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed";
  EXPECT_THAT(TlsCause(failed, 10, false), AllOf(HasSubstr("expired"), HasSubstr("renew it")));
  EXPECT_THAT(TlsCause(failed, 9, false), HasSubstr("not valid yet"));
  EXPECT_THAT(TlsCause(failed, 62, false), AllOf(HasSubstr("another host name"), HasSubstr("advertised.listeners")));
  for (const int unknown : {18, 19, 20, 21, 0})
    EXPECT_THAT(TlsCause(failed, unknown, false), HasSubstr("ssl.ca.location"));
  EXPECT_THAT(
      TlsCause("error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116", 0, false),
      HasSubstr("ssl.certificate.location"));
  EXPECT_THAT(TlsCause("SSL routines::sslv3 alert certificate unknown", 0, true), HasSubstr("refuses this client's"));
  // What Java's brokers say of one that is missing they say of one that is wrong as well.
  EXPECT_THAT(TlsCause("sslv3 alert bad certificate", 0, false), HasSubstr("asks for a certificate"));
  EXPECT_THAT(TlsCause("sslv3 alert bad certificate", 0, true), HasSubstr("refuses this client's"));
  // Passing ones, also after a certificate that was wrong.
  EXPECT_THAT(TlsCause("Connect to ipv4#127.0.0.1:1 failed: Connection refused", 10, false), IsEmpty());
  EXPECT_THAT(TlsCause("Disconnected", 10, false), Not(HasSubstr("expired")));
}

}  // namespace
}  // namespace once::kafka
