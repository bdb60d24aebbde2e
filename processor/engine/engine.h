// The engine of one worker: what to do with events, sans I/O.
//
// One step function takes what happened and says what to do; the worker (processor/runtime) does it against Kafka's
// ports and feeds the outcome back. No threads, clocks, randomness or Kafka in here, so that tests and the simulator
// run the very code that ships. The only thing it reads by itself is the checkpoint store.
//
//   Engine engine(&plan, options, &store, &log, seed);
//   Actions actions;
//   engine.Step(event::Tick{clock.Read()}, &actions);   // then carry the actions out, clear them, feed the outcomes
//
// One epoch (the events of one transaction) is open at a time: events are processed only while no transaction is
// ending; the rest waits. A step of event::Continue runs events until the observer ends the slice, so that the worker
// can tick, seal, serve callbacks and stop between any two of them.
//
// Not thread-safe.
#ifndef ONCE_PROCESSOR_ENGINE_ENGINE_H_
#define ONCE_PROCESSOR_ENGINE_ENGINE_H_

#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/counters.h"
#include "processor/base/flow_counts.h"
#include "processor/base/log.h"
#include "processor/engine/checkpoints.h"
#include "processor/engine/commands.h"
#include "processor/engine/epochs.h"
#include "processor/engine/event_pipeline.h"
#include "processor/engine/memory.h"
#include "processor/engine/messages.h"
#include "processor/engine/opening_progress.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/scheduler.h"
#include "processor/engine/step.h"
#include "processor/engine/tally.h"
#include "processor/engine/tasks.h"

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

  // Whether records that were fetched, or parked events that are due, wait for event::Continue.
  bool has_work() const { return scheduler_.has_work(); }
  // Whether event::Continue does any of it: no transaction is ending, there is memory, and no task that is opened anew
  // has to take back first what is known of its event (X3).
  bool accepts_work() const { return epochs_.accepting() && !memory_.full() && !scheduler_.waits_for_named(); }
  // Whether there is memory for more of the changelogs under replay.
  bool accepts_replay() const { return !memory_.full(); }
  // Whether there is work but also a task that may be polled for without delay to others.
  bool is_hungry() const { return !memory_.full() && scheduler_.IsAnyTaskHungry(); }
  // An event has been announced that nothing but may be running when it is: see HandlerObserver::IsAlone.
  bool needs_solitude() const { return scheduler_.needs_solitude(); }
  // No epoch is open and no transaction is ending.
  bool idle() const { return !epochs_.open() && epochs_.accepting(); }
  // After StopRequested: all is committed and checkpointed.
  bool stopped() const;
  // How many tasks the next tick looks at (X7).
  size_t tasks_due() const { return tasks_.Due().size(); }
  // When the next Tick is needed at the latest, by the steady clock.
  absl::Time NextDeadline() const;

  // Where inputs of tasks that wait for a seek are to be read from.
  std::vector<TopicPartitionOffset> SeekTargets() const { return tasks_.SeekTargets(); }

  const Tasks::Map& tasks() const { return tasks_.all(); }
  Task* FindTask(const TaskId& id) const { return tasks_.Find(id); }
  // A task that has failed is tried again now. False if it has not failed.
  bool RetryTask(const TaskId& id) { return tasks_.Retry(id); }
  // Records of the open epoch.
  int64_t open_records() const { return epochs_.open() ? epochs_.current().records : 0; }
  const EventCounters& committed_counters() const { return epochs_.committed_counters(); }
  const FlowCounts& committed_flows() const { return epochs_.committed_flows(); }
  int64_t committed_epochs() const { return epochs_.committed_epochs(); }
  const EpochCounters& epoch_counters() const { return epochs_.epoch_counters(); }
  // As Epochs has them.
  const std::string& last_failure() const { return epochs_.last_failure(); }
  absl::Time last_failure_at() const { return epochs_.last_failure_at(); }
  const Committer& committer() const { return epochs_.committer(); }
  // As it was measured last.
  const MemoryUse& memory_use() const { return memory_.use(); }
  absl::Time memory_measured_at() const { return memory_.measured_at(); }
  size_t memory_share() const { return memory_.share(); }
  // No more is taken in for want of memory; and how often that has begun.
  bool intake_waits() const { return memory_.full(); }
  int64_t times_intake_waited() const { return memory_.times_full(); }

 private:
  // One for each kind of event; all outcomes of the producer's calls are alike.
  template <typename E>
  requires std::is_base_of_v<event::ProducerOutcome, E>
  void On(const E& outcome);
  void On(const event::Tick& tick);
  void On(const event::MemoryShare& share);
  void On(const event::Assigned& assigned);
  void On(const event::Revoked& revoked);
  void On(const event::Lost& lost);
  void On(const event::Records& records);
  void On(const event::Continue&);
  void On(const event::Replayed& replayed);
  void On(const event::TaskOffsetsFetched& fetched);
  void On(const event::SeekDone& done);
  void On(const event::CheckpointWritten& written);
  void On(const event::TopicsChecked& checked);
  void On(const event::StopRequested&);

  void Conclude(CommitVerdict verdict);
  void OnTickBetweenEpochs(const std::vector<Task*>& due);
  void AskForSeeks();
  void WriteCheckpoints();
  void WriteLastCheckpoints();
  void UnassignLeaving();
  void NoteWallClock(absl::Duration stepped);

  const EngineOptions options_;
  std::mt19937_64 random_;
  struct Step step_;
  Tasks tasks_;
  Epochs epochs_;
  EventPipeline pipeline_;
  Commands commands_;
  Scheduler scheduler_;
  Memory memory_;
  Checkpoints checkpoints_;
  OpeningProgress progress_;
  LogSink* const log_;
  HandlerObserver* const observer_;
  Tally wall_clock_steps_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_ENGINE_H_
