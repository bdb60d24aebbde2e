#include "processor/config/units.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace once {
namespace {

TEST(UnitsTest, Durations) {
  EXPECT_EQ(*ParseDuration("100ms"), absl::Milliseconds(100));
  EXPECT_EQ(*ParseDuration("2s"), absl::Seconds(2));
  EXPECT_EQ(*ParseDuration("24h"), absl::Hours(24));
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(*ParseDuration("-5s"), absl::Seconds(-5));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  for (const char* text : {"", "5", "s", "5 s", "5x", "inf", "-inf", "5s ", "one"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDuration(text).status())) << text;
  }
}

TEST(UnitsTest, Bytes) {
  EXPECT_EQ(*ParseBytes("100"), 100);
  EXPECT_EQ(*ParseBytes("100B"), 100);
  EXPECT_EQ(*ParseBytes("64KiB"), 65536);
  EXPECT_EQ(*ParseBytes("256MiB"), 268435456);
  EXPECT_EQ(*ParseBytes("1GiB"), 1073741824);
  EXPECT_EQ(*ParseBytes("2TiB"), int64_t{2} << 40);
  EXPECT_EQ(*ParseBytes("10kB"), 10'000);
  EXPECT_EQ(*ParseBytes("5MB"), 5'000'000);
  EXPECT_EQ(*ParseBytes("1 GB"), 1'000'000'000);
  EXPECT_EQ(*ParseBytes("9223372036854775807"), std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "KiB", "-1", "1.5GiB", "64XB", "64kib", "9223372036854775808", "8388608TiB"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseBytes(text).status())) << text;
  }
}

TEST(UnitsTest, FormattedBytesParseToTheSame) {
  EXPECT_EQ(FormatBytes(268435456), "256MiB");
  EXPECT_EQ(FormatBytes(0), "0B");
  EXPECT_EQ(FormatBytes(1025), "1025B");
  for (const int64_t bytes :
       {int64_t{0}, int64_t{1}, int64_t{1024}, int64_t{1536}, int64_t{3} << 40, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(*ParseBytes(FormatBytes(bytes)), bytes);
  }
}

TEST(UnitsTest, Switches) {
  for (const char* text : {"true", "TRUE", "yes", "on", "1"}) EXPECT_TRUE(*ParseBool(text)) << text;
  for (const char* text : {"false", "No", "off", "0"}) EXPECT_FALSE(*ParseBool(text)) << text;
  for (const char* text : {"", "2", "tru", " true"}) EXPECT_FALSE(ParseBool(text).ok()) << text;
}

TEST(UnitsTest, Integers) {
  EXPECT_EQ(*ParseInteger("-3", -3, 3), -3);
  EXPECT_EQ(*ParseInteger("3", -3, 3), 3);
  for (const char* text : {"", "-", "4", "-4", "1.0", "1e3", " 1", "+1", "0x1", "99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseInteger(text, -3, 3).status())) << text;
  }
}

TEST(UnitsTest, RealNumbers) {
  EXPECT_EQ(*ParseDouble("0.5"), 0.5);
  for (const char* text : {"", "half", "nan", "inf", "1e999"}) EXPECT_FALSE(ParseDouble(text).ok()) << text;
}

}  // namespace
}  // namespace once
