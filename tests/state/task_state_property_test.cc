// Random steps on a TaskState, a model beside it: what is read is always the model's, crash or not.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "state/task_state.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

using Values = std::map<std::string, std::string>;

class RandomRun {
 public:
  explicit RandomRun(uint32_t seed) : random_(seed) {}

  void Step() {
    switch (Below(16)) {
      case 0:
        return Commit();
      case 1:
        return Drop();
      case 2:
        return BeginCheckpoint();
      case 3:
        return EndCheckpoint();
      case 4:
        state_->TrimTo(Below(2) == 0 ? 0 : state_->memory_bytes() / 2);
        return;
      case 5:
        return CheckScan();
      case 6:
        if (Below(8) == 0) CrashAndRestore();
        return;
      default:
        return Below(3) == 0 ? CheckRead() : Write();
    }
  }

  void Finish() {
    Drop();
    EndCheckpoint();
    while (state_->dirty_bytes() > 0 && !testing::Test::HasFailure()) {  // Some attempts fail.
      BeginCheckpoint();
      EndCheckpoint();
    }
    EXPECT_EQ(state_->checkpoint_under_way(), false);
    state_->TrimTo(0);
    EXPECT_EQ(state_->dirty_bytes(), 0u);
    EXPECT_EQ(state_->memory_bytes(), 0u);
    EXPECT_EQ(state_->entry_count(), 0u);
    CheckScan();
  }

 private:
  uint32_t Below(uint32_t n) { return random_() % n; }
  std::string RandomKey() {
    return (Below(2) == 0 ? "a/" : "b/a longer key that needs the heap/") + std::to_string(Below(20));
  }

  void Write() {
    const std::string key = RandomKey();
    std::optional<std::string> value;
    if (Below(4) != 0) value = std::string(Below(4) == 0 ? 2000 : Below(40), 'v') + std::to_string(Below(1000));
    if (Below(4) == 0) {
      state_->Write(key, value);
    } else {
      absl::StatusOr<TaskState::Entry*> entry = state_->Open(key);
      ASSERT_TRUE(entry.ok());
      if (value.has_value()) {
        state_->Put(*entry, *value);
      } else {
        state_->Delete(*entry);
      }
    }
    Apply(key, value, &newest_);
    epoch_.emplace_back(key, value);
  }

  void Commit() {
    state_->CommitEpoch();
    changelog_.insert(changelog_.end(), epoch_.begin(), epoch_.end());
    epoch_.clear();
    committed_ = newest_;
  }

  void Drop() {
    state_->DropEpoch();
    epoch_.clear();
    newest_ = committed_;
  }

  void BeginCheckpoint() {
    if (state_->checkpoint_under_way() || !epoch_.empty()) return;
    batch_ = state_->Freeze({.changelog_offset = Offset(static_cast<int64_t>(changelog_.size()))});
  }

  void EndCheckpoint() {
    if (!state_->checkpoint_under_way()) return;
    if (Below(4) == 0) {
      state_->OnCheckpointFailed(batch_.generation);
    } else {
      ASSERT_TRUE(store_.Write(batch_.task_prefix, batch_.entries, batch_.meta).ok());
      if (Below(2) == 0) {
        ASSERT_TRUE(store_.Flush().ok());
      }
      state_->OnCheckpointed(batch_.generation);
    }
  }

  void CheckRead() {
    const std::string key = RandomKey();
    absl::StatusOr<TaskState::Entry*> entry = state_->Open(key);
    ASSERT_TRUE(entry.ok());
    const auto it = newest_.find(key);
    ASSERT_EQ((*entry)->value(), it == newest_.end() ? OptionalBytes() : OptionalBytes(it->second)) << key;
  }

  void CheckScan() {
    for (const char* prefix : {"", "a/", "b/", "c"}) {
      std::vector<std::pair<std::string, std::string>> found;
      ASSERT_TRUE(state_
                      ->Scan(prefix,
                             [&](std::string_view key, std::string_view value) {
                               found.emplace_back(key, value);
                               return true;
                             })
                      .ok());
      std::vector<std::pair<std::string, std::string>> expected;
      for (const auto& [key, value] : newest_) {
        if (key.rfind(prefix, 0) == 0) expected.emplace_back(key, value);
      }
      ASSERT_EQ(found, expected);
    }
  }

  // The process dies; another one reads the checkpoint and replays the changelog behind it.
  void CrashAndRestore() {
    store_.Crash(Below(3));
    epoch_.clear();
    newest_ = committed_;
    state_.emplace(&store_, prefix_);
    const absl::StatusOr<std::optional<CheckpointMeta>> meta = store_.ReadMeta(prefix_);
    ASSERT_TRUE(meta.ok());
    const int64_t from = meta->has_value() ? (*meta)->changelog_offset.value() : 0;
    for (size_t i = static_cast<size_t>(from); i < changelog_.size(); ++i) {
      state_->ApplyCommitted(changelog_[i].first, changelog_[i].second);
    }
    CheckScan();
  }

  static void Apply(const std::string& key, const std::optional<std::string>& value, Values* values) {
    if (value.has_value()) {
      (*values)[key] = *value;
    } else {
      values->erase(key);
    }
  }

  std::mt19937 random_;
  const std::string prefix_ = TaskPrefix("orders", Partition(0));
  MemoryCheckpointStore store_;
  std::optional<TaskState> state_{std::in_place, &store_, prefix_};
  TaskState::FrozenBatch batch_;
  Values newest_;
  Values committed_;
  std::vector<std::pair<std::string, std::optional<std::string>>> epoch_;
  std::vector<std::pair<std::string, std::optional<std::string>>> changelog_;
};

TEST(TaskStatePropertyTest, ReadsWhatTheChangelogSays) {
  for (uint32_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRun run(seed);
    for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i) run.Step();
    if (!testing::Test::HasFailure()) run.Finish();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace once
