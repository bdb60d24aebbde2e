// What a record says of an earlier life of its event (rule R6).
#include "processor/engine/redrive.h"

#include <gtest/gtest.h>

#include <vector>

namespace once {
namespace {

using Kind = Redrive::Kind;

Redrive Read(const std::vector<HeaderView>& headers) { return ReadRedrive(headers, "app", "orders"); }

std::vector<HeaderView> Letter(std::string_view disposition, std::string_view origin, OptionalBytes round = {}) {
  std::vector<HeaderView> headers = {{"ce_id", std::string_view("1")},
                                     {"once.disposition", disposition},
                                     {"once.origin", origin},
                                     {"once.application", std::string_view("app")}};
  if (round.has_value()) headers.push_back({"once.round", round});
  return headers;
}

TEST(RedriveTest, R6ReadsRoundsAndNotices) {
  EXPECT_EQ(Read({}).kind, Kind::kNone);
  EXPECT_EQ(Read({{"ce_id", std::string_view("1")}}).kind, Kind::kNone);
  EXPECT_EQ(Read(Letter("FAILED", "orders-0-7")).kind, Kind::kFailedNotice);
  EXPECT_EQ(Read(Letter("FAILED", "orders-0-7")).origin, "orders-0-7");
  EXPECT_EQ(Read(Letter("BLOCKED", "orders-0-7")).kind, Kind::kBlockedNotice);
  EXPECT_EQ(Read(Letter("FAILED", "orders-0-7", "3")).kind, Kind::kRound);
  EXPECT_EQ(Read(Letter("FAILED", "orders-0-7", "3")).round, 3u);
  EXPECT_EQ(Read(Letter("REJECTED", "orders-0-7")).kind, Kind::kNone);
}

TEST(RedriveTest, R6WhatIsNotOursIsNone) {
  for (const std::string_view origin : {"order-0-7", "orders-0", "orders-0-7x", "orders--7", "orders-0-", "orders-x-7",
                                        "", "orders", "orders-old-0-7"}) {
    EXPECT_EQ(Read(Letter("FAILED", origin)).kind, Kind::kNone) << origin;
  }
  for (const std::string_view origin : {"in-0-7", "orders", ""}) {
    EXPECT_EQ(Read(Letter("FAILED", origin, "1")).kind, Kind::kNone) << "a round of another topic: " << origin;
    EXPECT_FALSE(Read(Letter("FAILED", origin, "1")).is_letter);
  }
  std::vector<HeaderView> another = Letter("FAILED", "orders-0-7", "1");
  another[3].value = "another";
  EXPECT_EQ(Read(another).kind, Kind::kNone);
  EXPECT_TRUE(Read(another).is_letter);
}

// Such letters have no event in them, whosever they are.
TEST(RedriveTest, R6ReadsWhatALetterHasNoRoomFor) {
  const auto omitting = [](std::string_view what, OptionalBytes round) {
    std::vector<HeaderView> headers = Letter("FAILED", "orders-3-7", round);
    headers.push_back({"once.omitted", what});
    return headers;
  };
  EXPECT_EQ(Read(omitting("value", "1")).kind, Kind::kHollow);
  EXPECT_EQ(Read(omitting("key,value", "1")).kind, Kind::kHollow);
  EXPECT_EQ(Read(omitting("key,value", {})).kind, Kind::kFailedNotice);
  EXPECT_TRUE(Read(omitting("key,value", {})).has_no_key);
  EXPECT_FALSE(Read(omitting("value", {})).has_no_key);
  EXPECT_EQ(Read(omitting("value", {})).partition, Partition(3));
  std::vector<HeaderView> another = omitting("value", {});
  another[3].value = "another";
  EXPECT_EQ(Read(another).kind, Kind::kHollow);
  EXPECT_EQ(
      Read({{"once.disposition", std::string_view("FAILED")}, {"once.origin", std::string_view("orders-0-7")}}).kind,
      Kind::kHollow);
  EXPECT_FALSE(Read(Letter("FAILED", "orders-0-7", "1")).is_hollow);
}

TEST(RedriveTest, R6ARoundThatIsNoNumberIsNoRound) {
  for (const std::string_view round : {"0", "-1", "x", "", "4294967296", "1000001", "99999999999999999999"}) {
    EXPECT_EQ(Read(Letter("FAILED", "orders-0-7", round)).kind, Kind::kFailedNotice) << round;
  }
}

}  // namespace
}  // namespace once
