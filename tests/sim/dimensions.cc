#include "tests/sim/dimensions.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"

namespace once::sim {

const char* NameOf(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSlowHandlers:
      return "slow_handlers";
    case Dimension::kLateRefusals:
      return "late_refusals";
    case Dimension::kLocalFailures:
      return "local_failures";
    case Dimension::kSmallCaches:
      return "small_caches";
    case Dimension::kTimestamps:
      return "timestamps";
    case Dimension::kRights:
      return "rights";
    case Dimension::kOutputs:
      return "outputs";
    case Dimension::kOddRecords:
      return "odd_records";
    case Dimension::kHostileCode:
      return "hostile_code";
    case Dimension::kSources:
      return "sources";
    case Dimension::kTaskFailures:
      return "task_failures";
    case Dimension::kNewTopology:
      return "new_topology";
    case Dimension::kDeadlyEvents:
      return "deadly_events";
    case Dimension::kRedriven:
      return "redriven";
    case Dimension::kLeaders:
      return "leaders";
    case Dimension::kClockSteps:
      return "clock_steps";
    case Dimension::kCommands:
      return "commands";
    case Dimension::kEndedReadings:
      return "ended_readings";
    case Dimension::kKeptValues:
      return "kept_values";
  }
  return "";
}

Dimensions Dimensions::Default() {
  return Dimensions()
      .Add(Dimension::kSlowHandlers)
      .Add(Dimension::kLateRefusals)
      .Add(Dimension::kLocalFailures)
      .Add(Dimension::kSmallCaches)
      .Add(Dimension::kTimestamps)
      .Add(Dimension::kRights)
      .Add(Dimension::kOutputs)
      .Add(Dimension::kOddRecords)
      .Add(Dimension::kHostileCode)
      .Add(Dimension::kSources)
      .Add(Dimension::kNewTopology)
      .Add(Dimension::kRedriven)
      .Add(Dimension::kTaskFailures)
      .Add(Dimension::kDeadlyEvents)
      .Add(Dimension::kLeaders)
      .Add(Dimension::kClockSteps)
      .Add(Dimension::kCommands)
      .Add(Dimension::kEndedReadings)
      .Add(Dimension::kKeptValues);
}

Dimensions Dimensions::All() {
  Dimensions all;
  for (int i = 0; i < kDimensions; ++i) all.Add(static_cast<Dimension>(i));
  return all;
}

absl::StatusOr<Dimensions> Dimensions::Parse(std::string_view names) {
  if (names == "all") return All();
  if (names == "default") return Default();
  Dimensions dimensions;
  if (names == "none" || names.empty()) return dimensions;
  for (const absl::string_view name : absl::StrSplit(ToAbsl(names), ',')) {
    bool is_known = false;
    for (int i = 0; i < kDimensions; ++i) {
      const auto dimension = static_cast<Dimension>(i);
      if (name != NameOf(dimension)) continue;
      dimensions.Add(dimension);
      is_known = true;
    }
    if (!is_known) {
      return absl::InvalidArgumentError(absl::StrCat("there is no dimension \"", name, "\"; take some of ",
                                                     All().ToString(), ", or all, default, none"));
    }
  }
  return dimensions;
}

std::string Dimensions::ToString() const {
  std::string text;
  for (int i = 0; i < kDimensions; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    if (has(dimension)) absl::StrAppend(&text, text.empty() ? "" : ",", NameOf(dimension));
  }
  return text.empty() ? "none" : text;
}

}  // namespace once::sim
