// The simulator's own parts: that runs repeat, that faults are what they say, that a failing run shrinks.
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/sim/change.h"
#include "tests/sim/dimensions.h"
#include "tests/sim/fiber.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace once::sim {
namespace {

TEST(FiberTest, GoesOnWhereItWasLeft) {
  std::string seen;
  Fiber fiber([&] {
    for (const char c : std::string("abc")) {
      seen += c;
      Fiber::Suspend();
    }
  });
  for (int i = 0; i < 3; ++i) {
    fiber.Resume();
    seen += '.';
  }
  EXPECT_FALSE(fiber.done());
  fiber.Resume();
  EXPECT_TRUE(fiber.done());
  EXPECT_EQ(seen, "a.b.c.");
}

TEST(SchedulerTest, WakesInTheOrderOfTime) {
  Scheduler scheduler;
  Process process;
  std::string seen;
  const absl::Time start = scheduler.now();
  const auto sleeper = [&](char name, absl::Duration pause) {
    scheduler.Spawn(&process, [&, name, pause] {
      for (int i = 0; i < 2; ++i) {
        scheduler.Sleep(pause);
        seen += name;
      }
    });
  };
  sleeper('a', absl::Seconds(2));
  sleeper('b', absl::Seconds(3));
  scheduler.At(start + absl::Seconds(5), [&] { seen += '!'; });
  scheduler.RunUntil(start + absl::Seconds(10));
  EXPECT_EQ(seen, "aba!b");
  EXPECT_EQ(scheduler.now(), start + absl::Seconds(10));
}

TEST(SchedulerTest, AKilledProcessUnwindsAtOnceAndAPausedOneStandsStill) {
  Scheduler scheduler;
  Process killed, paused;
  std::string seen;
  const absl::Time start = scheduler.now();
  struct Witness {
    std::string* seen;
    ~Witness() { *seen += "unwound "; }
  };
  scheduler.Spawn(&killed, [&] {
    const Witness witness{&seen};
    scheduler.Sleep(absl::Hours(1));
    seen += "never ";
  });
  scheduler.Spawn(&paused, [&] {
    scheduler.Sleep(absl::Seconds(1));
    seen += absl::FormatDuration(scheduler.now() - start);
  });
  scheduler.RunUntil(start + absl::Milliseconds(500));
  scheduler.Kill(&killed);
  scheduler.Pause(&paused, start + absl::Seconds(7));
  scheduler.RunUntil(start + absl::Hours(2));
  EXPECT_EQ(seen, "unwound 7s");
}

TEST(SchedulerTest, AShorterPauseWithinALongerOneChangesNothing) {
  Scheduler scheduler;
  Process process;
  std::string seen;
  const absl::Time start = scheduler.now();
  scheduler.Spawn(&process, [&] {
    for (int i = 0; i < 2; ++i) {
      scheduler.Sleep(absl::Seconds(1));
      seen += absl::StrCat(absl::FormatDuration(scheduler.now() - start), " ");
    }
  });
  scheduler.Pause(&process, start + absl::Seconds(7));
  scheduler.RunUntil(start + absl::Seconds(2));
  scheduler.Pause(&process, start + absl::Seconds(3));
  scheduler.RunUntil(start + absl::Seconds(4));
  scheduler.Resume(&process);
  scheduler.RunUntil(start + absl::Seconds(10));
  EXPECT_EQ(seen, "5s 6s ");
}

TEST(WorldTest, TheSameSeedIsTheSameRun) {
  std::set<uint64_t> hashes;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Scenario scenario = MakeScenario(seed);
    const RunResult first = sim::Run(scenario, {});
    EXPECT_EQ(first.violation, "") << scenario.ToString();
    EXPECT_EQ(first.trace_hash, sim::Run(scenario, {}).trace_hash);
    hashes.insert(first.trace_hash);
  }
  EXPECT_EQ(hashes.size(), 10u) << "another seed is another run";
}

TEST(WorldTest, SchedulesAreFullOfEventsEpochsAndFaults) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const RunResult result = sim::Run(MakeScenario(seed), {});
    EXPECT_GE(result.events, 200) << seed;
    EXPECT_GE(result.commits, 5) << seed;
    EXPECT_GE(result.faults, 3) << seed;
  }
}

// No pod ever runs: that is not settled.
TEST(WorldTest, AStandstillIsAViolation) {
  Scenario scenario = MakeScenario(1);
  scenario.pods = 0;
  scenario.faults.clear();
  const RunResult result = sim::Run(scenario, {});
  EXPECT_EQ(result.violation.substr(0, 2), "I8") << result.violation;
  EXPECT_LT(Shrink(scenario, {}).events, scenario.events);
}

// Runs in which the engine does nothing wrong: an event is skipped and the one behind it, of the other source and with
// the same ID, fails, in one transaction with a release of that ID; a task is opened at the end, when its former
// owner's session ends; a pod stands still to the end, by two pauses; what the handlers of a pod that was killed for
// another version had begun is run alone, under a clock whose stamps are refused; an event that ends its process is let
// run again and again; a rule that is taken back lets its event run beside a release; rebuilds find no leader, and last
// longer than deletions are kept; an intake waits anew in the moment in which it went on; after members were thrown out
// three times all is run with care, and takes its time.
TEST(WorldTest, WhatTheModelOnceTookForWrong) {
  for (const uint64_t seed :
       {36'675, 85'051, 301'354, 327'688, 116'135, 319'695, 216'109, 341'437, 1'010'889, 831'325, 869'639}) {
    const Scenario scenario = MakeScenario(seed);
    EXPECT_EQ(sim::Run(scenario, {}).violation, "") << scenario.ToString();
  }
}

// X1: a worker all of whose work was due at each turn, and done at its end, never heard of its group.
TEST(WorldTest, WhatItFound) {
  const Scenario scenario = MakeScenario(824'189);
  EXPECT_EQ(sim::Run(scenario, {}).violation, "") << scenario.ToString();
}

// Whatever changes for good is gone on with, or refused in words, mended, and gone on with then.
TEST(ChangeTest, EachIsGoneOnWithOrRefusedAndMended) {
  for (int i = 1; i <= static_cast<int>(kLastChange); ++i) {
    const auto change = static_cast<Change>(i);
    for (const bool is_between_runs : {false, true}) {
      if (is_between_runs && !IsOfTopics(change)) continue;
      Scenario scenario = MakeScenario(3, Dimensions());
      scenario.faults.clear();
      scenario.change = change;
      scenario.change_at = absl::Milliseconds(600);
      scenario.is_between_runs = is_between_runs;
      scenario.topology = KindFor(change, scenario.topology);
      int began = 0, mended = 0;
      const RunResult result = sim::Run(scenario, {.trace = [&](const std::string& line) {
                                          began += line.find(" CHANGE ") != std::string::npos;
                                          mended += line.ends_with(" MENDED");
                                        }});
      EXPECT_EQ(result.violation, "") << scenario.ToString();
      EXPECT_EQ(began, 1) << scenario.ToString();
      EXPECT_EQ(mended, AnswerTo(change) == Answer::kGoesOn ? 0 : 1) << scenario.ToString();
    }
  }
}

TEST(DimensionsTest, AreGivenByName) {
  const absl::StatusOr<Dimensions> some = Dimensions::Parse("rights,slow_handlers");
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_TRUE(some->has(Dimension::kSlowHandlers));
  EXPECT_TRUE(some->has(Dimension::kRights));
  EXPECT_FALSE(some->has(Dimension::kOutputs));
  EXPECT_EQ(Dimensions::Parse(Dimensions::All().ToString())->ToString(), Dimensions::All().ToString());
  EXPECT_EQ(Dimensions::Parse("none")->ToString(), "none");
  EXPECT_TRUE(absl::IsInvalidArgument(Dimensions::Parse("rights,wrongs").status()));
}

TEST(DimensionsTest, OneMoreLeavesTheScenarioAsItIs) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Scenario without = MakeScenario(seed, Dimensions());
    const Scenario with = MakeScenario(seed, Dimensions().Add(Dimension::kRights));
    EXPECT_EQ(with.topology, without.topology);
    EXPECT_EQ(with.events, without.events);
    size_t denials = 0;
    for (const ScheduledFault& fault : with.faults) denials += fault.kind == FaultKind::kDenyWriting ? 1 : 0;
    EXPECT_EQ(with.faults.size() - denials, without.faults.size());
  }
}

// Every dimension is drawn, shows in the scenario, and gives the same run each time, whatever the engine makes of it.
TEST(DimensionsTest, EachDoesSomethingAndRepeats) {
  for (int i = 0; i < kDimensions; ++i) {
    const Dimensions one = Dimensions().Add(static_cast<Dimension>(i));
    int drawn = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
      if (MakeScenario(seed, one).ToString() == MakeScenario(seed, Dimensions()).ToString()) continue;
      if (++drawn > 2) continue;
      const Scenario scenario = MakeScenario(seed, one);
      EXPECT_EQ(sim::Run(scenario, {}).trace_hash, sim::Run(scenario, {}).trace_hash) << scenario.ToString();
    }
    EXPECT_GT(drawn, 2) << one.ToString();
  }
}

}  // namespace
}  // namespace once::sim
