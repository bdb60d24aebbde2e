#include "processor/runtime/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

namespace once {
namespace {

using testing::HasSubstr;

class OpenFilesTest : public testing::Test {
 protected:
  OpenFilesTest() { getrlimit(RLIMIT_NOFILE, &before_); }
  ~OpenFilesTest() override { setrlimit(RLIMIT_NOFILE, &before_); }

  static void SetSoft(rlim_t files) {
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = files;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  static rlim_t Soft() {
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
  }

  rlimit before_ = {};
};

TEST_F(OpenFilesTest, TheLimitIsRaisedToWhatIsNeeded) {
  SetSoft(100);
  EXPECT_EQ(RaiseOpenFiles(300), "");
  EXPECT_EQ(Soft(), 300u);
  EXPECT_EQ(RaiseOpenFiles(200), "") << "never lowered";
  EXPECT_EQ(Soft(), 300u);
}

// One that may go on raising it, as root may, cannot be warned.
TEST_F(OpenFilesTest, WhereItMayNotBeRaisedSoFarThatIsTold) {
  if (before_.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "there is no hard limit";
  const std::string told = RaiseOpenFiles(static_cast<int64_t>(before_.rlim_max) + 1);
  EXPECT_EQ(Soft(), before_.rlim_max);
  EXPECT_THAT(told, HasSubstr("may have " + std::to_string(before_.rlim_max) + " files and sockets open"));
  EXPECT_THAT(told, HasSubstr("ulimit -n"));
}

TEST(OpenFilesNeededTest, GrowsWithWorkersAndFilesOfTheState) {
  EXPECT_GT(OpenFilesNeeded(2, 256), OpenFilesNeeded(1, 256));
  EXPECT_EQ(OpenFilesNeeded(1, 1256) - OpenFilesNeeded(1, 256), 1000);
  EXPECT_LT(OpenFilesNeeded(1, 256), 1024) << "the usual limit suffices for the defaults";
}

}  // namespace
}  // namespace once
