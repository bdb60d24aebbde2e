// One task as the engine holds it: where its inputs stand, its state, its window, its parked events.
#ifndef ONCE_PROCESSOR_ENGINE_TASK_H_
#define ONCE_PROCESSOR_ENGINE_TASK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/log.h"
#include "processor/base/types.h"
#include "processor/engine/backlog.h"
#include "processor/engine/control_state.h"
#include "processor/engine/crash_memory.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/parking.h"
#include "processor/engine/plan.h"
#include "processor/engine/recurring_failure.h"
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
  kFailed,  // Nothing is done for it until it is opened anew: see TaskFailures.
};

// Offsets of one input partition. The engine's own: a consumer's position is never asked.
struct InputPosition {
  SourceIndex source = 0;
  TopicPartition where = {};
  Offset next = {};                      // The next offset to process; records below it are dropped.
  std::optional<Offset> committed = {};  // What the group has, as far as known.
  Offset start = {};                     // Where the task began to read it, if nothing is committed.
  std::optional<LogBounds> log = {};     // What its log held when the task was opened, if that is known.
  std::optional<Offset> resume = {};     // Where it goes on, instead of at what is committed, until a commit says so.
  std::optional<Offset> end_seen = {};   // Where the client last said that nothing more can be read: up to there.

  bool is_broken = false;  // The client reads it no more until it is assigned anew.

  // Where it stands when nothing of the open epoch counts.
  Offset stable() const { return resume.value_or(committed.value_or(start)); }
};

// The task's commands (R7). They are read by themselves, also while its inputs are not.
struct ControlInput {
  InputPosition position = {};
  bool is_placed = false;  // The position is known: PlaceControl.
  // Of the topic as the last opening has found it, which may have been made anew since the start; empty: not known.
  std::string topic_id = {};
  Backlog backlog = {};
  bool awaiting_seek = false;  // As Task::awaiting_seek.
  bool is_holding = false;     // More was fetched than it takes at once: that is sought to when these are done.
  RecurringFailure seeks = {};
  bool has_turn = false;
  absl::Duration work = {};
  std::optional<Offset> retry_asked = {};  // The last command by which the task was tried again when it had failed.
};

// How often a task has failed in a row, and what is to become of it.
struct TaskFailure {
  int64_t count = 0;
  absl::Status why = {};     // The last time.
  absl::Duration rest = {};  // After the last time.
  absl::Time retry_at = absl::InfiniteFuture();
  absl::Time since = absl::InfiniteFuture();
  absl::Time running_since = absl::InfiniteFuture();  // It runs again.
  absl::Time told_at = absl::InfinitePast();
  int64_t untold = 0;
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
        window({.retention = options.idempotency_retention,
                .max_ids = options.idempotency_max_ids,
                .max_record_bytes = plan.max_record_bytes[plan.changelog_index(task_id.group)]}),
        parking(&state, clock, plan.longest_backoff[task_id.group]),
        control_state(&state),
        crashes(plan.InputsOf(task_id), options.max_epoch_records) {
    for (const SourceIndex source : plan.group(task_id.group).sources) {
      inputs.push_back({.source = source, .where = {plan.input_topics[source], task_id.partition}});
    }
    if (!plan.has_commands()) return;
    control.emplace();
    control->position.where = {plan.control_topics[task_id.group], task_id.partition};
  }

  // Of all that its transactions commit offsets of: its inputs, and its commands.
  template <typename F>
  void ForEachPosition(const F& f) {
    for (InputPosition& input : inputs) f(input);
    if (control.has_value()) f(control->position);
  }

  // The next offset of each of these.
  std::map<TopicPartition, Offset> ReadTo() const {
    std::map<TopicPartition, Offset> read_to;
    for (const InputPosition& input : inputs) read_to[input.where] = input.next;
    if (control.has_value()) read_to[control->position.where] = control->position.next;
    return read_to;
  }

  const TaskId id;
  const TopicPartition changelog;
  TaskPhase phase = TaskPhase::kOpening;
  // X5. When to ask (again) for the offsets; the number of the request under way, 0 if there is none: the answer to an
  // older one says nothing; and how many failed in a row.
  absl::Time opening_at = absl::InfinitePast();
  uint64_t offsets_request = 0;
  int failed_requests = 0;
  absl::Time opening_since = absl::InfinitePast();
  std::string opening_waits_for = {};  // Why the last request failed.
  RecurringFailure lookups;
  bool awaiting_seek = false;  // What is fetched now is not what was asked for: discard it.
  absl::Time resume_at = absl::InfiniteFuture();
  bool retries_while_paused = false;             // It waits for room among its parked events, so these go on.
  absl::Time held_until = absl::InfinitePast();  // Not to run before: its epochs fail again and again.

  // X4. It fails, or is looked at again, when the epoch that speaks for it has ended; it takes no events meanwhile.
  absl::Status failing;
  bool looks_again = false;
  bool is_ending() const { return looks_again || !failing.ok(); }
  TaskFailure failure;
  bool is_forgotten = false;  // It failed, and its state is not in memory any more.

  // X1. Void while a seek is awaited.
  Backlog backlog;
  // More is fetched than the task gets done: its inputs are read from their ends on until the backlog is worked off,
  // and then again from where it stands.
  enum class Holding { kNo, kToBeSought, kYes } holding = Holding::kNo;
  // How long its handlers have run, by kind of work, as the scheduler's fairness counts it.
  absl::Duration new_work;
  absl::Duration parked_work;
  RecurringFailure seeks;  // X5: it waits for a seek that fails, longer each time, and others do not.
  // X7. As DueTasks has it: when it is to be looked at, and whether something happened to it.
  absl::Time due = absl::InfiniteFuture();
  bool is_marked = false;

  bool has_new_turn = false;  // It is in the scheduler's queue, for that kind of work.
  bool has_parked_turn = false;

  std::vector<InputPosition> inputs;    // In the order of the group's sources.
  std::optional<ControlInput> control;  // Absent: the application takes no commands.
  TaskState state;
  IdempotencyWindow window;
  WindowClock window_clock;
  Parking parking;
  ControlState control_state;
  size_t max_backlog_bytes = SIZE_MAX;  // Of what is fetched and waits: more is left at the broker.
  size_t max_parking_bytes = SIZE_MAX;  // Of the index's memory: beyond it no further aggregate is blocked.

  v1::Frontier frontier;         // The last committed one, or the default.
  bool state_is_loaded = false;  // The memory holds the state as of `changelog_position`.
  Offset changelog_position;     // The changelog offset that the committed state stands for.
  // What the state says of itself, in memory and in checkpoints (F6): the incarnation that it was read under, 0 if no
  // record has told it yet, and when, by the steady clock, the changelog was last known to hold nothing that it lacks.
  uint64_t incarnation = 0;
  absl::Time current_at = absl::InfinitePast();
  bool two_histories = false;  // The replay met another incarnation on its way.
  // Of the topic that the checkpoint was made of; empty: it has none, or of before these were written.
  std::string base_changelog_id = {};

  Offset replay_from;
  absl::Time replay_since = absl::InfinitePast();
  absl::Time replayed_at = absl::InfinitePast();  // When the replay came further last.
  Offset replay_target;
  absl::Time looked_at = absl::InfinitePast();  // When `replay_target` was read, or before.
  int64_t replayed_records = 0;
  std::string misfit = {};  // Of the group's offsets and the frontier, when they were read last.
  absl::Time misfit_since = absl::InfinitePast();
  bool rebuilding = false;   // Replays from the beginning after a wipe.
  bool is_rebuilt = false;   // Such a replay, of this process, has made what it holds.
  int void_rebuilds = 0;     // Of these, in a row, that were of no use when they ended.
  absl::Status rebuild_why;  // It is to be rebuilt as soon as it may be, and waits until then; OK: it is not.

  // The open epoch.
  bool touched = false;
  int64_t epoch_records = 0;                         // Of the epoch's events, those of the task.
  std::optional<Offset> pending_changelog_position;  // After the epoch's frontier, if the broker said where it is.
  BreakerCounts epoch_breaker;                       // This epoch's share; window_start unused.
  bool resumes = false;                              // A command ends its pause.

  BreakerCounts breaker;
  int breaker_trips = 0;                         // Pauses, without a good window between two.
  absl::Time resumed_at = absl::InfinitePast();  // When the last pause was over.
  int64_t retrying_at_pause = 0;                 // Of `retries_while_paused`.
  absl::Time last_commit = absl::InfinitePast();
  absl::Time last_checkpoint = absl::InfinitePast();
  int checkpoint_failures = 0;  // In a row.
  absl::Time last_checkpoint_complaint = absl::InfinitePast();
  Suspects suspects;    // Events of epochs that the broker refused.
  CrashMemory crashes;  // Events that end their process.
};

// A message about the task, which names it.
inline void LogOf(const Task& task, LogSink* log, LogLevel level, const std::string& message) {
  const std::string name = ToString(task.inputs.front().where);
  log->LogAbout(level, message, {.task = name});
}

// X2: it is not to do anything yet, since its epochs fail again and again.
inline bool IsHeld(const Task& task, absl::Time now) {
  return task.phase == TaskPhase::kPaused && task.held_until > now;
}

// An epoch may speak for it.
inline bool IsWritable(const Task& task) {
  return task.phase == TaskPhase::kRunning || task.phase == TaskPhase::kPaused;
}

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_H_
