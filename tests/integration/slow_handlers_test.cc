// X1 on a real broker: what must hold whatever the machine's speed. bench/slow_handlers prints the times.
#include "tests/integration/slow_handlers.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace once {
namespace {

SlowSpec NewSpec(const std::string& name) {
  const char* bootstrap_servers = std::getenv("ONCE_TEST_BOOTSTRAP");
  return {.bootstrap_servers = bootstrap_servers == nullptr ? "" : bootstrap_servers,
          .name = absl::StrCat(name, "-", absl::ToUnixMillis(absl::Now()), "-", ::getpid()),
          .state_dir = ::testing::TempDir()};
}

// Longer than a transaction's timeout in all: it is committed meanwhile, nothing is fenced, no event is handled twice.
TEST(SlowHandlersTest, X1ABacklogOfSlowEventsIsCommittedOnTheWay) {
  SlowSpec spec = NewSpec("backlog");
  spec.events = 340;
  spec.event_time = absl::Milliseconds(50);
  const absl::StatusOr<SlowResult> result = RunSlowHandlers(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->calls, spec.events);
  EXPECT_EQ(result->repeated, 0);
  EXPECT_EQ(result->outputs, spec.events);
  EXPECT_GT(result->commits, 10);
  EXPECT_EQ(result->log, "");
}

TEST(SlowHandlersTest, X1AStopDoesNotWaitForTheBacklog) {
  SlowSpec spec = NewSpec("stop");
  spec.events = 5'000;
  spec.event_time = absl::Milliseconds(50);
  spec.stop_after_calls = 5;
  const absl::StatusOr<SlowResult> result = RunSlowHandlers(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  // The event under way when Stop was called, and what the machine's own delays add.
  EXPECT_LT(result->calls, 1'000);
  EXPECT_EQ(result->repeated, 0);
}

TEST(SlowHandlersTest, X1DueRetriesLeaveTimeToAnotherPartition) {
  SlowSpec spec = NewSpec("retries");
  spec.events = 5'000;
  spec.event_time = absl::Milliseconds(1);
  spec.retries = 100;
  spec.retry_time = absl::Milliseconds(200);
  const absl::StatusOr<SlowResult> result = RunSlowHandlers(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->repeated, 0);
  EXPECT_EQ(result->outputs, spec.events);
  // The retries alone would have held everything up for 20 s, without a commit.
  EXPECT_GT(result->commits, 10);
}

// The backlog is more than a task holds, so half-way its partition is sought, while each retry outlasts the commit
// interval.
TEST(SlowHandlersTest, X1DueRetriesLeaveTimeToASoughtPartition) {
  SlowSpec spec = NewSpec("sought");
  spec.events = 6'000;
  spec.event_time = absl::Milliseconds(1);
  spec.padding = 2'000;
  spec.retries = 30;
  spec.retry_time = absl::Seconds(1);
  const absl::StatusOr<SlowResult> result = RunSlowHandlers(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outputs, spec.events);
  EXPECT_LT(result->retried, spec.retries);
}

}  // namespace
}  // namespace once
