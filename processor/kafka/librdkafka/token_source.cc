// X11: the program's function is called once for all handles, and is told of once when it fails.
#include "processor/kafka/librdkafka/token_source.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"

namespace once::kafka {
namespace {

// librdkafka asks for the next token when four fifths of a token's life are over: what is given to a handle must have
// more than that left of it, or handles would ask again and again.
constexpr double kFreshPart = 0.7;

}  // namespace

void TokenSource::Refresh(rd_kafka_t* rk) {
  absl::Status given;
  {
    MutexLock lock(&calling_);
    // Tokens end by the wall clock, as their issuer wrote it into them.
    const absl::StatusOr<OauthToken> token = Fetch(absl::Now());
    given = token.ok() ? Give(rk, *token) : token.status();
    // Nobody else is to be given one that was not taken.
    if (!given.ok()) fresh_until_ = absl::InfinitePast();
  }
  Note(given);
  if (!given.ok()) rd_kafka_oauthbearer_set_token_failure(rk, std::string(given.message()).c_str());
}

absl::StatusOr<OauthToken> TokenSource::Fetch(absl::Time now) {
  if (now < fresh_until_) return token_;
  absl::StatusOr<OauthToken> token = absl::InternalError("");
  const absl::Status called = Guarded(absl::StatusCode::kInternal, "the function that brings tokens",
                                      [&] { return (token = function_()).status(); });
  if (!called.ok()) {
    return absl::Status(called.code(), absl::StrCat("no OAUTHBEARER token: ",
                                                    OneLine(secrets_->Redact(std::string(called.message())))));
  }
  secrets_->Keep(token->value);
  token_ = *token;
  fresh_until_ = now + kFreshPart * (token->expires_at - now);
  return token;
}

absl::Status TokenSource::Give(rd_kafka_t* rk, const OauthToken& token) const {
  std::vector<const char*> extensions;
  for (const auto& [name, value] : token.extensions) {
    extensions.push_back(name.c_str());
    extensions.push_back(value.c_str());
  }
  char reason[512] = "";
  const rd_kafka_resp_err_t code = rd_kafka_oauthbearer_set_token(
      rk, token.value.c_str(), absl::ToUnixMillis(token.expires_at), token.principal.c_str(), extensions.data(),
      extensions.size(), reason, sizeof(reason));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the OAUTHBEARER token that the program brought is refused: ", secrets_->Redact(reason),
                   "; let its function return one that is valid, with the time at which it expires"));
}

void TokenSource::Note(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (!status.ok() && status != failure_) {
    log_->Log(LogLevel::kError,
              absl::StrCat(std::string(status.message()), "; it is asked for again every 10 s (mend what brings it)"));
  }
  if (status.ok() && !failure_.ok()) log_->Log(LogLevel::kInfo, "there is an OAUTHBEARER token again");
  failure_ = status;
}

absl::Status TokenSource::failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

}  // namespace once::kafka
