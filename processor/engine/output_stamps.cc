// X3: the timestamp of each record that is written, such that its topic takes it and does not delete it at once.
#include "processor/engine/output_stamps.h"

#include <algorithm>

#include "absl/time/time.h"

namespace once {

namespace {

constexpr int64_t kHourMs = 3600 * 1000;
constexpr int64_t kMaxSkewMs = 48 * kHourMs;
constexpr int64_t kLeastStepMs = kHourMs / 4;

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
  return std::max(int64_t{0}, now_ms - bounds_[topic].skew_ms);
}

int64_t Stamps::OwnRecord(uint32_t topic, int64_t now_ms) const {
  const Bounds& bounds = bounds_[topic];
  // The broker stamps by itself: none is said.
  if (bounds.any) return -1;
  if (bounds.only_present) return Present(topic, now_ms);
  return std::max(int64_t{0}, now_ms - std::min(kHourMs, bounds.before_ms / 2));
}

std::optional<int64_t> Stamps::SkewToTry(const Bounds& bounds) {
  int left = bounds.tries;
  if (left-- == 0) return 0;
  // Both ways for each size.
  for (int64_t size = std::clamp(bounds.after_ms, kHourMs, kMaxSkewMs);; size = std::min(2 * size, kMaxSkewMs)) {
    if (left < 2) return left == 0 ? size : -size;
    left -= 2;
    if (size == kMaxSkewMs) break;
  }
  // What a topic takes is as wide as both bounds together, if they are still as they were at the start; a quarter of
  // that is for the clocks going on while this is tried.
  const int64_t wide = std::min(bounds.after_ms, kHourMs) + std::min(bounds.before_ms, kHourMs);
  const int64_t step = std::max((wide - wide / 4) >> std::min(bounds.rounds, 10), kLeastStepMs);
  const int64_t size = (left / 2 + 1) * step;
  if (size >= kMaxSkewMs + step) return std::nullopt;
  return left % 2 == 0 ? size : -size;
}

bool Stamps::Refused(uint32_t topic) {
  Bounds& bounds = bounds_[topic];
  bounds.any = false;
  if (bounds.only_present) ++bounds.tries;
  bounds.only_present = true;
  const std::optional<int64_t> skew = SkewToTry(bounds);
  bounds.skew_ms = skew.value_or(0);
  if (skew.has_value()) return true;
  bounds.tries = 0;
  ++bounds.rounds;
  return false;
}

}  // namespace once
