// X3: the timestamp of each record that is written, such that its topic takes it and does not delete it at once.
#include "processor/engine/stamps.h"

#include <algorithm>

#include "absl/time/time.h"

namespace once {

namespace {

constexpr int64_t kHourMs = 3600 * 1000;
constexpr int64_t kMaxSkewMs = 48 * kHourMs;

int64_t ToMs(absl::Duration duration) { return absl::ToInt64Milliseconds(duration); }

// What is left of a bound when two clocks may differ.
// A topic with narrow bounds keeps half of them.
int64_t WithMargin(int64_t bound_ms) { return bound_ms - std::min(kHourMs, bound_ms / 2); }

}  // namespace

Stamps::Stamps(const Plan& plan) : bounds_(plan.output_topics.size()) {
  for (size_t i = 0; i < bounds_.size(); ++i) {
    Bounds& bounds = bounds_[i];
    bounds.after_ms = ToMs(plan.timestamp_after_max[i]);
    bounds.before_ms = ToMs(plan.timestamp_before_max[i]);
    bounds.ahead_ms = WithMargin(bounds.after_ms);
    // What retention would delete at once must not be stamped so either.
    bounds.behind_ms = WithMargin(std::min(bounds.before_ms, ToMs(plan.retention[i])));
    bounds.any = plan.log_append_time[i];
  }
}

int64_t Stamps::Present(uint32_t topic, int64_t now_ms) const {
  const Bounds& bounds = bounds_[topic];
  return std::max(int64_t{0}, now_ms - std::min(bounds.skew_ms, bounds.before_ms / 2));
}

int64_t Stamps::OwnRecord(uint32_t topic, int64_t now_ms) const {
  const Bounds& bounds = bounds_[topic];
  // The broker stamps by itself: none is said.
  if (bounds.any) return -1;
  if (bounds.only_present && bounds.skew_ms == 0) return now_ms;
  return std::max(int64_t{0}, now_ms - std::min(kHourMs + bounds.skew_ms, bounds.before_ms / 2));
}

bool Stamps::Refused(uint32_t topic) {
  Bounds& bounds = bounds_[topic];
  bounds.any = false;
  if (!bounds.only_present) {
    bounds.only_present = true;
    return true;
  }
  if (bounds.skew_ms == kMaxSkewMs) return false;
  const int64_t least = std::min(std::max(bounds.after_ms, kHourMs), kMaxSkewMs);
  bounds.skew_ms = std::min(kMaxSkewMs, std::max(2 * bounds.skew_ms, least));
  return true;
}

}  // namespace once
