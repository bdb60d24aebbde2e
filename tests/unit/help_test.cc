#include "processor/config/help.h"

#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/config/options.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(HelpTest, ShowsEveryOptionWithItsDefaultTheTopologysFirst) {
  const Config config;
  config.Get("version", false, {.help = "Print versions and exit.", .group = "General"});
  config.Get("input_topic", "orders", {.help = "Topic of the orders."});
  LoadOptions(config, "order-totals");
  const std::string text = HelpText("/usr/bin/order_totals", "Adds orders up.", config);

  EXPECT_THAT(text, HasSubstr("Adds orders up.\n\nUsage: order_totals "));
  EXPECT_THAT(text, HasSubstr("  --input_topic=orders\n      Topic of the orders.\n"));
  EXPECT_THAT(text, HasSubstr("  --application_id=order-totals\n"));
  EXPECT_THAT(text, HasSubstr("  --commit_interval=100ms\n"));
  EXPECT_THAT(text, HasSubstr("  --memory_bytes=0B\n"));
  EXPECT_THAT(text, HasSubstr("  --[no]create_topics  (default: false)\n"));
  for (const ConfigOption& option : config.options()) EXPECT_THAT(text, HasSubstr(option.name)) << option.name;
  EXPECT_LT(text.find("--input_topic"), text.find("--application_id"));
  EXPECT_LT(text.find("--breaker_backoff"), text.find("--[no]version"));
}

TEST(HelpTest, NamesTheOtherWaysToSetAnOption) {
  const std::string text = HelpText("program", "Description.", Config());
  EXPECT_THAT(text, HasSubstr("ONCE_COMMIT_INTERVAL=200ms"));
  EXPECT_THAT(text, HasSubstr("once.commit.interval=200ms"));
  EXPECT_THAT(text, HasSubstr("KAFKA_LINGER_MS=5"));
  EXPECT_THAT(text, Not(HasSubstr("This topology's own options")));
}

TEST(HelpTest, WrapsLongTexts) {
  std::string help;
  for (int i = 0; i < 60; ++i) help += "word ";
  const Config config;
  config.Get("long", 1, {.help = help});
  const std::string text = HelpText("program", "Description.", config);
  EXPECT_THAT(text, HasSubstr("\n      word word"));
  for (absl::string_view line : absl::StrSplit(text, '\n')) EXPECT_LE(line.size(), 106u) << std::string(line);
}

}  // namespace
}  // namespace once
