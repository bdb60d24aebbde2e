// Epochs: how one is opened and sealed, and what follows from each outcome of its transaction.
//
// What an epoch's end brings is heard once, on every way out (X2): Hear takes the delivery reports of each outcome
// before the outcome is judged. An epoch that ends without a commit because something failed holds the tasks that it
// concerns back, longer each time; see FailingEpochs.
//
// One epoch is open at a time. What makes a task pause or fail waits for the epoch's end, so that everything done
// before it commits.
#ifndef ONCE_PROCESSOR_ENGINE_EPOCHS_H_
#define ONCE_PROCESSOR_ENGINE_EPOCHS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/counters.h"
#include "processor/base/flow_counts.h"
#include "processor/base/log.h"
#include "processor/engine/committer.h"
#include "processor/engine/epoch.h"
#include "processor/engine/failing_epochs.h"
#include "processor/engine/options.h"
#include "processor/engine/output_stamps.h"
#include "processor/engine/plan.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class Epochs {
 public:
  Epochs(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks);

  // A step begins: its outputs go to `step.actions`, and the last one's bytes are gone.
  void BeginStep();

  Epoch& current() { return epoch_; }
  const Epoch& current() const { return epoch_; }
  bool open() const { return epoch_.open; }
  // No transaction is ending: events may join.
  bool accepting() const { return committer_.idle(); }
  const Committer& committer() const { return committer_; }

  // Makes sure that an epoch is open and speaks for the task.
  void Join(Task* task);
  // An event of the task, which has joined, is in the epoch.
  void NoteRecord(Task* task) {
    ++epoch_.records;
    ++task->epoch_records;
  }
  // Likewise, for what its crash memory has to say.
  void JoinToNote(Task* task) {
    Join(task);
    epoch_.is_note = true;
  }
  bool MustSeal() const;
  // It is full with so many bytes of outputs, parked events and state.
  void SetMaxBytes(int64_t bytes) { max_bytes_ = bytes; }
  bool IsFull() const { return epoch_.records >= options_->max_epoch_records || epoch_.bytes >= max_bytes_; }
  void Seal();
  void Abort();
  // Tasks that are given back, or all at an orderly end, say that they were, where that is news (X3). True if they do
  // so in an epoch of their own, which was sealed.
  bool EndOrderly();

  // The task pauses once this epoch has ended.
  void PauseAfterwards(Task* task, absl::Status why, absl::Duration length, bool retries_go_on) {
    pause_afterwards_.push_back({task, std::move(why), length, retries_go_on});
  }
  // The task's store failed: the epoch is dropped, and the task rebuilt.
  void FailStore(Task* task, absl::Status status);

  void OnStop() { committer_.OnStop(step_->now); }
  void OnTick() { committer_.OnTick(step_->now, step_->actions); }
  // What was found out of how wrong the wall clock is holds no more.
  void OnWallClockStepped() { stamps_ = Stamps(*plan_); }
  // What came with an outcome, before it is judged.
  void Hear(const event::ProducerOutcome& outcome);
  // Outcomes of the transaction's calls; the caller must act on the verdict, by Commit or Drop.
  CommitVerdict On(const event::BeginFailed& failed);
  CommitVerdict On(const event::SendFailed& failed);
  CommitVerdict On(const event::Delivered& delivered);
  CommitVerdict On(const event::Flushed& flushed);
  CommitVerdict On(const event::OffsetsSent& sent);
  CommitVerdict On(const event::CommitDone& done);
  CommitVerdict On(const event::AbortDone& done);
  CommitVerdict On(const event::ProducerReady& ready);
  // The epoch took effect.
  void Commit();
  // Suspects of crashes that have come to their end by what took effect since the last call.
  std::vector<Place> TakeSettled() { return std::exchange(settled_, {}); }
  // Nothing of the epoch ever was: state, IDs, statuses and positions are as committed.
  void NoteOutgrown();
  void Drop();

  const EventCounters& committed_counters() const { return committed_counters_; }
  const FlowCounts& committed_flows() const { return committed_flows_; }
  int64_t committed_epochs() const { return epoch_counters_.committed; }
  const EpochCounters& epoch_counters() const { return epoch_counters_; }
  // What the last epoch that was dropped failed of, in words, and when, by the wall clock; empty: none has been.
  const std::string& last_failure() const { return last_failure_; }
  absl::Time last_failure_at() const { return last_failure_at_; }

 private:
  struct PlannedPause {
    Task* task = nullptr;
    absl::Status why = {};
    absl::Duration length = {};
    bool retries_go_on = false;
  };

  // When the judgement of a topic's stamps was moved last.
  struct Restamped {
    EpochNumber in = {};
    bool is_new = true;  // And not one that was tried before.
  };

  void JoinEnding();
  absl::Status WriteChangelog(Task* task, uint64_t touched_index);
  void NoteDelivered(const kafka::Delivery& delivery);
  void NoteFailure(const kafka::Delivery& delivery);
  void NoteRefusals(const std::vector<kafka::Delivery>& deliveries);
  void NoteRefusedStamp(const kafka::Delivery& delivery);
  Suspects::Ran WhatRan(const Task& task) const;
  // Keeps why the epoch is given up, if that was decided just now.
  CommitVerdict Judged(const kafka::Result& result, CommitVerdict verdict);
  Task* TaskOf(const kafka::Delivery& delivery) const;
  void CountCommit();
  void CountDrop(const EpochFailure& failure, bool is_of_store);
  void Close();

  const Plan* const plan_;
  const EngineOptions* const options_;
  Step* const step_;
  Tasks* const tasks_;

  Arena arena_;
  Stamps stamps_;
  std::map<uint32_t, Restamped> restamped_;  // By topic.
  FlowCounts committed_flows_;
  Epoch epoch_;
  int64_t max_bytes_;
  Committer committer_;
  EpochFailure failure_;  // Of the epoch that is open.
  FailingEpochs failing_;
  absl::Status same_log_;  // Whether the changelogs that the open epoch was delivered to are those of before.
  std::map<TaskId, Suspects::Ran> ran_;  // What was in the last epoch, if it was dropped.
  std::vector<PlannedPause> pause_afterwards_;
  std::vector<Place> settled_;
  std::optional<std::pair<Task*, absl::Status>> store_failure_;
  EventCounters committed_counters_;
  EpochCounters epoch_counters_;
  std::string last_failure_;
  absl::Time last_failure_at_ = absl::InfinitePast();
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EPOCHS_H_
