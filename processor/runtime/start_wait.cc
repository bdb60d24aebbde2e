// X5i: a start waits for its brokers, says so, and knows when to give up.
#include "processor/runtime/start_wait.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr absl::Duration kTellingOfWait = absl::Seconds(10);

std::string Seconds(absl::Duration duration) { return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1))); }

}  // namespace

absl::Status AwaitBrokers(const StartWait& wait, const std::function<absl::Status()>& attempt) {
  const absl::Time begin = wait.clock->Steady();
  absl::Time tell_at = begin + kTellingOfWait;
  while (true) {
    const absl::Status status = attempt();
    // Waiting mends nothing else.
    if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return status;
    // The last failure says why it has not started.
    if (wait.is_stopping && wait.is_stopping()) return status;
    const absl::Time now = wait.clock->Steady();
    if (now - begin >= wait.timeout) {
      return absl::Status(status.code(), absl::StrCat(std::string(status.message()), "; given up after start_timeout (",
                                                      absl::FormatDuration(wait.timeout), ")"));
    }
    if (now >= tell_at) {
      tell_at = now + kTellingOfWait;
      wait.log->Log(LogLevel::kInfo, absl::StrCat("has been waiting for the brokers for ", Seconds(now - begin),
                                                  ", and does so for ", Seconds(wait.timeout - (now - begin)),
                                                  " more (start_timeout): ", std::string(status.message())));
    }
    wait.sleep(kPause);
  }
}

}  // namespace once
