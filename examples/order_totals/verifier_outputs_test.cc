#include <optional>
#include <string>
#include <utility>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_test_run.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orders::verifier {
namespace {

using testing::HasSubstr;

TEST(OutputsTest, Lost) {
  TestRun run = CorrectRun();
  run.outputs.erase(run.outputs.begin() + 1);
  const Report report = run.Verify();
  ExpectOnly(report, kOutputsCheck, {{"lost", 1}});
  const std::string table = ToTable(report);
  EXPECT_THAT(table, HasSubstr("input partition 0 offset 1 key \"alice\"\n    expected order_count=2 cents=150"));
}

TEST(OutputsTest, LastOneLost) {
  TestRun run = CorrectRun();
  run.outputs.pop_back();
  ExpectOnly(run.Verify(), kOutputsCheck, {{"lost", 1}});
}

TEST(OutputsTest, Doubled) {
  TestRun run = CorrectRun();
  run.Out(0, "alice", 3, 175);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"doubled", 1}});
}

TEST(OutputsTest, DoubledWholeEpoch) {
  TestRun run = CorrectRun();
  run.Out(0, "alice", 1, 100);
  run.Out(0, "alice", 2, 150);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"doubled", 2}});
}

TEST(OutputsTest, Swapped) {
  TestRun run = CorrectRun();
  std::swap(run.outputs[0].value, run.outputs[1].value);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"swapped", 1}});
}

TEST(OutputsTest, SwappedBetweenCustomersIsNoDifference) {
  TestRun run = CorrectRun();
  std::swap(run.outputs[1], run.outputs[2]);
  EXPECT_EQ(run.Verify().differences(), 0);
}

TEST(OutputsTest, TornValue) {
  TestRun run = CorrectRun();
  run.outputs[3].value->pop_back();
  const Report report = run.Verify();
  ExpectOnly(report, kOutputsCheck, {{"garbled", 1}, {"lost", 1}});
  EXPECT_THAT(ToTable(report), HasSubstr("totals-0-103 key \"alice\""));
}

TEST(OutputsTest, ForeignValues) {
  for (const std::optional<std::string>& value :
       {std::optional<std::string>(), std::optional<std::string>(Total("bob", 1, 100)),
        std::optional<std::string>(Total("alice", 1, 100) + "\x20\x01")}) {
    TestRun run = CorrectRun();
    run.outputs[0].value = value;
    ExpectOnly(run.Verify(), kOutputsCheck, {{"garbled", 1}, {"lost", 1}});
  }
  TestRun run = CorrectRun();
  run.outputs[0].key.reset();
  ExpectOnly(run.Verify(), kOutputsCheck, {{"garbled", 1}, {"lost", 1}});
}

TEST(OutputsTest, WrongTotal) {
  TestRun run = CorrectRun();
  run.outputs[3].value = Total("alice", 3, 176);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"wrong total", 1}});
}

TEST(OutputsTest, ForADuplicate) {
  // As by a processor that takes e1 twice.
  TestRun run = CorrectRun();
  run.outputs[3].value = Total("alice", 3, 250);
  run.Out(0, "alice", 4, 275);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"wrong total", 1}, {"unexpected", 1}});
}

TEST(OutputsTest, ForABlockedEvent) {
  TestRun run = CorrectRun();
  run.Out(0, "bob", 2, 80);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"unexpected", 1}});
}

TEST(OutputsTest, ForAnUnknownCustomer) {
  TestRun run = CorrectRun();
  run.Out(0, "mallory", 1, 1);
  run.Out(0, "alice", 0, 0);
  run.Out(0, "alice", -1, 0);
  ExpectOnly(run.Verify(), kOutputsCheck, {{"unexpected", 3}});
}

TEST(OutputsTest, InTwoPartitions) {
  TestRun run = CorrectRun();
  run.outputs[3].partition = 1;
  ExpectOnly(run.Verify(), kOutputsCheck, {{"scattered", 1}});
}

}  // namespace
}  // namespace orders::verifier
