// The engine of one worker: what to do with events, sans I/O.
//
// One step function takes what happened and says what to do; the worker (processor/runtime) does it against Kafka's
// ports and feeds the outcome back. No threads, clocks, randomness or Kafka in here, so that tests and the simulator
// run the very code that ships. The only thing it reads by itself is the checkpoint store.
//
//   Engine engine(&plan, options, &store, &log, seed);
//   Actions actions;
//   engine.Step(event::Tick{clock.Now()}, &actions);   // then carry the actions out, clear them, feed the outcomes
//
// One epoch (the events of one transaction) is open at a time: records are processed only while no transaction is
// ending; the rest waits as backlog.
//
// Not thread-safe.
#ifndef ONCE_PROCESSOR_ENGINE_ENGINE_H_
#define ONCE_PROCESSOR_ENGINE_ENGINE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/arena.h"
#include "processor/base/log.h"
#include "processor/engine/committer.h"
#include "processor/engine/counters.h"
#include "processor/engine/epoch.h"
#include "processor/engine/event_pipeline.h"
#include "processor/engine/messages.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"
#include "processor/engine/task_opener.h"

namespace once {

class Engine {
 public:
  // `plan`, `store`, `log` and `observer` must outlive this. `seed` makes the numbers of new changelogs.
  Engine(const Plan* plan, const EngineOptions& options, CheckpointStore* store, LogSink* log, uint64_t seed,
         HandlerObserver* observer = nullptr);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes one event in and adds what it asks for to `actions`, which must be empty: the views of the last step's
  // outputs are gone. The first event must be a Tick.
  void Step(const Event& event, Actions* actions);

  // Whether records of the last batch wait, for event::Continue when the transaction has ended.
  bool has_backlog() const { return batch_ != nullptr; }
  // No epoch is open and no transaction is ending.
  bool idle() const { return !epoch_.open && committer_.idle(); }
  // Tasks given up to a rebalance that are not unassigned yet.
  bool unassigning() const { return !leaving_.empty(); }
  // After StopRequested: all is committed and checkpointed.
  bool stopped() const;
  // When the next Tick is needed at the latest.
  absl::Time NextDeadline() const;

  // Where inputs of tasks that wait for a seek are to be read from.
  std::vector<TopicPartitionOffset> SeekTargets() const;

  const std::map<TaskId, std::unique_ptr<Task>>& tasks() const { return tasks_; }
  Task* FindTask(const TaskId& id) const;
  // Records of the open epoch.
  int64_t open_records() const { return epoch_.open ? epoch_.records : 0; }
  const EventCounters& committed_counters() const { return committed_counters_; }
  int64_t committed_epochs() const { return committed_epochs_; }
  const Committer& committer() const { return committer_; }

 private:
  struct InputRef {
    Task* task = nullptr;
    InputPosition* input = nullptr;
  };

  // One for each kind of event.
  void On(const event::Tick& tick);
  void On(const event::Assigned& assigned);
  void On(const event::Revoked& revoked);
  void On(const event::Lost& lost);
  void On(const event::Records& records);
  void On(const event::Continue&);
  void On(const event::Replayed& replayed);
  void On(const event::TaskOffsetsFetched& fetched);
  void On(const event::SeekDone& done);
  void On(const event::SendFailed& failed);
  void On(const event::Flushed& flushed);
  void On(const event::OffsetsSent& sent);
  void On(const event::CommitDone& done);
  void On(const event::AbortDone& done);
  void On(const event::ProducerReady& ready);
  void On(const event::CheckpointWritten& written);
  void On(const event::StopRequested&);

  // Input.
  void ProcessBacklog();
  bool ProcessRecord(const RecordView& record, const EventPipeline::WindowKey& key);
  const EventPipeline::WindowKey& WindowKeyOf(size_t index);
  void ProcessEnds(const kafka::Batch& batch);
  void ProcessErrors(const kafka::Batch& batch);
  bool HandleOutcome(Task* task, const Outcome& outcome);
  void RunParked();
  InputRef FindInput(uint32_t source, Partition partition) const;

  // Epochs.
  void OpenEpoch();
  bool MustSeal() const;
  void SealEpoch();
  absl::Status WriteChangelog(Task* task, uint64_t touched_index);
  void AbortEpoch();
  void Conclude(CommitVerdict verdict);
  void CommitEpoch();
  void DropEpoch();
  void CloseEpoch();
  void NoteRefusals(const std::vector<kafka::Delivery>& deliveries);

  // Tasks.
  void Reopen(Task* task);
  void RewindRunningTasks();
  void Pause(Task* task, const absl::Status& why);
  void ResumePausedTasks();
  void CountForBreaker(Task* task);
  void TouchOverdueTasks();
  void CheckpointTasks(bool all);
  bool MayCheckpoint(const Task& task) const;
  void ComplainOfCheckpoint(Task* task, const absl::Status& status);
  void StartCheckpoint(Task* task);
  void UnassignLeaving();
  void StoreFailed(Task* task, const absl::Status& status);
  void Halt(const absl::Status& status);

  const Plan* const plan_;
  const EngineOptions options_;
  LogSink* const log_;
  std::mt19937_64 random_;

  Arena arena_;
  Epoch epoch_;
  EventPipeline pipeline_;
  Committer committer_;
  TaskOpener opener_;
  Actions* actions_ = nullptr;  // Of the step under way.

  absl::Time now_ = absl::InfinitePast();
  std::map<TaskId, std::unique_ptr<Task>> tasks_;
  std::vector<std::vector<InputRef>> inputs_;  // [source][partition]
  std::vector<TaskId> leaving_;
  const kafka::Batch* batch_ = nullptr;
  size_t batch_cursor_ = 0;
  std::vector<EventPipeline::WindowKey> window_keys_;  // Of the batch's records, a little beyond the cursor.

  bool stopping_ = false;
  bool halted_ = false;
  std::optional<absl::Status> halt_after_commit_;
  std::vector<std::pair<Task*, absl::Status>> pause_after_commit_;
  std::optional<std::pair<Task*, absl::Status>> store_failure_;

  EventCounters committed_counters_;
  int64_t committed_epochs_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_ENGINE_H_
