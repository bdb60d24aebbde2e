// The bytes before a value: each form, and what is none.
#include "processor/schema/framing.h"

#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "processor/base/strings.h"

namespace once::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Bytes(const char* hex) { return absl::HexStringToBytes(hex); }

TEST(FramingTest, AFrameIsAMagicByteAndTheIdBigEndian) {
  std::string bytes;
  AppendFrame(0x01020304, &bytes);
  EXPECT_EQ(bytes, Bytes("0001020304"));
  const std::string value = bytes + "payload";
  const auto frame = ReadFrame(value);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame->schema_id, 0x01020304);
  EXPECT_EQ(frame->rest, "payload");
}

TEST(FramingTest, WhatHasNoFrameIsDataLoss) {
  for (const std::string& bytes : {std::string(), Bytes("00000000"), Bytes("0100000001"), std::string("{\"a\":1}")}) {
    EXPECT_EQ(ReadFrame(bytes).status().code(), absl::StatusCode::kDataLoss) << absl::BytesToHexString(bytes);
  }
  EXPECT_THAT(std::string(ReadFrame("{\"a\":1}").status().message()), HasSubstr("{\"a\":"));
  // An ID is an int32, and none is negative.
  EXPECT_EQ(ReadFrame(Bytes("0080000000")).status().code(), absl::StatusCode::kDataLoss);
}

TEST(FramingTest, TheFirstMessageIsOneZeroByteOrAListOfOne) {
  for (const std::string& bytes : {Bytes("00"), Bytes("0200")}) {
    std::string_view rest = bytes;
    const auto indexes = ReadMessageIndexes(&rest);
    ASSERT_TRUE(indexes.ok());
    EXPECT_THAT(*indexes, ElementsAre(0));
    EXPECT_EQ(rest, "");
  }
  std::string written;
  AppendMessageIndexes({0}, &written);
  EXPECT_EQ(written, Bytes("00"));
}

TEST(FramingTest, IndexesAreZigZagVarints) {
  std::string written;
  AppendMessageIndexes({1, 0, 200}, &written);
  EXPECT_EQ(written, Bytes("0602009003"));
  written += "x";
  std::string_view rest = written;
  const auto indexes = ReadMessageIndexes(&rest);
  ASSERT_TRUE(indexes.ok());
  EXPECT_THAT(*indexes, ElementsAre(1, 0, 200));
  EXPECT_EQ(rest, "x");
}

TEST(FramingTest, IndexesThatAreNoneAreDataLoss) {
  // Nothing, a varint that does not end, a negative count, one that is too large, too few indexes, a negative index, a
  // varint of more than 32 bits.
  for (const char* hex : {"", "80", "01", "8201", "0400", "0201", "ffffffff7f"}) {
    const std::string bytes = Bytes(hex);
    std::string_view rest = bytes;
    EXPECT_EQ(ReadMessageIndexes(&rest).status().code(), absl::StatusCode::kDataLoss) << hex;
    EXPECT_EQ(rest, bytes);
  }
}

}  // namespace
}  // namespace once::internal
