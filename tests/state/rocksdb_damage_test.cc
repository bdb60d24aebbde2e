// Damage that RocksDB's own iterators pass over. Chaos found it: one that heeds range deletions goes silently without a
// level's files from the first on whose first block cannot be read.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/log.h"
#include "state/changelog.h"
#include "state/rocksdb/rocksdb_store.h"

namespace once {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeys = 120;

class RocksDbDamageTest : public testing::Test {
 protected:
  RocksDbDamageTest() : directory_(fs::path(testing::TempDir()) / "rocksdb_damage_XXXXXX") {
    EXPECT_NE(mkdtemp(directory_.data()), nullptr) << std::strerror(errno);
  }
  ~RocksDbDamageTest() override { fs::remove_all(directory_); }

  absl::StatusOr<std::unique_ptr<CheckpointStore>> Open(const std::string& path) {
    return OpenRocksDbStore({.path = path, .application_id = "x", .memory_bytes = size_t{16} << 20}, &log_);
  }

  // Large values that cannot be compressed, so that a level has several files.
  void WriteMany(const std::string& path) {
    absl::StatusOr<std::unique_ptr<CheckpointStore>> store = Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    std::minstd_rand random;
    for (size_t i = 0; i < kKeys; ++i) {
      std::string value(250'000, '\0');
      for (char& byte : value) byte = static_cast<char>(random());
      const std::vector<CheckpointEntry> entries = {{"k" + std::to_string(1000 + i), std::move(value)}};
      ASSERT_TRUE((*store)->Write(task_, entries, {.changelog_offset = Offset(static_cast<int64_t>(i))}).ok());
      ASSERT_TRUE(i % 12 != 11 || (*store)->Flush().ok());
    }
  }

  static void FlipByte(const std::string& file, std::streamoff position) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(position);
    const int byte = stream.get();
    stream.seekp(position);
    stream.put(static_cast<char>(byte ^ 0x55));
  }

  NullLogSink log_;
  std::string directory_;
  const std::string task_ = TaskPrefix("orders", Partition(0));
};

TEST_F(RocksDbDamageTest, ADamagedFirstBlockOfAnyDataFileIsDataLoss) {
  const std::string original = directory_ + "/original";
  WriteMany(original);
  size_t files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(original)) {
    if (entry.path().extension() != ".sst") continue;
    const std::string damaged = directory_ + "/damaged";
    fs::remove_all(damaged);
    fs::copy(original, damaged, fs::copy_options::recursive);
    FlipByte(damaged + "/" + entry.path().filename().string(), 5);
    ++files;
    absl::StatusOr<std::unique_ptr<CheckpointStore>> store = Open(damaged);
    absl::Status status = store.status();
    size_t keys = 0;
    if (status.ok()) {
      status = (*store)->Scan(task_, "k", [&](std::string_view, std::string_view) { return ++keys > 0; });
    }
    EXPECT_TRUE(absl::IsDataLoss(status) || keys == kKeys)
        << entry.path() << ": " << keys << " of " << kKeys << " keys, " << status;
  }
  EXPECT_GE(files, 3u);
}

// Else it would be complained of for ever, with the advice to check the disk.
TEST_F(RocksDbDamageTest, X4ADirectoryThatIsDeletedWhileInUseIsToldAsCorrupt) {
  const std::string path = directory_ + "/deleted";
  const auto store = Open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  const std::vector<CheckpointEntry> entries = {{"k", "v"}};
  ASSERT_TRUE((*store)->Write(task_, entries, {.changelog_offset = Offset(1)}).ok());
  ASSERT_TRUE((*store)->Flush().ok());
  fs::remove_all(path);
  absl::Status status = (*store)->Write(task_, entries, {.changelog_offset = Offset(2)});
  if (status.ok()) status = (*store)->Flush();
  EXPECT_TRUE(IsCorruptStore(status)) << status;
  EXPECT_NE(status.message().find("files were deleted while they were in use"), absl::string_view::npos) << status;
}

TEST_F(RocksDbDamageTest, X4TooFewOpenFilesAreToldAsThat) {
  const std::string path = directory_ + "/few";
  ASSERT_TRUE(Open(path).ok());
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const absl::Status status = Open(path).status();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("may have 3 files and sockets open (ulimit -n)"), absl::string_view::npos) << status;
  EXPECT_EQ(status.message().find("check the disk"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace once
