// What is counted of epochs as they end: how long their commits took, how old their events were, why one was dropped.
#include <algorithm>
#include <array>
#include <string_view>

#include "processor/engine/epochs.h"

namespace once {

namespace {

// Who is not in the group as it was when its partitions were assigned cannot commit (T6).
constexpr std::array<std::string_view, 6> kOfMembership = {"NOT_A_MEMBER",       "ILLEGAL_GENERATION",
                                                           "UNKNOWN_MEMBER_ID",  "REBALANCE_IN_PROGRESS",
                                                           "FENCED_INSTANCE_ID", "MEMBER_ID_REQUIRED"};

AbortCause CauseOf(const EpochFailure& failure) {
  if (failure.refusal.has_value()) return AbortCause::kRefused;
  // Nothing failed: it was given up with its partitions.
  if (!failure.happened()) return AbortCause::kRebalance;
  if (failure.result.has_value()) {
    const kafka::Result& result = *failure.result;
    if (std::find(kOfMembership.begin(), kOfMembership.end(), result.code) != kOfMembership.end()) {
      return AbortCause::kRebalance;
    }
    if (result.fenced) return AbortCause::kFenced;
  }
  return failure.topic_index.has_value() ? AbortCause::kNotWritten : AbortCause::kCall;
}

}  // namespace

void Epochs::CountCommit() {
  committed_counters_ += epoch_.counters;
  committed_flows_ += epoch_.flows;
  ++epoch_counters_.committed;
  epoch_counters_.commit_seconds.Count(absl::ToDoubleSeconds(step_->now - epoch_.sealed_at));
  // X6: the wall clock, since stamps of others are compared with it; what comes out is looked at, and nothing goes by
  // it.
  for (const int64_t stamped_ms : epoch_.sampled_ms) {
    epoch_counters_.event_seconds.Count(absl::ToDoubleSeconds(step_->wall - absl::FromUnixMillis(stamped_ms)));
  }
}

void Epochs::CountDrop(const EpochFailure& failure, bool is_of_store) {
  const AbortCause cause = is_of_store ? AbortCause::kLocalState : CauseOf(failure);
  ++epoch_counters_.aborted[static_cast<size_t>(cause)];
  if (!failure.happened()) return;
  last_failure_ = failure.refusal.has_value() ? *failure.refusal : !failure.what.empty() ? failure.what : failure.error;
  last_failure_at_ = step_->wall;
}

}  // namespace once
