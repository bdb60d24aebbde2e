// What people write, and what it means for one partition.
#include "gtest/gtest.h"
#include "processor/operator/offset_target.h"

namespace once {
namespace {

OffsetFacts Facts() {
  return {.where = {"t", Partition(3)},
          .begin = Offset(10),
          .end = Offset(20),
          .committed = Offset(15),
          .state = Offset(14)};
}

int64_t To(const std::string& text, const OffsetFacts& facts = Facts()) {
  const absl::StatusOr<OffsetTarget> target = ParseOffsetTarget(text);
  if (!target.ok()) return -1;
  const absl::StatusOr<Offset> to = ResolveOffset(*target, facts);
  return to.ok() ? to->value() : -2;
}

TEST(OffsetTargetTest, EachForm) {
  EXPECT_EQ(To("earliest"), 10);
  EXPECT_EQ(To("latest"), 20);
  EXPECT_EQ(To("state"), 14);
  EXPECT_EQ(To("10"), 10);
  EXPECT_EQ(To("20"), 20);
  EXPECT_EQ(To("+3"), 17);
  EXPECT_EQ(To("-3"), 11);
  EXPECT_EQ(To("9"), -2);
  EXPECT_EQ(To("21"), -2);
  for (const char* none : {"", "first", "1x", "--1", "2026-13-01T00:00:00Z", "0x10", "99999999999999999999"}) {
    EXPECT_EQ(To(none), -1) << none;
  }
}

TEST(OffsetTargetTest, AShiftStaysInTheLog) {
  EXPECT_EQ(To("+100"), 20);
  EXPECT_EQ(To("-100"), 10);
  EXPECT_EQ(To("+9223372036854775807"), 20);
  EXPECT_EQ(To("-9223372036854775808"), 10);
  OffsetFacts gone = Facts();
  gone.state = Offset(2);
  EXPECT_EQ(To("+1", gone), 11);
}

TEST(OffsetTargetTest, WhatIsNotThereIsNotBuiltUpon) {
  OffsetFacts fresh = Facts();
  fresh.state.reset();
  fresh.committed.reset();
  EXPECT_EQ(To("state", fresh), -2);
  EXPECT_EQ(To("+1", fresh), -2);
  EXPECT_EQ(To("earliest", fresh), 10);
  EXPECT_EQ(To("2026-03-01T00:00:00Z"), -2) << "nobody has looked it up";
  fresh.at_time = Offset(12);
  EXPECT_EQ(To("2026-03-01T00:00:00Z", fresh), 12);
}

}  // namespace
}  // namespace once
