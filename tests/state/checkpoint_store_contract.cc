#include "tests/state/checkpoint_store_contract.h"

#include <gmock/gmock.h>

#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace once {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using std::string_literals::operator""s;

void CheckpointStoreContract::Write(std::string_view task, const std::vector<CheckpointEntry>& entries,
                                    int64_t changelog_offset) {
  const absl::Status status =
      store().Write(task, entries, {.changelog_offset = Offset(changelog_offset), .incarnation = 7, .written_ms = 8});
  ASSERT_TRUE(status.ok()) << status;
}

void CheckpointStoreContract::Flush() {
  const absl::Status status = store().Flush();
  ASSERT_TRUE(status.ok()) << status;
}

CheckpointStoreContract::Entries CheckpointStoreContract::Scan(std::string_view task, std::string_view prefix) {
  Entries found;
  const absl::Status status = store().Scan(task, prefix, [&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(found.empty() || found.rbegin()->first < key) << "out of order";
    found.emplace(key, value);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return found;
}

int64_t CheckpointStoreContract::ReadOffset(std::string_view task) {
  const absl::StatusOr<std::optional<CheckpointMeta>> meta = store().ReadMeta(task);
  EXPECT_TRUE(meta.ok()) << meta.status();
  return meta.ok() && meta->has_value() ? (*meta)->changelog_offset.value() : -1;
}

TEST_P(CheckpointStoreContract, ANewStoreIsEmpty) {
  EXPECT_EQ(ReadOffset(task_), -1);
  EXPECT_THAT(Scan(task_, ""), IsEmpty());
  const auto value = store().Get(task_, "k");
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, std::nullopt);
  Flush();
}

TEST_P(CheckpointStoreContract, ReadsWhatWasWritten) {
  Write(task_, {{"k", "value"}, {"empty", ""}, {"\0\xff"s, "\0"s}}, 5);
  const auto meta = store().ReadMeta(task_);
  ASSERT_TRUE(meta.ok()) << meta.status();
  ASSERT_TRUE(meta->has_value());
  EXPECT_EQ((*meta)->changelog_offset, Offset(5));
  EXPECT_EQ((*meta)->incarnation, 7u);
  EXPECT_EQ((*meta)->written_ms, 8);
  EXPECT_EQ(*store().Get(task_, "k"), "value");
  EXPECT_EQ(*store().Get(task_, "empty"), "");
  EXPECT_EQ(*store().Get(task_, "\0\xff"s), "\0"s);
  EXPECT_EQ(*store().Get(task_, "other"), std::nullopt);
}

TEST_P(CheckpointStoreContract, LaterWritesReplaceAndDelete) {
  Write(task_, {{"a", "1"}, {"b", "1"}}, 5);
  Write(task_, {{"b", std::nullopt}, {"c", "2"}, {"a", "2"}, {"never there", std::nullopt}}, 6);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("a", "2"), Pair("c", "2")));
  EXPECT_EQ(ReadOffset(task_), 6);
  Write(task_, {}, 7);
  EXPECT_EQ(ReadOffset(task_), 7);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("a", "2"), Pair("c", "2")));
}

TEST_P(CheckpointStoreContract, EntriesMayComeInAnyOrder) {
  Write(task_, {{"c", "3"}, {"a", "1"}, {"b", "2"}}, 1);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3")));
}

TEST_P(CheckpointStoreContract, ScanSeesItsPrefixOnly) {
  Write(task_, {{"a", "1"}, {"b", "2"}, {"b\xff", "3"}, {"b\xff\xff", "4"}, {"c", "5"}, {"\xff\xff", "6"}}, 1);
  EXPECT_THAT(Scan(task_, "b"), ElementsAre(Pair("b", "2"), Pair("b\xff", "3"), Pair("b\xff\xff", "4")));
  EXPECT_THAT(Scan(task_, "b\xff"), ElementsAre(Pair("b\xff", "3"), Pair("b\xff\xff", "4")));
  EXPECT_THAT(Scan(task_, "\xff"), ElementsAre(Pair("\xff\xff", "6")));
  EXPECT_THAT(Scan(task_, "d"), IsEmpty());
}

TEST_P(CheckpointStoreContract, ScanStopsWhenToldTo) {
  Write(task_, {{"a", "1"}, {"b", "2"}, {"c", "3"}}, 1);
  std::string seen;
  const absl::Status status = store().Scan(task_, "", [&](std::string_view key, std::string_view) {
    seen.append(key);
    return seen.size() < 2;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, "ab");
}

TEST_P(CheckpointStoreContract, TasksDoNotSeeEachOther) {
  Write(task_, {{"k", "0"}, {"\xff\xff\xff\xff", "last"}}, 1);
  Write(next_task_, {{"k", "1"}, {"\0"s, "first"}}, 2);
  EXPECT_EQ(ReadOffset(task_), 1);
  EXPECT_EQ(ReadOffset(next_task_), 2);
  EXPECT_EQ(*store().Get(task_, "k"), "0");
  EXPECT_EQ(Scan(task_, "").size(), 2u);
  EXPECT_EQ(Scan(next_task_, "").size(), 2u);
}

// Rule F5.
TEST_P(CheckpointStoreContract, F5_FlushedSurvivesACrash) {
  Write(task_, {{"a", "1"}}, 1);
  Write(task_, {{"b", "2"}}, 2);
  Flush();
  harness_->Crash();
  EXPECT_EQ(ReadOffset(task_), 2);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_P(CheckpointStoreContract, F5_ACrashLeavesAWholePrefixOfTheWrites) {
  std::vector<Entries> states = {{}};
  for (int64_t i = 1; i <= 20; ++i) {
    std::vector<CheckpointEntry> entries;
    for (int k = 0; k < 50; ++k) entries.push_back({std::to_string(k), std::to_string(i)});
    Write(task_, entries, i);
    states.push_back(Scan(task_, ""));
    if (i == 10) Flush();
  }
  harness_->Crash();
  const int64_t survived = ReadOffset(task_);
  ASSERT_GE(survived, 10);
  ASSERT_LE(survived, 20);
  EXPECT_EQ(Scan(task_, ""), states[static_cast<size_t>(survived)]);
}

TEST_P(CheckpointStoreContract, AnOrderlyRestartKeepsWhatWasFlushed) {
  Write(task_, {{"a", "1"}, {"gone", "1"}}, 1);
  Write(task_, {{"gone", std::nullopt}}, 2);
  Flush();
  harness_->Restart();
  EXPECT_EQ(ReadOffset(task_), 2);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("a", "1")));
  Write(task_, {{"a", "2"}}, 3);
  EXPECT_EQ(*store().Get(task_, "a"), "2");
}

// Rule F7.
TEST_P(CheckpointStoreContract, F7_WipeForgetsOneTaskForGood) {
  Write(task_, {{"a", "1"}, {"\xff\xff", "1"}}, 1);
  Write(next_task_, {{"a", "2"}}, 2);
  Flush();
  const absl::Status status = store().Wipe(task_);
  ASSERT_TRUE(status.ok()) << status;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ReadOffset(task_), -1);
    EXPECT_EQ(*store().Get(task_, "a"), std::nullopt);
    EXPECT_THAT(Scan(task_, ""), IsEmpty());
    EXPECT_FALSE(*store().HasEntries(task_));
    EXPECT_TRUE(*store().HasEntries(next_task_));
    EXPECT_EQ(ReadOffset(next_task_), 2);
    EXPECT_THAT(Scan(next_task_, ""), ElementsAre(Pair("a", "2")));
    harness_->Crash();
  }
  Write(task_, {{"b", "3"}}, 3);
  EXPECT_THAT(Scan(task_, ""), ElementsAre(Pair("b", "3")));
  EXPECT_TRUE(store().Wipe(TaskPrefix("orders", Partition(99))).ok());
}

TEST_P(CheckpointStoreContract, LargeBatchesAndValues) {
  std::vector<CheckpointEntry> entries;
  for (int i = 0; i < 20'000; ++i) entries.push_back({"k" + std::to_string(i), std::string(100, 'v')});
  entries.push_back({"large", std::string(5'000'000, 'x')});
  Write(task_, entries, 1);
  Flush();
  harness_->Crash();
  EXPECT_EQ(Scan(task_, "").size(), entries.size());
  EXPECT_EQ((*store().Get(task_, "large"))->size(), 5'000'000u);
  EXPECT_GT(store().SizeOnDisk(), 0u);
}

TEST_P(CheckpointStoreContract, ThreadsMayShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      const std::string task = TaskPrefix("orders", Partition(t));
      for (int64_t i = 1; i <= 50; ++i) {
        const std::vector<CheckpointEntry> entries = {{"k", std::to_string(i)}};
        ASSERT_TRUE(store().Write(task, entries, {.changelog_offset = Offset(i)}).ok());
        ASSERT_EQ(*store().Get(task, "k"), std::to_string(i));
        if (i % 25 != 0) continue;
        ASSERT_TRUE(store().Flush().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(ReadOffset(TaskPrefix("orders", Partition(t))), 50);
}

}  // namespace once
