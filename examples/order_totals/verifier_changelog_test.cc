#include <optional>
#include <string>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

TEST(StateTest, Lost) {
  TestRun run = CorrectRun();
  run.Changelog(0, StateKey("bob"), std::nullopt);
  ExpectOnly(run.Verify(), kStateCheck, {{"lost", 1}});
}

TEST(StateTest, Wrong) {
  for (const std::string& value :
       {Total("bob", 2, 70), Total("bob", 1, 71), Total("rob", 1, 70), std::string("\x08")}) {
    TestRun run = CorrectRun();
    run.Changelog(0, StateKey("bob"), value);
    ExpectOnly(run.Verify(), kStateCheck, {{"wrong", 1}});
  }
}

TEST(StateTest, OlderValueIsOverwritten) {
  TestRun run = CorrectRun();
  run.Changelog(0, StateKey("bob"), Total("bob", 9, 9));
  run.Changelog(0, StateKey("bob"), Total("bob", 1, 70));
  EXPECT_EQ(run.Verify().differences(), 0);
}

TEST(StateTest, Unexpected) {
  TestRun run = CorrectRun();
  run.Changelog(1, StateKey("alice"), Total("alice", 3, 175));
  run.Changelog(0, StateKey("mallory"), Total("mallory", 1, 1));
  run.Changelog(0, StateKey("alice", "clients"), Total("alice", 3, 175));
  run.Changelog(0, "\x01", "");
  ExpectOnly(run.Verify(), kStateCheck, {{"unexpected", 4}});
}

TEST(StateTest, OfAFailedEvent) {
  // Bob's poison must leave nothing.
  TestRun run = CorrectRun();
  run.Changelog(0, StateKey("bob"), Total("bob", 2, 65));
  ExpectOnly(run.Verify(), kStateCheck, {{"wrong", 1}});
}

TEST(ParkedTest, Lost) {
  TestRun run = CorrectRun();
  run.Changelog(0, ParkedKey("bob", 2), std::nullopt);
  ExpectOnly(run.Verify(), kParkedCheck, {{"lost", 1}});
}

TEST(ParkedTest, Swapped) {
  TestRun run = CorrectRun();
  run.Parked(0, 1, run.input[9]);
  run.Parked(0, 2, run.input[5]);
  ExpectOnly(run.Verify(), kParkedCheck, {{"wrong", 2}});
}

TEST(ParkedTest, Unexpected) {
  TestRun run = CorrectRun();
  run.Parked(0, 3, run.input[8]);
  run.Parked(0, 0, run.input[0]);
  run.Parked(1, 0, run.input[4]);
  ExpectOnly(run.Verify(), kParkedCheck, {{"unexpected", 3}});
}

TEST(ParkedTest, CanBeLeftOut) {
  TestRun run = CorrectRun();
  run.Changelog(0, ParkedKey("bob", 2), std::nullopt);
  EXPECT_EQ(run.Verify({.check_parked = false}).differences(), 0);
  run.changelog.clear();
  EXPECT_EQ(run.Verify({.check_changelog = false}).differences(), 0);
}

}  // namespace
}  // namespace orders::verifier
