#include "tests/sim/scenario.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace once::sim {
namespace {

using testkit::Call;

ArmedFate DrawCall(Random* random) {
  static constexpr Call kCalls[] = {
      Call::kInit,         Call::kFlush,  Call::kSendOffsets, Call::kSendOffsets, Call::kCommit,
      Call::kCommit,       Call::kCommit, Call::kAbort,       Call::kSeek,        Call::kStableCommittedOffsets,
      Call::kHighWatermark};
  ArmedFate armed;
  armed.call = kCalls[random->Below(std::size(kCalls))];
  static constexpr Fate kFates[] = {Fate::kRequestLost,  Fate::kAnswerLost, Fate::kAnswerFatal,
                                    Fate::kRequestFatal, Fate::kAbortable,  Fate::kRepeatedLate};
  armed.fate = kFates[random->Below(std::size(kFates))];
  // What cannot happen to a call.
  const bool ends = armed.call == Call::kCommit || armed.call == Call::kAbort;
  const bool may_repeat = ends || armed.call == Call::kSendOffsets;
  if (armed.fate == Fate::kRepeatedLate && !may_repeat) armed.fate = Fate::kAnswerLost;
  if (armed.fate == Fate::kAbortable && armed.call == Call::kAbort) armed.fate = Fate::kRequestLost;
  if (armed.call == Call::kInit && armed.fate != Fate::kAnswerLost) armed.fate = Fate::kRequestLost;
  return armed;
}

}  // namespace

const char* NameOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kCrash:
      return "crash";
    case FaultKind::kLoseDisk:
      return "crash and lose the disk";
    case FaultKind::kPause:
      return "pause";
    case FaultKind::kCut:
      return "cut";
    case FaultKind::kCall:
      return "call";
    case FaultKind::kCoordinators:
      return "no coordinators";
    case FaultKind::kMoveCoordinators:
      return "move coordinators";
    case FaultKind::kLeave:
      return "leave";
    case FaultKind::kExpireMember:
      return "expire a member";
    case FaultKind::kHoldMarkers:
      return "hold markers";
    case FaultKind::kDiskFull:
      return "disk full";
    case FaultKind::kCorrupt:
      return "corrupt";
    case FaultKind::kTorn:
      return "crash and tear what was written last";
    case FaultKind::kCompact:
      return "compact";
    case FaultKind::kDenyWriting:
      return "deny writing";
    case FaultKind::kDeleteOutput:
      return "delete an output";
    case FaultKind::kGrowOutput:
      return "grow an output";
    case FaultKind::kChangedTopic:
      return "take a source for another";
    case FaultKind::kUnreadableChangelog:
      return "make the changelog unreadable";
    case FaultKind::kNoLeader:
      return "no leader of partition";
    case FaultKind::kStepClock:
      return "step the clock";
    case FaultKind::kEndReadings:
      return "end the readings of partition";
  }
  return "";
}

std::string ScheduledFault::ToString() const {
  std::string text = absl::StrCat("at ", absl::FormatDuration(at), " ", NameOf(kind));
  if (kind == FaultKind::kCall) {
    absl::StrAppend(&text, ": next ", NameOf(call.call), " is ", NameOf(call.fate));
  } else if (kind == FaultKind::kStepClock) {
    absl::StrAppend(&text, " of pod ", pod, " to be wrong by ", absl::FormatDuration(wrong_by));
  } else if (kind >= FaultKind::kDenyWriting) {
    absl::StrAppend(&text, " number ", output, " for ", absl::FormatDuration(length));
  } else {
    absl::StrAppend(&text, " pod ", pod, " for ", absl::FormatDuration(length));
  }
  return text;
}

bool Scenario::EndsTasksWithoutAWord() const {
  int losses = 0;
  int leaves = 0;
  bool has_calls = false;
  for (const ScheduledFault& fault : faults) {
    switch (fault.kind) {
      case FaultKind::kCrash:
      case FaultKind::kLoseDisk:
      case FaultKind::kTorn:
        return true;
      case FaultKind::kExpireMember:
      case FaultKind::kPause:
      case FaultKind::kCut:
        ++losses;
        break;
      case FaultKind::kLeave:
        ++leaves;
        break;
      case FaultKind::kCall:
        has_calls = true;
        break;
      default:
        break;
    }
  }
  // X2: while a worker backs off after a call that failed it can write nothing, the word of a task given back included.
  if (has_calls) losses += leaves;
  return losses > 1;
}

std::string Scenario::ToString() const {
  std::string text = absl::StrCat(
      "seed=", seed, " topology=", NameOf(topology), " partitions=", partitions, " pods=", pods, " workers=", workers,
      " events=", events, " commit_interval=", absl::FormatDuration(commit_interval), on_rocksdb ? " on RocksDB" : "",
      transactional_input ? " transactional input" : "", with_large ? " large events" : "",
      keeps_values ? " kept values" : "", limit_is_lowered ? " under a lowered limit" : "",
      with_skew ? " skewed timestamps" : "", has_breaker ? " breaker" : "",
      short_deletions ? " short-lived deletions" : "", is_burst ? " burst" : "");
  if (max_parked > 0) absl::StrAppend(&text, " max_parked=", max_parked);
  if (handler_time > absl::ZeroDuration())
    absl::StrAppend(&text, " handlers of ", absl::FormatDuration(handler_time), " and more");
  if (max_batch_records > 1) absl::StrAppend(&text, " batches");
  if (delivery_seed != 0) absl::StrAppend(&text, " late refusals");
  if (memory_bytes > 0) absl::StrAppend(&text, " cache of ", memory_bytes, " bytes");
  if (slow_answers > absl::ZeroDuration())
    absl::StrAppend(&text, " answers late by up to ", absl::FormatDuration(slow_answers));
  if (is_strict_on_time) absl::StrAppend(&text, " strict timestamps");
  if (with_odd_records) absl::StrAppend(&text, " odd records");
  if (with_hostile_code) absl::StrAppend(&text, " hostile code");
  if (redrives_from > absl::ZeroDuration())
    absl::StrAppend(&text, " letters sent back from ", absl::FormatDuration(redrives_from));
  if (commands_from > absl::ZeroDuration())
    absl::StrAppend(&text, " commands from ", absl::FormatDuration(commands_from));
  if (change != Change::kNone) {
    absl::StrAppend(&text, "\n  at ", absl::FormatDuration(change_at), " ", NameOf(change),
                    is_between_runs ? " between two runs" : "");
  }
  if (with_deadly_events) absl::StrAppend(&text, " deadly events");
  for (const ScheduledFault& fault : faults) absl::StrAppend(&text, "\n  ", fault.ToString());
  return text;
}

absl::Duration Scenario::clocks_wrong_by() const {
  absl::Duration most;
  for (const ScheduledFault& fault : faults) most = std::max(most, absl::AbsDuration(fault.wrong_by));
  return most;
}

EventOptions Scenario::event_options() const {
  return {.topology = topology,
          .count = events,
          .partitions = partitions,
          .span = is_burst ? span / 3 : load,
          .with_large = with_large,
          .transient_only = max_parked > 0,
          .gives_up = gives_up(),
          .with_skew = with_skew,
          .with_odd = with_odd_records,
          .with_hostile = with_hostile_code,
          .with_deadly = with_deadly_events,
          .with_kept = keeps_values,
          .second_source_at = change == Change::kAddSource ? change_at : absl::ZeroDuration(),
          // To a single source they are events like others.
          .with_misplaced = topology == TopologyKind::kJoin && change != Change::kAddSource && max_parked == 0};
}

namespace {

void AddFaults(FaultKind kind, Random* random, Scenario* scenario) {
  for (int64_t count = kind == FaultKind::kCall ? random->Between(3, 12) : random->Between(1, 3); count > 0; --count) {
    ScheduledFault fault;
    fault.at = random->Between(absl::Milliseconds(50), scenario->span);
    fault.kind = kind;
    fault.output = static_cast<int>(random->Below(3));
    fault.length = random->Between(absl::ZeroDuration(), absl::Milliseconds(800));
    if (kind == FaultKind::kDeleteOutput && random->Chance(50)) fault.length = absl::ZeroDuration();
    if (kind == FaultKind::kCall) {
      fault.call.call = random->Chance(70) ? Call::kSend : Call::kBegin;
      static constexpr Fate kFates[] = {Fate::kRequestLost, Fate::kAbortable, Fate::kRequestFatal};
      fault.call.fate = kFates[random->Below(std::size(kFates))];
      // Begin asks nobody and is not to be repeated.
      if (fault.call.call == Call::kBegin && fault.call.fate == Fate::kRequestLost) fault.call.fate = Fate::kAbortable;
    }
    if (kind == FaultKind::kStepClock) {
      const absl::Duration wrong_by[] = {-absl::Hours(1), absl::Hours(1), absl::Hours(48), absl::ZeroDuration()};
      fault.pod = static_cast<int>(random->Below(scenario->pods));
      fault.wrong_by = wrong_by[random->Below(std::size(wrong_by))];
    }
    scenario->faults.push_back(fault);
  }
}

// Long enough for the engine's back-off to come to its longest pause.
void AddLongOutage(Random* random, Scenario* scenario) {
  ScheduledFault fault;
  fault.at = random->Between(absl::Milliseconds(100), absl::Seconds(1));
  fault.kind = FaultKind::kDenyWriting;
  fault.output = static_cast<int>(random->Below(3));
  fault.length = random->Between(absl::Seconds(60), absl::Seconds(120));
  scenario->faults.push_back(fault);
  scenario->span = fault.at + fault.length;
  scenario->load = scenario->span + absl::Milliseconds(1200);
}

// What changes once, at most one thing. Fewer than half of the seeds, since it decides about the rest of the run.
void AddChange(Change first, Change last, Random* random, Scenario* scenario) {
  if (scenario->change != Change::kNone) return;
  scenario->change = static_cast<Change>(random->Between(static_cast<int64_t>(first), static_cast<int64_t>(last)));
  scenario->change_at = random->Between(absl::Milliseconds(300), scenario->span);
  scenario->is_between_runs = IsOfTopics(scenario->change) && random->Chance(40);
  scenario->topology = KindFor(scenario->change, scenario->topology);
  // Offsets that do not fit are waited for longer than so short a retention lasts (F2).
  scenario->short_deletions = false;
}

// Each is drawn for more than half of the seeds.
void AddDimensions(Dimensions dimensions, Scenario* scenario) {
  Random random(Mix(scenario->seed) + 1);
  const auto draw = [&](Dimension dimension) { return random.Chance(60) && dimensions.has(dimension); };
  if (draw(Dimension::kSlowHandlers))
    scenario->handler_time = random.Between(absl::Milliseconds(1), absl::Milliseconds(8));
  if (draw(Dimension::kLateRefusals)) {
    scenario->max_batch_records = 10'000;
    if (random.Chance(80)) scenario->delivery_seed = random.Next() | 1;
    scenario->with_large = true;
    scenario->limit_is_lowered = random.Chance(70);
  }
  if (draw(Dimension::kLocalFailures)) AddFaults(FaultKind::kCall, &random, scenario);
  if (draw(Dimension::kSmallCaches)) scenario->memory_bytes = static_cast<size_t>(random.Between(4 << 10, 16 << 10));
  if (draw(Dimension::kTimestamps)) scenario->is_strict_on_time = scenario->with_skew = true;
  if (draw(Dimension::kRights)) AddFaults(FaultKind::kDenyWriting, &random, scenario);
  if (draw(Dimension::kOutputs)) {
    AddFaults(FaultKind::kDeleteOutput, &random, scenario);
    AddFaults(FaultKind::kGrowOutput, &random, scenario);
  }
  scenario->with_odd_records = draw(Dimension::kOddRecords);
  scenario->with_hostile_code = draw(Dimension::kHostileCode);
  if (draw(Dimension::kSources) && random.Chance(40)) {
    AddChange(Change::kRemakeSource, kLastOfTopics, &random, scenario);
  }
  if (draw(Dimension::kNewTopology) && random.Chance(40)) {
    AddChange(Change::kAddSource, kLastChange, &random, scenario);
  }
  if (draw(Dimension::kRedriven) && scenario->change == Change::kNone) {
    scenario->redrives_from = random.Between(absl::Milliseconds(300), scenario->span);
  }
  if (dimensions.has(Dimension::kRights) && random.Chance(1)) AddLongOutage(&random, scenario);
  scenario->fails_tasks = draw(Dimension::kTaskFailures) && scenario->change == Change::kNone;
  if (scenario->fails_tasks) {
    AddFaults(FaultKind::kChangedTopic, &random, scenario);
    AddFaults(FaultKind::kUnreadableChangelog, &random, scenario);
  }
  // Fewer, since each death takes a session's time.
  scenario->with_deadly_events = draw(Dimension::kDeadlyEvents) && random.Chance(40);
  if (draw(Dimension::kLeaders)) {
    AddFaults(FaultKind::kNoLeader, &random, scenario);
    scenario->slow_answers = random.Between(absl::ZeroDuration(), absl::Milliseconds(400));
  }
  if (draw(Dimension::kClockSteps)) AddFaults(FaultKind::kStepClock, &random, scenario);
  if (draw(Dimension::kCommands) && scenario->change == Change::kNone) {
    scenario->commands_from = random.Between(absl::Milliseconds(100), scenario->span);
    // Their results make a changelog that is not read within so short a time.
    scenario->short_deletions = false;
  }
  // Fewer, since a worker joins its group anew at most each ten seconds.
  if (draw(Dimension::kEndedReadings) && random.Chance(30)) {
    AddFaults(FaultKind::kEndReadings, &random, scenario);
  }
  // Few, since large records take time. Under the limit of large outputs what is forwarded would fail.
  scenario->keeps_values = draw(Dimension::kKeptValues) && random.Chance(15) && !scenario->with_large;
}

}  // namespace

Scenario MakeScenario(uint64_t seed, Dimensions dimensions) {
  Random random(seed * 2 + 1);
  Scenario scenario;
  scenario.seed = seed;
  scenario.topology = static_cast<TopologyKind>(random.Below(kTopologyKinds));
  scenario.partitions = static_cast<int32_t>(random.Between(1, 4));
  scenario.pods = static_cast<int>(random.Between(1, 3));
  scenario.workers = static_cast<int>(random.Between(1, 2));
  scenario.on_rocksdb = seed % 100 == 99;
  scenario.transactional_input = random.Chance(25);
  scenario.span = random.Between(absl::Milliseconds(1200), absl::Milliseconds(2500));
  scenario.load = scenario.span + absl::Milliseconds(1200);
  scenario.commit_interval = random.Between(absl::Milliseconds(20), absl::Milliseconds(150));
  scenario.events = random.Between(200, 260);
  scenario.with_large = random.Chance(20);
  scenario.limit_is_lowered = scenario.with_large && random.Chance(50);
  scenario.with_skew = random.Chance(30);
  scenario.has_breaker = random.Chance(15);
  scenario.short_deletions = random.Chance(30);
  scenario.is_burst = random.Chance(20);
  if (!scenario.is_burst && scenario.topology == TopologyKind::kPark && random.Chance(30))
    scenario.max_parked = random.Between(3, 8);
  // Swarm testing: each kind is on or off, so that rare combinations are not drowned by the usual ones.
  std::vector<FaultKind> kinds;
  for (int i = 0; i < kFaultKinds; ++i) {
    if (random.Chance(50)) kinds.push_back(static_cast<FaultKind>(i));
  }
  if (kinds.empty()) kinds.push_back(FaultKind::kCall);
  const int64_t count = random.Between(3, 9);
  for (int64_t i = 0; i < count; ++i) {
    ScheduledFault fault;
    fault.at = random.Between(absl::Milliseconds(50), scenario.span);
    fault.kind = kinds[static_cast<size_t>(random.Below(static_cast<int64_t>(kinds.size())))];
    // Three at least hit for sure; whether the call that is to go wrong is made is up to the run.
    while (i < 3 && fault.kind == FaultKind::kCall) fault.kind = static_cast<FaultKind>(random.Below(kFaultKinds));
    fault.pod = static_cast<int>(random.Below(scenario.pods));
    fault.length = random.Chance(30) ? random.Between(kSessionTimeout, 2 * kTransactionTimeout)
                                     : random.Between(absl::Milliseconds(10), absl::Milliseconds(600));
    // Nothing ends a fail-over from outside.
    if (fault.kind == FaultKind::kMoveCoordinators) fault.length = std::min(fault.length, scenario.span - fault.at);
    fault.call = DrawCall(&random);
    scenario.faults.push_back(fault);
  }
  AddDimensions(dimensions, &scenario);
  std::stable_sort(scenario.faults.begin(), scenario.faults.end(),
                   [](const ScheduledFault& a, const ScheduledFault& b) { return a.at < b.at; });
  return scenario;
}

}  // namespace once::sim
