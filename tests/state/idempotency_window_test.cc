#include "state/idempotency_window.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "processor/base/record.h"
#include "tests/state/idempotency_window_fixture.h"

namespace once {
namespace {

// Rule E1.
TEST_F(IdempotencyWindowTest, E1_ReservedIsADuplicateUntilItsEpochDrops) {
  EXPECT_TRUE(window_->Reserve(Id(1)));
  EXPECT_FALSE(window_->Reserve(Id(1)));
  Drop();
  EXPECT_EQ(window_->size(), 0);
  EXPECT_TRUE(window_->Reserve(Id(1)));
  Seal(kStart);
  Commit();
  EXPECT_FALSE(window_->Reserve(Id(1)));
  EXPECT_EQ(window_->size(), 1);
}

TEST_F(IdempotencyWindowTest, E1_DroppedAfterItsSealIsForgottenToo) {
  Epoch(kStart, 0, 10);
  ReserveRange(10, 20);
  Seal(kStart + 23 * kHour);  // Into a new bucket.
  Drop();
  EXPECT_EQ(window_->size(), 10);
  EXPECT_EQ(window_->record_count(), 1u);
  EXPECT_TRUE(Contains(5));
  EXPECT_FALSE(Contains(15));
  Restart();
  EXPECT_EQ(window_->size(), 10);
}

TEST_F(IdempotencyWindowTest, ReleasedIsNotWritten) {
  ReserveRange(0, 5);
  window_->Release(Id(2));
  window_->Release(Id(99));  // Unknown: nothing happens.
  Seal(kStart);
  Commit();
  EXPECT_EQ(window_->size(), 4);
  EXPECT_FALSE(Contains(2));
  Restart();
  EXPECT_EQ(window_->size(), 4);
  EXPECT_FALSE(Contains(2));
  EXPECT_TRUE(Contains(3));
}

// A record that the changelog does not take would abort its epoch for ever.
TEST_F(IdempotencyWindowTest, E7RecordsKeepToWhatTheChangelogTakes) {
  for (const size_t limit : {size_t{1}, size_t{150}, size_t{400}, size_t{1'500}}) {
    Configure({.max_record_bytes = limit});
    largest_record_ = 0;
    const uint64_t first = limit * 100'000;
    for (uint64_t i = 0; i < 200; ++i) Epoch(kStart + static_cast<int64_t>(i), first + i, first + i + 1);
    Epoch(kStart + 500, first + 200, first + 1'200);
    // In a bucket of their own, so that the one before closes and is merged.
    for (uint64_t i = 1'200; i < 1'300; ++i) Epoch(kStart + 3 * kHour, first + i, first + i + 1);
    const std::string key = EventIdsKey(1, 1);
    const std::string value(largest_record_, 'x');
    if (limit < 150) {
      EXPECT_EQ(largest_record_, 16u) << "less is not possible";
    } else {
      EXPECT_LE(EstimatedSize({.key = key, .value = value}), limit);
      EXPECT_GT(EstimatedSize({.key = key, .value = value}), limit - 16) << "they are as large as they can be";
    }
    EXPECT_EQ(window_->size(), 1'300);
    for (uint64_t i = 0; i < 1'300; i += 13) EXPECT_TRUE(Contains(first + i));
    state_.CommitEpoch();
    for (const auto& [record_key, record_value] : ReadRecords()) state_.Write(record_key, std::nullopt);
    state_.CommitEpoch();
  }
}

TEST_F(IdempotencyWindowTest, CommittedIsNotReleased) {
  Epoch(kStart, 0, 1);
  window_->Release(Id(0));
  EXPECT_TRUE(Contains(0));
}

TEST_F(IdempotencyWindowTest, SealWithNothingToDoWritesNothing) {
  Seal(kStart);
  EXPECT_TRUE(state_.epoch_writes().empty());
  Commit();
  Epoch(kStart, 0, 1);
  EXPECT_EQ(puts_, 1);
  Seal(kStart + 1);
  EXPECT_TRUE(state_.epoch_writes().empty());
}

// Rule E5.
TEST_F(IdempotencyWindowTest, E5_ForgottenWhenTheTimeIsOverAndNotBefore) {
  Configure({.retention = absl::Hours(16), .max_ids = 1'000'000});
  Epoch(kStart, 0, 1);
  Epoch(kStart + kHour - 1, 1, 2);  // The same bucket: the next opens an hour after the first.
  Epoch(kStart + kHour, 2, 3);
  EXPECT_EQ(window_->record_count(), 2u + 1u);
  Epoch(kStart + 17 * kHour - 1, 3, 4);
  EXPECT_TRUE(Contains(0));
  EXPECT_TRUE(Contains(1));
  Epoch(kStart + 17 * kHour, 4, 5);
  EXPECT_FALSE(Contains(0));
  EXPECT_FALSE(Contains(1));
  EXPECT_TRUE(Contains(2));
  EXPECT_EQ(window_->forgotten_by_count(), 0);
  Restart();
  EXPECT_FALSE(Contains(0));
  EXPECT_TRUE(Contains(2));
  EXPECT_EQ(window_->size(), 3);
}

TEST_F(IdempotencyWindowTest, E5_AnEpochWithoutIdsForgetsToo) {
  Configure({.retention = absl::Hours(16), .max_ids = 1'000'000});
  Epoch(kStart, 0, 1);
  Epoch(kStart + kHour, 1, 2);
  Epoch(kStart + 17 * kHour, 0, 0);
  EXPECT_FALSE(Contains(0));
  EXPECT_TRUE(Contains(1));
}

TEST_F(IdempotencyWindowTest, E5_ForgottenByCountOldestFirst) {
  Configure({.retention = absl::Hours(24), .max_ids = 1600});
  for (uint64_t i = 0; i < 20; ++i) Epoch(kStart + static_cast<int64_t>(i), i * 100, (i + 1) * 100);
  EXPECT_EQ(window_->size(), 1600);
  EXPECT_EQ(window_->forgotten_by_count(), 4);
  EXPECT_FALSE(Contains(399));
  EXPECT_TRUE(Contains(400));
  Restart();
  EXPECT_EQ(window_->size(), 1600);
  EXPECT_FALSE(Contains(399));
  EXPECT_TRUE(Contains(400));
}

TEST_F(IdempotencyWindowTest, AnEpochLargerThanTheWindowIsKeptWhole) {
  Configure({.retention = absl::Hours(24), .max_ids = 10});
  Epoch(kStart, 0, 50);
  EXPECT_TRUE(Contains(0));
  Epoch(kStart + 1, 50, 51);
  EXPECT_FALSE(Contains(49));
  EXPECT_TRUE(Contains(50));
}

TEST_F(IdempotencyWindowTest, ADroppedEpochForgetsNothing) {
  Configure({.retention = absl::Hours(24), .max_ids = 160});
  for (uint64_t i = 0; i < 16; ++i) Epoch(kStart + static_cast<int64_t>(i), i * 10, (i + 1) * 10);
  ReserveRange(1000, 1100);
  Seal(kStart + 100);
  Drop();
  EXPECT_EQ(window_->size(), 160);
  EXPECT_TRUE(Contains(0));
  EXPECT_EQ(window_->forgotten_by_count(), 0);
}

TEST_F(IdempotencyWindowTest, E6_RecordsArePackedAndBounded) {
  Epoch(kStart, 0, 40'000);
  EXPECT_EQ(puts_, 3);
  EXPECT_EQ(largest_record_, 256u * 1024);
  Restart();
  EXPECT_EQ(window_->size(), 40'000);
}

TEST_F(IdempotencyWindowTest, E6_SmallRecordsAreMergedAndEachIdRewrittenAFewTimesOnly) {
  constexpr uint64_t kEpochs = 20'000;
  uint64_t written_ids = 0;
  for (uint64_t i = 0; i < kEpochs; ++i) {
    ReserveRange(i * 3, (i + 1) * 3);
    Seal(kStart);
    size_t writes = 0;
    for (const TaskState::Entry* entry : state_.epoch_writes()) {
      written_ids += entry->value().value_or("").size() / 16;
      ++writes;
    }
    ASSERT_LE(writes, 130u);
    Commit();
  }
  EXPECT_LE(window_->record_count(), 250u);
  EXPECT_EQ(ReadRecords().size(), window_->record_count());
  EXPECT_LE(written_ids, 5 * 3 * kEpochs);
  EXPECT_LE(largest_record_, 256u * 1024);
  Restart();
  EXPECT_EQ(window_->size(), static_cast<int64_t>(3 * kEpochs));
  EXPECT_LE(window_->record_count(), 250u);
}

TEST_F(IdempotencyWindowTest, E6_LeftoversAreMergedWhenTheirBucketIsClosed) {
  for (uint64_t i = 0; i < 60; ++i) Epoch(kStart, i * 10, (i + 1) * 10);
  EXPECT_EQ(window_->record_count(), 60u);
  Epoch(kStart + 2 * kHour, 1000, 1001);
  Epoch(kStart + 2 * kHour, 1001, 1002);
  EXPECT_EQ(window_->record_count(), 1u + 2u);
  EXPECT_EQ(ReadRecords().size(), 3u);
  Restart();
  EXPECT_EQ(window_->size(), 602);
}

TEST_F(IdempotencyWindowTest, E6_TombstonesOfAForgottenBucketAreBoundedPerEpoch) {
  Configure({.retention = absl::Hours(16), .max_ids = 100'000'000});
  for (uint64_t i = 0; i < 150; ++i) Epoch(kStart, i * 9000, (i + 1) * 9000);  // Too large to be merged.
  EXPECT_EQ(window_->record_count(), 150u);
  const uint64_t end = 150 * 9000;
  Epoch(kStart + 2 * kHour, end, end + 1);
  const int64_t merged = tombstones_;
  Epoch(kStart + 18 * kHour, end + 1, end + 2);
  EXPECT_EQ(window_->size(), 2);
  EXPECT_EQ(tombstones_ - merged, 0);
  for (int64_t expected : {64, 128, 150, 150}) {
    Epoch(kStart + 18 * kHour, 0, 0);
    EXPECT_EQ(tombstones_ - merged, expected);
  }
  EXPECT_EQ(window_->record_count(), 3u);  // Two buckets, and the number up to which all is forgotten.
  EXPECT_EQ(ReadRecords().size(), 3u);
}

TEST_F(IdempotencyWindowTest, E6_HalfTombstonedBucketStaysForgottenAfterARestart) {
  Configure({.retention = absl::Hours(16), .max_ids = 100'000'000});
  for (uint64_t i = 0; i < 100; ++i) Epoch(kStart, i * 9000, (i + 1) * 9000);
  const uint64_t end = 100 * 9000;
  Epoch(kStart + 2 * kHour, end, end + 1);
  Epoch(kStart + 18 * kHour, end + 1, end + 2);
  Epoch(kStart + 18 * kHour, 0, 0);
  EXPECT_GT(ReadRecords().size(), 30u);
  Restart();
  EXPECT_EQ(window_->size(), 2);
  EXPECT_FALSE(Contains(0));
  EXPECT_FALSE(Contains(end - 1));
  const size_t records = window_->record_count();
  EXPECT_EQ(records, ReadRecords().size());
  Epoch(kStart + 18 * kHour, 0, 0);
  EXPECT_EQ(ReadRecords().size(), 3u);
}

TEST_F(IdempotencyWindowTest, AMergeOfALostRecordIsDataLossAndADiskErrorIsPassedOn) {
  for (uint64_t i = 0; i < 64; ++i) Epoch(kStart, i, i + 1);
  const TaskState::FrozenBatch batch = state_.Freeze({});
  ASSERT_TRUE(store_.Write(batch.task_prefix, batch.entries, batch.meta).ok());
  state_.OnCheckpointed(batch.generation);
  state_.TrimTo(0);
  ReserveRange(64, 65);
  store_.FailNext(StoreOperation::kGet, absl::UnavailableError("I/O"));
  EXPECT_EQ(window_->Seal(kStart, &state_).code(), absl::StatusCode::kUnavailable);
  Drop();
  ReserveRange(64, 65);
  ASSERT_TRUE(store_.Wipe(batch.task_prefix).ok());
  EXPECT_EQ(window_->Seal(kStart, &state_).code(), absl::StatusCode::kDataLoss);
}

TEST_F(IdempotencyWindowTest, ClearIsAsNew) {
  for (uint64_t i = 0; i < 10; ++i) Epoch(kStart, i, i + 1);
  ReserveRange(100, 110);
  window_->Clear();
  state_.Clear();
  EXPECT_EQ(window_->size(), 0);
  EXPECT_EQ(window_->record_count(), 0u);
  Epoch(kStart, 0, 10);
  EXPECT_EQ(window_->size(), 10);
}

TEST_F(IdempotencyWindowTest, EndlessRetentionAndAClockAtZeroDoNoHarm) {
  Configure({.retention = absl::InfiniteDuration(), .max_ids = INT64_MAX});
  Epoch(0, 0, 10);
  Epoch(kStart, 10, 20);
  Epoch(INT64_MAX, 20, 30);
  EXPECT_EQ(window_->size(), 30);
}

TEST_F(IdempotencyWindowTest, TheLastNumbersThereAreAreNotOutgrown) {
  state_.ApplyCommitted(EventIdsKey(UINT64_MAX / 4 * 3, UINT64_MAX / 4 * 3), std::string(16, 'x'));
  Restart();
  for (uint64_t n = 0; n < 3; ++n) Epoch(kStart, n, n + 1);
  Restart();
  EXPECT_EQ(window_->size(), 4);
}

}  // namespace
}  // namespace once
