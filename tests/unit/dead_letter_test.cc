#include "processor/engine/dead_letter.h"

#include <gtest/gtest.h>

#include <string>

namespace once {
namespace {

// Or the broker would refuse the dead letter of every event behind one whose ID is huge.
TEST(DeadLetterTest, AHugeIdOfTheBlockingEventDoesNotMakeItTooLarge) {
  Arena arena;
  RecordView record;
  record.key = "alice";
  const std::string id(200'000, 'i');
  DeadLetter letter;
  letter.disposition = Disposition::kBlocked;
  letter.reason = "INTERNAL";
  letter.blocked_by = id;
  const OutputRecord out = MakeDeadLetter(record, "orders", letter, 100'000, &arena);
  EXPECT_LE(EstimatedSize(out), 100'000u);
  EXPECT_EQ(FindHeader(out.headers, "once.blocked_by"), OptionalBytes(std::string_view(id).substr(0, 1024)));
}

}  // namespace
}  // namespace once
