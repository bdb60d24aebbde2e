// The step function: which room of the engine takes what happened.
#include "processor/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

Engine::Engine(const Plan* plan, const EngineOptions& options, CheckpointStore* store, LogSink* log, uint64_t seed,
               HandlerObserver* observer)
    : options_(options),
      random_(seed),
      tasks_(plan, &options_, store, log, &step_, [this] { return random_() | 1; }),
      epochs_(plan, &options_, log, &step_, &tasks_),
      pipeline_(plan, &options_, &epochs_.current(), log, observer),
      commands_(plan, &step_, &epochs_.current(), log, pipeline_.failures()),
      scheduler_(&options_, log, &step_, &tasks_, &epochs_, &pipeline_, &commands_, observer),
      memory_(&options_, log, &step_, &tasks_, &epochs_),
      checkpoints_(&options_, log, &step_, &tasks_, &memory_),
      progress_(log, &tasks_),
      log_(log),
      observer_(observer),
      wall_clock_steps_(LogLevel::kWarning, "steps of the wall clock",
                        "only stamps of records go by it; see that one time service alone sets it") {
  epochs_.SetMaxBytes(memory_.max_epoch_bytes());
}

void Engine::Step(const Event& event, Actions* actions) {
  step_.actions = actions;
  // Outputs of a step live in its arena until the worker has sent them, which it has by now.
  epochs_.BeginStep();
  pipeline_.ReleaseStep();
  commands_.ReleaseStep();
  if (step_.halted) return;
  const bool is_reading =
      std::holds_alternative<event::Tick>(event) || std::holds_alternative<event::MemoryShare>(event);
  if (!is_reading) memory_.NoteChange();
  std::visit([this](const auto& e) { On(e); }, event);
  // Whatever happened may have been the last thing that an orderly end waited for.
  if (step_.stopping && !step_.halted) epochs_.EndOrderly();
  UnassignLeaving();
}

void Engine::On(const event::Tick& tick) {
  NoteWallClock(step_.Look(tick.clock));
  // First of all: the clock has just been read, and the slice before it ends here (X1).
  scheduler_.Charge();
  epochs_.OnTick();
  // X7: also while a producer is replaced, however long that takes: events are fetched meanwhile.
  memory_.Measure(/*now=*/false);
  // A producer under replacement has fenced nothing yet, so what is committed may still change.
  if (epochs_.committer().phase() == CommitPhase::kRebuilding) return;
  progress_.TellIfDue(step_.now, memory_.full());
  // X7a: what follows looks at these only, however many tasks there are.
  const std::vector<Task*> due = tasks_.Due();
  if (!due.empty()) memory_.NoteChange();
  if (!step_.stopping) tasks_.RetryFailed(due);
  tasks_.LookAgainAtReplays(due);
  tasks_.RequestOffsets(due);
  checkpoints_.Write(due);
  if (epochs_.accepting()) OnTickBetweenEpochs(due);
  tasks_.Settle(due);
}

void Engine::OnTickBetweenEpochs(const std::vector<Task*>& due) {
  if (!step_.stopping && !tasks_.leaving()) {
    // Between epochs, since each of these changes what the next one may take.
    tasks_.ResumePaused(due);
    scheduler_.AddDueRetries(due);
    scheduler_.TouchOverdue(due);
  }
  // What the epoch holds becomes free when it has ended.
  if (epochs_.open() && (epochs_.MustSeal() || memory_.full())) epochs_.Seal();
  AskForSeeks();
}

// X6: what steps is told of, since stamps are wrong before it or after it.
void Engine::NoteWallClock(absl::Duration stepped) {
  // Far more than a clock that is slewed, or two readings that are not quite of the same moment.
  constexpr absl::Duration kStep = absl::Seconds(10);
  if (absl::AbsDuration(stepped) >= kStep) {
    epochs_.OnWallClockStepped();
    wall_clock_steps_.Count([&] {
      return absl::StrCat("by ", absl::FormatDuration(absl::Floor(stepped + absl::Milliseconds(500), absl::Seconds(1))),
                          " to ", absl::FormatTime(step_.wall, absl::UTCTimeZone()));
    });
  }
  wall_clock_steps_.Tell(step_.now, log_);
}

absl::Time Engine::NextDeadline() const {
  // While a transaction ends, or all does, what is due has to wait for that.
  constexpr absl::Duration kWait = absl::Milliseconds(20);
  absl::Time next = tasks_.NextDeadline();
  if (!epochs_.accepting() || step_.stopping) next = std::max(next, step_.now + kWait);
  return epochs_.open() ? std::min(next, epochs_.current().opened_at + options_.commit_interval) : next;
}

void Engine::On(const event::MemoryShare& share) {
  memory_.SetShare(share.bytes);
  epochs_.SetMaxBytes(memory_.max_epoch_bytes());
}

// X5: after a rebalance the client may read the partitions that are kept from anywhere; librdkafka 2.2 to 2.13 skips a
// record. They go on from our own positions.
void Engine::On(const event::Assigned& assigned) {
  tasks_.RewindRunning();
  tasks_.Assign(assigned.tasks);
  // Before they load anything they have their share of what there is.
  memory_.Measure(/*now=*/true);
}

void Engine::On(const event::Revoked& revoked) {
  // Their last epoch commits first, while we are a member still; then UnassignLeaving gives them back.
  tasks_.Leave(revoked.tasks);
  tasks_.RewindRunning();
  epochs_.Seal();
}

void Engine::On(const event::Lost& lost) {
  tasks_.Leave(lost.tasks);
  for (const TaskId& id : lost.tasks) {
    if (Task* const task = tasks_.Find(id); task != nullptr) task->crashes.GiveUp();
  }
  epochs_.Abort();
}

// A task leaves when no transaction speaks for it any more.
void Engine::UnassignLeaving() {
  if (!tasks_.leaving() || epochs_.open()) return;
  if (!epochs_.accepting() && epochs_.committer().phase() != CommitPhase::kRebuilding) return;
  if (epochs_.EndOrderly()) return;
  tasks_.UnassignLeaving();
}

void Engine::On(const event::Records& records) { scheduler_.Take(records.batch); }

void Engine::On(const event::Continue&) {
  if (!memory_.full() && !scheduler_.waits_for_named()) scheduler_.RunSlice();
}

void Engine::On(const event::TaskOffsetsFetched& fetched) { tasks_.OnOffsets(fetched); }

void Engine::On(const event::Replayed& replayed) {
  tasks_.OnReplayed(*replayed.batch);
  if (step_.halted) return;
  memory_.Measure(/*now=*/false);
  checkpoints_.Write(tasks_.Due());
}

// X5: each task by itself.
void Engine::On(const event::SeekDone& done) {
  // Nothing may be processed before a producer under replacement is back; the seek comes again then.
  if (epochs_.accepting()) tasks_.OnSought(done);
}

// X2: whatever the outcome, what came with it is heard first.
template <typename E>
requires std::is_base_of_v<event::ProducerOutcome, E>
void Engine::On(const E& outcome) {
  // Deliveries before the verdict: a refusal among them decides what follows from it.
  epochs_.Hear(outcome);
  const CommitVerdict verdict = epochs_.On(outcome);
  Conclude(verdict);
  // X1: while every event outlasts the commit interval, each tick finds an epoch that must end first.
  if (verdict != CommitVerdict::kPending) AskForSeeks();
}

void Engine::AskForSeeks() {
  if (step_.halted || !epochs_.accepting()) return;
  tasks_.LookAtEnded();
  if (!SeekTargets().empty()) step_.Ask(action::Seek{});
}

void Engine::Conclude(CommitVerdict verdict) {
  switch (verdict) {
    case CommitVerdict::kPending:
      return;
    case CommitVerdict::kReady:
      return WriteLastCheckpoints();
    case CommitVerdict::kCommitted:
      epochs_.Commit();
      for (const Place& place : epochs_.TakeSettled()) {
        if (observer_ != nullptr) observer_->Settled(place);
      }
      if (step_.halted) return;
      // Now what the epoch has read can be dropped, and what it wrote be checkpointed.
      memory_.Measure(/*now=*/false);
      WriteCheckpoints();
      // Its producer is being replaced: what is fetched meanwhile would have to wait.
      if (!epochs_.accepting()) tasks_.RewindRunning();
      return;
    case CommitVerdict::kAborted:
      epochs_.Drop();
      tasks_.RewindRunning();
      return WriteLastCheckpoints();
    case CommitVerdict::kUnknown:
      epochs_.Drop();
      // I7: what is committed is found out by reading offsets and changelogs; nothing is replayed from memory (T5).
      tasks_.ReopenAll();
      return;
    case CommitVerdict::kHopeless:
      return step_.Halt(absl::FailedPreconditionError(
          absl::StrCat(epochs_.committer().error(),
                       "; check that the application may write with its transactional.id and that no other"
                       " instance runs under the same instance_id")));
  }
}

void Engine::On(const event::CheckpointWritten& written) {
  checkpoints_.OnWritten(written);
  // What became dirty while that one was written goes with a last one.
  WriteLastCheckpoints();
}

// F5: however the last epoch of an orderly end has ended.
void Engine::WriteLastCheckpoints() {
  if (step_.stopping && !step_.halted && idle()) checkpoints_.WriteAll();
}

// After a commit: no epoch speaks for any task.
void Engine::WriteCheckpoints() {
  if (step_.stopping) return checkpoints_.WriteAll();
  checkpoints_.Write(tasks_.Due());
}

void Engine::On(const event::TopicsChecked& checked) { tasks_.SetTopicProblems(checked.problems); }

void Engine::On(const event::StopRequested&) {
  step_.stopping = true;
  epochs_.OnStop();
  // Each may try once more.
  for (const auto& [id, task] : tasks()) task->checkpoint_failures = 0;
  if (epochs_.open()) {
    epochs_.Seal();
  } else if (epochs_.accepting()) {
    checkpoints_.WriteAll();
  }
}

bool Engine::stopped() const {
  if (!step_.stopping || !idle()) return false;
  // F5: the process must not end while its last checkpoint is being written.
  return std::none_of(tasks().begin(), tasks().end(),
                      [](const auto& entry) { return entry.second->state.checkpoint_under_way(); });
}

}  // namespace once
