// The order of calls at a transaction's end, and what each answer means (T1 to T5). The worker makes the calls.
#include "processor/engine/committer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

namespace {
// An answer that says that the producer is finished, of a kind that nobody has listed, is given this long.
constexpr absl::Duration kPatience = absl::Minutes(2);
// An instance that takes over from one that hangs fences it once, and that one its successor at most.
constexpr int kFencingsBeforePause = 2;
constexpr absl::Duration kFirstFencingPause = absl::Seconds(1);
// Beyond the last pause: who has worked for so long is not fought over.
constexpr absl::Duration kFencingMemory = absl::Minutes(1);
}  // namespace

void Committer::Seal(std::vector<TopicPartitionOffset> offsets, absl::Time now, Actions* actions) {
  // Kept until the end, so that SendOffsets can be repeated as it was.
  offsets_ = std::move(offsets);
  deadline_ = now + transaction_timeout_;
  phase_ = CommitPhase::kFlushing;
  Issue(actions);
}

void Committer::Abort(absl::Time now, Actions* actions) {
  // An end that is under way is not begun again: its answer decides.
  if (phase_ == CommitPhase::kAborting || phase_ == CommitPhase::kRebuilding) return;
  deadline_ = now + transaction_timeout_;
  phase_ = CommitPhase::kAborting;
  Issue(actions);
}

void Committer::StartRebuild(absl::Duration pause, absl::Time now, Actions* actions) {
  ++rebuilds_;
  // T4: the suspicion was the old producer's; initialising the new one fences it, delayed requests included.
  is_suspicious_ = false;
  phase_ = CommitPhase::kRebuilding;
  if (pause <= absl::ZeroDuration()) return Issue(actions);
  retry_at_ = now + pause;
}

absl::Duration Committer::FencingPause(const kafka::Result& result, absl::Time now) {
  if (!result.fenced) return absl::ZeroDuration();
  const auto pause_of = [](int fencings) {
    constexpr int kDoublings = 10;
    const int doublings = std::min(fencings - kFencingsBeforePause - 1, kDoublings);
    return doublings < 0 ? absl::ZeroDuration() : std::min(kFirstFencingPause * (1 << doublings), kLongestPause);
  };
  if (now - fenced_at_ > pause_of(fencings_) + kFencingMemory) fencings_ = 0;
  fenced_at_ = now;
  return pause_of(++fencings_);
}

void Committer::OnStop(absl::Time now) {
  if (phase_ == CommitPhase::kRebuilding && retry_at_ != absl::InfiniteFuture()) retry_at_ = now;
}

// Asks for the call of the current phase.
void Committer::Issue(Actions* actions) {
  retry_at_ = absl::InfiniteFuture();
  switch (phase_) {
    case CommitPhase::kIdle:
      return;
    case CommitPhase::kFlushing:
      actions->control.emplace_back(action::Flush{});
      return;
    case CommitPhase::kSendingOffsets:
      actions->control.emplace_back(action::SendOffsets{offsets_});
      return;
    case CommitPhase::kCommitting:
      actions->control.emplace_back(action::Commit{});
      return;
    case CommitPhase::kAborting:
      actions->control.emplace_back(action::Abort{});
      return;
    case CommitPhase::kRebuilding:
      actions->control.emplace_back(action::RebuildProducer{});
      return;
  }
}

void Committer::OnTick(absl::Time now, Actions* actions) {
  // The same call again: flush, offsets, commit and abort may all be repeated.
  if (now >= retry_at_) Issue(actions);
}

CommitVerdict Committer::Fail(const char* what, const kafka::Result& result, absl::Time now, Actions* actions) {
  error_ = absl::StrCat(what, " failed: ", kafka::ToString(result));
  const bool in_time = now < deadline_;
  if (result.error == kafka::ErrorClass::kRetriable && in_time) {
    retry_at_ = now + retry_interval_;
    return CommitVerdict::kPending;
  }
  // Before commit was called, giving up is safe. Afterwards a timeout says nothing about the outcome.
  const bool may_abort = result.error == kafka::ErrorClass::kAbortable ||
                         (result.error == kafka::ErrorClass::kRetriable && phase_ != CommitPhase::kCommitting);
  // An abort that fails abortably has not aborted: whether it will is not known (T5).
  if (may_abort && phase_ != CommitPhase::kAborting) {
    Abort(now, actions);
    return CommitVerdict::kPending;
  }
  StartRebuild(FencingPause(result, now), now, actions);
  return CommitVerdict::kUnknown;
}

CommitVerdict Committer::OnBeginFailed(const kafka::Result& result, absl::Time now, Actions* actions) {
  error_ = absl::StrCat("beginning a transaction failed: ", kafka::ToString(result));
  // The abort that the step asked for is still carried out.
  if (phase_ == CommitPhase::kAborting) return CommitVerdict::kPending;
  retry_at_ = absl::InfiniteFuture();
  switch (result.error) {
    case kafka::ErrorClass::kNone:
    case kafka::ErrorClass::kRetriable:
      phase_ = CommitPhase::kIdle;
      return CommitVerdict::kAborted;
    case kafka::ErrorClass::kAbortable:
      Abort(now, actions);
      return CommitVerdict::kPending;
    case kafka::ErrorClass::kFatal:
      break;
  }
  StartRebuild(FencingPause(result, now), now, actions);
  return CommitVerdict::kUnknown;
}

CommitVerdict Committer::OnSendFailed(const kafka::Result& result, absl::Time now, Actions* actions) {
  error_ = absl::StrCat("sending a record failed: ", kafka::ToString(result));
  Abort(now, actions);
  return CommitVerdict::kPending;
}

CommitVerdict Committer::OnFlushed(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("delivering the epoch's records", result, now, actions);
  // T1, T3: nothing is sent to the group before every record is delivered.
  phase_ = CommitPhase::kSendingOffsets;
  Issue(actions);
  return CommitVerdict::kPending;
}

CommitVerdict Committer::OnOffsetsSent(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("adding the input offsets to the transaction", result, now, actions);
  // From here on only commit's own success means "committed" (T5).
  phase_ = CommitPhase::kCommitting;
  Issue(actions);
  return CommitVerdict::kPending;
}

CommitVerdict Committer::OnCommitDone(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("the commit", result, now, actions);
  phase_ = CommitPhase::kIdle;
  // T4: it did commit; the next transaction begins on a producer that no delayed request can end.
  if (is_suspicious_) StartRebuild(absl::ZeroDuration(), now, actions);
  return CommitVerdict::kCommitted;
}

CommitVerdict Committer::OnAbortDone(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("the abort", result, now, actions);
  phase_ = CommitPhase::kIdle;
  if (is_suspicious_) StartRebuild(absl::ZeroDuration(), now, actions);
  return CommitVerdict::kAborted;
}

// A fatal answer may still pass: ours may be the mistake, or somebody's who mends it. What is known to be the program's
// ends it at once, and what nobody knows after a while.
CommitVerdict Committer::OnProducerReady(const kafka::Result& result, absl::Time now) {
  if (result.ok()) {
    rebuilding_.End(now, "the producer is initialised", log_);
    phase_ = CommitPhase::kIdle;
    return CommitVerdict::kReady;
  }
  const Advice advice = AdviceFor(result.code);
  error_ = absl::StrCat("initialising the producer failed: ", kafka::ToString(result));
  if (const std::string todo = WhatToDo(advice, "the topics that it writes"); !todo.empty())
    absl::StrAppend(&error_, "; ", todo);
  // X2: less and less often, for as long as it takes.
  rebuilding_.Fail(now, retry_interval_);
  const bool is_unknown =
      result.error != kafka::ErrorClass::kRetriable && !result.fenced && advice.remedy == Remedy::kWaiting;
  if (advice.remedy == Remedy::kProgram || (is_unknown && now - rebuilding_.since() >= kPatience)) {
    return CommitVerdict::kHopeless;
  }
  rebuilding_.Tell(now, advice.remedy == Remedy::kPeople ? LogLevel::kError : LogLevel::kWarning, result.code,
                   absl::StrCat(error_, "; trying again"), log_);
  retry_at_ = rebuilding_.until();
  return CommitVerdict::kPending;
}

}  // namespace once
