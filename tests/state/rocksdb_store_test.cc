#include "state/rocksdb/rocksdb_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/state/checkpoint_store_contract.h"

extern char** environ;

namespace once {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

NullLogSink* Log() {
  static NullLogSink log;
  return &log;
}

// Goes away with its owner.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_(fs::path(testing::TempDir()) / "rocksdb_store_XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << std::strerror(errno);
  }
  ~ScratchDirectory() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

RocksDbOptions OptionsFor(const std::string& path) {
  return {.path = path, .application_id = "order-totals", .memory_bytes = size_t{16} << 20};
}

absl::StatusOr<std::unique_ptr<CheckpointStore>> Open(const std::string& path) {
  return OpenRocksDbStore(OptionsFor(path), Log());
}

std::set<std::string> FileNames(const std::string& path) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) names.insert(entry.path().filename());
  return names;
}

// The files as they are now are those that a killed process leaves; copied again if a compaction changed them
// meanwhile.
void CopyAsKilled(const std::string& path, const std::string& copy) {
  std::set<std::string> before;
  do {
    before = FileNames(path);
    fs::remove_all(copy);
    std::error_code vanished;
    fs::copy(path, copy, fs::copy_options::recursive, vanished);
  } while (FileNames(path) != before);
}

class RocksDbHarness final : public StoreHarness {
 public:
  RocksDbHarness() { Start(); }

  CheckpointStore& store() override { return *store_; }
  void Restart() override {
    store_.reset();
    Start();
  }
  void Crash() override {
    const std::string next = directory_.path() + "/" + std::to_string(++crashes_);
    CopyAsKilled(path_, next);
    store_.reset();
    path_ = next;
    Start();
  }

 private:
  void Start() {
    absl::StatusOr<std::unique_ptr<CheckpointStore>> store = Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  const ScratchDirectory directory_;
  int crashes_ = 0;
  std::string path_ = directory_.path() + "/0/made/with/parents";
  std::unique_ptr<CheckpointStore> store_;
};

StoreHarnessFactory MakeRocksDbHarness() {
  return [] { return std::make_unique<RocksDbHarness>(); };
}

INSTANTIATE_TEST_SUITE_P(RocksDb, CheckpointStoreContract, testing::Values(MakeRocksDbHarness()));

class RocksDbStoreTest : public testing::Test {
 protected:
  std::unique_ptr<CheckpointStore> MustOpen() {
    absl::StatusOr<std::unique_ptr<CheckpointStore>> store = Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  void WriteSome(CheckpointStore* store, int64_t offset) {
    std::vector<CheckpointEntry> entries;
    for (int i = 0; i < 1000; ++i) entries.push_back({"k" + std::to_string(i), std::string(100, 'v')});
    ASSERT_TRUE(store->Write(task_, entries, {.changelog_offset = Offset(offset)}).ok());
    const absl::Status status = store->Flush();
    ASSERT_TRUE(status.ok()) << status;
  }
  void CreateDatabase() { WriteSome(MustOpen().get(), 1); }

  std::vector<fs::path> Files(std::string_view part_of_name) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_)) {
      if (entry.path().filename().string().find(part_of_name) != std::string::npos) files.push_back(entry.path());
    }
    EXPECT_FALSE(files.empty()) << part_of_name;
    return files;
  }
  static void FlipByte(const fs::path& file, uintmax_t position) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(position));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(position));
    stream.put(static_cast<char>(byte ^ 0x55));
  }
  // The store after a crash, destroyed and opened anew, is empty and works.
  void ExpectRebuildable() {
    ASSERT_TRUE(DestroyRocksDbStore(path_).ok());
    const std::unique_ptr<CheckpointStore> store = MustOpen();
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(*store->ReadMeta(task_), std::nullopt);
    WriteSome(store.get(), 2);
  }
  // The first error of opening the store and reading all of it.
  absl::Status OpenAndReadAll() {
    absl::StatusOr<std::unique_ptr<CheckpointStore>> store = Open(path_);
    if (!store.ok()) return store.status();
    if (const auto meta = (*store)->ReadMeta(task_); !meta.ok()) return meta.status();
    size_t entries = 0;
    const absl::Status status =
        (*store)->Scan(task_, "", [&](std::string_view, std::string_view) { return ++entries > 0; });
    if (!status.ok()) return status;
    return entries == 1000 ? absl::OkStatus() : absl::UnknownError("entries lost in silence");
  }

  const ScratchDirectory directory_;
  const std::string path_ = directory_.path() + "/store";
  const std::string task_ = TaskPrefix("orders", Partition(0));
};

TEST_F(RocksDbStoreTest, AFlippedByteInAnyDataFileIsDataLoss) {
  CreateDatabase();
  size_t found = 0;
  for (const fs::path& file : Files(".sst")) {
    if (!fs::exists(file)) continue;  // Compacted away when the store was opened for another one.
    const uintmax_t position = fs::file_size(file) / 3;
    FlipByte(file, position);
    const absl::Status status = OpenAndReadAll();
    if (!status.ok()) {
      ++found;
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
      EXPECT_THAT(std::string(status.message()), HasSubstr("changelog"));
    }
    if (fs::exists(file)) FlipByte(file, position);
  }
  EXPECT_GT(found, 0u);
  EXPECT_TRUE(OpenAndReadAll().ok());
  const fs::path last = Files(".sst").back();
  FlipByte(last, fs::file_size(last) / 3);
  ExpectRebuildable();
}

TEST_F(RocksDbStoreTest, ALostDataFileIsDataLoss) {
  CreateDatabase();
  for (const fs::path& file : Files(".sst")) fs::remove(file);
  const absl::Status status = OpenAndReadAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  ExpectRebuildable();
}

TEST_F(RocksDbStoreTest, ADamagedManifestIsDataLoss) {
  CreateDatabase();
  FlipByte(Files("MANIFEST")[0], 20);
  const absl::Status status = OpenAndReadAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  ExpectRebuildable();
}

TEST_F(RocksDbStoreTest, ALostManifestIsDataLoss) {
  CreateDatabase();
  for (const fs::path& file : Files("MANIFEST")) fs::remove(file);
  const absl::Status status = OpenAndReadAll();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  ExpectRebuildable();
}

TEST_F(RocksDbStoreTest, StateOfAnotherApplicationIsRefused) {
  CreateDatabase();
  RocksDbOptions options = OptionsFor(path_);
  options.application_id = "order-totals-2";
  const absl::Status status = OpenRocksDbStore(options, Log()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"order-totals\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"order-totals-2\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--state_dir"));
  EXPECT_TRUE(OpenAndReadAll().ok());
}

TEST_F(RocksDbStoreTest, AnUnknownFormatIsRefused) {
  // The database's own record, overwritten as if it were the meta of a task with that prefix.
  ASSERT_TRUE(MustOpen()->Write("once", {}, {}).ok());
  const absl::Status status = Open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another version"));
}

TEST_F(RocksDbStoreTest, BadOptionsAreRefused) {
  RocksDbOptions options = OptionsFor(path_);
  options.memory_bytes = 1000;
  EXPECT_EQ(OpenRocksDbStore(options, Log()).status().code(), absl::StatusCode::kInvalidArgument);
  options = OptionsFor(path_);
  options.application_id.clear();
  EXPECT_EQ(OpenRocksDbStore(options, Log()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open("").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RocksDbStoreTest, APathThatIsAFileIsRefused) {
  std::ofstream(path_) << "hello";
  for (const std::string& path : {path_, path_ + "/below"}) {
    const absl::Status status = Open(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

TEST_F(RocksDbStoreTest, DestroyOfNothingIsFine) {
  EXPECT_TRUE(DestroyRocksDbStore(path_).ok());
  EXPECT_TRUE(DestroyRocksDbStore(directory_.path()).ok());
}

TEST_F(RocksDbStoreTest, DestroyLeavesForeignFiles) {
  CreateDatabase();
  std::ofstream(path_ + "/instance_id") << "mine";
  EXPECT_TRUE(DestroyRocksDbStore(path_).ok());
  EXPECT_EQ(Files("").size(), 1u);
}

// Runs in a process of its own: opens the store named by the environment and exits with the status code.
TEST(RocksDbStoreChild, DISABLED_Open) {
  const char* const path = std::getenv("ONCE_TEST_STORE");
  ASSERT_NE(path, nullptr);
  if (const char* const user = std::getenv("ONCE_TEST_USER"); user != nullptr) {
    ASSERT_EQ(setuid(static_cast<uid_t>(std::atoi(user))), 0);
  }
  const absl::Status status = Open(path).status();
  std::fprintf(stderr, "child: %s\n", status.ToString().c_str());
  std::_Exit(100 + static_cast<int>(status.code()));
}

absl::StatusCode OpenInAnotherProcess(const std::string& path, const std::string& user) {
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=RocksDbStoreChild.*";
  std::string disabled = "--gtest_also_run_disabled_tests";
  std::vector<char*> arguments = {program.data(), filter.data(), disabled.data(), nullptr};
  std::string store = "ONCE_TEST_STORE=" + path;
  std::string user_variable = "ONCE_TEST_USER=" + user;
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view(*variable).rfind("TEST_", 0) != 0) environment.push_back(*variable);
  }
  environment.push_back(store.data());
  if (!user.empty()) environment.push_back(user_variable.data());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), &quiet, nullptr, arguments.data(), environment.data()), 0);
  posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) >= 100) << status;
  return static_cast<absl::StatusCode>(WEXITSTATUS(status) - 100);
}

TEST_F(RocksDbStoreTest, OnlyOneProcessMayHaveIt) {
  std::unique_ptr<CheckpointStore> store = MustOpen();
  const absl::Status second = Open(path_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("in use by another process"));
  EXPECT_THAT(std::string(second.message()), HasSubstr("--state_dir"));
  EXPECT_EQ(DestroyRocksDbStore(path_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(OpenInAnotherProcess(path_, ""), absl::StatusCode::kFailedPrecondition);
  WriteSome(store.get(), 1);
  store.reset();
  EXPECT_EQ(OpenInAnotherProcess(path_, ""), absl::StatusCode::kOk);
}

TEST_F(RocksDbStoreTest, AReadOnlyDirectoryIsRefused) {
  CreateDatabase();
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0555), 0);
  const std::string nobody = geteuid() == 0 ? "65534" : "";  // Root may write everywhere.
  EXPECT_EQ(OpenInAnotherProcess(path_, nobody), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(OpenInAnotherProcess(path_ + "/below", nobody), absl::StatusCode::kPermissionDenied);
  ASSERT_EQ(chmod(path_.c_str(), 0755), 0);
}

// A file system of its own.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    fs::create_directories(path);
    error_ = mount("tmpfs", path.c_str(), "tmpfs", 0, "size=24m") == 0 ? 0 : errno;
  }
  ~SmallDisk() {
    if (error_ == 0) umount2(path_.c_str(), MNT_DETACH);
  }
  int error() const { return error_; }

 private:
  const std::string path_;
  int error_ = 0;
};

TEST_F(RocksDbStoreTest, AFullDiskIsResourceExhaustedAndPassesWhenFreed) {
  const std::string disk_path = directory_.path() + "/disk";
  const SmallDisk disk(disk_path);
  if (disk.error() != 0) GTEST_SKIP() << "no right to mount a small file system here: " << std::strerror(disk.error());
  absl::StatusOr<std::unique_ptr<CheckpointStore>> opened = Open(disk_path + "/store");
  ASSERT_TRUE(opened.ok()) << opened.status();
  CheckpointStore* const store = opened->get();
  WriteSome(store, 1);
  {
    std::ofstream ballast(disk_path + "/ballast", std::ios::binary);
    const std::string block(1 << 16, 'b');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  std::vector<CheckpointEntry> entries;
  for (int i = 0; i < 2000; ++i)
    entries.push_back({"n" + std::to_string(i), std::string(200, static_cast<char>('a' + i % 26))});
  absl::Status status;
  for (int64_t offset = 2; offset < 20 && status.ok(); ++offset) {
    status = store->Write(task_, entries, {.changelog_offset = Offset(offset)});
    if (status.ok()) status = store->Flush();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(disk_path));
  EXPECT_TRUE(store->Get(task_, "k1").ok());

  EXPECT_EQ(store->Flush().code(), absl::StatusCode::kResourceExhausted);

  fs::remove(disk_path + "/ballast");
  // What is flushed now is on disk at once, as it was before; a killed process leaves the files as they are.
  for (int64_t offset = 100; offset < 110; ++offset) {
    do {  // RocksDB looks for space every five seconds.
      status = store->Write(task_, entries, {.changelog_offset = Offset(offset)});
      if (status.ok()) status = store->Flush();
      usleep(10'000);
    } while (absl::IsResourceExhausted(status));
    ASSERT_TRUE(status.ok()) << status;
    const ScratchDirectory killed;
    CopyAsKilled(disk_path + "/store", killed.path());
    const absl::StatusOr<std::unique_ptr<CheckpointStore>> found = Open(killed.path());
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ((*(*found)->ReadMeta(task_))->changelog_offset, Offset(offset));
  }
  ASSERT_TRUE(store->Write(task_, entries, {.changelog_offset = Offset(200)}).ok());
  opened->reset();
  opened = Open(disk_path + "/store");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*(*opened)->ReadMeta(task_))->changelog_offset, Offset(200));
  opened->reset();
}

}  // namespace
}  // namespace once
