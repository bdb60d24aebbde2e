#include "examples/order_totals/verifier_reference.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

using testing::HasSubstr;

struct RuleCase {
  std::string name;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<RecordHeader> headers;
  std::string disposition;  // Empty: processed.
  std::string reason;
};

// A total that its topic cannot take fails its order, and blocks its customer, like any other failure.
TEST(ReferenceTest, TotalsAboveTheOutputsLimitAreRefused) {
  Reference reference({.max_output_bytes = 2'000});
  int64_t offset = 0;
  for (const int key_bytes : {10, 3'000, 3'000}) {
    ASSERT_TRUE(reference
                    .Add({.topic = "orders",
                          .partition = 0,
                          .offset = offset++,
                          .timestamp_ms = 1,
                          .key = std::string(static_cast<size_t>(key_bytes), 'k'),
                          .value = Order(5),
                          .headers = {}})
                    .ok());
  }
  EXPECT_EQ(reference.counts().processed, 1);
  EXPECT_EQ(reference.counts().failed, 1);
  EXPECT_EQ(reference.counts().blocked, 1);
  EXPECT_EQ(reference.Find(std::string(3'000, 'k'))->letters[0].reason, "OUT_OF_RANGE");
}

class RuleTest : public testing::TestWithParam<RuleCase> {};

TEST_P(RuleTest, DecidesWhatBecomesOfAnEvent) {
  const RuleCase& given = GetParam();
  Reference reference;
  ASSERT_TRUE(reference
                  .Add({.topic = "orders",
                        .partition = 0,
                        .offset = 0,
                        .timestamp_ms = 1,
                        .key = given.key,
                        .value = given.value,
                        .headers = given.headers})
                  .ok());
  const Customer* customer = given.key.has_value() ? reference.Find(*given.key) : nullptr;
  const std::vector<Letter>& letters = customer != nullptr ? customer->letters : reference.keyless();
  EXPECT_EQ(reference.counts().processed, given.disposition.empty() ? 1 : 0);
  ASSERT_EQ(letters.size(), given.disposition.empty() ? 0u : 1u);
  if (letters.empty()) return;
  EXPECT_EQ(letters[0].disposition, given.disposition);
  EXPECT_EQ(letters[0].reason, given.reason);
}

INSTANTIATE_TEST_SUITE_P(
    All, RuleTest,
    testing::Values(RuleCase{"plain", "a", Order(1), {}, "", ""},
                    RuleCase{"its_type", "a", Order(1), {{"ce_type", "orders.v1.OrderPlaced"}}, "", ""},
                    RuleCase{"null_type", "a", Order(1), {{"ce_type", std::nullopt}}, "", ""},
                    RuleCase{"empty_key", "", Order(1), {}, "", ""},
                    RuleCase{"utf8_key", "\xc3\xa4", Order(1), {}, "", ""},
                    RuleCase{"no_key", std::nullopt, Order(1), {}, "REJECTED", "FAILED_PRECONDITION"},
                    RuleCase{"bad_key", "\xff", Order(1), {}, "REJECTED", "FAILED_PRECONDITION"},
                    RuleCase{"no_value", "a", std::nullopt, {}, "REJECTED", "FAILED_PRECONDITION"},
                    RuleCase{"empty_value", "a", "", {}, "FAILED", "INVALID_ARGUMENT"},
                    RuleCase{
                        "other_type", "a", Order(1), {{"ce_type", "orders.v1.OrderPaid"}}, "FAILED", "UNIMPLEMENTED"},
                    RuleCase{"undecodable", "a", "\x0a\x7f", {}, "FAILED", "DATA_LOSS"},
                    RuleCase{"zero", "a", Order(0), {}, "FAILED", "INVALID_ARGUMENT"},
                    RuleCase{"negative", "a", Order(-1), {}, "FAILED", "INVALID_ARGUMENT"},
                    RuleCase{"largest", "a", Order(INT64_MAX), {}, "", ""}),
    [](const auto& info) { return info.param.name; });

TEST(ReferenceTest, OverflowFails) {
  TestRun run;
  run.In(0, "a", "e1", Order(INT64_MAX));
  const Record event = run.In(0, "a", "e2", Order(1));
  run.Out(0, "a", 1, INT64_MAX);
  run.Letter(0, event, "FAILED", "OUT_OF_RANGE");
  run.Changelog(0, StateKey("a"), Total("a", 1, INT64_MAX));
  run.Parked(0, 0, event);
  EXPECT_EQ(run.Verify().differences(), 0) << ToTable(run.Verify());
}

TEST(ReferenceTest, DuplicatesAreTheSameSourceAndId) {
  Reference reference;
  int64_t offset = 0;
  const auto add = [&](const std::string& key, int32_t partition, std::vector<RecordHeader> headers) {
    ASSERT_TRUE(reference
                    .Add({.topic = "orders",
                          .partition = partition,
                          .offset = offset++,
                          .timestamp_ms = 1,
                          .key = key,
                          .value = Order(1),
                          .headers = std::move(headers)})
                    .ok());
  };
  add("a", 0, {{"ce_id", "1"}});
  add("a", 0, {{"ce_id", "1"}, {"ce_source", "s"}});
  add("a", 0, {{"ce_id", ""}});
  add("a", 0, {{"ce_id", std::nullopt}});
  add("a", 0, {});
  add("b", 1, {{"ce_id", "1"}});
  EXPECT_EQ(reference.counts().duplicates, 0);
  add("a", 0, {{"ce_id", "1"}});
  add("a", 0, {{"ce_source", "s"}, {"ce_id", "1"}});
  add("c", 0, {{"ce_id", "1"}});
  EXPECT_EQ(reference.counts().duplicates, 3);
}

TEST(ReferenceTest, AKeyInTwoPartitionsCannotBeVerified) {
  Verifier verifier({});
  EXPECT_TRUE(verifier
                  .AddInput({.topic = "orders",
                             .partition = 0,
                             .offset = 0,
                             .timestamp_ms = 1,
                             .key = "a",
                             .value = Order(1),
                             .headers = {}})
                  .ok());
  const absl::Status status = verifier.AddInput({.topic = "orders",
                                                 .partition = 1,
                                                 .offset = 0,
                                                 .timestamp_ms = 1,
                                                 .key = "a",
                                                 .value = Order(1),
                                                 .headers = {}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("orders-1-0"));
}

TEST(ReferenceTest, OffsetsMustGoUp) {
  Reference reference;
  const Record record{
      .topic = "orders", .partition = 0, .offset = 4, .timestamp_ms = 1, .key = "a", .value = Order(1), .headers = {}};
  EXPECT_TRUE(reference.Add(record).ok());
  EXPECT_FALSE(reference.Add(record).ok());
}

}  // namespace
}  // namespace orders::verifier
