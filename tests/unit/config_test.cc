#include "processor/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A file of settings that lives as long as the test.
class SettingsFile {
 public:
  explicit SettingsFile(const std::string& text) {
    char path[] = "/tmp/once_config_test_XXXXXX";
    const int file = mkstemp(path);
    path_ = path;
    EXPECT_EQ(write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(file);
  }
  ~SettingsFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Config WithFlags(std::vector<std::string> args) { return Config::Load({.args = std::move(args)}); }

std::string Mistakes(const Config& config) { return std::string(config.Check().message()); }

struct PrecedenceCase {
  std::string name;
  bool flag;
  bool environment;
  bool file;
  std::string expected;
  ConfigSource source;
};

class Precedence : public testing::TestWithParam<PrecedenceCase> {};

TEST_P(Precedence, FirstOfFlagEnvironmentFileDefault) {
  const PrecedenceCase& param = GetParam();
  const SettingsFile file(param.file ? "once.input.topic = of-file\nlinger.ms=3\n" : "");
  ConfigInputs inputs;
  inputs.known_property = [](const std::string& name) { return name == "linger.ms"; };
  inputs.args = {absl::StrCat("--config=", file.path())};
  if (param.flag) inputs.args.insert(inputs.args.end(), {"--input_topic=of-flag", "--kafka.linger.ms=1"});
  if (param.environment) inputs.environment = {{"ONCE_INPUT_TOPIC", "of-environment"}, {"KAFKA_LINGER_MS", "2"}};
  const Config config = Config::Load(inputs);

  EXPECT_EQ(config.Get("input_topic", "of-default"), param.expected);
  EXPECT_EQ(config.SourceOf("input_topic"), param.source);
  EXPECT_TRUE(config.Check().ok()) << config.Check();
  const std::string property = param.flag ? "1" : param.environment ? "2" : param.file ? "3" : "";
  const std::map<std::string, std::string> properties = config.kafka_properties();
  EXPECT_EQ(properties.contains("linger.ms") ? properties.at("linger.ms") : "", property);
}

INSTANTIATE_TEST_SUITE_P(
    All, Precedence,
    testing::Values(PrecedenceCase{"all", true, true, true, "of-flag", ConfigSource::kFlag},
                    PrecedenceCase{"flag_and_file", true, false, true, "of-flag", ConfigSource::kFlag},
                    PrecedenceCase{"flag", true, false, false, "of-flag", ConfigSource::kFlag},
                    PrecedenceCase{"both_others", false, true, true, "of-environment", ConfigSource::kEnvironment},
                    PrecedenceCase{"environment", false, true, false, "of-environment", ConfigSource::kEnvironment},
                    PrecedenceCase{"file", false, false, true, "of-file", ConfigSource::kFile},
                    PrecedenceCase{"none", false, false, false, "of-default", ConfigSource::kDefault}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigTest, AnEmptyVariableCountsAsNotSet) {
  const Config config = Config::Load({.environment = {{"ONCE_INPUT_TOPIC", ""}}});
  EXPECT_EQ(config.Get("input_topic", "orders"), "orders");
}

TEST(ConfigTest, TheFileMayBeNamedInTheEnvironment) {
  const SettingsFile file("once.workers=3\n");
  const Config config = Config::Load({.environment = {{"ONCE_CONFIG", file.path()}}});
  EXPECT_EQ(config.Get("workers", 1), 3);
  EXPECT_TRUE(config.Check().ok()) << config.Check();
}

TEST(ConfigTest, FlagsInAllForms) {
  const Config config = WithFlags(
      {"--topic", "orders", "--limit", "-5", "--on", "--nooff", "--empty=", "--equals=a=b", "--kafka.client.id", "me"});
  EXPECT_EQ(config.Get("topic", "x"), "orders");
  EXPECT_EQ(config.Get("limit", 0), -5);
  EXPECT_TRUE(config.Get("on", false));
  EXPECT_FALSE(config.Get("off", true));
  EXPECT_EQ(config.Get("empty", "x"), "");
  EXPECT_EQ(config.Get("equals", "x"), "a=b");
  EXPECT_THAT(config.kafka_properties(), ElementsAre(Pair("client.id", "me")));
  EXPECT_TRUE(config.Check().ok()) << config.Check();
}

TEST(ConfigTest, AFlagThatIsGivenTwiceIsAMistakeAsInAFile) {
  const Config config = WithFlags({"--last=1", "--last", "2", "--kafka.client.id=a", "--kafka.client.id=a"});
  config.Get("last", 0);
  const std::string mistakes = Mistakes(config);
  EXPECT_THAT(mistakes, HasSubstr("flag --last: it is given twice, as arguments 1 and 2; remove one"));
  EXPECT_THAT(mistakes, HasSubstr("flag --kafka.client.id: it is given twice, as arguments 4 and 5"));
}

TEST(ConfigTest, ASwitchAndItsNegationContradictEachOther) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--create", "--nocreate"}, std::vector<std::string>{"--nocreate", "--create"}}) {
    const Config config = WithFlags(args);
    config.Get("create", true);
    EXPECT_THAT(Mistakes(config), HasSubstr("--create and --nocreate: they say the opposite"));
  }
}

TEST(ConfigTest, ValuesHaveTheTypeOfTheDefault) {
  const Config config = Config::FromValues(
      {{"wait", "1h30m"}, {"ratio", "0.25"}, {"size", "64KiB"}, {"count", "9000000000"}, {"text", "abc"}});
  EXPECT_EQ(config.Get("wait", absl::Seconds(1)), absl::Minutes(90));
  EXPECT_EQ(config.Get("ratio", 0.5), 0.25);
  EXPECT_EQ(config.GetBytes("size", 1), 65536);
  EXPECT_EQ(config.Get("count", int64_t{1}), 9'000'000'000);
  EXPECT_EQ(config.Get("text", std::string("x")), "abc");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
}

struct BadValueCase {
  std::string name;
  std::string arg;
  std::string expected;
};

class BadValue : public testing::TestWithParam<BadValueCase> {};

TEST_P(BadValue, IsReportedWithItsPlaceAndAFixAndTheDefaultIsUsed) {
  const Config config = WithFlags({GetParam().arg});
  EXPECT_EQ(config.Get("wait", absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(config.Get("number", 7), 7);
  EXPECT_EQ(config.Get("ratio", 0.5), 0.5);
  EXPECT_EQ(config.GetBytes("size", 9), 9);
  EXPECT_TRUE(config.Get("on", true));
  EXPECT_EQ(config.Get("text", "x"), "x");
  EXPECT_TRUE(absl::IsInvalidArgument(config.Check()));
  EXPECT_EQ(Mistakes(config), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadValue,
    testing::Values(
        BadValueCase{
            "unit", "--wait=100",
            "flag --wait = \"100\": the duration has no unit; write a number with a unit, such as 100ms, 2s or "
            "24h"},
        BadValueCase{
            "duration", "--wait=soon",
            "flag --wait = \"soon\": it is not a duration; write a number with a unit, such as 100ms, 2s or 24h"},
        BadValueCase{"number", "--number=1.5",
                     "flag --number = \"1.5\": it is not a whole number; write a whole number from -2147483648 to "
                     "2147483647"},
        BadValueCase{
            "range", "--number=3000000000",
            "flag --number = \"3000000000\": the number is out of range; write a whole number from -2147483648 "
            "to 2147483647"},
        BadValueCase{"ratio", "--ratio=half",
                     "flag --ratio = \"half\": it is not a number; write a number such as 0.5"},
        BadValueCase{"size", "--size=64XB",
                     "flag --size = \"64XB\": it is not a size in bytes; write a whole number with a unit, such as "
                     "64KiB, 256MiB or 1GiB"},
        BadValueCase{"on", "--on=maybe", "flag --on = \"maybe\": it is a switch; write true or false"},
        BadValueCase{"negated", "--noon=true", "flag --noon: it takes no value; write --on=true or --noon alone"},
        BadValueCase{"value", "--text", "flag --text: it has no value; write --text=VALUE"},
        BadValueCase{"positional", "orders", "argument 1, \"orders\": it is not a flag; write --name=value"},
        BadValueCase{"property", "--kafka.client.id",
                     "flag --kafka.client.id: it has no value; write --kafka.client.id=VALUE"}),
    [](const auto& info) { return info.param.name; });

TEST(ConfigTest, UnknownFlagIsRefusedWithTheClosest) {
  const Config config = WithFlags({"--comit_interval=1s", "--nocreate_topic", "--qqqqqqqqqqqqqqq=1"});
  config.Get("commit_interval", absl::Seconds(1));
  config.Get("create_topics", true);
  EXPECT_TRUE(config.CheckValues().ok());
  EXPECT_THAT(Mistakes(config),
              AllOf(HasSubstr("flag --comit_interval: there is no such flag; did you mean --commit_interval?"),
                    HasSubstr("flag --nocreate_topic: there is no such flag; did you mean --nocreate_topics?"),
                    HasSubstr("flag --qqqqqqqqqqqqqqq: there is no such flag; --help lists all of them")));
}

TEST(ConfigTest, OnlyASwitchCanBeNegated) {
  const Config config = WithFlags({"--notopic"});
  config.Get("topic", "x");
  EXPECT_THAT(Mistakes(config), HasSubstr("flag --notopic: there is no such flag"));
}

TEST(ConfigTest, UnknownFileKeyIsRefusedWithItsLineAndTheClosest) {
  const SettingsFile file("# settings\n\nonce.comit.interval=1s\nonce.commit_interval=1s\n");
  const Config config = WithFlags({absl::StrCat("--config=", file.path())});
  EXPECT_EQ(config.Get("commit_interval", absl::Seconds(9)), absl::Seconds(9));
  const std::string fix = ": there is no such setting; did you mean once.commit.interval?";
  EXPECT_THAT(Mistakes(config), AllOf(HasSubstr(absl::StrCat(file.path(), ":3, once.comit.interval", fix)),
                                      HasSubstr(absl::StrCat(file.path(), ":4, once.commit_interval", fix))));
}

TEST(ConfigTest, FileErrorsCarryTheirLines) {
  const SettingsFile file("once.wait=5\nnonsense\n=x\nlinger.ms=1\nlinger.ms=2\n");
  const Config config = WithFlags({absl::StrCat("--config=", file.path())});
  config.Get("wait", absl::Seconds(1));
  const std::string& path = file.path();
  EXPECT_EQ(Mistakes(config),
            absl::StrCat(path, ":2: the line is not a setting; write name=value, or start it with #\n", path,
                         ":3: the line is not a setting; write name=value, or start it with #\n", path,
                         ":5: linger.ms was already set in line 4; remove one of the two\n", path,
                         ":1, once.wait = \"5\": the duration has no unit; write a number with a unit, such as "
                         "100ms, 2s or 24h"));
}

TEST(ConfigTest, MissingFileIsReported) {
  const Config config = WithFlags({"--config=/nonexistent/once.properties"});
  EXPECT_EQ(
      Mistakes(config),
      "configuration file /nonexistent/once.properties: No such file or directory; give --config=FILE the path of "
      "a readable file");
}

TEST(ConfigTest, AllMistakesComeAtOnce) {
  const SettingsFile file("once.size=big\n");
  ConfigInputs inputs;
  inputs.args = {"stray", "--unknown=1", absl::StrCat("--config=", file.path())};
  inputs.environment = {{"ONCE_WAIT", "5"}};
  const Config config = Config::Load(inputs);
  config.Get("wait", absl::Seconds(1));
  config.GetBytes("size", 1);
  config.Get("wait", absl::Seconds(1));  // Asking again does not report again.
  const std::string mistakes = Mistakes(config);
  EXPECT_THAT(mistakes, AllOf(HasSubstr("\"stray\""), HasSubstr("environment variable ONCE_WAIT = \"5\""),
                              HasSubstr(":1, once.size = \"big\""), HasSubstr("flag --unknown")));
  EXPECT_EQ(std::count(mistakes.begin(), mistakes.end(), '\n'), 3);
}

TEST(ConfigTest, VariablesOfKafkaArePropertiesOnlyIfKnown) {
  ConfigInputs inputs;
  inputs.known_property = [](const std::string& name) {
    return name == "session.timeout.ms" || name == "a-b_c" || name == "ssl.ca.location";
  };
  inputs.environment = {{"KAFKA_SESSION_TIMEOUT_MS", "12000"},
                        {"KAFKA_A__B___C", "x"},
                        {"KAFKA_PORT", "tcp://10.0.0.1:9092"},
                        {"HOME", "/root"}};
  const Config config = Config::Load(inputs);
  EXPECT_THAT(config.kafka_properties(), UnorderedElementsAre(Pair("session.timeout.ms", "12000"), Pair("a-b_c", "x")));
  EXPECT_THAT(config.Warnings(), ElementsAre(HasSubstr("environment variable KAFKA_PORT is ignored")));
  EXPECT_THAT(config.Warnings()[0], Not(HasSubstr("10.0.0.1")));
  EXPECT_EQ(config.WhereProperty("a-b_c"), "environment variable KAFKA_A__B___C");
  EXPECT_TRUE(config.Check().ok()) << config.Check();
}

TEST(ConfigTest, UnknownVariablesOfOnceAreOnlyWarnedOf) {
  const Config config = Config::Load({.environment = {{"ONCE_WORKER", "2"}}});
  config.Get("workers", 1);
  EXPECT_TRUE(config.Check().ok());
  EXPECT_THAT(config.Warnings(),
              ElementsAre("environment variable ONCE_WORKER is ignored: there is no such option; did "
                          "you mean ONCE_WORKERS?"));
}

TEST(ConfigTest, RefusedPropertiesAreReportedWithTheirPlace) {
  const SettingsFile file("sesion.timeout.ms=1\n");
  ConfigInputs inputs;
  inputs.check_property = [](const std::string& name, const std::string&) {
    return absl::InvalidArgumentError(absl::StrCat("no ", name));
  };
  inputs.args = {absl::StrCat("--config=", file.path()), "--kafka.acks=0"};
  const Config config = Config::Load(inputs);
  EXPECT_THAT(Mistakes(config), AllOf(HasSubstr("flag --kafka.acks: no acks"),
                                      HasSubstr(absl::StrCat(file.path(), ":1, sesion.timeout.ms: no sesion"))));
}

TEST(ConfigTest, FileTakesPropertiesVerbatim) {
  const SettingsFile file("\xEF\xBB\xBF! remark\r\nsasl.password = p=#\\ \"x\" \r\nssl.ca.location=/a b\n");
  const Config config = WithFlags({"--config", file.path()});
  EXPECT_THAT(config.kafka_properties(),
              UnorderedElementsAre(Pair("sasl.password", "p=#\\ \"x\""), Pair("ssl.ca.location", "/a b")));
  EXPECT_TRUE(config.Check().ok()) << config.Check();
}

TEST(ConfigTest, OptionsAreRememberedInTheOrderOfAsking) {
  const Config config;
  config.Get("b", 5, {.help = "Second letter.", .group = "Letters"});
  config.Get("a", absl::Minutes(5));
  config.Get("b", 6);
  const std::vector<ConfigOption> options = config.options();
  ASSERT_EQ(options.size(), 4u);
  EXPECT_EQ(options[0].name, "config");
  EXPECT_EQ(options[1].name, "kafka_properties");
  EXPECT_EQ(options[2].name, "b");
  EXPECT_EQ(options[2].default_text, "5");
  EXPECT_EQ(options[2].help, "Second letter.");
  EXPECT_EQ(options[3].default_text, "5m");
  EXPECT_THAT(config.Warnings(), IsEmpty());
}

TEST(ConfigTest, CallersMayAddMistakes) {
  const Config config = WithFlags({"--topic=a b"});
  config.Get("topic", "x");
  config.Get("other", "x");
  config.AddError("topic", "it has a blank; remove it");
  config.AddError("other", "it is bad; mend it");
  EXPECT_EQ(Mistakes(config),
            "flag --topic = \"a b\": it has a blank; remove it\n"
            "option other (the default): it is bad; mend it");
}

}  // namespace
}  // namespace once
