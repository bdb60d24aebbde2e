// Trials find what is wrong with an application, and come out the same each time.
#include "tests/sim/trial.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/codec.h"

namespace once::sim {
namespace {

constexpr int kKeys = 4;
constexpr int kEvents = 60;

// Emits how many events of its key there were.
absl::StatusOr<Topology> BuildCounter(const Config&, const std::function<int64_t(int64_t*, const std::string&)>& next) {
  TopologyBuilder builder("counter");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<int64_t>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<int64_t>("count").EmitsTo(out).On<std::string>(
      in, [out, next](const std::string&, auto& context) {
        context.Emit(out, next(context.mutable_state(), context.key()));
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

absl::StatusOr<Topology> BuildRight(const Config& config) {
  return BuildCounter(config, [](int64_t* state, const std::string&) { return ++*state; });
}

std::vector<TrialEvent> Events() {
  std::vector<TrialEvent> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back(
        {.topic = "in", .key = absl::StrCat("key-", i % kKeys), .value = "x", .id = absl::StrCat("id-", i)});
  }
  return events;
}

// Whether each key was counted from 1 up to the number of its events.
bool IsRight(const TrialResult& result) {
  std::map<std::string, int64_t> counts;
  for (const testkit::MemoryRecord& record : result.records.at("out")) {
    int64_t count = 0;
    if (!Codec<int64_t>::Decode(*record.value, &count).ok() || count != ++counts[*record.key]) return false;
  }
  if (counts.size() != kKeys || result.states.at("count").size() != kKeys) return false;
  for (const auto& [key, bytes] : result.states.at("count")) {
    int64_t count = 0;
    if (!Codec<int64_t>::Decode(bytes, &count).ok() || count != kEvents / kKeys) return false;
  }
  return true;
}

TEST(TrialTest, TheSameSeedIsTheSameRun) {
  const TrialOptions options{.seed = 7, .applications = {{.factory = BuildRight}}, .events = Events()};
  const TrialResult first = RunTrial(options);
  const TrialResult second = RunTrial(options);
  EXPECT_EQ(first.violation, "");
  EXPECT_TRUE(IsRight(first));
  EXPECT_NE(first.trace_hash, 0u);
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_EQ(first.commits, second.commits);
  TrialOptions other = options;
  other.seed = 8;
  EXPECT_NE(RunTrial(other).trace_hash, first.trace_hash);
}

// Each seed has faults, but not each one hurts.
TEST(TrialTest, AnApplicationThatCountsBesideItsStateIsFound) {
  int wrong = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::map<std::string, int64_t> beside;
    const auto build = [&](const Config& config) {
      return BuildCounter(config, [&](int64_t* state, const std::string& key) {
        ++*state;
        return ++beside[key];  // What an aborted transaction counted stays counted.
      });
    };
    const TrialResult result = RunTrial({.seed = seed, .applications = {{.factory = build}}, .events = Events()});
    ASSERT_EQ(result.violation, "") << "seed " << seed;
    wrong += IsRight(result) ? 0 : 1;
    const TrialResult right = RunTrial({.seed = seed, .applications = {{.factory = BuildRight}}, .events = Events()});
    ASSERT_TRUE(IsRight(right)) << "seed " << seed << " " << right.violation;
  }
  EXPECT_GT(wrong, 10);
}

TEST(TrialTest, WhatCannotRunIsSaid) {
  const auto build = [](const Config&) -> absl::StatusOr<Topology> { return absl::NotFoundError("no such thing"); };
  EXPECT_TRUE(
      absl::StrContains(RunTrial({.applications = {{.factory = build}}, .events = {}}).violation, "no such thing"));
}

}  // namespace
}  // namespace once::sim
