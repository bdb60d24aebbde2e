#include "state/rocksdb/checkpoint_meta.h"

#include <gtest/gtest.h>

namespace once {
namespace {

TEST(CheckpointMetaTest, WhatIsWrittenIsRead) {
  const CheckpointMeta meta{.changelog_offset = Offset(INT64_MAX), .incarnation = UINT64_MAX, .written_ms = -1};
  const std::optional<CheckpointMeta> read = DecodeMeta(EncodeMeta(meta));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->changelog_offset, meta.changelog_offset);
  EXPECT_EQ(read->incarnation, meta.incarnation);
  EXPECT_EQ(read->written_ms, meta.written_ms);
}

// A client takes -1 for the partition's end: nothing would be replayed.
TEST(CheckpointMetaTest, NegativeOffsetsAndOtherLengthsAreRefused) {
  EXPECT_FALSE(DecodeMeta(EncodeMeta({.changelog_offset = Offset(-1)})).has_value());
  EXPECT_FALSE(DecodeMeta(std::string(23, '\0')).has_value());
  EXPECT_FALSE(DecodeMeta(std::string(25, '\0')).has_value());
}

}  // namespace
}  // namespace once
