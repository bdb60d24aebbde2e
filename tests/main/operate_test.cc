// Commands as the program runs them: with files and a standard input as they are, on a Kafka in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "once/main.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

class OperateTest : public ::testing::Test {
 protected:
  OperateTest() {
    driver_.Send("orders", "alice", Order(-1), {.event_id = "1"});
    driver_.RunUntilIdle();
    deps_.wrap_client = [this](std::unique_ptr<kafka::Client>) { return driver_.cluster().NewClient(); };
  }

  // Exit code; what it says on the standard error is in `err_`. It does not wait for an application that runs.
  int Replace(const std::string& value) {
    std::vector<std::string> args = {"order_totals", "parked",        "replace", "customer", "alice",
                                     "--no-wait",    "--timeout=10s", "--yes",   value};
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    CaptureStdout();
    CaptureStderr();
    const int code = Main(static_cast<int>(argv.size()), argv.data(), BuildOrderTotals, deps_);
    GetCapturedStdout();
    err_ = GetCapturedStderr();
    return code;
  }
  int ReplaceBy(const std::string& standard_input) {
    EXPECT_NE(freopen(standard_input.c_str(), "r", stdin), nullptr);
    return Replace("--value=-");
  }
  size_t Sent() { return driver_.cluster().ReadCommitted("order-totals-orders-control").size(); }

  TopologyTestDriver driver_{BuildOrderTotals};
  ApplicationDeps deps_;
  std::string err_;
};

TEST_F(OperateTest, AValueThatCannotBeReadIsAMistake) {
  const std::string absent = absl::StrCat(::testing::TempDir(), "/absent-", getpid());
  EXPECT_EQ(Replace("--value=" + absent), 2);
  EXPECT_THAT(err_, HasSubstr("cannot be read: No such file or directory"));
  EXPECT_EQ(Replace("--value=" + ::testing::TempDir()), 2);
  EXPECT_THAT(err_, HasSubstr("cannot be read: Is a directory"));
  EXPECT_EQ(Replace("--value=/dev/zero"), 2);
  EXPECT_THAT(err_, HasSubstr("file /dev/zero has more than 64 MiB"));
  EXPECT_EQ(ReplaceBy(::testing::TempDir()), 2);
  EXPECT_THAT(err_, HasSubstr("the standard input cannot be read: Is a directory"));
  EXPECT_EQ(ReplaceBy("/dev/zero"), 2);
  EXPECT_THAT(err_, HasSubstr("the standard input has more than 64 MiB"));
  EXPECT_EQ(Sent(), 0u);
}

TEST_F(OperateTest, AFileAndTheStandardInputAreReadWhole) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/value-", getpid());
  // Of more than one read.
  std::ofstream(path) << "{\"cents\": 5" << std::string(200'000, ' ') << "}";
  EXPECT_EQ(Replace("--value=" + path), 0) << err_;
  EXPECT_EQ(ReplaceBy(path), 0) << err_;
  EXPECT_EQ(Sent(), 2u);
}

}  // namespace
}  // namespace once
