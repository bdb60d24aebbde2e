// Stores that need nothing: the contract, and what a directory has of its own.
#include "processor/claim_check/stores.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "once/blob_store.h"
#include "once/in_memory_blob_store.h"
#include "tests/claim_check/store_contract.h"

namespace once {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string NewDirectory() {
  std::string path = absl::StrCat(testing::TempDir(), "/claims-XXXXXX");
  return mkdtemp(path.data()) == nullptr ? "" : path;
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreContractTest,
    ::testing::Values(StoreUnderTest{.name = "Directory",
                                     .make = [] { return internal::NewDirectoryStore(NewDirectory()); }},
                      StoreUnderTest{.name = "Memory", .make = [] { return std::make_shared<InMemoryBlobStore>(); }}),
    [](const auto& info) { return info.param.name; });

class DirectoryStoreTest : public ::testing::Test {
 protected:
  const std::string directory_ = NewDirectory();
  const std::shared_ptr<BlobStore> store_ = OpenBlobStore({.directory = directory_}).value();
  const std::string name_ = std::string(kBlobNameDigits, 'a');
};

TEST_F(DirectoryStoreTest, ABlobIsAFileByItsNameAndNothingElseIsLeft) {
  ASSERT_TRUE(store_->Put(name_, "bytes").ok());
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  EXPECT_EQ(files, std::vector<std::string>{directory_ + "/aa/" + name_});
}

TEST_F(DirectoryStoreTest, NamesThatAreNoneTouchNothing) {
  std::ofstream(directory_ + "/secret") << "secret";
  for (const std::string& name : {std::string("../secret"), std::string(), std::string(kBlobNameDigits, '.'),
                                  std::string(kBlobNameDigits, 'A'), std::string(kBlobNameDigits + 1, 'a')}) {
    EXPECT_EQ(store_->Put(name, "x").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Get(name, 100).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Delete(name).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(fs::exists(directory_ + "/secret"));
}

TEST_F(DirectoryStoreTest, ALinkToAnotherFileIsNotFollowed) {
  std::ofstream(directory_ + "/secret") << "secret";
  fs::create_directory(directory_ + "/aa");
  fs::create_symlink(directory_ + "/secret", directory_ + "/aa/" + name_);
  EXPECT_FALSE(store_->Get(name_, 100).ok());
  int listed = 0;
  ASSERT_TRUE(store_->List([&](const BlobInfo&) { ++listed; }).ok());
  EXPECT_EQ(listed, 0);
}

TEST_F(DirectoryStoreTest, OtherFilesAreNoBlobs) {
  ASSERT_TRUE(store_->Put(name_, "x").ok());
  std::ofstream(directory_ + "/aa/README") << "x";
  std::ofstream(directory_ + "/bb") << "x";
  std::ofstream(directory_ + "/incoming/" + std::string(kBlobNameDigits, 'b')) << "x";
  int listed = 0;
  fs::remove(directory_ + "/bb");
  ASSERT_TRUE(store_->List([&](const BlobInfo&) { ++listed; }).ok());
  EXPECT_EQ(listed, 1);
}

TEST_F(DirectoryStoreTest, WhatAnInterruptedPutLeftIsDroppedOnceItIsOld) {
  ASSERT_TRUE(store_->Put(name_, "x").ok());
  const std::string left = directory_ + "/incoming/half";
  std::ofstream(left) << "ha";
  ASSERT_TRUE(store_->DropLeftovers(absl::Now() - absl::Hours(1)).ok());
  EXPECT_TRUE(fs::exists(left));
  ASSERT_TRUE(store_->DropLeftovers(absl::Now() + absl::Hours(1)).ok());
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(store_->Get(name_, 1).ok());
}

TEST_F(DirectoryStoreTest, ADirectoryThatIsAwaySaysNothingOfSingleBlobs) {
  ASSERT_TRUE(store_->Put(name_, "x").ok());
  fs::rename(directory_, directory_ + ".away");
  EXPECT_EQ(store_->Get(name_, 1).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->Put(name_, "x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->List([](const BlobInfo&) {}).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(store_->Check().message()), HasSubstr("make it"));
  fs::rename(directory_ + ".away", directory_);
  EXPECT_TRUE(store_->Get(name_, 1).ok());
}

TEST_F(DirectoryStoreTest, ManyThreadsMayPutOneBlobWhileOthersReadIt) {
  const std::string bytes(100'000, 'x');
  ASSERT_TRUE(store_->Put(name_, bytes).ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, writes = i % 2 == 0] {
      for (int turn = 0; turn < 25; ++turn) {
        if (writes) {
          EXPECT_TRUE(store_->Put(name_, bytes).ok());
        }
        EXPECT_EQ(store_->Get(name_, 100'000).value_or("") == bytes, true);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace once
