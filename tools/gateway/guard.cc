#include "tools/gateway/guard.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/http/request_rules.h"
#include "processor/http/tokens.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {

constexpr Route kRoutes[] = {
    {"/", "GET", Action::kPage, true},
    {"/health", "GET", Action::kHealth, true},
    {"/metrics", "GET", Action::kMetrics, true},
    {"/openapi.json", "GET", Action::kOpenApi, true},
    {"/api/v1/producer/transaction", "POST", Action::kTransaction},
    {"/api/v1/producer/begin", "POST", Action::kBegin},
    {"/api/v1/producer/send", "POST", Action::kSend},
    {"/api/v1/producer/commit", "POST", Action::kCommit},
    {"/api/v1/producer/abort", "POST", Action::kAbort},
    {"/api/v1/consumer/status", "GET", Action::kStatus},
    {"/api/v1/consumer/messages", "GET", Action::kMessages, false, "topic count isolation partition offset from type"},
    {"/api/v1/consumer/follow", "GET", Action::kFollow, false, "topic isolation type"},
    {"/api/v1/types", "GET", Action::kTypes},
};

constexpr size_t kMostKeyBytes = 255;

std::optional<http::Response> Unauthorized(const GuardOptions& options, const Request& head) {
  if (options.tokens != nullptr) {
    const http::Caller caller = options.tokens->Check(head.Header("authorization"));
    if (caller.may_ask) return std::nullopt;
    http::Response refusal = ErrorResponse(401, caller.refusal);
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"once-gateway\"");
    return refusal;
  }
  if (!options.is_loopback) {
    return ErrorResponse(403,
                         "without --http_token_file, only health and metrics are served on an address that others "
                         "reach; set it, or listen on 127.0.0.1");
  }
  if (http::IsAddress(head.Header("host"))) return std::nullopt;
  return ErrorResponse(403, "the Host of the request is a name; ask by the address, or as localhost");
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

const Route* FindRoute(std::string_view path) {
  const auto* found =
      std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) { return route.path == path; });
  return found == std::end(kRoutes) ? nullptr : found;
}

std::optional<http::Response> Refusal(const GuardOptions& options, const Request& head) {
  if (head.has_repeated_header) return ErrorResponse(400, "a header that counts here comes twice");
  const Route* const route = FindRoute(head.path);
  // Before it is told what there is: who may not ask is told the same of every other path.
  if (route == nullptr || !route->is_open) {
    if (std::optional<http::Response> refusal = Unauthorized(options, head); refusal.has_value()) return refusal;
    if (http::IsOfOtherSite(head.Header("origin"), head.Header("sec-fetch-site"), head.Header("host"))) {
      return ErrorResponse(403, "a page of another origin may not ask");
    }
  }
  if (route == nullptr) return ErrorResponse(404, "there is no such path; /openapi.json lists them");
  const bool is_post = route->method == "POST";
  if (head.method != route->method && (is_post || head.method != "HEAD" || route->action == Action::kFollow)) {
    http::Response refusal = ErrorResponse(405, absl::StrCat("only ", ToAbsl(route->method), " is answered here"));
    refusal.headers.emplace_back("Allow", is_post ? "POST" : "GET, HEAD");
    return refusal;
  }
  const std::string_view length = head.Header("content-length");
  const bool has_body =
      length.find_first_not_of('0') != std::string_view::npos || !head.Header("transfer-encoding").empty();
  if (!is_post) return has_body ? std::optional(ErrorResponse(413, "a GET has no body here")) : std::nullopt;
  if (!http::IsJson(head.Header("content-type"))) {
    return ErrorResponse(415, "a body here is JSON; send the header \"Content-Type: application/json\"");
  }
  if (!head.Header("content-encoding").empty()) return ErrorResponse(415, "no Content-Encoding is taken");
  if (!head.query.empty()) return ErrorResponse(400, "a POST has no query here; all is in its body");
  if (absl::StatusOr<std::string> key = IdempotencyKeyOf(head); !key.ok()) return ErrorResponse(key.status());
  return std::nullopt;
}

absl::StatusOr<std::string> IdempotencyKeyOf(const Request& request) {
  const auto found = request.headers.find("idempotency-key");
  if (found == request.headers.end()) return std::string();
  const std::string& key = found->second;
  const bool is_visible = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!key.empty() && key.size() <= kMostKeyBytes && is_visible) return key;
  return absl::InvalidArgumentError(
      absl::StrCat("Idempotency-Key is to be 1 to ", kMostKeyBytes, " visible ASCII characters"));
}

}  // namespace once::gateway
