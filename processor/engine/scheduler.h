// What runs next: a fair choice among what tasks have to do, in slices between which the worker can do anything else.
//
// A task has three kinds of work: what was fetched for it (its backlog), parked events that are due, and commands. Each
// kind of each task is a queue of its own; the one whose handlers have run the least so far is next, so that none
// starves, whatever its handlers take (X1). Where handlers are fast it is simply one queue after the other.
//
//   scheduler.Take(batch);                           // distributes what was fetched
//   while (scheduler.has_work()) scheduler.RunSlice();
//
// A slice ends between two events: when the observer says so, when the transaction must end, or when nothing is left.
#ifndef ONCE_PROCESSOR_ENGINE_SCHEDULER_H_
#define ONCE_PROCESSOR_ENGINE_SCHEDULER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/commands.h"
#include "processor/engine/epochs.h"
#include "processor/engine/event_pipeline.h"
#include "processor/engine/handler_observer.h"
#include "processor/engine/options.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class Scheduler {
 public:
  // `observer` may be null: slices then last until nothing is left to do.
  Scheduler(const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks, Epochs* epochs,
            EventPipeline* pipeline, Commands* commands, HandlerObserver* observer)
      : options_(options),
        log_(log),
        step_(step),
        tasks_(tasks),
        epochs_(epochs),
        pipeline_(pipeline),
        commands_(commands),
        observer_(observer) {}

  void Take(const std::shared_ptr<const kafka::Batch>& batch);
  void RunSlice();
  // Something can run, unless a transaction is ending.
  bool has_work() const { return !turns_.empty() || unfinished_.has_value(); }
  // What was announced is to be run next, or may still be taken for what ends the process.
  bool needs_solitude() const;
  // And its task cannot speak now: other tasks run nothing either.
  bool waits_for_named() const;
  // A running task has nothing fetched, so others' backlogs are no reason not to poll.
  bool IsAnyTaskHungry() const;

  // After the clock has moved: charges what the last slice took.
  void Charge();
  // Parked events, and portions of commands, may have become due.
  void AddDueRetries(const std::vector<Task*>& due);
  // Tasks whose offsets the broker would forget, or never got, join the epoch (T9).
  void TouchOverdue(const std::vector<Task*>& due);

 private:
  enum class Kind : uint8_t { kNew, kParked, kControl };
  // One kind of work of one task, and how long it has run.
  struct Turn {
    absl::Duration used;
    uint64_t number = 0;  // First come, first served among equals.
    TaskId task;
    Kind kind = Kind::kNew;

    bool operator>(const Turn& other) const { return used != other.used ? used > other.used : number > other.number; }
  };

  void AddTurn(Task* task, Kind kind);
  static absl::Duration& UsedBy(Task* task, Kind kind) {
    if (kind == Kind::kControl) return task->control->work;
    return kind == Kind::kNew ? task->new_work : task->parked_work;
  }
  static bool& HasTurn(Task* task, Kind kind) {
    if (kind == Kind::kControl) return task->control->has_turn;
    return kind == Kind::kNew ? task->has_new_turn : task->has_parked_turn;
  }
  bool HasWork(const Task& task, Kind kind) const;
  // Works at one turn until it is over. True if the slice goes on with the next one.
  bool RunTurn(Task* task, Kind kind);
  // One record, end or error. False if it has to wait: the epoch is being ended before it.
  bool RunNext(Task* task);
  bool RunParked(Task* task);
  // One command, or a portion of one.
  bool RunControl(Task* task);
  bool RunCommand(Task* task, const RecordView& record);
  bool JoinForCommand(Task* task, const Place& place);
  void TakeCommands(Task* task, Fetched fetched);
  // Runs what has its turn.
  bool RunKind(Task* task, Kind kind);
  // How many events that are run in groups may be together.
  static int64_t GroupOf(const Task& task) {
    return task.suspects.empty() ? CrashMemory::kSmallEpoch : std::min(CrashMemory::kSmallEpoch, task.suspects.group());
  }
  bool JoinApart(Task* task, Suspects::Treatment treatment, int64_t group);
  // What an event (`place`; absent: none that runs handlers) is preceded by, and run with, because the process ended
  // before (X3). False if that must be committed first.
  bool Prepare(Task* task, Kind kind, size_t lane, const std::optional<Place>& place, Suspects::Treatment* treatment);
  // The crash memory's number for an input.
  static size_t LaneOf(const Task& task, const InputPosition* input) {
    return static_cast<size_t>(input - task.inputs.data());
  }
  bool IsAlone() const { return observer_ == nullptr || observer_->IsAlone(); }
  void BeginLanes(Task* task, size_t lane);
  bool RunNamed();
  // That task, if what is committed may still say so of its event.
  Task* FindNamed() const;
  void LookAtNamed();
  bool ProcessRecord(Task* task, InputPosition* input, const RecordView& record, const WindowKey& key);
  const WindowKey& WindowKeyOf(const Task& task, const Fetched& run);
  void ProcessEnd(Task* task, InputPosition* input, const kafka::EndOfPartition& end);
  void ProcessError(Task* task, InputPosition* input, const kafka::PartitionError& error);
  bool HandleOutcome(Task* task, const Outcome& outcome);
  void CountForBreaker(Task* task);
  // Consecutive records of one input become one item of its task's backlog.
  void TakeRecords(const std::shared_ptr<const kafka::Batch>& batch);
  void Push(const InputRef& ref, Fetched fetched);

  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  Tasks* const tasks_;
  Epochs* const epochs_;
  EventPipeline* const pipeline_;
  Commands* const commands_;
  HandlerObserver* const observer_;

  // Also looked at as a whole, in no order.
  class Turns : public std::priority_queue<Turn, std::vector<Turn>, std::greater<>> {
   public:
    const std::vector<Turn>& all() const { return c; }
  };

  Turns turns_;
  uint64_t next_turn_ = 0;
  absl::Duration pace_;  // What the turn that came last had used: who comes anew begins there.
  // What was announced last, and is run before anything else when that has committed.
  struct Named {
    TaskId task;
    Kind kind = Kind::kNew;
  };
  std::optional<Named> named_;
  absl::Time named_writable_at_ = absl::InfinitePast();
  std::optional<Turn> unfinished_;  // Cut short by the end of the slice; charged at the next tick.
  absl::Time slice_began_ = absl::InfinitePast();

  // Window keys of the run under way, from its cursor on: of records [keys_begin_, keys_end_) of the batch, each at its
  // number modulo the size. Few, so that they stay in the processor's first cache.
  const kafka::Batch* keys_of_ = nullptr;
  size_t keys_begin_ = 0;
  size_t keys_end_ = 0;
  std::array<WindowKey, 16> window_keys_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_SCHEDULER_H_
