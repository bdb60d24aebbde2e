// What goes into the engine's step function and what comes out of it.
//
// The worker feeds events (something happened) and carries out actions (make something happen); the outcome of an
// action is a later event. Nothing else passes between the engine and the world but reads of the checkpoint store.
#ifndef ONCE_PROCESSOR_ENGINE_MESSAGES_H_
#define ONCE_PROCESSOR_ENGINE_MESSAGES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/record.h"
#include "processor/base/reused.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"
#include "state/task_state.h"

namespace once {

// What a partition's log holds: offsets from `begin` to below `end`.
struct LogBounds {
  Offset begin;
  Offset end;
};

// A fact of a topic that is not what it was at the start, in words (X8).
struct TopicProblem {
  std::string topic;
  std::optional<Partition> partition = std::nullopt;  // Absent: of all its partitions.
  absl::Status why = {};
};

namespace event {

// The clocks were read. Due retries, seals and checkpoints follow from it.
struct Tick {
  ClockReading clock = {};
};
// The memory that the worker may use from now on, in bytes.
struct MemoryShare {
  size_t bytes = 0;
};
// Rebalance. After Revoked and Lost the engine answers with action::Unassign when it is done with the tasks.
struct Assigned {
  std::vector<TaskId> tasks;
};
struct Revoked {
  std::vector<TaskId> tasks;
};
struct Lost {
  std::vector<TaskId> tasks;
};
// Consumed records: they join the backlogs of their tasks. The batch must not change while the engine holds it.
struct Records {
  std::shared_ptr<const kafka::Batch> batch;
};
// Run a slice of what there is to do, see Engine::has_work(): until the handlers' observer says that it is over.
struct Continue {};
// Records of changelogs under replay.
struct Replayed {
  const kafka::Batch* batch = nullptr;
};

// What a task needs to know of the cluster when it opens, read in this order.
struct TaskOffsets {
  std::map<TopicPartition, Offset> committed;  // Stable; without those that are not there.
  Offset changelog_begin;
  Offset changelog_end;                           // High watermark, read after `committed`.
  std::map<TopicPartition, Offset> start;         // Where inputs without a committed offset are to begin.
  std::map<TopicPartition, LogBounds> logs = {};  // Of all inputs, read after `committed`; absent: not known.
  // By topic, of the changelog and the inputs, read after all else; absent: not known.
  std::map<std::string, std::string> topic_ids = {};
};
struct TaskOffsetsFetched {
  TaskId task;
  absl::StatusOr<TaskOffsets> offsets;
  uint64_t request = 0;  // The number that the action gave.
};
struct SeekDone {
  std::vector<TopicPartitionOffset> targets;      // What was to be sought.
  std::vector<kafka::SeekFailure> failures = {};  // Those of them that could not be.
};

// What a call to the producer brought. Rule X2: the delivery reports that came since the last outcome come with every
// one, however the transaction goes on; Engine hears of them before it judges the result.
struct ProducerOutcome {
  kafka::Result result = {};
  std::vector<kafka::Delivery> deliveries = {};
  bool suspicious = false;                     // See TransactionalProducer::TakeSuspicion.
  absl::Time at = absl::InfinitePast();        // When the call had returned, by the steady clock.
  absl::Duration took = absl::ZeroDuration();  // The call alone.
};
// A failed begin or send voids what its step wants for the transaction: see action::kOfTransaction.
struct BeginFailed : ProducerOutcome {};
struct SendFailed : ProducerOutcome {};
// Reports that came with no call of ours; the result is OK.
struct Delivered : ProducerOutcome {};
struct Flushed : ProducerOutcome {};
struct OffsetsSent : ProducerOutcome {};
struct CommitDone : ProducerOutcome {};
struct AbortDone : ProducerOutcome {};
// The reports are those of the producer that was replaced.
struct ProducerReady : ProducerOutcome {};

struct CheckpointWritten {
  TaskId task;
  uint64_t generation = 0;
  absl::Status status;
};
// All that the topics' watch has found by now; it replaces what it found before.
struct TopicsChecked {
  std::vector<TopicProblem> problems;
};
// Finish what is open, then checkpoint everything.
struct StopRequested {};

}  // namespace event

using Event = std::variant<event::Tick, event::MemoryShare, event::Assigned, event::Revoked, event::Lost,
                           event::Records, event::Continue, event::Replayed, event::TaskOffsetsFetched, event::SeekDone,
                           event::BeginFailed, event::SendFailed, event::Delivered, event::Flushed, event::OffsetsSent,
                           event::CommitDone, event::AbortDone, event::ProducerReady, event::CheckpointWritten,
                           event::TopicsChecked, event::StopRequested>;

// Each says whether it belongs to the open transaction (X2). One that does is void when the step's begin or send has
// failed: the failure is its answer. All others are carried out whatever becomes of the transaction.
namespace action {

struct Flush {
  static constexpr bool kOfTransaction = true;
};
struct SendOffsets {
  static constexpr bool kOfTransaction = true;
  std::vector<TopicPartitionOffset> offsets;
};
struct Commit {
  static constexpr bool kOfTransaction = true;
};
struct Abort {
  static constexpr bool kOfTransaction = false;
};
// Destroy the producer, make one with the same id, InitTransactions.
struct RebuildProducer {
  static constexpr bool kOfTransaction = false;
};

// How long a task's first look-up of its offsets waits for an answer.
inline constexpr absl::Duration kFirstPatience = absl::Milliseconds(500);

// Read event::TaskOffsets of all these tasks, beside everything else. Each has an answer of its own, as soon as it can.
struct FetchTaskOffsets {
  static constexpr bool kOfTransaction = false;
  std::vector<TaskId> tasks = {};
  uint64_t request = 0;
  absl::Duration patience = absl::ZeroDuration();  // What is not known by then is unavailable.
};
struct StartReplay {
  static constexpr bool kOfTransaction = false;
  TopicPartitionOffset from;
};
struct StopReplay {
  static constexpr bool kOfTransaction = false;
  TopicPartition changelog;
};
// Seek to Engine::SeekTargets() as they are then.
struct Seek {
  static constexpr bool kOfTransaction = false;
};
// Leave the group and join it anew, at the next turn: the one way to read a partition again whose reading has ended.
struct Rejoin {
  static constexpr bool kOfTransaction = false;
};
// Revoked or lost tasks are done with: give the partitions of all their inputs back.
struct Unassign {
  static constexpr bool kOfTransaction = false;
  std::vector<TaskId> tasks;
};
struct WriteCheckpoint {
  static constexpr bool kOfTransaction = false;
  TaskId task;
  TaskState::FrozenBatch batch;
};
// Nothing more is possible: leave the group and report the error.
struct Halt {
  static constexpr bool kOfTransaction = false;
  absl::Status status;
};

}  // namespace action

using Action = std::variant<action::Flush, action::SendOffsets, action::Commit, action::Abort, action::RebuildProducer,
                            action::FetchTaskOffsets, action::StartReplay, action::StopReplay, action::Seek,
                            action::Rejoin, action::Unassign, action::WriteCheckpoint, action::Halt>;

// What one step wants. `begin` first, then the outputs, then `control` in order. The outputs' views hold until the
// next step; the one who carries them out clears this.
struct Actions {
  bool begin = false;
  std::vector<OutputRecord> outputs;
  std::vector<Action> control;

  bool empty() const { return !begin && outputs.empty() && control.empty(); }
  void Clear() {
    begin = false;
    outputs_room_.Clear(&outputs);
    control.clear();
  }

 private:
  Reused outputs_room_;  // One event may have millions of outputs.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_MESSAGES_H_
