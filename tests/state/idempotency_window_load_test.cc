// What a window takes in at a start.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "state/idempotency_window.h"
#include "tests/state/idempotency_window_fixture.h"

namespace once {
namespace {

TEST_F(IdempotencyWindowTest, LoadTakesRecordsInAnyOrderAndAgain) {
  Configure({.retention = absl::Hours(16), .max_ids = 1000});
  for (uint64_t i = 0; i < 30; ++i) Epoch(kStart + static_cast<int64_t>(i), i * 50, (i + 1) * 50);
  Epoch(kStart + 40, 3, 4);  // Forgotten long ago, and here again.
  const int64_t size = window_->size();
  Records records = ReadRecords();
  std::sort(records.begin(), records.end());
  do {
    Configure(options_);
    for (const auto& [key, value] : records) ASSERT_TRUE(LoadRecord(key, value).ok());
    for (size_t i = 0; i < records.size(); i += 3) ASSERT_TRUE(LoadRecord(records[i].first, records[i].second).ok());
    ASSERT_EQ(window_->size(), size);
    ASSERT_TRUE(Contains(3));
    ASSERT_FALSE(Contains(4));
    std::rotate(records.begin(), records.begin() + 1, records.end());
  } while (!std::is_sorted(records.begin(), records.end()));
}

TEST_F(IdempotencyWindowTest, LoadPrefersTheLaterBucketOfAnIdThatCameAgain) {
  const std::string id(16, 'i');
  const std::string horizon = std::string(6, '\0') + '\1' + std::string(9, '\0');  // 256
  Records records = {{EventIdsKey(0, 0), horizon}, {EventIdsKey(256, 0), id}, {EventIdsKey(300, 0), id}};
  do {
    Configure(options_);
    for (const auto& [key, value] : records) ASSERT_TRUE(LoadRecord(key, value).ok());
    EXPECT_EQ(window_->size(), 1);
    EXPECT_EQ(window_->record_count(), 3u);
  } while (std::next_permutation(records.begin(), records.end()));
}

TEST_F(IdempotencyWindowTest, MergedAndOldRecordsMayBothBePresent) {
  std::vector<std::pair<std::string, std::optional<std::string>>> changelog;
  for (uint64_t i = 0; i < 70; ++i) {
    ReserveRange(i, i + 1);
    Seal(kStart);
    for (const TaskState::Entry* entry : state_.epoch_writes()) changelog.emplace_back(entry->key(), entry->value());
    Commit();
  }
  Configure(options_);
  for (const auto& [key, value] : changelog) {  // As from an uncompacted changelog without its tombstones.
    if (value.has_value()) {
      ASSERT_TRUE(LoadRecord(key, *value).ok());
    }
  }
  EXPECT_EQ(window_->size(), 70);
  for (const auto& [key, value] : changelog) {
    if (!value.has_value()) {
      ASSERT_TRUE(LoadRecord(key, std::nullopt).ok());
    }
  }
  EXPECT_EQ(window_->size(), 70);
  EXPECT_EQ(window_->record_count(), ReadRecords().size());
  for (uint64_t i = 0; i < 70; ++i) EXPECT_TRUE(Contains(i));
}

// Memory is short, or the limit was lowered: what is loaded beyond it is forgotten at once, and so it stays.
TEST_F(IdempotencyWindowTest, X7LoadingForgetsWhatIsTooMuch) {
  Configure({.retention = absl::Hours(16), .max_ids = 1600});
  for (uint64_t i = 0; i < 16; ++i) Epoch(kStart + static_cast<int64_t>(i), i * 100, (i + 1) * 100);
  window_->Clear();
  window_->SetMaxIds(200);
  for (const auto& [key, value] : ReadRecords()) {
    ASSERT_TRUE(LoadRecord(key, value).ok());
    EXPECT_LE(window_->size(), 300);
  }
  EXPECT_TRUE(Contains(1599));
  Epoch(kStart + 20, 5000, 5001);
  EXPECT_LE(window_->size(), 201);
  Restart();  // With room for all.
  EXPECT_FALSE(Contains(0));
  EXPECT_TRUE(Contains(5000));
}

// A window that no event comes to makes room as well, and for good.
TEST_F(IdempotencyWindowTest, X7AnIdleWindowGivesItsMemoryBack) {
  constexpr uint64_t kIds = 1'000;
  Configure({.retention = absl::Hours(16), .max_ids = 16 * kIds});
  for (uint64_t i = 0; i < 16; ++i) Epoch(kStart + static_cast<int64_t>(i), i * kIds, (i + 1) * kIds);
  const size_t before = window_->memory_bytes();
  window_->SetMaxIds(2 * kIds);
  window_->Trim();
  EXPECT_LT(window_->memory_bytes(), before / 4);
  EXPECT_LE(window_->size(), static_cast<int64_t>(2 * kIds));
  EXPECT_FALSE(Contains(0));
  EXPECT_TRUE(Contains(16 * kIds - 1));
  Epoch(kStart + 20, 100 * kIds, 100 * kIds + 1);
  Restart();  // With room for all.
  EXPECT_FALSE(Contains(0));
  EXPECT_TRUE(Contains(16 * kIds - 1));
  EXPECT_TRUE(Contains(100 * kIds));
}

}  // namespace
}  // namespace once
