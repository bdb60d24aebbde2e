// What is remembered of transactions, on a clock that the test drives.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/gateway/outcome_index.h"
#include "tools/gateway/transaction_registry.h"

namespace once::gateway {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);

Outcome At(absl::Time time, std::string answer = "answer") {
  return {.request_hash = "h", .answer = std::move(answer), .time_ms = absl::ToUnixMillis(time)};
}

TEST(OutcomeIndexTest, ForgetsByAge) {
  OutcomeIndex index(absl::Hours(1), 1 << 20);
  index.Add("a", At(kStart), kStart);
  index.Add("b", At(kStart + absl::Minutes(30)), kStart + absl::Minutes(30));
  index.Expire(kStart + absl::Minutes(59));
  EXPECT_EQ(index.size(), 2u);
  index.Expire(kStart + absl::Minutes(60));
  EXPECT_FALSE(index.Find("a").has_value());
  EXPECT_TRUE(index.Find("b").has_value());
  // Read at a start, long after.
  index.Add("c", At(kStart), kStart + absl::Hours(2));
  EXPECT_FALSE(index.Find("c").has_value());
  index.Expire(kStart + absl::Hours(2));
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.bytes(), 0u);
}

TEST(OutcomeIndexTest, TheFirstOutcomeCounts) {
  OutcomeIndex index(absl::Hours(1), 1 << 20);
  index.Add("a", At(kStart, "first"), kStart);
  index.Add("a", At(kStart, "second"), kStart);
  EXPECT_EQ(index.Find("a")->answer, "first");
  EXPECT_EQ(index.size(), 1u);
}

TEST(OutcomeIndexTest, ForgetsTheOldestForWantOfRoom) {
  OutcomeIndex index(absl::Hours(1), 10'000);
  for (int i = 0; i < 1000; ++i) {
    index.Add(absl::StrCat(i), At(kStart), kStart);
    ASSERT_LE(index.bytes(), 10'000u);
  }
  EXPECT_EQ(index.size() + index.dropped(), 1000u);
  EXPECT_TRUE(index.Find("999").has_value());
  EXPECT_FALSE(index.Find("0").has_value());
}

TEST(OutcomeIndexTest, AStampOfTheFutureIsCutToThePresent) {
  OutcomeIndex index(absl::Hours(1), 1 << 20);
  index.Add("a", At(kStart + absl::Hours(1000)), kStart);
  index.Expire(kStart + absl::Hours(1));
  EXPECT_EQ(index.size(), 0u);
}

TEST(OutcomeTest, IsReadAsItWasWritten) {
  const Outcome outcome{.request_hash = "h", .answer = "{\"a\":1}\n", .time_ms = 5};
  const auto read = DecodeOutcome(EncodeOutcome(outcome));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->answer, outcome.answer);
  EXPECT_EQ(read->time_ms, 5);
  for (const char* wrong : {"", "{}", "[]", "null", R"({"format":2,"request":"","answer":"","time_ms":1})",
                            R"({"format":1,"request":1,"answer":"","time_ms":1})"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeOutcome(wrong).status())) << wrong;
  }
  EXPECT_NE(KeyOfRequest("a"), KeyOfTransaction("a"));
  EXPECT_NE(HashOf("a"), HashOf("b"));
}

TEST(TransactionRegistryTest, SlotsAreGivenAndComeBack) {
  TransactionRegistry registry("0", 2, absl::Minutes(10), 100);
  const auto a = registry.Open();
  const auto b = registry.Open();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->second, b->second);
  EXPECT_NE(a->first, b->first);
  EXPECT_TRUE(absl::IsResourceExhausted(registry.Open().status()));
  registry.End(a->first, TransactionState::kCommitted, "answer", kStart);
  // Once only.
  registry.End(a->first, TransactionState::kAborted, "", kStart);
  EXPECT_EQ(registry.open_count(), 1u);
  EXPECT_EQ(registry.Find(a->first)->state, TransactionState::kCommitted);
  EXPECT_EQ(registry.Find(a->first)->words, "answer");
  EXPECT_EQ(registry.Open()->second, a->second);
}

TEST(TransactionRegistryTest, ForgetsHowTheyEnded) {
  TransactionRegistry registry("0", 1, absl::Minutes(10), 3);
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(registry.Open()->first);
    registry.End(ids.back(), TransactionState::kAborted, "", kStart + absl::Minutes(i));
  }
  EXPECT_FALSE(registry.Find(ids[1]).has_value());
  EXPECT_TRUE(registry.Find(ids[2]).has_value());
  registry.Forget(kStart + absl::Minutes(13));
  EXPECT_FALSE(registry.Find(ids[3]).has_value());
  EXPECT_TRUE(registry.Find(ids[4]).has_value());
  EXPECT_TRUE(registry.IsOurs(ids[4]));
  EXPECT_FALSE(registry.IsOurs("1.abc"));
  EXPECT_FALSE(registry.IsOurs("abc"));
}

}  // namespace
}  // namespace once::gateway
