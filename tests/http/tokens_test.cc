// Who may ask, by the tokens of a file that changes.
#include "processor/http/tokens.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testkit/manual_clock.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeptLog final : public LogSink {
 public:
  void Log(LogLevel, const std::string& message) override { text += message + "\n"; }
  std::string text;
};

constexpr char kOld[] = "Bearer old-secret-of-some-length";
constexpr char kNew[] = "Bearer new-secret-of-some-length";

TEST(TokensTest, EachLineIsAToken) {
  const auto tokens = Tokens::Parse(
      "# old, until the clients have the new one\n  old-secret-of-some-length \r\n\n"
      "new-secret-of-some-length\tname=alice@example.com  expires=2030-01-01T00:00:00Z\n");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_TRUE(tokens->Check(kOld, now).may_ask);
  EXPECT_EQ(tokens->Check(kOld, now).name, "");
  EXPECT_TRUE(tokens->Check(kNew, now).may_ask);
  EXPECT_EQ(tokens->Check(kNew, now).name, "alice@example.com");
}

TEST(TokensTest, EachRefusalHasItsReasonAndNoSecret) {
  const auto tokens = Tokens::Parse("old-secret-of-some-length expires=2030-01-01T00:00:00Z");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  const absl::Time before = absl::FromCivil(absl::CivilSecond(2029, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  const absl::Time after = before + absl::Seconds(1);
  EXPECT_TRUE(tokens->Check(kOld, before).may_ask);
  for (const auto& [sent, now, reason] : std::initializer_list<std::tuple<const char*, absl::Time, const char*>>{
           {"", before, "wants the header"},
           {"Basic secret", before, "is not \"Bearer TOKEN\""},
           {"Bearer", before, "is not \"Bearer TOKEN\""},
           {"Bearer ", before, "is none of"},
           {kNew, before, "is none of"},
           {"Bearer old-secret-of-some-lengt", before, "is none of"},
           {"Bearer old-secret-of-some-length ", before, "is none of"},
           {kOld, after, "has expired, at 2030-01-01T00:00:00"}}) {
    const Caller caller = tokens->Check(sent, now);
    EXPECT_FALSE(caller.may_ask) << sent;
    EXPECT_THAT(caller.refusal, HasSubstr(reason)) << sent;
    EXPECT_THAT(caller.refusal, Not(HasSubstr("secret")));
  }
}

TEST(TokensTest, OfOneTokenOnTwoLinesTheLongerCounts) {
  const auto tokens = Tokens::Parse(
      "old-secret-of-some-length expires=2020-01-01T00:00:00Z\nold-secret-of-some-length expires=2040-01-01T00:00:00Z");
  ASSERT_TRUE(tokens.ok());
  EXPECT_TRUE(tokens->Check(kOld, absl::FromUnixSeconds(1'700'000'000)).may_ask);
}

TEST(TokensTest, WhatIsNoTokenIsRefusedAndNotShown) {
  for (const std::string& text :
       {std::string(), std::string("\n# only\n"), std::string("short"), std::string("two secrets of a file"),
        std::string(5000, 'x'), std::string("secret-\x80-secret-secret"), std::string("secret-secret-secret secret"),
        std::string("secret-secret-secret expires=tomorrow"), std::string("secret-secret-secret name="),
        std::string("secret-secret-secret name=a/b"), std::string("secret-secret-secret\nsecret")}) {
    const auto tokens = Tokens::Parse(text);
    ASSERT_FALSE(tokens.ok()) << text;
    EXPECT_THAT(std::string(tokens.status().message()), Not(HasSubstr("secret")));
  }
}

class TokenFileTest : public testing::Test {
 protected:
  // In one step, as a secret that is mounted changes.
  void Write(const std::string& text) {
    std::ofstream(path_ + ".new", std::ios::binary) << text;
    std::filesystem::rename(path_ + ".new", path_);
  }

  const std::string path_ = testing::TempDir() + "/token";
  testkit::ManualClock clock_;
  KeptLog log_;
};

TEST_F(TokenFileTest, OldAndNewAreTakenWhileBothAreThere) {
  Write("old-secret-of-some-length\n");
  auto guard = OpenTokenFile(path_, &clock_, &log_);
  ASSERT_TRUE(guard.ok()) << guard.status();
  EXPECT_TRUE((*guard)->Check(kOld).may_ask);
  EXPECT_FALSE((*guard)->Check(kNew).may_ask);
  Write("old-secret-of-some-length\nnew-secret-of-some-length\n");
  EXPECT_FALSE((*guard)->Check(kNew).may_ask) << "it is not looked at for each request";
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE((*guard)->Check(kNew).may_ask);
  EXPECT_TRUE((*guard)->Check(kOld).may_ask);
  Write("new-secret-of-some-length\n");
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE((*guard)->Check(kNew).may_ask);
  EXPECT_FALSE((*guard)->Check(kOld).may_ask);
  EXPECT_THAT(log_.text, HasSubstr("has changed"));
  EXPECT_THAT(log_.text, Not(HasSubstr("secret")));
}

TEST_F(TokenFileTest, WhatCannotBeReadLeavesWhatWasThere) {
  Write("old-secret-of-some-length\n");
  auto guard = OpenTokenFile(path_, &clock_, &log_);
  ASSERT_TRUE(guard.ok()) << guard.status();
  Write("secret");
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE((*guard)->Check(kOld).may_ask);
  EXPECT_THAT(log_.text, HasSubstr("line 1 has no token"));
  std::filesystem::remove(path_);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE((*guard)->Check(kOld).may_ask);
  EXPECT_THAT(log_.text, HasSubstr("No such file"));
  const std::string told = log_.text;
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE((*guard)->Check(kOld).may_ask);
  EXPECT_EQ(log_.text, told) << "once is enough";
  EXPECT_THAT(log_.text, Not(HasSubstr("secret")));
}

TEST_F(TokenFileTest, AStartWithoutItSaysWhatIsWrong) {
  const auto none = OpenTokenFile("/nowhere/token", &clock_, &log_);
  ASSERT_FALSE(none.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(none.status()));
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("http_token_file /nowhere/token: No such file"));
}

}  // namespace
}  // namespace once::http
