// A window with its state, whose epochs the test seals and whose records it can load again.
#ifndef ONCE_TESTS_STATE_IDEMPOTENCY_WINDOW_FIXTURE_H_
#define ONCE_TESTS_STATE_IDEMPOTENCY_WINDOW_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/idempotency_window.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {

inline constexpr int64_t kStart = 1'700'000'000'000;
inline constexpr int64_t kHour = 3'600'000;

inline EventIdHash Id(uint64_t n) { return HashEventId("orders", "shop", std::to_string(n), 0); }

class IdempotencyWindowTest : public testing::Test {
 protected:
  using Options = IdempotencyWindow::Options;

  void Configure(const Options& options) {
    options_ = options;
    window_.emplace(options);
  }

  void ReserveRange(uint64_t begin, uint64_t end) {
    for (uint64_t n = begin; n < end; ++n) ASSERT_TRUE(window_->Reserve(Id(n))) << n;
  }
  void Seal(int64_t clock_ms) {
    const absl::Status status = window_->Seal(clock_ms, &state_);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Commit() {
    for (const TaskState::Entry* entry : state_.epoch_writes()) {
      const OptionalBytes value = entry->value();
      largest_record_ = std::max(largest_record_, value.has_value() ? value->size() : 0);
      (value.has_value() ? ++puts_ : ++tombstones_);
    }
    state_.CommitEpoch();
    window_->CommitEpoch();
  }
  void Drop() {
    state_.DropEpoch();
    window_->DropEpoch();
  }
  // An epoch with the IDs [begin, end).
  void Epoch(int64_t clock_ms, uint64_t begin, uint64_t end) {
    ReserveRange(begin, end);
    Seal(clock_ms);
    Commit();
  }
  bool Contains(uint64_t n) {
    if (!window_->Reserve(Id(n))) return true;
    window_->Release(Id(n));
    return false;
  }
  using Records = std::vector<std::pair<std::string, std::string>>;
  Records ReadRecords() {
    Records records;
    const absl::Status status =
        state_.Scan(KindPrefix(ChangelogKind::kEventIds), [&](std::string_view key, std::string_view value) {
          records.emplace_back(key, value);
          return true;
        });
    EXPECT_TRUE(status.ok()) << status;
    return records;
  }
  absl::Status LoadRecord(std::string_view key, OptionalBytes value) {
    const absl::StatusOr<ChangelogKey> parsed = ParseChangelogKey(key);
    if (!parsed.ok()) return parsed.status();
    return window_->Load(*parsed, value);
  }
  void Restart() {
    Configure(options_);
    for (const auto& [key, value] : ReadRecords()) ASSERT_TRUE(LoadRecord(key, value).ok());
  }

  MemoryCheckpointStore store_;
  TaskState state_{&store_, TaskPrefix("orders", Partition(0))};
  Options options_;
  std::optional<IdempotencyWindow> window_{std::in_place, options_};
  int64_t puts_ = 0;
  int64_t tombstones_ = 0;
  size_t largest_record_ = 0;
};

}  // namespace once

#endif  // ONCE_TESTS_STATE_IDEMPOTENCY_WINDOW_FIXTURE_H_
