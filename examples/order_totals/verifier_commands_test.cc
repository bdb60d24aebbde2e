// What commands do to events, and dead letters that are sent back: that the verifier takes exactly what the audit topic
// says, and sees each way in which that is not what happened.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_fates.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

using once::v1::Command;
using once::v1::CommandResult;

Command Release() {
  Command command;
  *command.mutable_release()->mutable_target() = Bob();
  return command;
}

Command Discard() {
  Command command;
  *command.mutable_discard()->mutable_target() = Bob();
  return command;
}

Command Replace(const std::string& value, bool release) {
  Command command;
  *command.mutable_replace()->mutable_target() = Bob();
  command.mutable_replace()->set_value(value);
  command.mutable_replace()->set_release(release);
  return command;
}

Command Never(const std::string& event_id) {
  Command command;
  command.mutable_never_add()->mutable_rule()->set_event_id(event_id);
  return command;
}

// Of a head that is replaced by another broken value.
Record ReplacedHead(const TestRun& run) {
  Record replaced = run.input[1];
  replaced.value = Order(-7);
  return replaced;
}

// It has failed with that as well.
TestRun BobReplacedInVain() {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", Replace(Order(-7), true), "e2");
  run.Result([&](CommandResult& result) { result.set_hash_before(HashOf(run.input[1].value)); });
  run.Letter(0, ReplacedHead(run), "FAILED", "INVALID_ARGUMENT");
  return run;
}

// A rule ends bob's head, and what waited behind it runs, up to the next that fails.
void EndByRule(const Record& head, TestRun* run) {
  run->Letter(0, head, "NEVER_PROCESSED", "CANCELLED");
  run->Out(0, "bob", 2, 30);
  run->Letter(0, run->input[3], "FAILED", "INVALID_ARGUMENT");
  run->Changelog(0, StateKey("bob"), Total("bob", 2, 30));
  run->Parked(0, 3, run->input[3]);
  run->Parked(0, 4, run->input[4]);
}

TEST(CommandsTest, ASkippedHeadLetsTheRestFollow) {
  ExpectRight(BobSkipped());
  const Report report = BobSkipped().Verify();
  EXPECT_EQ(report.input.skipped, 1);
  EXPECT_EQ(report.input.processed, 2);
  EXPECT_EQ(report.input.failed, 1);
  EXPECT_EQ(report.input.blocked, 1);
  EXPECT_EQ(report.Find(kCommandsCheck)->found, 1);
}

TEST(CommandsTest, AnEffectWithoutAuditIsSeen) {
  TestRun run = BobSkipped();
  run.audit.clear();
  const Report report = run.Verify();
  EXPECT_EQ(CountOf(report, kCommandsCheck, "lost"), 1) << ToTable(report);
  EXPECT_EQ(CountOf(report, kDeadLettersCheck, "unexpected"), 1) << ToTable(report);
  EXPECT_EQ(CountOf(report, kOutputsCheck, "unexpected"), 1) << ToTable(report);
  run.control.clear();
  EXPECT_EQ(CountOf(run.Verify(), kDeadLettersCheck, "unexpected"), 1);
}

TEST(CommandsTest, AnAuditWithoutEffectIsSeen) {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", SkipBob(), "e2");
  run.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  for (uint8_t i = 1; i < 5; ++i) run.Parked(0, i, run.input[i]);
  const Report report = run.Verify();
  EXPECT_EQ(CountOf(report, kDeadLettersCheck, "lost"), 2) << ToTable(report);
  EXPECT_EQ(CountOf(report, kOutputsCheck, "lost"), 1) << ToTable(report);
  EXPECT_EQ(CountOf(report, kStateCheck, "wrong"), 1) << ToTable(report);
  EXPECT_GT(report.Find(kParkedCheck)->differences(), 0) << ToTable(report);
}

TEST(CommandsTest, AnEffectTwiceIsSeen) {
  TestRun run = BobSkipped();
  run.letters.push_back(run.letters[4]);
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"doubled", 1}});
  run = BobSkipped();
  run.outputs.push_back(run.outputs[1]);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"doubled", 1}});
  // Two results of one ID, and two of one record.
  run = BobSkipped();
  run.Applied(0, "c1", Never("nobody"), "");
  ExpectOnly(run.Verify(), kCommandsCheck, {{"doubled", 1}});
  run.Result([](CommandResult& result) { result.set_outcome(CommandResult::DUPLICATE); });
  ExpectRight(run);
  run.audit.push_back(run.audit.back());
  ExpectOnly(run.Verify(), kCommandsCheck, {{"doubled", 1}});
}

TEST(CommandsTest, ASkippedEventThatWasProcessedIsSeen) {
  TestRun run = BobSkipped();
  run.outputs[1] = run.outputs[1];
  run.outputs[1].value = Total("bob", 2, 29);
  EXPECT_EQ(CountOf(run.Verify(), kOutputsCheck, "wrong total"), 1);
}

TEST(CommandsTest, FollowersThatASkipForgetsAreSeen) {
  TestRun run = BobSkipped();
  run.outputs.pop_back();
  run.changelog[0].value = Total("bob", 1, 10);
  const Report report = run.Verify();
  EXPECT_EQ(CountOf(report, kOutputsCheck, "lost"), 1) << ToTable(report);
  EXPECT_EQ(CountOf(report, kStateCheck, "wrong"), 1) << ToTable(report);
}

TEST(CommandsTest, ACommandOnAnEventThatDidNotBlockIsSeen) {
  TestRun run = BobSkipped();
  run.Result([](CommandResult& result) { result.set_event_id("e3"); });
  const Report report = run.Verify();
  EXPECT_EQ(CountOf(report, kCommandsCheck, "without effect"), 1) << ToTable(report);
  EXPECT_EQ(CountOf(report, kDeadLettersCheck, "unexpected"), 1) << ToTable(report);
}

TEST(CommandsTest, ResultsAndCommandsBelongTogether) {
  TestRun run = BobSkipped();
  run.control.push_back(run.control[0]);
  ++run.control.back().offset;
  ExpectOnly(run.Verify(), kCommandsCheck, {{"lost", 1}});
  run = BobSkipped();
  run.Applied(0, "c2", Never("nobody"), "");
  run.control.pop_back();
  ExpectOnly(run.Verify(), kCommandsCheck, {{"unexpected", 1}});
  // Another application's, and one with another ID than was sent.
  run = BobSkipped();
  Command foreign = Never("nobody");
  foreign.set_application("another");
  run.Applied(0, "c2", foreign, "");
  ExpectOnly(run.Verify(), kCommandsCheck, {{"wrong", 1}});
  run.Result([](CommandResult& result) { result.set_outcome(CommandResult::REFUSED); });
  ExpectRight(run);
  run.Result([](CommandResult& result) { result.set_command_id("c9"); });
  ExpectOnly(run.Verify(), kCommandsCheck, {{"wrong", 1}});
}

// Released it fails again: one more notice, and none of those behind it.
TEST(CommandsTest, AReleaseThatFailsAgain) {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", Release(), "e2", 4);
  run.Letter(0, run.input[1], "FAILED", "INVALID_ARGUMENT");
  run.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  for (uint8_t i = 1; i < 5; ++i) run.Parked(0, i, run.input[i]);
  ExpectRight(run);
  TestRun once_more = run;
  once_more.letters.push_back(run.letters.back());
  ExpectOnly(once_more.Verify(), kDeadLettersCheck, {{"doubled", 1}});
  TestRun untold = run;
  untold.letters.pop_back();
  ExpectOnly(untold.Verify(), kDeadLettersCheck, {{"lost", 1}});
  TestRun told_again = run;
  told_again.letters.push_back(run.letters[1]);
  ExpectOnly(told_again.Verify(), kDeadLettersCheck, {{"doubled", 1}});
  TestRun lost = run;
  lost.changelog.pop_back();
  ExpectOnly(lost.Verify(), kParkedCheck, {{"lost", 1}});
}

// Which queues a release of all met nobody tells: of each one notice more, or none, also of one that is skipped then.
TEST(CommandsTest, AReleaseOfAllIsTakenForEachQueueOrNone) {
  TestRun run = BobSkipped();
  Command all;
  all.mutable_release()->mutable_all()->set_reason("INVALID_ARGUMENT");
  run.Applied(0, "c0", all, "");
  ExpectRight(run);
  run.letters.push_back(run.letters[0]);
  ExpectRight(run);
  run.letters.push_back(run.letters[0]);
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"doubled", 1}});
  // With the value that it was given before, and not released with.
  TestRun replaced = BobBlocked();
  replaced.Applied(0, "c1", Replace(Order(-7), false), "e2");
  replaced.Result([&](CommandResult& result) { result.set_hash_before(HashOf(replaced.input[1].value)); });
  replaced.Applied(0, "c2", all, "");
  Record with_value = replaced.input[1];
  with_value.value = Order(-7);
  replaced.Letter(0, with_value, "FAILED", "INVALID_ARGUMENT");
  replaced.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  replaced.Parked(0, 1, with_value);
  for (uint8_t i = 2; i < 5; ++i) replaced.Parked(0, i, replaced.input[i]);
  ExpectRight(replaced);
  replaced.letters.back().value = Order(-8);
  ExpectOnly(replaced.Verify(), kDeadLettersCheck, {{"altered", 1}});
}

// What fails for now only: released, all of it is processed, in its order.
TEST(CommandsTest, AReleaseThatSucceedsKeepsTheOrder) {
  const VerifierOptions options{.reference = {.may_fail_header = "may"}};
  for (const bool all : {false, true}) {
    TestRun run;
    run.input.reserve(8);
    run.In(0, "bob", "e1", Order(10)).headers.push_back({"may", "INVALID_ARGUMENT"});
    run.In(0, "bob", "e2", Order(20));
    run.In(0, "bob", "e3", Order(40));
    run.Letter(0, run.input[0], "FAILED", "INVALID_ARGUMENT");
    run.Letter(0, run.input[1], "BLOCKED", "INVALID_ARGUMENT", "e1");
    Command command = Release();
    if (all) command.mutable_release()->mutable_all()->set_reason("INVALID_ARGUMENT");
    run.Applied(0, "c1", command, all ? "" : "e1", 2);
    run.Out(0, "bob", 1, 10);
    run.Out(0, "bob", 2, 30);
    run.Out(0, "bob", 3, 70);
    run.Changelog(0, StateKey("bob"), Total("bob", 3, 70));
    ExpectRight(run, options);
    TestRun swapped = run;
    std::swap(swapped.outputs[1].offset, swapped.outputs[2].offset);
    std::swap(swapped.outputs[1], swapped.outputs[2]);
    ExpectOnly(swapped.Verify(options), kOutputsCheck, {{"swapped", 1}});
    // The event behind it came first.
    TestRun overtaken = run;
    overtaken.outputs[0].value = Total("bob", 1, 20);
    EXPECT_EQ(CountOf(overtaken.Verify(options), kOutputsCheck, "wrong total"), 1);
    TestRun doubled = run;
    doubled.Out(0, "bob", 4, 80);
    EXPECT_EQ(CountOf(doubled.Verify(options), kOutputsCheck, "unexpected"), 1);
    TestRun lost = run;
    lost.outputs.pop_back();
    ExpectOnly(lost.Verify(options), kOutputsCheck, {{"lost", 1}});
    // Neither processed nor kept.
    TestRun forgotten = run;
    forgotten.outputs.clear();
    forgotten.changelog.clear();
    EXPECT_EQ(CountOf(forgotten.Verify(options), kOutputsCheck, "lost"), 3);
    // Nobody has released it.
    TestRun unbidden = run;
    unbidden.control.clear();
    unbidden.audit.clear();
    EXPECT_EQ(CountOf(unbidden.Verify(options), kOutputsCheck, "unexpected"), 3);
  }
}

TEST(CommandsTest, ADiscardEndsWhatWaitedAndNothingElse) {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", Discard(), "e2", 3);
  for (const size_t i : {size_t{1}, size_t{2}, size_t{3}}) run.Letter(0, run.input[i], "DISCARDED", "CANCELLED");
  run.Out(0, "bob", 2, 50);
  run.Changelog(0, StateKey("bob"), Total("bob", 2, 50));
  ExpectRight(run);
  EXPECT_EQ(run.Verify().input.discarded, 3);
  TestRun further = run;
  further.Letter(0, run.input[4], "DISCARDED", "CANCELLED");
  ExpectOnly(further.Verify(), kDeadLettersCheck, {{"unexpected", 1}});
  TestRun untold = run;
  untold.letters.pop_back();
  ExpectOnly(untold.Verify(), kDeadLettersCheck, {{"lost", 1}});
  TestRun disordered = run;
  std::swap(disordered.letters[4], disordered.letters[5]);
  ExpectOnly(disordered.Verify(), kDeadLettersCheck, {{"swapped", 1}});
  TestRun too_many = run;
  too_many.Result([](CommandResult& result) { result.set_events(9); });
  EXPECT_EQ(CountOf(too_many.Verify(), kCommandsCheck, "without effect"), 1);
  TestRun without_round = run;
  for (RecordHeader& header : without_round.letters[4].headers) {
    if (header.name == "once.round") header.value = "2";
  }
  ExpectOnly(without_round.Verify(), kDeadLettersCheck, {{"wrong reason", 1}});
}

TEST(CommandsTest, AReplacementTakesEffectAsItWasSent) {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", Replace(Order(5), true), "e2");
  run.Result([&](CommandResult& result) { result.set_hash_before(HashOf(run.input[1].value)); });
  run.Out(0, "bob", 2, 15);
  run.Out(0, "bob", 3, 35);
  run.Letter(0, run.input[3], "FAILED", "INVALID_ARGUMENT");
  run.Changelog(0, StateKey("bob"), Total("bob", 3, 35));
  run.Parked(0, 3, run.input[3]);
  run.Parked(0, 4, run.input[4]);
  ExpectRight(run);
  EXPECT_EQ(run.Verify().input.replaced, 1);
  TestRun other_value = run;
  other_value.outputs[1].value = Total("bob", 2, 16);
  EXPECT_EQ(CountOf(other_value.Verify(), kOutputsCheck, "wrong total"), 1);
  TestRun other_hash = run;
  other_hash.Result([&](CommandResult& result) { result.set_hash_after(result.hash_before()); });
  ExpectOnly(other_hash.Verify(), kCommandsCheck, {{"wrong", 1}});
  // Replaced by another broken value: it waits with that.
  TestRun broken = BobReplacedInVain();
  broken.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  broken.Parked(0, 1, ReplacedHead(broken));
  for (uint8_t i = 2; i < 5; ++i) broken.Parked(0, i, broken.input[i]);
  ExpectRight(broken);
  broken.changelog[1].value = broken.changelog[2].value;
  EXPECT_EQ(CountOf(broken.Verify(), kParkedCheck, "wrong"), 1);
}

TEST(CommandsTest, NeverProcessedIsWhatARuleIsFor) {
  TestRun run = BobBlocked();
  run.Applied(0, "c1", Never("e2"), "");
  EndByRule(run.input[1], &run);
  ExpectRight(run);
  EXPECT_EQ(run.Verify().input.never_processed, 1);
  TestRun without_rule = run;
  without_rule.control.clear();
  without_rule.audit.clear();
  EXPECT_EQ(CountOf(without_rule.Verify(), kDeadLettersCheck, "unexpected"), 1);
  TestRun another_rule = run;
  another_rule.control.clear();
  another_rule.audit.clear();
  another_rule.Applied(0, "c1", Never("e1"), "");
  EXPECT_EQ(CountOf(another_rule.Verify(), kDeadLettersCheck, "unexpected"), 1);
  TestRun processed_too = run;
  processed_too.outputs.insert(processed_too.outputs.begin() + 1, run.outputs[0]);
  ExpectOnly(processed_too.Verify(), kOutputsCheck, {{"doubled", 1}});
  // A head that matches a rule which holds must not block.
  TestRun blocks = BobBlocked();
  blocks.Applied(0, "c1", Never("e2"), "");
  blocks.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  for (uint8_t i = 1; i < 5; ++i) blocks.Parked(0, i, blocks.input[i]);
  ExpectOnly(blocks.Verify(), kCommandsCheck, {{"without effect", 1}});
  Command remove;
  *remove.mutable_never_remove()->mutable_rule() = Never("e2").never_add().rule();
  blocks.Applied(0, "c2", remove, "");
  ExpectRight(blocks);
}

TEST(CommandsTest, AReplacedHeadMayHaveFailedBeforeARuleEndsIt) {
  TestRun run = BobReplacedInVain();
  const Record replaced = ReplacedHead(run);
  run.Applied(0, "c2", Never("e2"), "");
  EndByRule(replaced, &run);
  ExpectRight(run);
  const auto failed = std::find_if(run.letters.begin(), run.letters.end(),
                                   [&](const Record& each) { return each.value == replaced.value; });
  ASSERT_NE(failed, run.letters.end());
  failed->value = Order(-8);
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"altered", 1}});
}

}  // namespace
}  // namespace orders::verifier
