// How a transaction ends: the order of its calls, and what each answer means.
//
//   Seal:   flush -> send offsets -> commit -> committed
//   Abort:  abort -> aborted
//   begin refused, and only that -> nothing began: as aborted, without a call
//   an abortable error of send, flush, offsets or commit -> abort
//   anything else -> rebuild the producer; the outcome is unknown to us until offsets and changelog are read again
//
// Once commit was called, only its success is "committed"; only a successful abort is "aborted". A retriable answer
// means the same call with the same arguments again, after a pause, until the transaction's time is over. A producer
// whose transaction ended under suspicion (a transport or coordinator error meanwhile) is rebuilt before the next one:
// a delayed duplicate of its end request could end that one too.
//
// Two instances with one transactional id take it from each other for ever: who is fenced again and again waits longer
// each time before it makes a new producer, which fences the other one (T12).
#ifndef ONCE_PROCESSOR_ENGINE_COMMITTER_H_
#define ONCE_PROCESSOR_ENGINE_COMMITTER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/messages.h"
#include "processor/engine/recurring_failure.h"

namespace once {

enum class CommitPhase { kIdle, kFlushing, kSendingOffsets, kCommitting, kAborting, kRebuilding };

// What a step of the committer concluded.
enum class CommitVerdict {
  kPending,
  kCommitted,
  kAborted,
  kUnknown,   // The producer is being rebuilt; afterwards everything is read again.
  kReady,     // The rebuilt producer is initialised.
  kHopeless,  // The producer cannot be made, and no waiting mends that; see error().
};

// Not thread-safe.
class Committer {
 public:
  Committer(absl::Duration transaction_timeout, absl::Duration retry_interval, LogSink* log)
      : transaction_timeout_(transaction_timeout), retry_interval_(retry_interval), log_(log) {}

  CommitPhase phase() const { return phase_; }
  bool idle() const { return phase_ == CommitPhase::kIdle; }

  // Starts the end of the open transaction; `offsets` must not be empty.
  void Seal(std::vector<TopicPartitionOffset> offsets, absl::Time now, Actions* actions);
  // Gives the open transaction up; nothing if its abort or its producer's replacement is under way.
  void Abort(absl::Time now, Actions* actions);

  // Everything is to end: a producer is replaced without a pause.
  void OnStop(absl::Time now);
  // Repeats a call whose pause is over.
  void OnTick(absl::Time now, Actions* actions);
  // Outcomes. They are of the transaction under way whatever its phase: a begin or send that failed voids the calls
  // that its step wanted after it.
  CommitVerdict OnBeginFailed(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnSendFailed(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnFlushed(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnOffsetsSent(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnCommitDone(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnAbortDone(const kafka::Result& result, absl::Time now, Actions* actions);
  CommitVerdict OnProducerReady(const kafka::Result& result, absl::Time now);
  // Something of a call, or between calls, was suspicious: see TransactionalProducer::TakeSuspicion.
  void NoteSuspicion() { is_suspicious_ = true; }

  // The last error, for messages: which call failed, and how.
  const std::string& error() const { return error_; }
  int64_t rebuilds() const { return rebuilds_; }

 private:
  void Issue(Actions* actions);
  CommitVerdict Fail(const char* what, const kafka::Result& result, absl::Time now, Actions* actions);
  void StartRebuild(absl::Duration pause, absl::Time now, Actions* actions);
  absl::Duration FencingPause(const kafka::Result& result, absl::Time now);

  const absl::Duration transaction_timeout_;
  const absl::Duration retry_interval_;
  LogSink* const log_;

  CommitPhase phase_ = CommitPhase::kIdle;
  // Since the producer began: what a commit that fails has told still holds for the abort.
  bool is_suspicious_ = false;
  std::vector<TopicPartitionOffset> offsets_;
  absl::Time deadline_ = absl::InfiniteFuture();
  absl::Time retry_at_ = absl::InfiniteFuture();
  std::string error_;
  int64_t rebuilds_ = 0;
  RecurringFailure rebuilding_;
  absl::Time fenced_at_ = absl::InfinitePast();
  int fencings_ = 0;  // In a row, one soon after the other.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_COMMITTER_H_
