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
#include "processor/engine/options.h"
#include "processor/engine/parking.h"
#include "processor/engine/plan.h"
#include "state/idempotency_window.h"
#include "state/task_state.h"

namespace once {

enum class TaskPhase {
  kOpening,    // Waits for event::TaskOffsetsFetched.
  kReplaying,  // Reads its changelog.
  kRunning,
  kPaused,  // By the breaker, or held back, until `resume_at`.
};

// Offsets of one input partition. The engine's own: a consumer's position is never asked.
struct InputPosition {
  SourceIndex source = 0;
  TopicPartition where = {};
  Offset next = {};                      // The next offset to process; records below it are dropped.
  std::optional<Offset> committed = {};  // What the group has, as far as known.
  Offset start = {};                     // Where the task began to read it, if nothing is committed.
};

// Counts of the breaker's current window.
struct BreakerCounts {
  absl::Time window_start = absl::InfinitePast();
  int64_t finished = 0;
  int64_t failed = 0;
};

struct Refusal {
  std::string reason;
  EpochNumber epoch = {};  // In which it was seen first: another of its records may be refused in the same.
};

struct Task {
  Task(const TaskId& task_id, const Plan& plan, const EngineOptions& options, CheckpointStore* store)
      : id(task_id),
        changelog(plan.changelog(task_id)),
        state(store, TaskPrefix(plan.group(task_id.group).name, task_id.partition)),
        window({.retention = options.idempotency_retention, .max_ids = options.idempotency_max_ids}),
        parking(&state) {
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
  absl::Time held_until = absl::InfinitePast();  // Not to run before: its epochs fail again and again.

  std::vector<InputPosition> inputs;  // In the order of the group's sources.
  TaskState state;
  IdempotencyWindow window;
  Parking parking;

  v1::Frontier frontier;                     // The last committed one, or the default.
  bool state_is_loaded = false;              // The memory holds the state as of `changelog_position`.
  Offset changelog_position;                 // The changelog offset that the committed state stands for.
  std::optional<CheckpointMeta> checkpoint;  // As found when the task was opened.
  Offset replay_target;
  int64_t replayed_records = 0;
  std::string misfit = {};                // Of the group's offsets and the frontier, when they were read last.
  bool rebuilding = false;                // Replays from the beginning after a wipe.
  absl::Status rebuild_after_checkpoint;  // Why it is to be rebuilt once the write under way has ended; OK: it is not.

  // The open epoch.
  bool touched = false;
  std::optional<Offset> pending_changelog_position;  // After the epoch's frontier, if the broker said where it is.
  BreakerCounts epoch_breaker;                       // This epoch's share; window_start unused.

  BreakerCounts breaker;
  absl::Time last_commit = absl::InfinitePast();
  absl::Time last_checkpoint = absl::InfinitePast();
  int checkpoint_failures = 0;  // In a row.
  absl::Time last_checkpoint_complaint = absl::InfinitePast();
  // Events that a broker refused to take the output of, by their place: failed when seen again.
  std::map<std::pair<TopicPartition, Offset>, Refusal> refused;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_TASK_H_
