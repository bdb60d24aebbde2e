#include "tests/sim/memory_checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/task.h"

namespace once::sim {
namespace {

// A pass over all entries costs more than a turn.
constexpr int64_t kTurnsPerCount = 64;
// Twice the engine's interval. A turn that began after that began with a measurement; the one before may have stood
// still for as long.
constexpr absl::Duration kNoticed = absl::Milliseconds(100);
constexpr int kTurnsToNotice = 2;

std::string Describe(const MemoryUse& use, size_t share) {
  return absl::StrCat("clean ", use.clean, ", dirty ", use.dirty, ", copies ", use.copies, ", window ", use.window,
                      ", parking ", use.parking, ", backlog ", use.backlog, ", epoch ", use.epoch, " of a share of ",
                      share);
}

std::string CheckCounts(const Engine& engine) {
  for (const auto& [id, task] : engine.tasks()) {
    std::string wrong;
    if (absl::Status counts = task->state.CheckCounts(); !counts.ok()) wrong = counts.ToString();
    if (task->backlog.CountBytes() != task->backlog.bytes()) wrong = "backlog";
    if (task->parking.CountMemoryBytes() != task->parking.memory_bytes()) wrong = "parking";
    if (!wrong.empty()) return absl::StrCat("X7: counted wrong, of partition ", id.partition.value(), ": ", wrong);
  }
  return "";
}

}  // namespace

MemoryChecker::TakenByTask MemoryChecker::LookAt(const Engine& engine) {
  TakenByTask taken;
  for (const auto& [id, task] : engine.tasks()) {
    Taken& its = taken[id];
    its.opened_at = task->looked_at;
    if (task->phase == TaskPhase::kReplaying) its.replayed = task->replayed_records;
    if (task->phase != TaskPhase::kRunning) continue;
    for (const InputPosition& input : task->inputs) its.read += input.next.value();
  }
  return taken;
}

// No event and no record of a changelog is taken in from one turn to the next, if intake waits all the time.
std::string MemoryChecker::CheckIntake(const Engine& engine) {
  const bool waits_still = engine.times_intake_waited() == std::exchange(times_waited_, engine.times_intake_waited());
  if (!engine.intake_waits()) return "";
  TakenByTask now = LookAt(engine);
  std::string wrong;
  for (const auto& [id, its] : now) {
    const auto before = taken_.find(id);
    if (!waits_still || before == taken_.end() || before->second.opened_at != its.opened_at) continue;
    if (before->second.read == 0 && before->second.replayed == 0) continue;  // It was doing something else.
    const bool has_read = its.read > before->second.read && before->second.read > 0;
    const bool has_replayed = its.replayed > before->second.replayed && before->second.replayed > 0;
    if (has_read || has_replayed) {
      wrong = absl::StrCat("X7: partition ", id.partition.value(), has_read ? " reads" : " replays",
                           " on though intake waits: ", Describe(engine.memory_use(), engine.memory_share()));
    }
  }
  taken_ = std::move(now);
  return wrong;
}

// What is measured is judged rightly; and it is measured, where what is held is above the share and becomes free by a
// checkpoint.
std::string MemoryChecker::CheckShare(const Engine& engine, absl::Time now) {
  const MemoryUse& use = engine.memory_use();
  const size_t share = engine.memory_share();
  if (use.total() > share && use.dirty > 0 && !engine.intake_waits()) {
    return absl::StrCat("X7: intake does not wait: ", Describe(use, share));
  }
  size_t held = 0;
  size_t dirty = 0;
  for (const auto& [id, task] : engine.tasks()) {
    dirty += task->state.dirty_bytes();
    held += task->state.dirty_bytes() + task->state.frozen_bytes() + task->window.memory_bytes() +
            task->parking.memory_bytes() + task->backlog.bytes();
  }
  if (held <= share || dirty == 0 || !engine.accepts_work() || engine.memory_measured_at() != measured_at_) {
    measured_at_ = engine.memory_measured_at();
    above_since_ = absl::InfiniteFuture();
    above_turns_ = 0;
    return "";
  }
  above_since_ = std::min(above_since_, now);
  if (now - above_since_ <= kNoticed || ++above_turns_ < kTurnsToNotice) return "";
  return absl::StrCat("X7: nothing is measured for ", absl::FormatDuration(now - above_since_), " though ", held,
                      " bytes are held; the engine counts ", Describe(use, share));
}

std::string MemoryChecker::AfterTurn(const Engine& engine, absl::Time now) {
  if (++turns_ % kTurnsPerCount == 0) {
    if (std::string wrong = CheckCounts(engine); !wrong.empty()) return wrong;
  }
  if (!is_tight_) return "";
  if (std::string wrong = CheckIntake(engine); !wrong.empty()) return wrong;
  return CheckShare(engine, now);
}

std::string MemoryChecker::AtRest(const Engine& engine, bool has_rested) {
  if (std::string wrong = CheckCounts(engine); !wrong.empty()) return wrong;
  // A worker that has just lost all of its tasks holds nothing, and counts that at its next tick.
  if (!has_rested || !engine.idle() || engine.tasks().empty()) return "";
  size_t all = 0;
  for (const auto& [id, task] : engine.tasks()) {
    if (task->phase != TaskPhase::kRunning) return "";
    all +=
        task->state.memory_bytes() + task->window.memory_bytes() + task->parking.memory_bytes() + task->backlog.bytes();
  }
  const MemoryUse& use = engine.memory_use();
  const std::string told = Describe(use, engine.memory_share());
  if (all != use.total() - use.copies - use.epoch) {
    return absl::StrCat("X7: the tasks hold ", all, " bytes at rest, not what is counted: ", told);
  }
  // The bookkeeping of dirty values counts as clean.
  if (use.total() > engine.memory_share() / 4 * 3 && use.clean > 0 && use.dirty == 0) {
    return absl::StrCat("X7: values are kept at rest that the disk has as well: ", told);
  }
  return "";
}

}  // namespace once::sim
