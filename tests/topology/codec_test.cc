#include "processor/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/topology/codec_checks.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using ::testing::HasSubstr;

TEST(CodecTest, IntegersAreJavasBigEndian) {
  ExpectBothWays<int32_t>(1, std::string("\0\0\0\1", 4), "1");
  ExpectBothWays<int32_t>(-2, "\xff\xff\xff\xfe", "-2");
  ExpectBothWays<int32_t>(std::numeric_limits<int32_t>::min(), std::string("\x80\0\0\0", 4), "-2147483648");
  ExpectBothWays<int64_t>(0x0102030405060708, "\1\2\3\4\5\6\7\x08", "72623859790382856");
  ExpectBothWays<int64_t>(-1, std::string(8, '\xff'), "-1");
}

TEST(CodecTest, DoublesAreJavasBigEndian) {
  ExpectBothWays<double>(1.5, std::string("\x3f\xf8\0\0\0\0\0\0", 8), "1.5");
  ExpectBothWays<double>(-0.25, std::string("\xbf\xd0\0\0\0\0\0\0", 8), "-0.25");
  EXPECT_TRUE(std::isnan(*Decode<double>(Encode(std::numeric_limits<double>::quiet_NaN()))));
}

TEST(CodecTest, DoublesKeepAllDigitsAsText) {
  const double value = 0.1 + 0.2;
  EXPECT_EQ(*Codec<double>::FromText(Codec<double>::ToText(value)), value);
}

TEST(CodecTest, NumbersOfTheWrongLengthAreDataLoss) {
  EXPECT_EQ(Decode<int32_t>("\1\2\3").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode<int64_t>("\1\2\3\4").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode<double>("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(Decode<int64_t>("abc").status().message()), HasSubstr("3 bytes where 8 are expected"));
}

TEST(CodecTest, NumbersAreNotReadFromOtherText) {
  EXPECT_FALSE(Codec<int32_t>::FromText("2147483648").ok());
  EXPECT_FALSE(Codec<int64_t>::FromText("12x").ok());
  EXPECT_FALSE(Codec<double>::FromText("").ok());
}

TEST(CodecTest, StringsAreUtf8) {
  ExpectBothWays<std::string>("", "", "");
  ExpectBothWays<std::string>("zürich-\xf0\x9f\x98\x80", "zürich-\xf0\x9f\x98\x80", "zürich-\xf0\x9f\x98\x80");
  for (const std::string& bytes :
       {std::string("\xff"), std::string("a\xc0\x80"), std::string("\xed\xa0\x80"), std::string("\xe2\x82")}) {
    EXPECT_EQ(Decode<std::string>(bytes).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Codec<std::string>::Check(bytes).code(), absl::StatusCode::kDataLoss);
  }
}

TEST(CodecTest, BytesAreShownInHexadecimal) {
  ExpectBothWays<Bytes>({std::string("\0\xff z", 4)}, std::string("\0\xff z", 4), "00ff207a");
  EXPECT_EQ(Codec<Bytes>::FromText("FF")->data, "\xff");
  EXPECT_FALSE(Codec<Bytes>::FromText("f").ok());
  EXPECT_FALSE(Codec<Bytes>::FromText("zz").ok());
}

TEST(CodecTest, MessagesGoByTheirFullName) {
  test::Bought bought;
  bought.set_item("tea");
  bought.set_cents(250);
  EXPECT_EQ(Codec<test::Bought>::TypeName(), "once.test.Bought");
  EXPECT_EQ(Encode(bought), bought.SerializeAsString());
  EXPECT_EQ(Decode<test::Bought>(Encode(bought))->cents(), 250);
  EXPECT_EQ(Codec<test::Bought>::FromText(Codec<test::Bought>::ToText(bought))->item(), "tea");
  EXPECT_FALSE(Codec<test::Bought>::FromText("no: such_field").ok());
}

// Or a key that somebody typed would name an aggregate that no event can reach.
TEST(CodecTest, TextThatCouldNotBeDecodedAgainIsRefused) {
  EXPECT_FALSE(Codec<std::string>::FromText("\xff").ok());
  EXPECT_FALSE(Codec<test::Bought>::FromText("item: '\\377'").ok());
}

TEST(CodecTest, AnUndecodableMessageIsDataLossAndNamesTheType) {
  const absl::Status status = Decode<test::Bought>("\x0a\x7f").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 bytes are no once.test.Bought"));
}

TEST(CodecTest, DecodingReplacesWhatWasThere) {
  test::Bought value;
  value.set_item("old");
  value.set_cents(7);
  ASSERT_TRUE(Codec<test::Bought>::Decode("", &value).ok());
  EXPECT_EQ(value.cents(), 0);
  EXPECT_EQ(value.item(), "");
}

}  // namespace
}  // namespace once
