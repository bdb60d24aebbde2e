#include "processor/windowed_keys.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/topology/codec_checks.h"

namespace once {
namespace {

using TimeKey = TimeWindowed<std::string>;
using SessionKey = SessionWindowed<std::string>;

// The bytes are those of Kafka Streams; tests/interop/run has it read and write them.
TEST(WindowedKeysTest, ATimeWindowIsTheKeyAndItsStart) {
  ExpectBothWays(TimeKey{"ab", 0x0102030405060708}, "ab\1\2\3\4\5\6\7\x08", "ab@72623859790382856");
  ExpectBothWays(TimeKey{"", 1}, std::string("\0\0\0\0\0\0\0\1", 8), "@1");
  ExpectBothWays(TimeKey{"a@b", -1}, "a@b" + std::string(8, '\xff'), "a@b@-1");
}

TEST(WindowedKeysTest, ASessionIsTheKeyItsEndAndItsStart) {
  ExpectBothWays(SessionKey{"ab", 1, 2}, std::string("ab\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1", 18), "ab@1..2");
  ExpectBothWays(SessionKey{"a..b@", -2, -1}, "a..b@" + std::string(15, '\xff') + "\xfe", "a..b@@-2..-1");
}

TEST(WindowedKeysTest, KeysInsideHaveTheirOwnCodec) {
  ExpectBothWays(TimeWindowed<int32_t>{7, 1}, std::string("\0\0\0\7\0\0\0\0\0\0\0\1", 12), "7@1");
  EXPECT_EQ(Codec<TimeWindowed<int32_t>>::TypeName(), "time_windowed<int32>");
  EXPECT_EQ(Codec<SessionWindowed<Bytes>>::TypeName(), "session_windowed<bytes>");
}

TEST(WindowedKeysTest, WhatIsTooShortOrNoKeyIsDataLoss) {
  EXPECT_TRUE(absl::IsDataLoss(Decode<TimeKey>("1234567").status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode<SessionKey>("123456789012345").status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode<TimeKey>("\xff" + std::string(8, '\0')).status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode<TimeWindowed<int32_t>>("123" + std::string(8, '\0')).status()));
  EXPECT_TRUE(absl::IsDataLoss(Codec<TimeKey>::Check(TimeKey{"\xff", 1})));
  EXPECT_TRUE(absl::IsDataLoss(Codec<SessionKey>::Check(SessionKey{"\xff", 1, 2})));
}

TEST(WindowedKeysTest, TextWithoutTimesIsRefused) {
  for (const char* text : {"", "a", "a@", "a@b", "a@1..2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Codec<TimeKey>::FromText(text).status())) << text;
  }
  for (const char* text : {"", "a", "a@1", "a@1..", "a@..1", "a..1@2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Codec<SessionKey>::FromText(text).status())) << text;
  }
}

}  // namespace
}  // namespace once
