// Probes in words.
#include "processor/http/health.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/sample.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

PodStatus PodWith(std::vector<TaskStatus> tasks) {
  PodStatus pod = SamplePod();
  auto worker = std::make_shared<WorkerStatus>(*pod.workers[0]);
  worker->tasks = std::move(tasks);
  pod.workers = {worker};
  return pod;
}

TEST(ReadyzTest, IsReadyWhileTasksRun) {
  const Health health = Readyz(SamplePod());
  EXPECT_TRUE(health.ok);
  EXPECT_EQ(health.text, "ready: 1 of 1 tasks run");
}

TEST(ReadyzTest, RestoringIsToldInPerCent) {
  TaskStatus task = SampleTask(1, TaskPhaseStatus::kRestoring);
  task.restore = RestoreStatus{.done = 43, .target = 100, .left = std::nullopt};
  const Health health = Readyz(SamplePod({task}));
  EXPECT_FALSE(health.ok);
  EXPECT_THAT(health.text, HasSubstr("opening 1 of 2 tasks, restoring 43 %; orders-1"));
}

TEST(ReadyzTest, WithoutPartitionsItIsNot) {
  const Health health = Readyz(PodWith({}));
  EXPECT_FALSE(health.ok);
  EXPECT_THAT(health.text, HasSubstr("no partitions"));
}

TEST(ReadyzTest, OneFailedTaskOfTwoIsToldAndLeavesItReady) {
  TaskStatus task = SampleTask(1, TaskPhaseStatus::kFailed);
  task.why = "OUT_OF_RANGE: gone";
  const Health some = Readyz(SamplePod({task}));
  EXPECT_TRUE(some.ok);
  EXPECT_THAT(some.text, HasSubstr("ready: 1 of 2 tasks run; not orders-1, which has failed (see /v1/tasks)"));
  EXPECT_THAT(some.text, Not(HasSubstr("gone"))) << "anybody may read it";
  const Health all = Readyz(PodWith({task}));
  EXPECT_FALSE(all.ok);
  EXPECT_THAT(all.text, HasSubstr("none of 1 tasks runs: 1 failed, 0 paused; one is orders-1, which has failed"));
}

TEST(ReadyzTest, R9HeldBackUpstreamIsTheReason) {
  TaskStatus task = SampleTask(0, TaskPhaseStatus::kRunning);
  task.inputs[0].held_back = absl::Seconds(90);
  const Health all = Readyz(PodWith({task}));
  EXPECT_FALSE(all.ok);
  EXPECT_THAT(all.text, HasSubstr("held back by an open transaction upstream: orders-0 cannot be read behind offset "
                                  "100 since 1m30s"));
  const Health some = Readyz(PodWith({task, SampleTask(1, TaskPhaseStatus::kRunning)}));
  EXPECT_TRUE(some.ok);
  EXPECT_THAT(some.text, HasSubstr("held back"));
}

TEST(ReadyzTest, R9ATaskThatWorksAtAnotherInputIsNotHeldBack) {
  TaskStatus task = SampleTask(0, TaskPhaseStatus::kRunning);
  task.inputs[0].held_back = absl::Seconds(90);
  task.inputs.push_back(task.inputs[0]);
  task.inputs[1].where.topic = "payments";
  task.inputs[1].held_back = absl::ZeroDuration();
  EXPECT_TRUE(Readyz(PodWith({task})).ok);
  task.inputs[1].next_offset = *task.inputs[1].end_offset;
  EXPECT_FALSE(Readyz(PodWith({task})).ok) << "nothing is left but what is held back";
}

TEST(ReadyzTest, StartingAndStoppingPodsAreNot) {
  PodStatus pod = SamplePod();
  pod.phase = PodPhase::kStopping;
  EXPECT_FALSE(Readyz(pod).ok);
  EXPECT_TRUE(Startupz(pod).ok);
  EXPECT_TRUE(Livez(pod).ok);
  pod.phase = PodPhase::kStarting;
  EXPECT_FALSE(Readyz(pod).ok);
  EXPECT_THAT(Readyz(pod).text, HasSubstr("waits for the brokers"));
  EXPECT_FALSE(Startupz(pod).ok);
  EXPECT_TRUE(Livez(pod).ok) << "a start that waits for brokers is no reason for another one";
}

TEST(LivezTest, R8AStuckHandlerIsNamedBeforeItsTimeIsOver) {
  PodStatus pod = SamplePod();
  pod.steps[1] = {.lasts = absl::Seconds(7.4), .event = "orders-0-17", .key = "alice"};
  EXPECT_TRUE(Livez(pod).ok);
  pod.steps[1].lasts = absl::Seconds(7.5);
  const Health health = Livez(pod);
  EXPECT_FALSE(health.ok);
  EXPECT_THAT(health.text, HasSubstr("worker 1 is stuck: the handlers of event orders-0-17 have been "
                                     "running for 7s (handler_timeout is 10s)"));
}

// Whoever is merely slow is not started again: where handlers have minutes they have nearly all of them.
TEST(LivezTest, R8ALongTimeoutIsNotCutShort) {
  PodStatus pod = SamplePod();
  pod.handler_timeout = absl::Minutes(5);
  pod.steps[0] = {.lasts = absl::Seconds(289), .event = "orders-0-17"};
  EXPECT_TRUE(Livez(pod).ok);
  pod.steps[0].lasts = absl::Seconds(290);
  EXPECT_FALSE(Livez(pod).ok);
}

// A task that opens may have gigabytes to load, and nobody's handler is to blame.
TEST(LivezTest, AStepWithoutHandlersHasLonger) {
  PodStatus pod = SamplePod();
  pod.steps[0].lasts = absl::Minutes(4);
  EXPECT_TRUE(Livez(pod).ok);
  pod.steps[0].lasts = absl::Minutes(5);
  EXPECT_FALSE(Livez(pod).ok);
  EXPECT_THAT(Livez(pod).text, HasSubstr("worker 0 is stuck: one step has lasted for 5m"));
}

}  // namespace
}  // namespace once::http
