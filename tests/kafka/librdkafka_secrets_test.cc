// Secrets in files, tokens of the program's, and what is told of TLS; on handles that reach nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/handles.h"
#include "processor/kafka/librdkafka/secrets.h"
#include "processor/kafka/librdkafka/tls_cause.h"
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

TEST_F(TokenSourceTest, X3AFunctionThatThrowsFails) {
  TokenSource source([]() -> absl::StatusOr<OauthToken> { throw std::runtime_error("oops"); }, &log_, secrets_);
  source.Refresh(rk_);
  EXPECT_EQ(log_.Count("the function that brings tokens threw: oops"), 1);
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
