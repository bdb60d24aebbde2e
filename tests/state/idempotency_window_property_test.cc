// Random epochs on an IdempotencyWindow, committed, dropped, and cut by restarts, with a naive model beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "state/idempotency_window.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

using Options = IdempotencyWindow::Options;

EventIdHash Id(uint64_t n) { return {.high = n * 0x9e3779b97f4a7c15, .low = n}; }

// The window's rules, written down once more without tables, records or merges.
class Model {
 public:
  explicit Model(const Options& options)
      : retention_ms_(absl::ToInt64Milliseconds(options.retention)), max_ids_(static_cast<size_t>(options.max_ids)) {}

  bool Contains(uint64_t n) const {
    return std::any_of(buckets_.begin(), buckets_.end(), [&](const auto& bucket) { return bucket.second.contains(n); });
  }
  size_t size() const {
    size_t size = 0;
    for (const auto& [opened, ids] : buckets_) size += ids.size();
    return size;
  }
  void Commit(int64_t clock_ms, const std::set<uint64_t>& ids) {
    if (!ids.empty()) {
      const bool opens = buckets_.empty() ||
                         clock_ms - buckets_.rbegin()->first >= std::max<int64_t>(retention_ms_ / 16, 1) ||
                         buckets_.rbegin()->second.size() >= std::max<size_t>(max_ids_ / 16, 1);
      if (opens) {
        last_opened_ = std::max(clock_ms, last_opened_ + 1);
        buckets_[last_opened_];
      }
      buckets_.rbegin()->second.insert(ids.begin(), ids.end());
    }
    while (buckets_.size() > 1 && clock_ms - std::next(buckets_.begin())->first >= retention_ms_) {
      buckets_.erase(buckets_.begin());
    }
    while (buckets_.size() > 1 && size() > max_ids_) buckets_.erase(buckets_.begin());
  }

 private:
  const int64_t retention_ms_;
  const size_t max_ids_;
  std::map<int64_t, std::set<uint64_t>> buckets_;  // By the clock at their opening.
  int64_t last_opened_ = 0;
};

class RandomRun {
 public:
  RandomRun(uint32_t seed, const Options& options, uint32_t universe)
      : random_(seed), options_(options), universe_(universe), model_(options), window_(std::in_place, options) {}

  void Step() {
    ReserveSome();
    if (testing::Test::HasFailure()) return;
    clock_ms_ += Below(20) == 0 ? Below(3000) : Below(10);
    const bool sealed = Below(8) != 0;
    if (sealed) {
      ASSERT_TRUE(window_->Seal(clock_ms_, &state_.value()).ok());
    }
    if (sealed && Below(4) != 0) {
      Commit();
    } else {
      window_->DropEpoch();
      state_->DropEpoch();
    }
    epoch_.clear();
    ASSERT_EQ(window_->size(), static_cast<int64_t>(model_.size()));
    if (Below(16) == 0) Checkpoint();
    if (Below(40) == 0) Restart();
  }

  void CheckAll() {
    for (uint64_t n = 0; n < universe_; ++n) {
      ASSERT_EQ(!window_->Reserve(Id(n)), model_.Contains(n)) << n;
    }
    window_->DropEpoch();
    ASSERT_EQ(window_->size(), static_cast<int64_t>(model_.size()));
  }

 private:
  uint32_t Below(uint32_t n) { return random_() % n; }

  void ReserveSome() {
    const uint32_t count = Below(10) == 0 ? 0 : 1 + Below(Below(10) == 0 ? 100 : 5);
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t n = Below(universe_);
      const bool expected = !model_.Contains(n) && !epoch_.contains(n);
      ASSERT_EQ(window_->Reserve(Id(n)), expected) << n;
      epoch_.insert(n);
      if (expected && Below(10) == 0) {
        window_->Release(Id(n));
        epoch_.erase(n);
      } else if (!expected && model_.Contains(n)) {
        epoch_.erase(n);
      }
    }
  }

  void Commit() {
    for (const TaskState::Entry* entry : state_->epoch_writes()) changelog_.emplace_back(entry->key(), entry->value());
    state_->CommitEpoch();
    window_->CommitEpoch();
    model_.Commit(clock_ms_, epoch_);
  }

  void Checkpoint() {
    const TaskState::FrozenBatch batch =
        state_->Freeze({.changelog_offset = Offset(static_cast<int64_t>(changelog_.size()))});
    ASSERT_TRUE(store_.Write(batch.task_prefix, batch.entries, batch.meta).ok());
    state_->OnCheckpointed(batch.generation);
    if (Below(2) == 0) state_->TrimTo(0);
  }

  void Load(std::string_view key, OptionalBytes value) {
    const absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(key);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    ASSERT_TRUE(window_->Load(*parsed, value).ok());
  }

  // Another process: reads the checkpoint, in any order, and replays the changelog from there or from further back.
  void Restart() {
    store_.Crash(Below(3));
    state_.emplace(&store_, prefix_);
    window_.emplace(options_);
    const absl::StatusOr<std::optional<CheckpointMeta>> meta = store_.ReadMeta(prefix_);
    ASSERT_TRUE(meta.ok());
    size_t from = meta->has_value() ? static_cast<size_t>((*meta)->changelog_offset.value()) : 0;
    if (Below(4) == 0) from -= Below(static_cast<uint32_t>(from) + 1);
    std::vector<std::pair<std::string, std::string>> records;
    ASSERT_TRUE(store_
                    .Scan(prefix_, KindPrefix(ChangelogKind::kEventIds),
                          [&](std::string_view key, std::string_view value) {
                            records.emplace_back(key, value);
                            return true;
                          })
                    .ok());
    std::shuffle(records.begin(), records.end(), random_);
    for (const auto& [key, value] : records) Load(key, value);
    for (size_t i = from; i < changelog_.size(); ++i) {
      state_->ApplyCommitted(changelog_[i].first, changelog_[i].second);
      Load(changelog_[i].first, changelog_[i].second);
    }
    CheckAll();
    ExpectAsManyRecordsAsStored();
  }

  void ExpectAsManyRecordsAsStored() {
    size_t stored = 0;
    ASSERT_TRUE(state_
                    ->Scan(KindPrefix(ChangelogKind::kEventIds),
                           [&](std::string_view, std::string_view) {
                             ++stored;
                             return true;
                           })
                    .ok());
    ASSERT_EQ(window_->record_count(), stored);
  }

  std::mt19937 random_;
  const Options options_;
  const uint32_t universe_;
  const std::string prefix_ = TaskPrefix("orders", Partition(0));
  MemoryCheckpointStore store_;
  std::optional<TaskState> state_{std::in_place, &store_, prefix_};
  Model model_;
  std::optional<IdempotencyWindow> window_;
  int64_t clock_ms_ = 1'000'000;
  std::set<uint64_t> epoch_;
  std::vector<std::pair<std::string, std::optional<std::string>>> changelog_;
};

void CheckRuns(const Options& options, uint32_t universe) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRun run(seed, options, universe);
    for (int i = 0; i < 600 && !testing::Test::HasFailure(); ++i) run.Step();
    if (!testing::Test::HasFailure()) run.CheckAll();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(IdempotencyWindowPropertyTest, ByTime) {
  CheckRuns({.retention = absl::Milliseconds(5000), .max_ids = 1'000'000}, 2000);
}

TEST(IdempotencyWindowPropertyTest, ByCount) { CheckRuns({.retention = absl::Hours(24), .max_ids = 500}, 2000); }

TEST(IdempotencyWindowPropertyTest, ByTimeAndCount) {
  CheckRuns({.retention = absl::Milliseconds(3000), .max_ids = 300}, 600);
}

TEST(IdempotencyWindowPropertyTest, TinyWindow) { CheckRuns({.retention = absl::Milliseconds(20), .max_ids = 3}, 30); }

TEST(IdempotencyWindowPropertyTest, LargeBuckets) {
  CheckRuns({.retention = absl::Hours(24), .max_ids = 1'000'000}, 20'000);
}

}  // namespace
}  // namespace once
