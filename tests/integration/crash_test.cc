// A pod that dies at every named point of an epoch, as by kill -9, and is started again: nothing is lost, doubled, torn
// or out of order. (rules T5, F1, F5: outcomes, frontier, checkpoint.)
#include <csignal>
#include <string>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

class CrashTest : public testing::TestWithParam<const char*> {};

TEST_P(CrashTest, KilledAtThisPointAndRestarted) {
  Scene scene("crash");
  scene.CreateTopics(4);
  auto pod = scene.StartPod({.crashable = true,
                             .environment = {{"ONCE_CRASH_AT", GetParam()}},
                             .flags = {"--checkpoint_interval=100ms", "--checkpoint_flush_interval=200ms"}});
  scene.Generate({.orders = 20'000, .rate = 20'000});
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value()) << "the point was not passed: " << pod->Log();
  ASSERT_EQ(ended->signal, SIGKILL) << pod->Log();
  pod = scene.StartPod({});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

INSTANTIATE_TEST_SUITE_P(Points, CrashTest,
                         testing::Values("before_begin:4", "after_begin:4", "before_send:3000", "after_send:3000",
                                         "before_flush:4", "after_flush:4", "before_send_offsets:4",
                                         "after_send_offsets:4", "before_commit:4", "after_commit:4",
                                         "before_checkpoint_write:2", "after_checkpoint_write:2",
                                         "before_checkpoint_flush:1", "after_checkpoint_flush:1"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           const std::string name = info.param;
                           return name.substr(0, name.find(':'));
                         });

TEST(AbortTest, AnInjectedAbortIsSeenByUncommittedReadersOnly) {
  Scene scene("abort");
  scene.CreateTopics(2);
  auto pod = scene.StartPod({.crashable = true, .environment = {{"ONCE_ABORT_AT", "4"}}});
  scene.Generate({.orders = 10'000, .duplicates_percent = 0, .poison_percent = 0, .rate = 5'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  const OutputCounts counts = scene.ReadOutput();
  EXPECT_EQ(counts.read_committed, 10'000);
  EXPECT_GT(counts.read_uncommitted, counts.read_committed) << pod->Log();
}

}  // namespace
}  // namespace once
