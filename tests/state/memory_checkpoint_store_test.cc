#include "tests/testkit/store/memory_checkpoint_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/state/checkpoint_store_contract.h"

namespace once {
namespace {

class MemoryHarness final : public StoreHarness {
 public:
  CheckpointStore& store() override { return store_; }
  void Restart() override { store_.Crash(SIZE_MAX); }
  void Crash() override { store_.Crash(); }

 private:
  MemoryCheckpointStore store_;
};

StoreHarnessFactory MakeMemoryHarness() {
  return [] { return std::make_unique<MemoryHarness>(); };
}

INSTANTIATE_TEST_SUITE_P(Memory, CheckpointStoreContract, testing::Values(MakeMemoryHarness()));

class MemoryCheckpointStoreTest : public testing::Test {
 protected:
  absl::Status Write(const std::vector<CheckpointEntry>& entries, int64_t offset) {
    return store_.Write(task_, entries, {.changelog_offset = Offset(offset)});
  }
  int64_t ReadOffset() {
    const auto meta = store_.ReadMeta(task_);
    EXPECT_TRUE(meta.ok()) << meta.status();
    return meta->has_value() ? (*meta)->changelog_offset.value() : -1;
  }

  MemoryCheckpointStore store_;
  const std::string task_ = TaskPrefix("orders", Partition(0));
};

TEST_F(MemoryCheckpointStoreTest, CrashDropsWhatWasNotFlushed) {
  ASSERT_TRUE(Write({{"a", "1"}, {"b", "1"}}, 1).ok());
  ASSERT_TRUE(store_.Flush().ok());
  ASSERT_TRUE(Write({{"a", "2"}, {"b", std::nullopt}, {"c", "2"}}, 2).ok());
  ASSERT_TRUE(Write({{"a", "3"}, {"c", "3"}}, 3).ok());
  store_.Crash();
  EXPECT_EQ(ReadOffset(), 1);
  EXPECT_EQ(*store_.Get(task_, "a"), "1");
  EXPECT_EQ(*store_.Get(task_, "b"), "1");
  EXPECT_EQ(*store_.Get(task_, "c"), std::nullopt);
}

TEST_F(MemoryCheckpointStoreTest, CrashMayLeaveTheOldestWrites) {
  ASSERT_TRUE(Write({{"a", "1"}}, 1).ok());
  ASSERT_TRUE(Write({{"a", "2"}}, 2).ok());
  store_.Crash(/*surviving=*/1);
  EXPECT_EQ(ReadOffset(), 1);
  EXPECT_EQ(*store_.Get(task_, "a"), "1");
  store_.Crash();  // What survived one crash is on the disk.
  EXPECT_EQ(ReadOffset(), 1);
}

TEST_F(MemoryCheckpointStoreTest, FailuresAreInjectedOnce) {
  store_.FailNext(StoreOperation::kWrite, absl::UnavailableError("I/O"));
  EXPECT_EQ(Write({{"a", "1"}}, 1).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReadOffset(), -1);
  EXPECT_TRUE(Write({{"a", "1"}}, 1).ok());
  store_.FailNext(StoreOperation::kFlush, absl::UnavailableError("I/O"));
  EXPECT_EQ(store_.Flush().code(), absl::StatusCode::kUnavailable);
  store_.FailNext(StoreOperation::kReadMeta, absl::UnavailableError("I/O"));
  EXPECT_EQ(store_.ReadMeta(task_).status().code(), absl::StatusCode::kUnavailable);
  store_.Crash();
  EXPECT_EQ(ReadOffset(), -1);
  EXPECT_EQ(store_.calls(StoreOperation::kWrite), 2);
}

TEST_F(MemoryCheckpointStoreTest, AFullDiskRefusesWritesUntilItIsFreed) {
  store_.SetFull(true);
  EXPECT_EQ(Write({{"a", "1"}}, 1).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store_.Flush().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(store_.Get(task_, "a").ok());
  store_.SetFull(false);
  EXPECT_TRUE(Write({{"a", "1"}}, 1).ok());
}

TEST_F(MemoryCheckpointStoreTest, CorruptUntilWiped) {
  ASSERT_TRUE(Write({{"a", "1"}}, 1).ok());
  store_.Corrupt(task_);
  const auto all = [](std::string_view, std::string_view) { return true; };
  EXPECT_EQ(store_.ReadMeta(task_).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_.Get(task_, "a").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_.Scan(task_, "", all).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(store_.Get(TaskPrefix("orders", Partition(1)), "a").ok());
  EXPECT_TRUE(store_.Wipe(task_).ok());
  EXPECT_EQ(ReadOffset(), -1);
}

TEST_F(MemoryCheckpointStoreTest, AWipeCutShortHasForgottenTheMeta) {
  ASSERT_TRUE(Write({{"a", "1"}}, 1).ok());
  ASSERT_TRUE(store_.Flush().ok());
  store_.FailNext(StoreOperation::kWipe, absl::UnavailableError("I/O"));
  EXPECT_FALSE(store_.Wipe(task_).ok());
  store_.Crash();
  EXPECT_EQ(ReadOffset(), -1);
  EXPECT_EQ(*store_.Get(task_, "a"), "1");
}

}  // namespace
}  // namespace once
