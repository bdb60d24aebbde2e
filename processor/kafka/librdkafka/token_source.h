// One token for all handles of a client.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/secrets.h"
#include "processor/kafka/oauth_token.h"

namespace once::kafka {

// Calls the program's function, and gives what it brings to every handle that asks while it is fresh. A failure is told
// once, and its end as well. Thread-safe.
class TokenSource {
 public:
  // `log` must outlive it.
  TokenSource(OauthTokenFunction function, LogSink* log, std::shared_ptr<Secrets> secrets)
      : function_(std::move(function)), log_(log), secrets_(std::move(secrets)) {}

  // What a handle asks for, on a thread of librdkafka's: gives it a token, or says that there is none.
  void Refresh(rd_kafka_t* rk);

  // Why there is no token, or OK.
  absl::Status failure() const;

 private:
  absl::StatusOr<OauthToken> Fetch(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(calling_);
  absl::Status Give(rd_kafka_t* rk, const OauthToken& token) const;
  void Note(const absl::Status& status);

  const OauthTokenFunction function_;
  LogSink* const log_;
  const std::shared_ptr<Secrets> secrets_;
  Mutex calling_;  // Held during the function's calls.
  OauthToken token_ ABSL_GUARDED_BY(calling_);
  absl::Time fresh_until_ ABSL_GUARDED_BY(calling_) = absl::InfinitePast();
  mutable Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_TOKEN_SOURCE_H_
