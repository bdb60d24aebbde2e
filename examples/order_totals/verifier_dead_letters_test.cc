#include <cstddef>
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

TEST(DeadLettersTest, Lost) {
  for (size_t i = 0; i < 7; ++i) {
    TestRun run = CorrectRun();
    run.letters.erase(run.letters.begin() + static_cast<std::ptrdiff_t>(i));
    ExpectOnly(run.Verify(), kDeadLettersCheck, {{"lost", 1}});
  }
}

TEST(DeadLettersTest, Doubled) {
  for (const size_t i : {size_t{1}, size_t{2}}) {
    TestRun run = CorrectRun();
    run.letters.push_back(run.letters[i]);
    ExpectOnly(run.Verify(), kDeadLettersCheck, {{"doubled", 1}});
  }
}

TEST(DeadLettersTest, Swapped) {
  TestRun run = CorrectRun();
  std::swap(run.letters[1], run.letters[3]);
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"swapped", 1}});
}

TEST(DeadLettersTest, ForAnEventThatWasProcessed) {
  TestRun run = CorrectRun();
  run.Letter(0, run.input[0], "FAILED", "INTERNAL");
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"unexpected", 1}});
}

TEST(DeadLettersTest, ForADuplicateOfAFailedEvent) {
  TestRun run = CorrectRun();
  run.Letter(0, run.input[8], "BLOCKED", "INVALID_ARGUMENT", "e4");
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"unexpected", 1}});
}

TEST(DeadLettersTest, InTwoPartitions) {
  TestRun run = CorrectRun();
  run.letters[3].partition = 2;
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"scattered", 1}});
}

TEST(DeadLettersTest, WrongHeaders) {
  for (const char* name :
       {"once.disposition", "once.reason", "once.blocked_by", "once.application", "once.aggregate"}) {
    TestRun run = CorrectRun();
    for (RecordHeader& header : run.letters[1].headers) {
      if (header.name == name) header.value = "other";
    }
    const Report report = run.Verify();
    ExpectOnly(report, kDeadLettersCheck, {{"wrong reason", 1}});
    EXPECT_THAT(ToTable(report), HasSubstr("other")) << name;
  }
}

TEST(DeadLettersTest, WithoutAnOrigin) {
  TestRun run = CorrectRun();
  std::erase_if(run.letters[1].headers, [](const RecordHeader& h) { return h.name == "once.origin"; });
  ExpectOnly(run.Verify(), kDeadLettersCheck, {{"unexpected", 1}, {"lost", 1}});
}

TEST(DeadLettersTest, AlteredEvent) {
  std::vector<TestRun> runs(7, CorrectRun());
  runs[0].letters[1].key = "rob";
  runs[1].letters[1].value->back() ^= 1;
  runs[2].letters[1].value.reset();
  for (RecordHeader& header : runs[3].letters[1].headers) {
    if (header.name == "once.timestamp") header.value = "7";
  }
  runs[4].letters[1].headers[0].value = "e0";
  runs[5].letters[1].headers.erase(runs[5].letters[1].headers.begin());
  runs[6].letters[6].value = "";
  for (const TestRun& run : runs) ExpectOnly(run.Verify(), kDeadLettersCheck, {{"altered", 1}});
}

TEST(DeadLettersTest, OnlyALargeEventMayBeWithoutItsValue) {
  for (const bool large : {false, true}) {
    TestRun run;
    Record& event = run.In(0, "bob", "e1", Order(-1));
    if (large) event.value->append(100'000, 'x');
    Record& letter = run.Letter(0, event, "FAILED", "INVALID_ARGUMENT");
    letter.value.reset();
    letter.headers.push_back({"once.omitted", "value"});
    run.Parked(0, 0, event);
    EXPECT_EQ(run.Verify().differences(), large ? 0 : 1);
  }
}

TEST(DeadLettersTest, HeadersOfTheEventItselfDoNotCount) {
  TestRun run;
  Record& event = run.In(0, "bob", "e1", Order(-1));
  event.headers.push_back({"once.blocked_by", "someone in an earlier life"});
  run.Letter(0, event, "FAILED", "INVALID_ARGUMENT");
  run.Parked(0, 0, event);
  EXPECT_EQ(run.Verify().differences(), 0);
}

}  // namespace
}  // namespace orders::verifier
