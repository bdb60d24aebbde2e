#include "processor/stderr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

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

TEST(StderrLogTest, AnObjectALineWithWhatItIsAbout) {
  StderrLog log(LogLevel::kInfo, LogFormat::kJson);
  CaptureStderr();
  log.Log(LogLevel::kInfo, "a \"message\"\nof two lines \xff");
  log.LogAbout(LogLevel::kWarning, "an event",
               {.topic = "orders", .partition = 0, .offset = 17, .aggregate = "alice", .event_id = "e1"});
  log.LogAbout(LogLevel::kDebug, "dropped", {.task = "orders-0"});
  const std::string written = GetCapturedStderr();
  const std::vector<std::string> lines = absl::StrSplit(written, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u) << written;
  const auto plain = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(plain["level"], "info");
  EXPECT_EQ(plain["message"], "a \"message\"\\x0aof two lines \\xff");
  EXPECT_EQ(plain.size(), 3u) << "what is not known is left out: " << lines[0];
  const auto event = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(event["level"], "warning");
  EXPECT_EQ(event["topic"], "orders");
  EXPECT_EQ(event["partition"], 0);
  EXPECT_EQ(event["offset"], 17);
  EXPECT_EQ(event["aggregate"], "alice");
  EXPECT_EQ(event["event_id"], "e1");
  EXPECT_FALSE(event.contains("trace_id"));
}

// The standard error as a pipe, while it lives.
class StderrPipe {
 public:
  StderrPipe() {
    EXPECT_EQ(pipe(ends_), 0);
    before_ = dup(STDERR_FILENO);
    dup2(ends_[1], STDERR_FILENO);
  }
  ~StderrPipe() {
    if (before_ >= 0) PutBack();
    close(ends_[0]);
  }
  // No more is written into it than is there.
  void PutBack() {
    dup2(before_, STDERR_FILENO);
    close(std::exchange(before_, -1));
    close(ends_[1]);
  }
  // Reads on until `last` has come.
  std::string ReadTo(const std::string& last) {
    std::string text;
    char bytes[4096];
    while (text.find(last) == std::string::npos) {
      const ssize_t got = read(ends_[0], bytes, sizeof(bytes));
      if (got <= 0) break;
      text.append(bytes, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
  int before_ = -1;
};

// Whoever logs would stand still, and with it commits and the stop.
TEST(StderrLogTest, X2APipeThatNobodyReadsHoldsUpNobodyAndIsToldOf) {
  StderrPipe pipe;
  StderrLog log(LogLevel::kInfo);
  const std::string filling(1000, '.');
  // Much more than the pipe and the log keep together.
  constexpr int kLines = 3000;
  for (int i = 0; i < kLines; ++i) log.Log(LogLevel::kInfo, absl::StrCat("line ", i, " ", filling));
  log.Log(LogLevel::kError, "the fatal one");
  log.Flush(absl::Milliseconds(1));
  std::string text;
  std::thread reader([&] { text = pipe.ReadTo("the end"); });
  log.Flush(absl::InfiniteDuration());
  log.Log(LogLevel::kInfo, "the end");
  reader.join();
  int told = 0;
  for (; text.find(absl::StrCat("info line ", told, " ")) != std::string::npos; ++told) {
  }
  EXPECT_GT(told, 900);
  EXPECT_LT(told, kLines);
  for (int i = 1; i < told; ++i) {
    ASSERT_LT(text.find(absl::StrCat("info line ", i - 1, " ")), text.find(absl::StrCat("info line ", i, " ")));
  }
  EXPECT_THAT(text, ::testing::HasSubstr(absl::StrCat("warning ", kLines - told, " lines of this log are lost")));
  EXPECT_THAT(text, ::testing::HasSubstr("error the fatal one\n"));
}

TEST(StderrLogTest, X2ItsEndWaitsForNobodyForLong) {
  StderrPipe pipe;
  {
    StderrLog log(LogLevel::kInfo);
    for (int i = 0; i < 200; ++i) log.Log(LogLevel::kInfo, std::string(1000, '.'));
  }
  // Or it never ends.
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
