#include "processor/stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace once {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(StderrLogTest, WritesTimeLevelAndMessage) {
  StderrLog log(LogLevel::kDebug);
  CaptureStderr();
  log.Log(LogLevel::kWarning, "a {} message with 100%s braces");
  EXPECT_THAT(GetCapturedStderr(),
              ::testing::MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9]+Z warning a \\{\\} message with 100%s braces\n"));
}

TEST(StderrLogTest, DropsWhatIsBelowItsLevel) {
  StderrLog log(LogLevel::kWarning);
  CaptureStderr();
  log.Log(LogLevel::kDebug, "one");
  log.Log(LogLevel::kInfo, "two");
  log.Log(LogLevel::kError, "three");
  const std::string written = GetCapturedStderr();
  EXPECT_EQ(written.find("one"), std::string::npos);
  EXPECT_EQ(written.find("two"), std::string::npos);
  EXPECT_THAT(written, ::testing::HasSubstr("error three\n"));
}

// Whoever a message quotes can make no second one of it.
TEST(StderrLogTest, X3AMessageIsOneLine) {
  StderrLog log(LogLevel::kDebug);
  CaptureStderr();
  log.Log(LogLevel::kError,
          std::string("down\n2026-11-26T00:00:00.000Z error forged \x1b[31m gr\xc3\xbc\xc3\x9f\0!", 57));
  const std::string written = GetCapturedStderr();
  EXPECT_THAT(written,
              ::testing::EndsWith(
                  " error down\\x0a2026-11-26T00:00:00.000Z error forged \\x1b[31m gr\xc3\xbc\xc3\x9f\\x00!\n"));
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
}

}  // namespace
}  // namespace once
