// Tokens for Amazon MSK with IAM: signed URLs, made anew from AWS credentials as often as a token is asked for.
//
//   once::ApplicationDeps deps;
//   deps.oauth_token = once::MskIamTokens({.region = "eu-central-1"});
//   return once::Main(argc, argv, BuildOrderTotals, deps);
//
// with security.protocol=SASL_SSL and sasl.mechanism=OAUTHBEARER. Nothing is asked for over the network: a role that
// expires wants a function that brings its credentials.
#ifndef ONCE_PROCESSOR_MSK_IAM_H_
#define ONCE_PROCESSOR_MSK_IAM_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "processor/kafka/oauth_token.h"

namespace once {

// As AWS gives them out. Secret but for the first.
struct AwsCredentials {
  std::string access_key_id = "";
  std::string secret_access_key = "";
  std::string session_token = "";                  // Of those that expire; else empty.
  absl::Time expires_at = absl::InfiniteFuture();  // Of those with a session token.
};

struct MskIamOptions {
  std::string region = "";  // Of the cluster; empty: $AWS_REGION, or $AWS_DEFAULT_REGION.
  // Called for each token. Absent: $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and, if it is set, $AWS_SESSION_TOKEN.
  std::function<absl::StatusOr<AwsCredentials>()> credentials = {};
  std::function<absl::Time()> now = absl::Now;  // The clock by which tokens are signed.
};

// For ApplicationDeps::oauth_token. A token is good for 15 minutes, or as long as its credentials. InvalidArgument
// without a region or credentials; a failure of `credentials` is handed on. Thread-safe if `credentials` is.
kafka::OauthTokenFunction MskIamTokens(MskIamOptions options);

}  // namespace once

#endif  // ONCE_PROCESSOR_MSK_IAM_H_
