#include "processor/stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace once
