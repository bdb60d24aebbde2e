// Whatever a client sends to the gateway: decoded or refused, and never let in without the token.
#include <string>
#include <string_view>

#include "processor/http/tokens.h"
#include "tests/fuzz/input.h"
#include "tools/gateway/answers.h"
#include "tools/gateway/event.h"
#include "tools/gateway/guard.h"
#include "tools/gateway/json.h"
#include "tools/gateway/outcome_index.h"
#include "tools/gateway/types.h"

namespace once::gateway {
namespace {

constexpr char kToken[] = "a-token-of-some-length";

class FixedTokens final : public http::Guard {
 public:
  http::Caller Check(std::string_view authorization) override {
    return tokens_.Check(authorization, absl::UnixEpoch());
  }

 private:
  const http::Tokens tokens_ = *http::Tokens::Parse(kToken);
};

void CheckGuard(const Request& request) {
  const Route* const route = FindRoute(request.path);
  static FixedTokens tokens;
  const auto refusal = Refusal({.tokens = &tokens}, request);
  if (refusal.has_value()) {
    ONCE_CHECK(refusal->status >= 400 && Json::accept(refusal->body));
    return;
  }
  ONCE_CHECK(route != nullptr);
  ONCE_CHECK(route->is_open || request.Header("authorization").ends_with(kToken));
  DecodeQuery(request, route->query).status().IgnoreError();
}

void CheckBody(const std::string& body) {
  // Types that are linked: descriptors themselves, and Struct, which takes any JSON.
  static const Types& types = *Types::FromBytes("")->release();
  const absl::StatusOr<Json> json = ParseObject(body);
  if (!json.ok()) {
    ONCE_CHECK(Json::accept(ErrorResponse(json.status()).body));
    return;
  }
  const absl::StatusOr<std::vector<Event>> events = DecodeEvents(*json, types, {});
  if (!events.ok()) {
    ONCE_CHECK(Json::accept(NotCommitted(events.status()).body));
    return;
  }
  for (const Event& event : *events) {
    ONCE_CHECK(!event.topic.empty() && !event.event_id.empty() && event.headers[0].second == event.event_id);
  }
  ONCE_CHECK(Json::accept(CommittedAnswer("id", *events)));
}

}  // namespace
}  // namespace once::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace once::gateway;
  once::fuzz::Input input(data, size);
  Request request;
  const auto routes = Routes();
  const size_t choice = input.Choice(routes.size() + 1);
  request.method = input.Flag() ? "POST" : input.Flag() ? "GET" : std::string(input.Bytes());
  request.path = choice < routes.size() ? std::string(routes[choice].path) : std::string(input.Bytes());
  for (const std::string_view name : kHeadersRead) {
    if (input.Flag()) request.headers[std::string(name)] = std::string(input.Bytes());
  }
  if (input.Flag()) request.headers["authorization"] = std::string("Bearer ") + kToken;
  request.query.emplace_back("topic", std::string(input.Bytes()));
  CheckGuard(request);
  const std::string body(input.Rest());
  CheckBody(body);
  DecodeOutcome(body).status().IgnoreError();
  return 0;
}
