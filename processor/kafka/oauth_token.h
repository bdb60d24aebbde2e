// What a program gives Kafka's brokers instead of a password: SASL's OAUTHBEARER.
#ifndef ONCE_PROCESSOR_KAFKA_OAUTH_TOKEN_H_
#define ONCE_PROCESSOR_KAFKA_OAUTH_TOKEN_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once::kafka {

struct OauthToken {
  std::string value = "";                        // As it goes to the brokers. A secret.
  std::string principal = "";                    // Whose it is, for the client's own messages.
  absl::Time expires_at = absl::InfinitePast();  // By the wall clock; in the future.
  std::map<std::string, std::string> extensions =
      {};  // SASL extensions (RFC 7628), such as {"logicalCluster", "lkc-1"}.
};

// Brings a token. Called by one thread at a time, none of the caller's: before the first connection, when four fifths
// of a token's life are over, and 10 s after a failure. May block, for instance for an HTTP call, but must end. While
// it returns Unavailable or DeadlineExceeded a start waits for it, up to start_timeout; every other error ends a start.
// A program that runs goes on with the token that it has, and says so.
using OauthTokenFunction = std::function<absl::StatusOr<OauthToken>()>;

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_OAUTH_TOKEN_H_
