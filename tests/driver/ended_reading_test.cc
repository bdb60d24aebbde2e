// A partition that the client reads no more until it was assigned anew, whenever the worker is told so (rule X4).
#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "processor/runtime/worker.h"
#include "tests/driver/command_scene.h"

namespace once {
namespace {

const TopicPartition kInput{"orders", Partition(0)};
const TopicPartition kControl{"scripted-orders-control", Partition(0)};
const TaskId kTask{0, Partition(0)};

class EndedReadingTest : public testing::Test {
 protected:
  EndedReadingTest() {
    scene_.SendAlice(1, 1);
    // The worker joins its group anew at most each ten seconds.
    Wait();
  }

  TopologyTestDriver& driver() { return scene_.driver; }
  const Task* task() { return driver().worker().engine().FindTask(kTask); }
  void Wait() {
    for (int i = 0; i < 60; ++i) driver().AdvanceTime(absl::Seconds(1));
  }
  // The next start's task is opened no further than this.
  void StartTo(TaskPhase phase) {
    driver().CrashAndLoseDisk();
    for (int i = 0; i < 100 && (task() == nullptr || task()->phase != phase); ++i) driver().worker().RunOnce();
    ASSERT_NE(task(), nullptr);
    ASSERT_EQ(task()->phase, phase);
  }
  void FailAndEnd(const TopicPartition& where) {
    driver().worker().SetTopicProblems({{kInput.topic, kInput.partition, absl::FailedPreconditionError("away")}});
    driver().RunUntilIdle();
    ASSERT_EQ(task()->phase, TaskPhase::kFailed);
    driver().cluster().EndReadings(where);
    driver().RunUntilIdle();
    driver().worker().SetTopicProblems({});
    Wait();
    Wait();
  }
  void ExpectToBeRead(const TopicPartition& where) {
    Wait();
    scene_.SendAlice(2, 2);
    EXPECT_EQ(driver().State<CustomerTotal>("customer", "alice")->cents(), 1 + 2);
    EXPECT_EQ(Short(driver().Pause("customer", 0)), "APPLIED");
    const std::string told = absl::StrCat("the worker joins its group anew, to read ", ToString(where), " again");
    EXPECT_EQ(std::count_if(driver().log().begin(), driver().log().end(),
                            [&](const std::string& line) { return absl::StrContains(line, told); }),
              1);
    EXPECT_TRUE(driver().status().ok()) << driver().status();
  }

  CommandScene scene_;
};

TEST_F(EndedReadingTest, X4WhileTheTaskRuns) {
  driver().cluster().EndReadings(kInput);
  ExpectToBeRead(kInput);
}

TEST_F(EndedReadingTest, X4WhileTheTaskIsOpened) {
  StartTo(TaskPhase::kOpening);
  driver().cluster().EndReadings(kInput);
  ExpectToBeRead(kInput);
}

TEST_F(EndedReadingTest, X4OfCommandsWhileTheTaskIsOpened) {
  StartTo(TaskPhase::kOpening);
  driver().cluster().EndReadings(kControl);
  ExpectToBeRead(kControl);
}

// The task waits at its input's end, where nothing of it is taken in.
TEST_F(EndedReadingTest, X4WhileTheInputsArePaused) {
  EXPECT_EQ(Short(driver().Pause("customer", 0)), "APPLIED");
  driver().cluster().EndReadings(kInput);
  Wait();
  EXPECT_EQ(Short(driver().Resume("customer", 0)), "APPLIED");
  ExpectToBeRead(kInput);
}

TEST_F(EndedReadingTest, X4OfCommandsWhileTheInputsArePaused) {
  EXPECT_EQ(Short(driver().Pause("customer", 0)), "APPLIED");
  driver().cluster().EndReadings(kControl);
  Wait();
  EXPECT_EQ(Short(driver().Resume("customer", 0)), "APPLIED");
  ExpectToBeRead(kControl);
}

TEST_F(EndedReadingTest, X4WhileTheTaskHasFailed) {
  FailAndEnd(kInput);
  ExpectToBeRead(kInput);
}

TEST_F(EndedReadingTest, X4OfCommandsWhileTheTaskHasFailed) {
  FailAndEnd(kControl);
  ExpectToBeRead(kControl);
}

}  // namespace
}  // namespace once
