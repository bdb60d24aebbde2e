// X11: the program's function is called once for all handles, and is told of once when it fails.
#include "processor/kafka/librdkafka/token_source.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"

namespace once::kafka {
namespace {

// librdkafka asks for the next token when four fifths of a token's life are over: what is given to a handle must have
// more than that left of it, or handles would ask again and again.
constexpr double kFreshPart = 0.7;

// For tokens that never expire: librdkafka counts in microseconds, and what overflows there has expired.
constexpr absl::Duration kLongestLife = absl::Hours(24 * 365);

}  // namespace

void TokenSource::Refresh(rd_kafka_t* rk, absl::Time asked_at) {
  absl::Status given;
  {
    MutexLock lock(&calling_);
    // Else each handle in turn would wait as long as the one before it.
    given = failed_at_ > asked_at ? last_failure_ : Bring(rk);
  }
  Note(given);
  if (!given.ok()) rd_kafka_oauthbearer_set_token_failure(rk, std::string(given.message()).c_str());
}

absl::Status TokenSource::Bring(rd_kafka_t* rk) {
  // Tokens end by the wall clock, as their issuer wrote it into them.
  const absl::StatusOr<OauthToken> token = Fetch(absl::Now());
  const absl::Status given = token.ok() ? Give(rk, *token) : token.status();
  if (given.ok()) return given;
  // Nobody else is to be given one that was not taken.
  fresh_until_ = absl::InfinitePast();
  last_failure_ = given;
  failed_at_ = SteadyNow();
  return given;
}

absl::StatusOr<OauthToken> TokenSource::Fetch(absl::Time now) {
  if (now < fresh_until_) return token_;
  if (has_ended()) return absl::CancelledError("no OAUTHBEARER token: the client ends");
  absl::StatusOr<OauthToken> token = absl::InternalError("");
  const absl::Status called = Guarded(absl::StatusCode::kInternal, "the function that brings tokens",
                                      [&] { return (token = function_()).status(); });
  if (!called.ok()) {
    return absl::Status(called.code(),
                        absl::StrCat("no OAUTHBEARER token: ", OneLine(Redacted(ToStd(called.message())))));
  }
  if (const std::shared_ptr<Secrets> secrets = secrets_.lock(); secrets != nullptr) secrets->Keep(token->value);
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
  const absl::Time expires_at = std::min(token.expires_at, absl::Now() + kLongestLife);
  const rd_kafka_resp_err_t code =
      rd_kafka_oauthbearer_set_token(rk, token.value.c_str(), absl::ToUnixMillis(expires_at), token.principal.c_str(),
                                     extensions.data(), extensions.size(), reason, sizeof(reason));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the OAUTHBEARER token that the program brought is refused: ", Redacted(reason),
                   "; let its function return one that is valid, with the time at which it expires"));
}

void TokenSource::Note(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (log_ == nullptr) return;
  if (!status.ok() && status != failure_) {
    log_->Log(LogLevel::kError,
              absl::StrCat(std::string(status.message()), "; it is asked for again every 10 s (mend what brings it)"));
  }
  if (status.ok() && !failure_.ok()) log_->Log(LogLevel::kInfo, "there is an OAUTHBEARER token again");
  failure_ = status;
}

std::string TokenSource::Redacted(std::string_view text) const {
  const std::shared_ptr<Secrets> secrets = secrets_.lock();
  return secrets == nullptr ? "(secret)" : secrets->Redact(std::string(text));
}

void TokenSource::End() {
  MutexLock lock(&mutex_);
  log_ = nullptr;
}

bool TokenSource::has_ended() const {
  MutexLock lock(&mutex_);
  return log_ == nullptr;
}

absl::Status TokenSource::failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

}  // namespace once::kafka
