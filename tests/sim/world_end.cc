// What must hold once all has settled.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/strings.h"
#include "state/changelog.h"
#include "tests/sim/memory_checker.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

// A checkpoint becomes due, is written, and what memory holds is measured.
const absl::Duration kRest = 2 * kCheckpointInterval + absl::Milliseconds(100);

}  // namespace

// False of a task that another worker has gone on with, and this one does not know it yet.
bool World::IsCurrent(const Task& task) {
  // Its offsets may be the same: retries move none.
  v1::Frontier frontier;
  const auto& fold = checker_->Fold(task.id.partition.value());
  const auto found = fold.find(FrontierKey());
  if (found != fold.end() && (!frontier.ParseFromString(found->second) || frontier.epoch() != task.frontier.epoch())) {
    return false;
  }
  return std::all_of(task.inputs.begin(), task.inputs.end(), [&](const InputPosition& input) {
    return cluster_.PeekCommittedOffset(plan_->application_id, input.where) == input.committed;
  });
}

// I4: what live workers read through their caches is what the committed changelog says.
void World::CheckStores() {
  for (const auto& pod : pods_) {
    for (const auto& worker : pod->workers()) {
      if (!worker->engine().idle()) continue;  // What an open epoch has written is no part of the changelog yet.
      for (const auto& [id, task] : worker->engine().tasks()) {
        // The other task groups have no model.
        if (id.group != 0 || task->phase != TaskPhase::kRunning || !IsCurrent(*task)) continue;
        for (const auto& [key, value] : checker_->Fold(id.partition.value())) {
          const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(key);
          // Reading a checkpoint that a fault has corrupted makes the engine rebuild it.
          if (absl::IsDataLoss(entry.status())) continue;
          if (!entry.ok() || (*entry)->value() != OptionalBytes(value)) {
            Fail(absl::StrCat("I4: pod ", pod->process_id(), " reads another value than the changelog's of partition ",
                              id.partition.value(), ", key \"", Printable(key), "\": ",
                              entry.ok() ? Printable((*entry)->value().value_or("nothing")) : entry.status().ToString(),
                              ", not ", Printable(value)));
          }
        }
      }
    }
  }
}

void World::CheckEnd() {
  if (const std::string broken = cluster_.Check(); !broken.empty())
    Fail(absl::StrCat("the simulated log is broken: ", broken));
  CheckMemory();
  CheckSuspects();
  CheckStores();
}

// Until nothing has happened for long enough that all is measured and on the disk.
void World::Rest() {
  // Of members that died before, tasks move when their sessions end; each that is opened then has yet to come to rest.
  const auto opened = [this] {
    std::string tasks;
    for (const auto& pod : pods_) {
      for (const auto& worker : pod->workers()) {
        absl::StrAppend(&tasks, "|");
        for (const auto& [id, task] : worker->engine().tasks()) {
          absl::StrAppend(&tasks, id.group, "-", id.partition.value(), " ", static_cast<int>(task->phase), " ",
                          absl::ToUnixNanos(task->looked_at), ",");
        }
      }
    }
    return tasks;
  };
  constexpr int kMostTimes = 20;
  absl::Time rest_begins = scheduler_.now();
  for (const auto& pod : pods_) rest_begins = std::max(rest_begins, pod->paused_until());
  for (int times = 0; times < kMostTimes; ++times) {
    const std::string before = opened();
    // A worker may be within calls whose answers are late.
    scheduler_.RunUntil(rest_begins + kRest + 4 * scenario_.slow_answers);
    if (opened() == before) return;
    rest_begins = scheduler_.now();
  }
  Fail("X7: tasks are opened again and again, and nothing comes to rest");
}

// X7. Where memory is short, some time after all has come to rest.
void World::CheckMemory() {
  const bool is_tight = scenario_.memory_bytes > 0;
  if (is_tight) Rest();
  for (const auto& pod : pods_) {
    for (const auto& worker : pod->workers()) {
      if (!pod->running()) continue;
      const std::string wrong = MemoryChecker::AtRest(worker->engine(), is_tight);
      if (!wrong.empty()) Fail(absl::StrCat(wrong, " (pod ", pod->process_id(), ")"));
    }
  }
}

// X3. Whatever a suspicion came from, all has committed since: nothing that does not wait in a queue is run with care
// any more.
void World::CheckSuspects() {
  for (const auto& pod : pods_) {
    if (!pod->running()) continue;
    for (const auto& worker : pod->workers()) {
      if (!worker->engine().idle()) continue;  // It has not heard of the last commit yet.
      for (const auto& [id, task] : worker->engine().tasks()) {
        if (task->phase != TaskPhase::kRunning || task->suspects.empty() || task->parking.parked_events() > 0) continue;
        Fail(absl::StrCat("X3: task ", ToString(task->inputs.front().where), " still suspects an event, at the end"));
      }
    }
  }
}

}  // namespace once::sim
