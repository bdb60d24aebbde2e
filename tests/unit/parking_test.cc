#include "processor/engine/parking.h"

#include <gtest/gtest.h>

#include "state/changelog.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

v1::AggregateStatus Status(v1::AggregateStatus::State state, uint64_t head, uint64_t next, uint64_t notice = 0) {
  v1::AggregateStatus status;
  status.set_state(state);
  status.set_head_sequence(head);
  status.set_next_sequence(next);
  status.set_notice_sequence(notice);
  return status;
}

// What a task does that finds this status in its changelog.
absl::Status Load(const v1::AggregateStatus& status) {
  MemoryCheckpointStore store;
  TaskState state(&store, TaskPrefix("orders", Partition(0)));
  state.ApplyCommitted(AggregateStatusKey("alice"), status.SerializeAsString());
  const ClockReading clock;
  return Parking(&state, &clock, absl::Seconds(30)).Load();
}

TEST(ParkingTest, StatusesOfAQueueAreLoaded) {
  EXPECT_TRUE(Load(Status(v1::AggregateStatus::RETRYING, 0, 1)).ok());
  EXPECT_TRUE(Load(Status(v1::AggregateStatus::DRAINING, 3, 9)).ok());
  EXPECT_TRUE(Load(Status(v1::AggregateStatus::PARKED, 0, 2, 2)).ok());
}

// Counting such queues would overflow, and running them reach for events that are not there.
TEST(ParkingTest, StatusesOfNoQueueAreDataLoss) {
  EXPECT_TRUE(absl::IsDataLoss(Load(Status(v1::AggregateStatus::RETRYING, 1, 1))));
  EXPECT_TRUE(absl::IsDataLoss(Load(Status(v1::AggregateStatus::DRAINING, 5, 2))));
  EXPECT_TRUE(absl::IsDataLoss(Load(Status(v1::AggregateStatus::RETRYING, 0, UINT64_MAX))));
  EXPECT_TRUE(absl::IsDataLoss(Load(Status(v1::AggregateStatus::PARKED, 0, 2, 3))));
  EXPECT_TRUE(absl::IsDataLoss(Load(Status(static_cast<v1::AggregateStatus::State>(7), 0, 1))));
}

}  // namespace
}  // namespace once
