#include "state/task_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr CheckpointMeta kMeta = {.changelog_offset = Offset(5), .incarnation = 1, .written_ms = 1000};

class TaskStateTest : public testing::Test {
 protected:
  TaskState::Entry* Open(std::string_view key) {
    absl::StatusOr<TaskState::Entry*> entry = state_.Open(key);
    EXPECT_TRUE(entry.ok()) << entry.status();
    return *entry;
  }
  OptionalBytes Value(std::string_view key) { return Open(key)->value(); }
  void Put(std::string_view key, std::string_view value) { state_.Put(Open(key), value); }
  void Delete(std::string_view key) { state_.Delete(Open(key)); }
  void Commit(std::string_view key, std::string_view value) {
    Put(key, value);
    state_.CommitEpoch();
  }

  // Begins a checkpoint and writes it to the disk, but does not report it.
  TaskState::FrozenBatch WriteCheckpoint() {
    TaskState::FrozenBatch batch = state_.Freeze(kMeta);
    EXPECT_TRUE(store_.Write(batch.task_prefix, batch.entries, batch.meta).ok());
    return batch;
  }
  void Checkpoint() { state_.OnCheckpointed(WriteCheckpoint().generation); }

  using Entries = std::vector<std::pair<std::string, std::string>>;
  Entries ScanAll(std::string_view prefix) {
    Entries found;
    const absl::Status status = state_.Scan(prefix, [&](std::string_view key, std::string_view value) {
      found.emplace_back(key, value);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return found;
  }
  std::map<std::string, std::string> OnDisk() {
    std::map<std::string, std::string> found;
    const absl::Status status = store_.Scan(prefix_, "", [&](std::string_view key, std::string_view value) {
      found.emplace(key, value);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return found;
  }
  std::vector<std::string> EpochKeys() {
    std::vector<std::string> keys;
    for (const TaskState::Entry* entry : state_.epoch_writes()) keys.push_back(entry->key());
    return keys;
  }

  const std::string prefix_ = TaskPrefix("orders", Partition(0));
  MemoryCheckpointStore store_;
  TaskState state_{&store_, prefix_};
};

TEST_F(TaskStateTest, OpenOfAnUnknownKeyHasNoValueAndReadsTheDiskOnce) {
  EXPECT_EQ(Value("k"), std::nullopt);
  EXPECT_EQ(Value("k"), std::nullopt);
  EXPECT_EQ(store_.calls(StoreOperation::kGet), 1);
}

TEST_F(TaskStateTest, ReadsSeeUncommittedWritesFirst) {
  Commit("k", "old");
  Put("k", "new");
  EXPECT_EQ(Value("k"), "new");
  Delete("k");
  EXPECT_EQ(Value("k"), std::nullopt);
  Put("k", "");
  EXPECT_EQ(Value("k"), "");
}

TEST_F(TaskStateTest, EpochWritesListsEachEntryOnceInOrderOfFirstWrite) {
  Put("b", "1");
  Put("a", "2");
  Delete("b");
  Put("b", "3");
  EXPECT_THAT(EpochKeys(), ElementsAre("b", "a"));
  EXPECT_EQ(state_.epoch_writes()[0]->value(), "3");
  state_.CommitEpoch();
  EXPECT_THAT(EpochKeys(), IsEmpty());
  Put("b", "4");
  EXPECT_THAT(EpochKeys(), ElementsAre("b"));
}

TEST_F(TaskStateTest, DropEpochLeavesTheCommittedValues) {
  Commit("kept", "committed");
  Put("kept", "dropped");
  Delete("kept");
  Put("new", "dropped");
  state_.DropEpoch();
  EXPECT_EQ(Value("kept"), "committed");
  EXPECT_EQ(Value("new"), std::nullopt);
  EXPECT_THAT(EpochKeys(), IsEmpty());
  EXPECT_THAT(ScanAll(""), ElementsAre(Pair("kept", "committed")));
}

TEST_F(TaskStateTest, PutMayTakeItsValueFromTheEntryItself) {
  Commit("k", "0123456789012345678901234567890123456789");
  TaskState::Entry* entry = Open("k");
  state_.Put(entry, entry->value()->substr(5));
  state_.Put(entry, entry->value()->substr(5));
  EXPECT_EQ(entry->value(), "012345678901234567890123456789");
}

TEST_F(TaskStateTest, WriteDoesNotReadTheDisk) {
  Commit("k", "old");
  Checkpoint();
  state_.TrimTo(0);
  ASSERT_EQ(state_.entry_count(), 0u);
  const int64_t reads = store_.calls(StoreOperation::kGet);
  state_.Write("k", "new");
  EXPECT_EQ(Value("k"), "new");
  EXPECT_EQ(store_.calls(StoreOperation::kGet), reads);
  EXPECT_THAT(EpochKeys(), ElementsAre("k"));
  state_.CommitEpoch();
  EXPECT_EQ(Value("k"), "new");
  state_.Write("k", std::nullopt);
  state_.CommitEpoch();
  EXPECT_EQ(Value("k"), std::nullopt);
  EXPECT_EQ(store_.calls(StoreOperation::kGet), reads);
}

TEST_F(TaskStateTest, DroppedWriteDoesNotHideTheDisk) {
  Commit("k", "old");
  Checkpoint();
  state_.TrimTo(0);
  state_.Write("k", "new");
  state_.DropEpoch();
  EXPECT_EQ(state_.entry_count(), 0u);
  EXPECT_EQ(Value("k"), "old");
}

TEST_F(TaskStateTest, CheckpointCarriesDirtyValuesAndTombstonesAndItsMeta) {
  Commit("a", "1");
  Commit("b", "2");
  Checkpoint();
  EXPECT_EQ(state_.dirty_bytes(), 0u);
  Delete("a");
  Put("c", "3");
  state_.CommitEpoch();
  EXPECT_GT(state_.dirty_bytes(), 0u);
  const TaskState::FrozenBatch batch = WriteCheckpoint();
  EXPECT_TRUE(state_.checkpoint_under_way());
  EXPECT_EQ(batch.entries.size(), 2u);  // "b" is clean
  state_.OnCheckpointed(batch.generation);
  EXPECT_FALSE(state_.checkpoint_under_way());
  EXPECT_EQ(state_.dirty_bytes(), 0u);
  EXPECT_THAT(OnDisk(), ElementsAre(Pair("b", "2"), Pair("c", "3")));
  const auto meta = store_.ReadMeta(prefix_);
  ASSERT_TRUE(meta.ok() && meta->has_value());
  EXPECT_EQ((*meta)->changelog_offset, Offset(5));
}

TEST_F(TaskStateTest, WrittenWhileItsFrozenCopyIsWrittenStaysDirty) {
  Commit("k", "frozen");
  Commit("other", "frozen");
  const TaskState::FrozenBatch batch = WriteCheckpoint();
  Commit("k", "newer");
  state_.OnCheckpointed(batch.generation);
  EXPECT_GT(state_.dirty_bytes(), 0u);
  state_.TrimTo(0);  // Takes the clean "other", not the dirty "k".
  EXPECT_EQ(state_.entry_count(), 1u);
  EXPECT_EQ(Value("k"), "newer");
  Checkpoint();
  EXPECT_EQ(OnDisk()["k"], "newer");
  EXPECT_EQ(state_.dirty_bytes(), 0u);
}

TEST_F(TaskStateTest, FrozenBatchIsACopy) {
  Commit("k", "frozen");
  const TaskState::FrozenBatch batch = state_.Freeze(kMeta);
  Commit("k", "newer");
  ASSERT_EQ(batch.entries.size(), 1u);
  EXPECT_EQ(batch.entries[0].value, "frozen");
}

TEST_F(TaskStateTest, FailedCheckpointIsTriedAgainWhole) {
  Commit("a", "1");
  const TaskState::FrozenBatch failed = state_.Freeze(kMeta);
  Commit("b", "2");
  state_.OnCheckpointFailed(failed.generation);
  EXPECT_FALSE(state_.checkpoint_under_way());
  state_.TrimTo(0);
  EXPECT_EQ(state_.entry_count(), 2u);
  Checkpoint();
  EXPECT_THAT(OnDisk(), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_F(TaskStateTest, ReportOfAnotherGenerationIsIgnored) {
  Commit("a", "1");
  const TaskState::FrozenBatch batch = state_.Freeze(kMeta);
  state_.OnCheckpointed(batch.generation + 1);
  state_.OnCheckpointFailed(batch.generation + 1);
  EXPECT_TRUE(state_.checkpoint_under_way());
  EXPECT_GT(state_.dirty_bytes(), 0u);
}

TEST_F(TaskStateTest, TrimKeepsDirtyAndPendingValues) {
  Commit("clean", "1");
  Checkpoint();
  Commit("dirty", "2");
  Put("pending", "3");
  Put("clean and pending", "4");
  state_.TrimTo(0);
  EXPECT_EQ(state_.entry_count(), 3u);
  state_.CommitEpoch();
  Checkpoint();
  state_.TrimTo(0);
  EXPECT_EQ(state_.entry_count(), 0u);
  EXPECT_EQ(state_.memory_bytes(), 0u);
  EXPECT_EQ(Value("pending"), "3");
}

TEST_F(TaskStateTest, TrimDropsTheLeastRecentlyUsedFirst) {
  for (const char* key : {"a", "b", "c", "d"}) Commit(key, "1");
  Checkpoint();
  state_.TrimTo(0);
  for (const char* key : {"a", "b", "c", "d"}) Open(key);
  Open("a");
  Open("c");
  state_.TrimTo(state_.memory_bytes() / 2);
  EXPECT_EQ(state_.entry_count(), 2u);
  const int64_t reads = store_.calls(StoreOperation::kGet);
  Open("a");
  Open("c");
  EXPECT_EQ(store_.calls(StoreOperation::kGet), reads);
}

TEST_F(TaskStateTest, AbsentKeysAreCachedAndCanBeTrimmed) {
  for (int i = 0; i < 100; ++i) Open("absent" + std::to_string(i));
  EXPECT_EQ(state_.entry_count(), 100u);
  EXPECT_GT(state_.memory_bytes(), 0u);
  state_.TrimTo(0);
  EXPECT_EQ(state_.entry_count(), 0u);
  EXPECT_EQ(state_.memory_bytes(), 0u);
}

TEST_F(TaskStateTest, MemoryFollowsTheValues) {
  const std::string large(100'000, 'x');
  Put("k", large);
  EXPECT_GT(state_.memory_bytes(), large.size());
  state_.CommitEpoch();
  EXPECT_GT(state_.dirty_bytes(), large.size());
  EXPECT_LE(state_.dirty_bytes(), state_.memory_bytes());
  Put("k", large);
  EXPECT_GT(state_.memory_bytes(), 2 * large.size());
  state_.CommitEpoch();
  EXPECT_LT(state_.memory_bytes(), 2 * large.size());  // A large spare buffer is not kept.
  Delete("k");
  state_.CommitEpoch();
  EXPECT_LT(state_.memory_bytes(), large.size());
  EXPECT_LT(state_.dirty_bytes(), large.size());
}

TEST_F(TaskStateTest, ScanMergesAllLayers) {
  for (const char* key : {"p/disk", "p/deleted", "p/replaced", "p/pending delete", "q/other"}) Commit(key, "disk");
  Checkpoint();
  state_.TrimTo(0);
  Delete("p/deleted");
  Put("p/replaced", "memory");
  Put("p/memory", "memory");
  state_.CommitEpoch();
  WriteCheckpoint();  // Frozen, not reported yet: the disk may have it or not.
  Put("p/a pending", "pending");
  Delete("p/pending delete");
  Put("p/z pending", "pending");
  EXPECT_THAT(ScanAll("p/"),
              ElementsAre(Pair("p/a pending", "pending"), Pair("p/disk", "disk"), Pair("p/memory", "memory"),
                          Pair("p/replaced", "memory"), Pair("p/z pending", "pending")));
  EXPECT_THAT(ScanAll("x"), IsEmpty());
}

TEST_F(TaskStateTest, ScanStopsWhenToldTo) {
  for (const char* key : {"b", "d"}) Commit(key, "disk");
  Checkpoint();
  state_.TrimTo(0);
  for (const char* key : {"a", "c", "e"}) Commit(key, "memory");
  for (size_t wanted = 1; wanted <= 5; ++wanted) {
    std::string seen;
    ASSERT_TRUE(state_
                    .Scan("",
                          [&](std::string_view key, std::string_view) {
                            seen.append(key);
                            return seen.size() < wanted;
                          })
                    .ok());
    EXPECT_EQ(seen, std::string("abcde").substr(0, wanted));
  }
}

TEST_F(TaskStateTest, RestoredRecordsAreCommittedAndDirty) {
  Commit("deleted", "1");
  Checkpoint();
  state_.TrimTo(0);
  state_.ApplyCommitted("k", "restored");
  state_.ApplyCommitted("k", "restored later");
  state_.ApplyCommitted("deleted", std::nullopt);
  EXPECT_EQ(Value("k"), "restored later");
  EXPECT_EQ(Value("deleted"), std::nullopt);
  EXPECT_THAT(EpochKeys(), IsEmpty());
  Checkpoint();
  EXPECT_THAT(OnDisk(), ElementsAre(Pair("k", "restored later")));
}

TEST_F(TaskStateTest, ClearForgetsMemoryOnly) {
  Commit("k", "disk");
  Checkpoint();
  Commit("k", "memory");
  const TaskState::FrozenBatch lost = state_.Freeze(kMeta);
  Put("k", "pending");
  state_.Clear();
  EXPECT_FALSE(state_.checkpoint_under_way());
  EXPECT_EQ(state_.memory_bytes(), 0u);
  EXPECT_EQ(state_.dirty_bytes(), 0u);
  EXPECT_EQ(Value("k"), "disk");
  Commit("k", "after");
  state_.OnCheckpointed(lost.generation);
  EXPECT_GT(state_.dirty_bytes(), 0u);
  EXPECT_EQ(Value("k"), "after");
}

TEST_F(TaskStateTest, ErrorsOfTheDiskArePassedOnAndLeaveNothing) {
  store_.FailNext(StoreOperation::kGet, absl::DataLossError("rot"));
  EXPECT_EQ(state_.Open("k").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(state_.entry_count(), 0u);
  EXPECT_TRUE(state_.Open("k").ok());
  store_.FailNext(StoreOperation::kScan, absl::UnavailableError("I/O"));
  const auto all = [](std::string_view, std::string_view) { return true; };
  EXPECT_EQ(state_.Scan("", all).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TaskStateTest, TasksDoNotSeeEachOther) {
  TaskState other(&store_, TaskPrefix("orders", Partition(1)));
  Commit("k", "0");
  Checkpoint();
  absl::StatusOr<TaskState::Entry*> entry = other.Open("k");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ((*entry)->value(), std::nullopt);
}

}  // namespace
}  // namespace once
