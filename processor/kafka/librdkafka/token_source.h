// One token for all handles of a client.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/secrets.h"
#include "processor/kafka/oauth_token.h"

namespace once::kafka {

// Calls the program's function, and gives what it brings to every handle that asks while it is fresh. A failure is told
// once, and its end as well; who waited for a call that failed is given that failure. Thread-safe.
class TokenSource {
 public:
  // `log` must live until End.
  TokenSource(OauthTokenFunction function, LogSink* log, const std::shared_ptr<Secrets>& secrets)
      : function_(std::move(function)), secrets_(secrets), log_(log) {}

  // What a handle asks for, on a thread of librdkafka's: gives it a token, or says that there is none.
  // `asked_at` is by the steady clock.
  void Refresh(rd_kafka_t* rk, absl::Time asked_at = SteadyNow());

  // From then on the function is called no more, and nothing is logged: a handle that was left behind may hold it.
  void End();

  // Why there is no token, or OK.
  absl::Status failure() const;

 private:
  absl::Status Bring(rd_kafka_t* rk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(calling_);
  absl::StatusOr<OauthToken> Fetch(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(calling_);
  std::string Redacted(std::string_view text) const;
  bool has_ended() const;
  absl::Status Give(rd_kafka_t* rk, const OauthToken& token) const;
  void Note(const absl::Status& status);

  const OauthTokenFunction function_;
  const std::weak_ptr<Secrets> secrets_;  // As long as their client: they log.
  Mutex calling_;                         // Held during the function's calls.
  OauthToken token_ ABSL_GUARDED_BY(calling_);
  absl::Time fresh_until_ ABSL_GUARDED_BY(calling_) = absl::InfinitePast();
  absl::Time failed_at_ ABSL_GUARDED_BY(calling_) = absl::InfinitePast();  // By the steady clock.
  absl::Status last_failure_ ABSL_GUARDED_BY(calling_);
  mutable Mutex mutex_;
  LogSink* log_ ABSL_GUARDED_BY(mutex_);  // Null from End on.
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_
