#include "processor/engine/committer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

namespace {
// Answers that no waiting mends (authorisation, configuration) are given this many tries, in case they were ours.
constexpr int kMaxFatalRebuilds = 5;
}  // namespace

void Committer::Seal(std::vector<TopicPartitionOffset> offsets, absl::Time now, Actions* actions) {
  offsets_ = std::move(offsets);
  deadline_ = now + transaction_timeout_;
  phase_ = CommitPhase::kFlushing;
  Issue(actions);
}

void Committer::Abort(absl::Time now, Actions* actions) {
  deadline_ = now + transaction_timeout_;
  phase_ = CommitPhase::kAborting;
  Issue(actions);
}

void Committer::Rebuild(Actions* actions) { StartRebuild(actions); }

void Committer::StartRebuild(Actions* actions) {
  ++rebuilds_;
  failed_rebuilds_ = 0;
  is_suspicious_ = false;
  phase_ = CommitPhase::kRebuilding;
  Issue(actions);
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
  if (may_abort && phase_ != CommitPhase::kAborting) {
    log_->Log(LogLevel::kWarning, absl::StrCat(error_, "; the transaction is aborted and its events run again"));
    phase_ = CommitPhase::kAborting;
    deadline_ = now + transaction_timeout_;
    Issue(actions);
    return CommitVerdict::kPending;
  }
  log_->Log(LogLevel::kWarning,
            absl::StrCat(error_, "; the outcome is unknown, so the producer is replaced and the committed state read"));
  StartRebuild(actions);
  return CommitVerdict::kUnknown;
}

CommitVerdict Committer::OnFlushed(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("delivering the epoch's records", result, now, actions);
  phase_ = CommitPhase::kSendingOffsets;
  Issue(actions);
  return CommitVerdict::kPending;
}

CommitVerdict Committer::OnOffsetsSent(const kafka::Result& result, absl::Time now, Actions* actions) {
  if (!result.ok()) return Fail("adding the input offsets to the transaction", result, now, actions);
  phase_ = CommitPhase::kCommitting;
  Issue(actions);
  return CommitVerdict::kPending;
}

CommitVerdict Committer::OnCommitDone(const event::CommitDone& done, absl::Time now, Actions* actions) {
  is_suspicious_ = is_suspicious_ || done.suspicious;
  if (!done.result.ok()) return Fail("the commit", done.result, now, actions);
  phase_ = CommitPhase::kIdle;
  if (is_suspicious_) StartRebuild(actions);
  return CommitVerdict::kCommitted;
}

CommitVerdict Committer::OnAbortDone(const event::AbortDone& done, absl::Time now, Actions* actions) {
  is_suspicious_ = is_suspicious_ || done.suspicious;
  if (!done.result.ok()) return Fail("the abort", done.result, now, actions);
  phase_ = CommitPhase::kIdle;
  if (is_suspicious_) StartRebuild(actions);
  return CommitVerdict::kAborted;
}

CommitVerdict Committer::OnProducerReady(const kafka::Result& result, absl::Time now) {
  if (result.ok()) {
    phase_ = CommitPhase::kIdle;
    return CommitVerdict::kReady;
  }
  error_ = absl::StrCat("initialising the producer failed: ", kafka::ToString(result));
  log_->Log(LogLevel::kWarning, error_);
  if (result.error != kafka::ErrorClass::kRetriable && ++failed_rebuilds_ >= kMaxFatalRebuilds) {
    return CommitVerdict::kHopeless;
  }
  retry_at_ = now + retry_interval_;
  return CommitVerdict::kPending;
}

}  // namespace once
