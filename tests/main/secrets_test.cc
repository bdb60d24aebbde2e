// X10: each secret is given in each way, each kind of mistake is made with it, and nothing that the program writes may
// have it in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "processor/app/kafka_properties.h"
#include "processor/once.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

constexpr char kCanary[] = "Tr0ub4dorCanary";
constexpr const char* kSecrets[] = {
    "sasl.password", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "ssl.key.password",
    "ssl.key.pem",   "ssl.keystore.password"};

absl::StatusOr<Topology> BuildCopy(const Config& config) {
  TopologyBuilder builder("copy-app");
  for (const char* name : {"store_password", "store_passwd", "store_api_key", "store_access_key"}) {
    if (config.Get(name, "").size() == 15) config.AddError(name, "it has 15 characters");
  }
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<Bytes>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [out](const Bytes&, auto& event) {
    event.Forward(out);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

std::string Variable(const std::string& property) {
  return absl::StrCat("KAFKA_", absl::AsciiStrToUpper(absl::StrReplaceAll(property, {{".", "_"}})));
}

class SecretsTest : public ::testing::Test {
 protected:
  SecretsTest() : dir_(absl::StrCat(::testing::TempDir(), "/once-secrets-", getpid())) {
    std::filesystem::create_directories(dir_);
  }
  ~SecretsTest() override { std::filesystem::remove_all(dir_); }

  std::string File(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(dir_, "/", name);
    std::ofstream(path) << text;
    return path;
  }

  // All that a run writes.
  std::string Run(std::vector<std::string> args, const std::map<std::string, std::string>& environment = {}) {
    args.insert(args.begin(), {"copy-app", "--bootstrap_servers=127.0.0.1:1", "--start_timeout=1s",
                               absl::StrCat("--state_dir=", dir_, "/state")});
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    CaptureStdout();
    CaptureStderr();
    code_ = Main(static_cast<int>(argv.size()), argv.data(), BuildCopy);
    const std::string written = GetCapturedStdout() + GetCapturedStderr();
    for (const auto& [name, value] : environment) unsetenv(name.c_str());
    return written;
  }

  void ExpectMistake(std::vector<std::string> args, const std::map<std::string, std::string>& environment = {}) {
    const std::string written = Run(std::move(args), environment);
    EXPECT_THAT(written, Not(HasSubstr(kCanary)));
    EXPECT_EQ(code_, kExitWrongUsage) << written;
  }

  const std::string dir_;
  int code_ = -1;
};

TEST_F(SecretsTest, X10AFlagIsRefusedWithTheWaysThatThereAre) {
  for (const std::string name : kSecrets) {
    ASSERT_TRUE(IsSecretKafkaProperty(name));
    const std::string written = Run({absl::StrCat("--kafka.", name, "=", kCanary)});
    EXPECT_EQ(code_, kExitWrongUsage);
    EXPECT_THAT(written, Not(HasSubstr(kCanary)));
    EXPECT_THAT(written, HasSubstr(Variable(name)));
    EXPECT_THAT(written, HasSubstr(absl::StrCat("--kafka.", name, ".file=FILE")));
  }
}

TEST_F(SecretsTest, X10NoMistakeOnTheCommandLineShowsASecret) {
  for (const std::string name : kSecrets) {
    const std::string flag = absl::StrCat("--kafka.", name);
    ExpectMistake({flag, kCanary});
    ExpectMistake({flag, absl::StrCat("--", kCanary)});
    ExpectMistake({absl::StrCat(flag, "=with"), kCanary});
    ExpectMistake({absl::StrCat(flag, "=", kCanary), absl::StrCat(flag, "=", kCanary)});
    ExpectMistake({absl::StrCat(flag, "s=", kCanary)});
    ExpectMistake({absl::StrCat("--", name, "=", kCanary)});
    ExpectMistake({absl::StrCat("--kafka_", name, "=", kCanary)});
  }
  ExpectMistake({"--kafka.sasl.pasword", kCanary});
  ExpectMistake({absl::StrCat("--kafka.sasl.jaas.config=x password=\"", kCanary, "\";")});
}

// A secret with a blank in it, or one that looks like a flag, behind a command, before it and between its words.
TEST_F(SecretsTest, X10NoMistakeOfACommandsLineShowsASecret) {
  for (const std::string name : kSecrets) {
    const std::string flag = absl::StrCat("--kafka.", name);
    for (const std::string& word : {std::string(kCanary), absl::StrCat("-", kCanary), absl::StrCat("--", kCanary),
                                    absl::StrCat("--", kCanary, "=x"), absl::StrCat("--kafka.", kCanary)}) {
      ExpectMistake({"lag", flag, word});
      ExpectMistake({"lag", flag + "=my", word});
      ExpectMistake({"lag", absl::StrCat("--", name, "=my"), word});
      ExpectMistake({"parked", "list", flag + "=my", word, word});
      ExpectMistake({"parked", flag + "=my", word, "list"});
      ExpectMistake({flag + "=my", "parked", word});
      ExpectMistake({flag, word, "lag", "--json"});
      ExpectMistake({"dlq", "list", flag + "=my", "--disposition", word});
      ExpectMistake({"run", flag + "=my", word});
      ExpectMistake({"config", "explain", flag, word});
    }
    ExpectMistake({"lag", flag + "=my", "--", kCanary});
  }
}

TEST_F(SecretsTest, X10NoMistakeBesideASecretShowsIt) {
  for (const std::string name : kSecrets) {
    const std::string line = absl::StrCat(name, "=", kCanary, "\n");
    const std::string good = File("good", kCanary);
    const std::vector<std::string> mistakes = {"--workers=0", "--kafka.no.such=1", "--nonsense", "stray"};
    for (const std::string& mistake : mistakes) {
      ExpectMistake({mistake}, {{Variable(name), kCanary}});
      ExpectMistake({mistake, "--config=" + File("a", line)});
      ExpectMistake({mistake, absl::StrCat("--kafka.", name, ".file=", good)});
    }
    // Twice, in one way or in two that are one.
    ExpectMistake({"--config=" + File("b", line + line)});
    ExpectMistake({"--config=" + File("c", absl::StrCat(line, name, ".file=", good, "\n"))});
    ExpectMistake({}, {{Variable(name), kCanary}, {Variable(name) + "_FILE", good}});
    // Not written as a setting.
    for (const std::string& text :
         {absl::StrCat(name, ": ", kCanary), absl::StrCat(name, ": ", kCanary, "=x"), absl::StrCat(name, " ", kCanary),
          absl::StrCat(name, "=a\\\n  ", kCanary), absl::StrCat(name, "=a\\\n  ", kCanary, " = 2"),
          absl::StrCat(name, "=-----BEGIN KEY-----\n", kCanary, "=\n-----END KEY-----\n")}) {
      ExpectMistake({"--config=" + File("d", text)});
    }
    ExpectMistake({"--config=" + File("e", absl::StrCat("once.", line))});
    ExpectMistake({"--config=" + File("f", absl::StrCat("x.", line))});
    // Java takes each of these for a key.
    for (const std::string& text :
         {absl::StrCat(name, "=a\n", kCanary, "\n"), absl::StrCat(name, "=a\n", kCanary, ".x\n"),
          absl::StrCat(name, "=a\n", kCanary, "==\n", kCanary, "==\n"),
          absl::StrCat(name, "=-----BEGIN KEY-----\nAAAA\n", kCanary, "\n", kCanary, "=\n-----END KEY-----\n")}) {
      ExpectMistake({"--kafka_properties=" + File("h", text)});
    }
  }
}

TEST_F(SecretsTest, X10NoMistakeWithAFileShowsWhatIsInIt) {
  for (const std::string name : kSecrets) {
    const std::string flag = absl::StrCat("--kafka.", name, ".file=");
    ExpectMistake({flag + dir_ + "/none"});
    ExpectMistake({flag + dir_});
    ExpectMistake({flag + File("empty", "\n")});
    ExpectMistake({flag + File("zero", std::string(kCanary) + std::string(1, '\0'))});
    ExpectMistake({flag + File("large", std::string(100'000, 'x') + kCanary)});
    ExpectMistake({}, {{Variable(name) + "_FILE", dir_ + "/none"}});
    ExpectMistake({"--config=" + File("g", absl::StrCat(name, ".file=", dir_, "/none\n"))});
  }
}

TEST_F(SecretsTest, X10AnOptionOfTheTopologysThatIsOneIsNotShown) {
  for (const char* name : {"ONCE_STORE_PASSWORD", "ONCE_STORE_PASSWD", "ONCE_STORE_API_KEY", "ONCE_STORE_ACCESS_KEY"}) {
    ExpectMistake({}, {{name, kCanary}});
  }
}

// What librdkafka itself makes of them, with all that it can log.
TEST_F(SecretsTest, X10NothingThatTheClientSaysShowsASecret) {
  const std::map<std::string, std::string> all = {{"KAFKA_DEBUG", "all"},
                                                  {"ONCE_LOG_LEVEL", "debug"},
                                                  {"KAFKA_SASL_USERNAME", "me"},
                                                  {"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"},
                                                  {"KAFKA_SASL_MECHANISM", "PLAIN"}};
  for (const std::string name : kSecrets) {
    std::map<std::string, std::string> environment = all;
    environment[Variable(name)] = kCanary;
    EXPECT_THAT(Run({}, environment), Not(HasSubstr(kCanary))) << name;
    environment.erase(Variable(name));
    environment[Variable(name) + "_FILE"] = File("secret", absl::StrCat(kCanary, "\n"));
    EXPECT_THAT(Run({}, environment), Not(HasSubstr(kCanary))) << name;
  }
  // This it quotes.
  std::map<std::string, std::string> environment = all;
  environment["KAFKA_SASL_MECHANISM"] = "OAUTHBEARER";
  environment["KAFKA_ENABLE_SASL_OAUTHBEARER_UNSECURE_JWT"] = "true";
  // In part, and cut short.
  for (const std::string& value : {std::string(kCanary), absl::StrCat("principal=me ", kCanary),
                                   absl::StrCat("principal=me lifeSeconds=", kCanary),
                                   absl::StrCat("principal=me ", kCanary, std::string(600, 'x'))}) {
    environment["KAFKA_SASL_OAUTHBEARER_CONFIG"] = value;
    const std::string written = Run({}, environment);
    EXPECT_THAT(written, Not(HasSubstr(kCanary)));
    EXPECT_THAT(written, HasSubstr("(secret)"));
  }
}

}  // namespace
}  // namespace once
