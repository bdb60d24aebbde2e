// Orders that fail on purpose, and times of orders: that the verifier sees each wrong way in which they can end.
#include <string>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

VerifierOptions Options() { return {.reference = {.failing_header = "must", .may_fail_header = "may"}}; }

// Three orders of alice, the second with a header; what becomes of them is the test's.
TestRun Orders(const RecordHeader& header) {
  TestRun run;
  run.input.reserve(3);
  run.In(0, "alice", "e1", Order(10));
  run.In(0, "alice", "e2", Order(20)).headers.push_back(header);
  run.In(0, "alice", "e3", Order(40));
  run.Out(0, "alice", 1, 10);
  return run;
}

void Fails(TestRun& run, const std::string& reason) {
  run.Letter(0, run.input[1], "FAILED", reason);
  run.Letter(0, run.input[2], "BLOCKED", reason, "e2");
  run.Parked(0, 0, run.input[1]);
  run.Parked(0, 1, run.input[2]);
  run.Changelog(0, StateKey("alice"), Total("alice", 1, 10));
}

void Processes(TestRun& run) {
  run.Out(0, "alice", 2, 30);
  run.Out(0, "alice", 3, 70);
  run.Changelog(0, StateKey("alice"), Total("alice", 3, 70));
}

TEST(OnPurposeTest, WhatMustFailFailsForItsReason) {
  TestRun run = Orders({"must", "INTERNAL"});
  Fails(run, "INTERNAL");
  EXPECT_EQ(run.Verify(Options()).differences(), 0) << ToTable(run.Verify(Options()));
}

TEST(OnPurposeTest, WhatMustFailAndIsProcessedIsSeen) {
  TestRun run = Orders({"must", "INTERNAL"});
  Processes(run);
  const Report report = run.Verify(Options());
  EXPECT_EQ(report.Find(kOutputsCheck)->CountOf("unexpected"), 2) << ToTable(report);
  EXPECT_EQ(report.Find(kDeadLettersCheck)->CountOf("lost"), 2) << ToTable(report);
  EXPECT_EQ(report.Find(kStateCheck)->CountOf("wrong"), 1) << ToTable(report);
}

TEST(OnPurposeTest, WhatMustFailAndFailsForAnotherReasonIsSeen) {
  TestRun run = Orders({"must", "DATA_LOSS"});
  Fails(run, "INTERNAL");
  ExpectOnly(run.Verify(Options()), kDeadLettersCheck, {{"wrong reason", 2}});
}

TEST(OnPurposeTest, WhatMustFailAndHasNoLetterIsSeen) {
  TestRun run = Orders({"must", "INTERNAL"});
  Fails(run, "INTERNAL");
  run.letters.erase(run.letters.begin());
  ExpectOnly(run.Verify(Options()), kDeadLettersCheck, {{"lost", 1}});
}

TEST(OnPurposeTest, WhatMustFailAndHasTwoLettersIsSeen) {
  TestRun run = Orders({"must", "INTERNAL"});
  Fails(run, "INTERNAL");
  run.letters.insert(run.letters.begin(), run.letters.front());
  ExpectOnly(run.Verify(Options()), kDeadLettersCheck, {{"doubled", 1}});
}

TEST(OnPurposeTest, WhatFailedAndLeftItsWritesIsSeen) {
  TestRun run = Orders({"must", "INTERNAL"});
  Fails(run, "INTERNAL");
  run.Changelog(0, StateKey("alice"), Total("alice", 2, 30));
  ExpectOnly(run.Verify(Options()), kStateCheck, {{"wrong", 1}});
}

TEST(OnPurposeTest, WhatMayFailDoesOrIsProcessed) {
  TestRun failed = Orders({"may", "OUT_OF_RANGE"});
  Fails(failed, "OUT_OF_RANGE");
  EXPECT_EQ(failed.Verify(Options()).differences(), 0) << ToTable(failed.Verify(Options()));
  TestRun processed = Orders({"may", "OUT_OF_RANGE"});
  Processes(processed);
  EXPECT_EQ(processed.Verify(Options()).differences(), 0) << ToTable(processed.Verify(Options()));
}

TEST(OnPurposeTest, WhatMayFailAndBothFailsAndIsProcessedIsSeen) {
  TestRun run = Orders({"may", "OUT_OF_RANGE"});
  Fails(run, "OUT_OF_RANGE");
  run.Out(0, "alice", 2, 30);
  ExpectOnly(run.Verify(Options()), kOutputsCheck, {{"unexpected", 1}});
}

TEST(OnPurposeTest, WhatMayFailAndDoesNeitherIsSeen) {
  TestRun run = Orders({"may", "OUT_OF_RANGE"});
  Processes(run);
  run.outputs.erase(run.outputs.begin() + 1);
  ExpectOnly(run.Verify(Options()), kOutputsCheck, {{"lost", 1}});
}

TEST(OnPurposeTest, WhatMayFailAndFailsForAnotherReasonIsSeen) {
  TestRun run = Orders({"may", "OUT_OF_RANGE"});
  Fails(run, "INTERNAL");
  const Report report = run.Verify(Options());
  EXPECT_EQ(report.Find(kDeadLettersCheck)->CountOf("unexpected"), 2) << ToTable(report);
  EXPECT_EQ(report.Find(kOutputsCheck)->CountOf("lost"), 2) << ToTable(report);
}

TEST(OnPurposeTest, WhatMayFailAndDoesNotBlockIsSeen) {
  TestRun run = Orders({"may", "OUT_OF_RANGE"});
  run.Letter(0, run.input[1], "FAILED", "OUT_OF_RANGE");
  run.Parked(0, 0, run.input[1]);
  run.Out(0, "alice", 2, 50);
  run.Changelog(0, StateKey("alice"), Total("alice", 2, 50));
  const Report report = run.Verify(Options());
  EXPECT_EQ(report.Find(kOutputsCheck)->CountOf("unexpected"), 1) << ToTable(report);
  EXPECT_EQ(report.Find(kDeadLettersCheck)->CountOf("lost"), 1) << ToTable(report);
}

TEST(OnPurposeTest, HeadersThatNobodyNamedMeanNothing) {
  TestRun run = Orders({"must", "INTERNAL"});
  Processes(run);
  EXPECT_EQ(run.Verify().differences(), 0) << ToTable(run.Verify());
}

// An output carries its order's time, as its own or in the header.
TEST(TimesTest, AnOutputOfAnotherTimeIsSeen) {
  TestRun run = CorrectRun();
  run.outputs[1].timestamp_ms = run.input[1].timestamp_ms;
  EXPECT_EQ(run.Verify().differences(), 0) << ToTable(run.Verify());
  run.outputs[1].timestamp_ms = *run.input[1].timestamp_ms + 1;
  ExpectOnly(run.Verify(), kOutputsCheck, {{"wrong time", 1}});
  run.outputs[1].headers.push_back({"once.timestamp", std::to_string(*run.input[1].timestamp_ms)});
  EXPECT_EQ(run.Verify().differences(), 0) << ToTable(run.Verify());
  run.outputs[1].headers.back().value = "12";
  ExpectOnly(run.Verify(), kOutputsCheck, {{"wrong time", 1}});
}

}  // namespace
}  // namespace orders::verifier
