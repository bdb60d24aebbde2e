// X8: the state directory is its owner's alone, and what is written there is there as a whole.
#include "processor/runtime/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "processor/base/private_file.h"

namespace once {
namespace {

class StateDirTest : public testing::Test {
 protected:
  ~StateDirTest() override { std::filesystem::remove_all(path_); }

  static unsigned ModeOf(const std::string& path) {
    struct stat found = {};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 0777;
  }
  static std::string TextOf(const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  const std::string path_ = testing::TempDir() + "/state-" + std::to_string(::getpid());
};

TEST_F(StateDirTest, X8IsForItsOwnerAlone) {
  // As earlier versions made it.
  std::filesystem::create_directories(path_);
  ::chmod(path_.c_str(), 0755);
  const auto dir = LockedDir::Open(path_);
  ASSERT_TRUE(dir.ok()) << dir.status();
  const absl::StatusOr<std::string> id = (*dir)->InstanceId();
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(ModeOf(path_), 0700u);
  EXPECT_EQ(ModeOf(path_ + "/LOCK"), 0600u);
  EXPECT_EQ(ModeOf(path_ + "/instance_id"), 0600u);
  EXPECT_EQ(*(*dir)->InstanceId(), *id) << "kept";
  EXPECT_TRUE(absl::IsFailedPrecondition(LockedDir::Open(path_).status())) << "held already";
}

TEST_F(StateDirTest, X4OneThatIsDeletedIsGoneAndItsIdCanBeKept) {
  auto dir = LockedDir::Open(path_);
  ASSERT_TRUE(dir.ok()) << dir.status();
  const std::string id = *(*dir)->InstanceId();
  EXPECT_FALSE((*dir)->is_gone());
  std::filesystem::remove_all(path_);
  EXPECT_TRUE((*dir)->is_gone());
  auto anew = LockedDir::Open(path_);
  ASSERT_TRUE(anew.ok()) << anew.status();
  EXPECT_TRUE((*dir)->is_gone()) << "another one is in its place";
  EXPECT_FALSE((*anew)->is_gone());
  ASSERT_TRUE((*anew)->KeepInstanceId(id).ok());
  EXPECT_EQ(*(*anew)->InstanceId(), id);
}

TEST_F(StateDirTest, X8AFileIsReplacedAsAWhole) {
  std::filesystem::create_directories(path_);
  const std::string file = path_ + "/file";
  ASSERT_TRUE(WritePrivateFile(file, "old").ok());
  // What a crash while writing leaves, and then the next try.
  std::ofstream(file + ".new") << "half a te";
  EXPECT_EQ(TextOf(file), "old");
  ASSERT_TRUE(WritePrivateFile(file, "the new text").ok());
  EXPECT_EQ(TextOf(file), "the new text");
  EXPECT_EQ(ModeOf(file), 0600u);
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));
}

TEST_F(StateDirTest, X8AFileThatCannotBeWrittenIsAnErrorWithItsPath) {
  const absl::Status failed = WritePrivateFile(path_ + "/nowhere/file", "text");
  EXPECT_TRUE(absl::IsUnavailable(failed));
  EXPECT_NE(failed.message().find(path_ + "/nowhere/file"), absl::string_view::npos) << failed;
}

}  // namespace
}  // namespace once
