// librdkafka hands on the body of an issuer's answer, without its code, or the words of libcurl.
#include "processor/kafka/librdkafka/token_cause.h"

#include <algorithm>
#include <iterator>

namespace once::kafka {
namespace {

// Whether one of `words` is in `text`.
template <size_t kCount>
bool HasAny(std::string_view text, const std::string_view (&words)[kCount]) {
  return std::any_of(std::begin(words), std::end(words),
                     [&](std::string_view each) { return text.find(each) != std::string_view::npos; });
}

}  // namespace

bool IsOfMissingToken(std::string_view reason) {
  static constexpr std::string_view kWords[] = {"Failed to acquire SASL OAUTHBEARER token",
                                                "OAUTHBEARER cannot log in because there is no token"};
  return HasAny(reason, kWords);
}

bool IsIssuersRefusal(std::string_view reason) {
  static constexpr std::string_view kErrors[] = {
      "invalid_client", "invalid_grant", "invalid_request",        "unauthorized_client",
      "invalid_scope",  "access_denied", "unsupported_grant_type", "(400)",
      "(401)",          "(403)"};
  return IsOfMissingToken(reason) && HasAny(reason, kErrors);
}

}  // namespace once::kafka
