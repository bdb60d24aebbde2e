// What brokers say of quotas: told, and a reason why calls last.
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {
namespace {

// So many milliseconds are told, so often, and are a reason for so long.
constexpr int kThrottleWorthTelling = 1000;
constexpr absl::Duration kThrottleTold = absl::Minutes(1);

}  // namespace

void Handle::ThrottleCallback(rd_kafka_t*, const char* broker, int32_t, int millis, void* opaque) {
  Handle* const handle = Of(opaque);
  if (handle != nullptr) handle->OnThrottle(broker, millis);
}

void Handle::OnThrottle(const char* broker, int millis) {
  if (millis <= 0) return;
  std::string words;
  {
    const absl::Time now = SteadyNow();
    MutexLock lock(&mutex_);
    throttle_ =
        absl::StrCat("broker ", broker, " throttles this client by a quota: ", millis, " ms for its last answer");
    throttled_at_ = now;
    // Less is what quotas are for.
    if (millis < kThrottleWorthTelling || now - throttle_told_at_ < kThrottleTold) return;
    throttle_told_at_ = now;
    words = throttle_;
  }
  Log(LogLevel::kWarning, absl::StrCat(name_, ": ", words, "; raise the quota of its user or client.id"));
}

std::string Handle::WhyCallsLast() {
  rd_kafka_poll(rk_, 0);  // Brings what a quota did meanwhile.
  MutexLock lock(&mutex_);
  if (SteadyNow() - throttled_at_ < kThrottleTold) {
    return absl::StrCat(throttle_, "; raise the quota of its user or client.id");
  }
  return "the group's coordinator cannot be reached; see that its broker is up";
}

}  // namespace once::kafka
