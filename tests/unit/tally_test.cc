#include "processor/engine/tally.h"

#include <gtest/gtest.h>

#include <vector>

namespace once {
namespace {

struct Recording final : LogSink {
  void Log(LogLevel, const std::string& message) override { messages.push_back(message); }
  std::vector<std::string> messages;
};

TEST(TallyTest, SpeaksOnceAMinuteWithCountAndExample) {
  Recording log;
  Tally tally(LogLevel::kInfo, "things", "do something");
  const absl::Time start = absl::FromUnixSeconds(1000);
  tally.Tell(start, &log);
  EXPECT_TRUE(log.messages.empty()) << "nothing to say";
  tally.Count([] { return "a"; });
  tally.Tell(start, &log);
  for (const char* example : {"b", "c"}) tally.Count([&] { return example; });
  tally.Tell(start + absl::Seconds(59), &log);
  tally.Tell(start + absl::Seconds(60), &log);
  tally.Tell(start + absl::Hours(1), &log);
  EXPECT_EQ(log.messages,
            (std::vector<std::string>{"things: 1, such as a; do something", "things: 2, such as b; do something"}));
}

TEST(TallyTest, SaysWhatItsExampleIsAbout) {
  struct Keeping final : LogSink {
    void Log(LogLevel, const std::string&) override { plain = true; }
    void LogAbout(LogLevel, const std::string&, const LogSubject& subject) override {
      topic = std::string(subject.topic);
      offset = subject.offset;
    }
    bool plain = false;
    std::string topic;
    std::optional<int64_t> offset;
  };
  Keeping log;
  Tally tally(LogLevel::kInfo, "things", "");
  for (const int64_t offset : {17, 18}) {
    tally.Count([] { return "a"; }, [&] { return TallySubject{.topic = "orders", .partition = 0, .offset = offset}; });
  }
  tally.Tell(absl::FromUnixSeconds(1000), &log);
  EXPECT_FALSE(log.plain);
  EXPECT_EQ(log.topic, "orders");
  EXPECT_EQ(log.offset, 17) << "of the example that is told";
}

}  // namespace
}  // namespace once
