// The verifier is believed only because every kind of fault is seen to be reported, here and in its other tests.
#include <nlohmann/json.hpp>
#include <string>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

using testing::HasSubstr;

TEST(VerifierTest, ACorrectRunHasNoDifferences) {
  const Report report = CorrectRun().Verify();
  EXPECT_EQ(report.differences(), 0) << ToTable(report);
  EXPECT_EQ(report.input.records, 15);
  EXPECT_EQ(report.input.duplicates, 2);
  EXPECT_EQ(report.input.unique, 13);
  EXPECT_EQ(report.input.processed, 6);
  EXPECT_EQ(report.input.failed, 2);
  EXPECT_EQ(report.input.blocked, 3);
  EXPECT_EQ(report.input.rejected, 2);
  EXPECT_EQ(report.Find(kOutputsCheck)->found, 6);
  EXPECT_EQ(report.Find(kDeadLettersCheck)->found, 7);
  EXPECT_EQ(report.Find(kStateCheck)->found, 4);
  EXPECT_EQ(report.Find(kParkedCheck)->found, 5);
  EXPECT_EQ(report.Find(kOffsetsCheck)->found, 2);
}

TEST(VerifierTest, AnEmptyRunReportsEverythingLost) {
  TestRun run = CorrectRun();
  run.outputs.clear();
  run.letters.clear();
  run.changelog.clear();
  for (auto& [partition, offset] : run.offsets) offset.second.reset();
  const Report report = run.Verify();
  EXPECT_EQ(report.Find(kOutputsCheck)->CountOf("lost"), 6);
  EXPECT_EQ(report.Find(kDeadLettersCheck)->CountOf("lost"), 7);
  EXPECT_EQ(report.Find(kStateCheck)->CountOf("lost"), 4);
  EXPECT_EQ(report.Find(kParkedCheck)->CountOf("lost"), 5);
  EXPECT_EQ(report.Find(kOffsetsCheck)->CountOf("behind"), 2);
}

TEST(OffsetsTest, NotAtTheEnd) {
  TestRun run = CorrectRun();
  run.offsets[0].second = 9;
  run.offsets[1].second.reset();
  ExpectOnly(run.Verify(), kOffsetsCheck, {{"behind", 2}});
  EXPECT_EQ(run.Verify({.check_offsets = false}).differences(), 0);
}

TEST(OffsetsTest, BehindTheEnd) {
  TestRun run = CorrectRun();
  run.offsets[0].second = 11;
  ExpectOnly(run.Verify(), kOffsetsCheck, {{"ahead", 1}});
}

TEST(OffsetsTest, AnEmptyPartitionNeedsNone) {
  TestRun run = CorrectRun();
  run.offsets[2] = {0, std::nullopt};
  run.offsets[3] = {0, 0};
  EXPECT_EQ(run.Verify().differences(), 0);
}

TEST(ReportTest, ShowsTheFirstFewAndCountsTheRest) {
  TestRun run = CorrectRun();
  run.outputs.clear();
  const std::string table = ToTable(run.Verify({.max_shown = 2}));
  EXPECT_THAT(table, HasSubstr("outputs, lost: 4 more\n"));
  EXPECT_TRUE(table.ends_with("\ndifferences=6\n")) << table;
}

TEST(ReportTest, JsonHasTheSameNumbers) {
  TestRun run = CorrectRun();
  run.outputs.pop_back();
  const auto json = nlohmann::json::parse(ToJson(run.Verify()));
  EXPECT_EQ(json["differences"], 1);
  EXPECT_EQ(json["input"]["records"], 15);
  EXPECT_EQ(json["checks"][0]["check"], "outputs");
  EXPECT_EQ(json["checks"][0]["expected"], 6);
  EXPECT_EQ(json["checks"][0]["found"], 5);
  EXPECT_EQ(json["checks"][0]["kinds"]["lost"]["shown"][0]["key"], "\"dave\"");
}

}  // namespace
}  // namespace orders::verifier
