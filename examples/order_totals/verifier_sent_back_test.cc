// Dead letters that are sent back to the input: which of them take effect, and how often.
#include <cstdint>
#include <utility>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

TEST(SentBackTest, AnEventThatHasEndedIsAnEventOfItsOwnOnce) {
  TestRun run = BobSkipped();
  const Record letter = run.letters[4];
  // The round counts, not whether it was skipped before; bob is blocked, so it waits at the end of his queue.
  const Record copy = run.SendBack(letter);
  run.Letter(0, copy, "BLOCKED", "INVALID_ARGUMENT", "e4");
  run.Parked(0, 5, copy);
  run.SendBack(letter);
  ExpectRight(run);
  EXPECT_EQ(run.Verify().input.duplicates, 1);
  run.Parked(0, 6, copy);
  ExpectOnly(run.Verify(), kParkedCheck, {{"unexpected", 1}});
}

TEST(SentBackTest, ANoticeOfAFollowerChangesNothing) {
  TestRun run = BobSkipped();
  run.SendBack(run.letters[2]);
  ExpectRight(run);
  EXPECT_EQ(run.Verify().input.letters_sent_back, 1);
  run.Out(0, "bob", 3, 50);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"unexpected", 1}});
}

TEST(SentBackTest, TheNoticeOfAHeadReleasesIt) {
  const VerifierOptions options{.reference = {.may_fail_header = "may"}};
  TestRun run;
  run.input.reserve(8);
  run.In(0, "bob", "e1", Order(10)).headers.push_back({"may", "INVALID_ARGUMENT"});
  run.In(0, "bob", "e2", Order(20));
  run.Letter(0, run.input[0], "FAILED", "INVALID_ARGUMENT");
  run.Letter(0, run.input[1], "BLOCKED", "INVALID_ARGUMENT", "e1");
  run.SendBack(run.letters[0]);
  run.SendBack(run.letters[1]);
  run.SendBack(run.letters[0]);
  run.In(0, "bob", "e3", Order(40));
  run.Out(0, "bob", 1, 10);
  run.Out(0, "bob", 2, 30);
  run.Out(0, "bob", 3, 70);
  run.Changelog(0, StateKey("bob"), Total("bob", 3, 70));
  ExpectRight(run, options);
  EXPECT_EQ(run.Verify(options).input.released, 1);
  TestRun doubled = run;
  doubled.Out(0, "bob", 4, 80);
  EXPECT_EQ(CountOf(doubled.Verify(options), kOutputsCheck, "unexpected"), 1);
  TestRun swapped = run;
  std::swap(swapped.outputs[0], swapped.outputs[1]);
  ExpectOnly(swapped.Verify(options), kOutputsCheck, {{"swapped", 1}});
  // One that fails whatever is done: a further notice for each time, at most.
  TestRun fails = BobBlocked();
  fails.SendBack(fails.letters[0]);
  fails.Changelog(0, StateKey("bob"), Total("bob", 1, 10));
  for (uint8_t i = 1; i < 5; ++i) fails.Parked(0, i, fails.input[i]);
  ExpectRight(fails);
  fails.letters.push_back(fails.letters[0]);
  ExpectRight(fails);
  fails.letters.push_back(fails.letters[0]);
  ExpectOnly(fails.Verify(), kDeadLettersCheck, {{"doubled", 1}});
}

}  // namespace
}  // namespace orders::verifier
