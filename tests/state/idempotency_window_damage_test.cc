// Records of event IDs that no window has written.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "state/idempotency_window.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

absl::StatusCode Load(IdempotencyWindow* window, uint64_t bucket, uint64_t sequence, std::string_view value) {
  return window->Load({.kind = ChangelogKind::kEventIds, .bucket = bucket, .sequence = sequence}, value).code();
}

TEST(IdempotencyWindowDamageTest, ValuesOfOtherLengthsAreDataLoss) {
  IdempotencyWindow window({});
  EXPECT_EQ(Load(&window, 1, 0, "15 bytes are no"), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Load(&window, 0, 0, ""), absl::StatusCode::kDataLoss);
  EXPECT_EQ(window.Load({.kind = ChangelogKind::kState}, "").code(), absl::StatusCode::kInvalidArgument);
}

// With them the next bucket's number would wrap round: its IDs would count as forgotten, and duplicates pass.
TEST(IdempotencyWindowDamageTest, NumbersThatNoClockSaysAreDataLoss) {
  IdempotencyWindow window({});
  const std::string ids(16, 'x');
  EXPECT_EQ(Load(&window, UINT64_MAX, 0, ids), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Load(&window, 1, UINT64_MAX, ids), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Load(&window, 0, 0, std::string(8, '\xff') + std::string(8, '\0')), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Load(&window, 0, 0, std::string(8, '\0') + std::string(8, 'x')), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Load(&window, 0, 1, std::string(16, '\0')), absl::StatusCode::kDataLoss);

  MemoryCheckpointStore store;
  TaskState state(&store, TaskPrefix("orders", Partition(0)));
  const EventIdHash id{.high = 1, .low = 2};
  EXPECT_TRUE(window.Reserve(id));
  ASSERT_TRUE(window.Seal(1'000'000, &state).ok());
  window.CommitEpoch();
  EXPECT_FALSE(window.Reserve(id));
}

}  // namespace
}  // namespace once
