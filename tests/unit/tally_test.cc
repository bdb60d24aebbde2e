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

}  // namespace
}  // namespace once
