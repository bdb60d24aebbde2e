#include "processor/engine/parking.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// However many there are, few are kept, and what fails first comes first.
TEST(ParkingTest, TheQueuesWhoseHeadsFailedFirst) {
  MemoryCheckpointStore store;
  TaskState state(&store, TaskPrefix("orders", Partition(0)));
  for (int i = 0; i < 50; ++i) {
    const auto kind = i % 2 == 0 ? v1::AggregateStatus::PARKED : v1::AggregateStatus::RETRYING;
    v1::AggregateStatus status = Status(kind, 0, 2, i % 2 == 0 ? 2 : 0);
    // 7 has no factor in common with 50: each has a time of its own, in another order than their names.
    status.set_first_failure_time_ms(1000 + (i * 7) % 50);
    status.set_blocking_event_id("e" + std::to_string(i));
    state.ApplyCommitted(AggregateStatusKey("k" + std::to_string(i)), status.SerializeAsString());
  }
  const ClockReading clock;
  Parking parking(&state, &clock, absl::Seconds(30));
  ASSERT_TRUE(parking.Load().ok());
  std::vector<const std::string*> oldest;
  const Parking::Blocked blocked = parking.CountBlocked(3, &oldest);
  EXPECT_EQ(blocked.aggregates, 25);
  EXPECT_EQ(blocked.events, 50);
  EXPECT_EQ(blocked.since_ms, 1000);
  EXPECT_EQ(blocked.key, "k0");
  EXPECT_EQ(blocked.event_id, "e0");
  std::vector<std::string> names;
  for (const std::string* name : oldest) names.push_back(name->substr(1));
  EXPECT_EQ(names, (std::vector<std::string>{"k0", "k43", "k36"}));
  parking.CountBlocked(100, &oldest);
  EXPECT_EQ(oldest.size(), 50u);
  EXPECT_EQ(parking.CountBlocked().aggregates, 25);
}

}  // namespace
}  // namespace once
