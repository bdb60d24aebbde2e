// One task as the engine holds it: where its inputs stand, its state, its window, its parked events.
#ifndef ONCE_PROCESSOR_ENGINE_TASK_H_
#define ONCE_PROCESSOR_ENGINE_TASK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/types.h"
#include "processor/engine/backlog.h"
#include "processor/engine/options.h"
#include "processor/engine/parking.h"
#include "processor/engine/plan.h"
#include "processor/engine/suspects.h"
#include "processor/engine/window_clock.h"
#include "state/idempotency_window.h"
#include "state/task_state.h"

namespace once {

enum class TaskPhase {
  kOpening,    // Waits for event::TaskOffsetsFetched.
  kReplaying,  // Reads its changelog.
  kRunning,
  kPaused,  // By the breaker, at a limit, or held back, until `resume_at`.
};

// Offsets of one input partition. The engine's own: a consumer's position is never asked.
struct InputPosition {
  SourceIndex source = 0;
  TopicPartition where = {};
  Offset next = {};                      // The next offset to process; records below it are dropped.
  std::optional<Offset> committed = {};  // What the group has, as far as known.
  Offset start = {};                     // Where the task began to read it, if nothing is committed.
};

// Counts of the breaker's current window (R5).
struct BreakerCounts {
  absl::Time window_start = absl::InfinitePast();
  int64_t finished = 0;  // New events that were taken, whatever became of them.
  int64_t failed = 0;
  int64_t blocked = 0;  // Parked behind a failed one.
  int64_t waiting = 0;  // Failed for a passing reason, or wait behind one that did.

  int64_t bad() const { return failed + blocked + waiting; }
  BreakerCounts& operator+=(const BreakerCounts& o) {
    finished += o.finished;
    failed += o.failed;
    blocked += o.blocked;
    waiting += o.waiting;
    return *this;
  }
};

struct Task {
  // `clock`, the present reading, must outlive this.
  Task(const TaskId& task_id, const Plan& plan, const EngineOptions& options, CheckpointStore* store,
       const ClockReading* clock)
      : id(task_id),
        changelog(plan.changelog(task_id)),
        state(store, TaskPrefix(plan.group(task_id.group).name, task_id.partition)),
        window({.retention = options.idempotency_retention, .max_ids = options.idempotency_max_ids}),
        parking(&state, clock, plan.longest_backoff[task_id.group]) {
    for (const SourceIndex source : plan.group(task_id.group).sources) {
      inputs.push_back({.source = source, .where = {plan.input_topics[source], task_id.partition}});
    }
  }

  const TaskId id;
  const TopicPartition changelog;
  TaskPhase phase = TaskPhase::kOpening;
  absl::Time opening_at = absl::InfinitePast();  // When to ask (again) for the offsets.
  bool offsets_requested = false;
  bool awaiting_seek = false;  // What is fetched now is not what was asked for: discard it.
  absl::Time resume_at = absl::InfiniteFuture();
  bool retries_while_paused = false;             // It waits for room among its parked events, so these go on.
  absl::Time held_until = absl::InfinitePast();  // Not to run before: its epochs fail again and again.

  // X1. Void while a seek is awaited.
  Backlog backlog;
  // More is fetched than the task gets done: its inputs are read from their ends on until the backlog is worked off,
  // and then again from where it stands.
  enum class Holding { kNo, kToBeSought, kYes } holding = Holding::kNo;
  // How long its handlers have run, by kind of work, as the scheduler's fairness counts it.
  absl::Duration new_work;
  absl::Duration parked_work;
  bool has_new_turn = false;  // It is in the scheduler's queue, for that kind of work.
  bool has_parked_turn = false;

  std::vector<InputPosition> inputs;  // In the order of the group's sources.
  TaskState state;
  IdempotencyWindow window;
  WindowClock window_clock;
  Parking parking;

  v1::Frontier frontier;         // The last committed one, or the default.
  bool state_is_loaded = false;  // The memory holds the state as of `changelog_position`.
  Offset changelog_position;     // The changelog offset that the committed state stands for.
  // What the state says of itself, in memory and in checkpoints (F6): the incarnation that it was read under, 0 if no
  // record has told it yet, and when, by the steady clock, the changelog was last known to hold nothing that it lacks.
  uint64_t incarnation = 0;
  absl::Time current_at = absl::InfinitePast();
  bool two_histories = false;  // The replay met another incarnation on its way.

  Offset replay_target;
  absl::Time looked_at = absl::InfinitePast();  // When `replay_target` was read, or before.
  int64_t replayed_records = 0;
  std::string misfit = {};   // Of the group's offsets and the frontier, when they were read last.
  bool rebuilding = false;   // Replays from the beginning after a wipe.
  int void_rebuilds = 0;     // Of these, in a row, that were of no use when they ended.
  absl::Status rebuild_why;  // It is to be rebuilt as soon as it may be, and waits until then; OK: it is not.

  // The open epoch.
  bool touched = false;
  std::optional<Offset> pending_changelog_position;  // After the epoch's frontier, if the broker said where it is.
  BreakerCounts epoch_breaker;                       // This epoch's share; window_start unused.

  BreakerCounts breaker;
  int breaker_trips = 0;                         // Pauses, without a good window between two.
  absl::Time resumed_at = absl::InfinitePast();  // When the last pause was over.
  int64_t retrying_at_pause = 0;                 // Of `retries_while_paused`.
  absl::Time last_commit = absl::InfinitePast();
  absl::Time last_checkpoint = absl::InfinitePast();
  int checkpoint_failures = 0;  // In a row.
  absl::Time last_checkpoint_complaint = absl::InfinitePast();
  Suspects suspects;  // Events of epochs that the broker refused.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_H_
