// Commands that are given again, and those that could not be sent: what is told is what became of them.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/cli/shop.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class RepeatedCommandsTest : public ShopTest {};

TEST_F(RepeatedCommandsTest, WhatWasAppliedIsToldAgain) {
  for (const std::string command : {"skip", "discard"}) {
    Place(command, {-1});
    const std::vector<std::string> words = {"parked", command, "customer", command, "--command_id=" + command};
    EXPECT_EQ(Do(words), kExitDone) << console_.err;
    const size_t results = Commands();
    EXPECT_EQ(Do(words), kExitDone) << console_.err;
    EXPECT_THAT(console_.out, HasSubstr("APPLIED"));
    EXPECT_THAT(console_.out, HasSubstr("nothing was sent"));
    EXPECT_EQ(Commands(), results);
  }
  Place("carol", {-1});
  console_.files["v.json"] = "{\"customer_id\": \"carol\", \"cents\": 5}";
  const std::vector<std::string> replace = {"parked",         "replace",   "customer",      "carol",
                                            "--value=v.json", "--release", "--command_id=r"};
  EXPECT_EQ(Do(replace), kExitDone) << console_.err;
  EXPECT_EQ(Do(replace), kExitDone) << console_.err;
  EXPECT_EQ(Do({"parked", "release", "customer", "carol"}), kExitNotFound) << "without an ID it is another command";
}

TEST_F(RepeatedCommandsTest, WhatWasRefusedStaysSo) {
  Place("alice", {-1, 20});
  const std::vector<std::string> words = {"parked",        "skip", "customer", "alice", "--blocked_by=alice/7",
                                          "--command_id=c"};
  EXPECT_EQ(Do(words), kExitRefused);
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice"}), kExitDone);
  EXPECT_EQ(Do(words), kExitRefused) << "nothing waits any more, and that is not the answer";
  EXPECT_THAT(console_.err, HasSubstr("another event blocks"));
}

TEST_F(RepeatedCommandsTest, CommandsToSeveralTasksAreToldAgainWhenNothingIsLeft) {
  Place("alice", {-1});
  Place("bob", {-1});
  EXPECT_EQ(Do({"parked", "skip", "customer", "bob"}), kExitDone);
  EXPECT_EQ(Do({"never", "add", "event", "alice/0", "--command_id=n"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "add", "event", "alice/0", "--command_id=n"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "add", "event", "alice/0"}), kExitRefused);
  EXPECT_EQ(Do({"never", "remove", "event", "alice/0", "--command_id=m"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "remove", "event", "alice/0", "--command_id=m"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "remove", "event", "alice/0"}), kExitNotFound);
  EXPECT_EQ(Do({"parked", "release", "--all", "--command_id=n"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"parked", "release", "--all", "--command_id=unknown"}), kExitNotFound);
}

TEST_F(RepeatedCommandsTest, WhatIsUnderWayIsWaitedFor) {
  // Of one task, so that one a second takes a while.
  for (int i = 0; i < 10; ++i) {
    driver_.Send("orders", absl::StrCat("c", i), Order(-1), {.event_id = absl::StrCat("c", i), .partition = 0});
  }
  driver_.RunUntilIdle();
  const std::vector<std::string> words = {"parked", "release", "--all", "--per_second=1", "--command_id=slow"};
  std::vector<std::string> first = words;
  first.push_back("--no-wait");
  EXPECT_EQ(Do(first), kExitDone) << console_.err;
  driver_.RunUntilIdle();
  ASSERT_EQ(Commands(), 0u) << "it is under way";
  std::vector<std::string> short_of_time = words;
  short_of_time.push_back("--timeout=300ms");
  EXPECT_EQ(Do(short_of_time), kExitNoAnswer) << console_.out;
  on_poll_ = [this] { driver_.AdvanceTime(absl::Seconds(1)); };
  EXPECT_EQ(Do(words), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("APPLIED"));
  EXPECT_THAT(console_.out, Not(HasSubstr("UNDER_WAY")));
}

TEST_F(RepeatedCommandsTest, AllDoesNotGoWithOneQueue) {
  Place("alice", {-1});
  for (const std::string command : {"release", "retry"}) {
    EXPECT_EQ(Do({"parked", command, "--all", "--event=orders-0-0"}), kExitUsage);
    EXPECT_THAT(console_.err, HasSubstr("--event names one queue: leave it out with --all"));
    EXPECT_EQ(Do({"parked", command, "--all", "--blocked_by=alice/0"}), kExitUsage);
    EXPECT_THAT(console_.err, HasSubstr("--blocked_by names one queue"));
  }
  EXPECT_EQ(Commands(), 0u);
}

// A transaction that stays open keeps back all commands that come behind it.
TEST_F(RepeatedCommandsTest, WhatCouldNotBeSentLeavesNoTransactionOpen) {
  Place("alice", {-1});
  for (const testkit::Call call : {testkit::Call::kSend, testkit::Call::kFlush, testkit::Call::kCommit}) {
    const std::string id = absl::StrCat("order-totals-+command-id-", console_.ids + 2);
    driver_.cluster().FailNext(
        {.call = call,
         .id_prefix = "order-totals-+command",
         .result = {.error = kafka::ErrorClass::kAbortable, .code = "MSG_TIMED_OUT", .message = "it took too long"},
         // The records are there, and only the answer is not.
         .landed = call == testkit::Call::kFlush});
    EXPECT_EQ(Do({"parked", "skip", "customer", "alice"}), kExitNoAnswer) << console_.err;
    EXPECT_EQ(driver_.cluster().pending_faults(), 0u);
    EXPECT_THAT(console_.err, HasSubstr("nothing was written"));
    EXPECT_FALSE(driver_.cluster().HasOpenTransaction(id)) << static_cast<int>(call);
  }
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice"}), kExitDone) << console_.err;
}

}  // namespace
}  // namespace once::cli
