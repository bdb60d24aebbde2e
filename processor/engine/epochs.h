// Epochs: how one is opened and sealed, and what follows from each outcome of its transaction.
//
// One epoch is open at a time. What makes a task pause or the application halt waits for the epoch's end, so that
// everything done before it commits.
#ifndef ONCE_PROCESSOR_ENGINE_EPOCHS_H_
#define ONCE_PROCESSOR_ENGINE_EPOCHS_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/log.h"
#include "processor/engine/committer.h"
#include "processor/engine/counters.h"
#include "processor/engine/epoch.h"
#include "processor/engine/options.h"
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
  bool MustSeal() const;
  bool IsFull() const {
    return epoch_.records >= options_->max_epoch_records || epoch_.bytes >= options_->max_epoch_bytes;
  }
  void Seal();
  void Abort();

  // The task pauses, or the application halts, once this epoch has ended.
  void PauseAfterwards(Task* task, absl::Status why, bool retries_go_on) {
    pause_afterwards_.push_back({task, std::move(why), retries_go_on});
  }
  void HaltAfterwards(absl::Status why) { halt_afterwards_ = std::move(why); }
  // The task's store failed: the epoch is dropped, and the task rebuilt.
  void FailStore(Task* task, absl::Status status);

  void OnTick() { committer_.OnTick(step_->now, step_->actions); }
  void OnSendFailed(const kafka::Result& result);
  // Outcomes of the transaction's calls; the caller must act on the verdict, by Commit or Drop.
  CommitVerdict OnFlushed(const event::Flushed& flushed);
  CommitVerdict OnOffsetsSent(const event::OffsetsSent& sent) {
    return committer_.OnOffsetsSent(sent.result, step_->now, step_->actions);
  }
  CommitVerdict OnCommitDone(const event::CommitDone& done) {
    return committer_.OnCommitDone(done, step_->now, step_->actions);
  }
  CommitVerdict OnAbortDone(const event::AbortDone& done) {
    return committer_.OnAbortDone(done, step_->now, step_->actions);
  }
  CommitVerdict OnProducerReady(const event::ProducerReady& ready) {
    return committer_.OnProducerReady(ready.result, step_->now);
  }
  // The epoch took effect.
  void Commit();
  // Nothing of the epoch ever was: state, IDs, statuses and positions are as committed.
  void Drop();

  const EventCounters& committed_counters() const { return committed_counters_; }
  int64_t committed_epochs() const { return committed_epochs_; }

 private:
  struct PlannedPause {
    Task* task = nullptr;
    absl::Status why = {};
    bool retries_go_on = false;
  };

  absl::Status WriteChangelog(Task* task, uint64_t touched_index);
  void NoteRefusals(const std::vector<kafka::Delivery>& deliveries);
  void Close();

  const Plan* const plan_;
  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  Tasks* const tasks_;

  Arena arena_;
  Epoch epoch_;
  Committer committer_;
  std::optional<absl::Status> halt_afterwards_;
  std::vector<PlannedPause> pause_afterwards_;
  std::optional<std::pair<Task*, absl::Status>> store_failure_;
  EventCounters committed_counters_;
  int64_t committed_epochs_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EPOCHS_H_
