#include "processor/http/pod_api.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/http/page/page.h"
#include "processor/http/request_rules.h"
#include "processor/http/status_json.h"

namespace once::http {

namespace {

constexpr size_t kMostDigits = 9;

// Of each of the page's files.
constexpr Route kPageRoute = {"GET", "/", Access::kOpen, nullptr};

// What pods ask each other, and nothing else: what this pod has to say for itself.
bool IsAskedByPods(const Route* route, const Request& request) {
  return route != nullptr && route->access == Access::kGuarded && route->answer != nullptr && request.method == "GET" &&
         request.query.empty();
}

std::optional<Response> ReadQuery(const Route& route, const Request& request,
                                  std::map<std::string, std::string>* query) {
  // Probes are asked with all kinds of things behind them.
  if (route.answer != nullptr && route.parameters.empty()) return std::nullopt;
  for (const auto& [raw_name, raw_value] : request.query) {
    std::string name, value;
    if (!DecodePercent(raw_name, &name) || !DecodePercent(raw_value, &value)) {
      return ErrorResponse(400, "the query is not rightly encoded: after a '%' come two hexadecimal digits");
    }
    const auto found = std::find_if(route.parameters.begin(), route.parameters.end(),
                                    [&](const Parameter& parameter) { return parameter.name == name; });
    if (found == route.parameters.end()) {
      return ErrorResponse(400, absl::StrCat("there is no parameter \"", Printable(name), "\" here"));
    }
    const bool is_number = !value.empty() && value.size() <= kMostDigits &&
                           std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (found->type == "integer" && !is_number && !(found->name == "before" && value.size() <= 18)) {
      return ErrorResponse(400, absl::StrCat(name, " is no number"));
    }
    if (!query->emplace(name, value).second) return ErrorResponse(400, absl::StrCat(name, " is given twice"));
  }
  return std::nullopt;
}

}  // namespace

Caller PodApi::CheckProof(const Route* route, const Request& request, bool is_last) const {
  if (!IsAskedByPods(route, request)) return {.refusal = "this is nothing that pods ask each other"};
  return options_.guard->CheckProof(
      request.authorization, {.method = request.method, .path = request.path, .address = request.own_address}, is_last);
}

std::optional<Response> PodApi::FindWhoAsks(const Route* route, const Request& request, bool is_last,
                                            std::string* issuer) const {
  *issuer = absl::StrCat("http@", request.peer);
  if (options_.guard != nullptr) {
    const Caller caller = IsProof(request.authorization) ? CheckProof(route, request, is_last)
                                                         : options_.guard->Check(request.authorization);
    if (!caller.name.empty()) *issuer = absl::StrCat(caller.name, "@", request.peer);
    if (caller.may_ask) return std::nullopt;
    Response refusal = ErrorResponse(401, caller.refusal);
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"once\"");
    return refusal;
  }
  if (!options_.is_loopback) {
    return ErrorResponse(403,
                         "without --http_token_file, only probes and metrics are served on an address that others "
                         "reach; set it, or listen on 127.0.0.1");
  }
  if (IsAddress(request.host)) return std::nullopt;
  return ErrorResponse(403, "the Host of the request is a name; ask by the address, or as localhost");
}

std::optional<Response> PodApi::CheckBody(const Request& request) const {
  if (request.method != "POST") {
    if (request.has_body) return ErrorResponse(413, "a request has no body here");
    return std::nullopt;
  }
  if (IsOfOtherSite(request.origin, request.fetch_site, request.host)) {
    return ErrorResponse(403, "another site's page asks (Origin, Sec-Fetch-Site): nothing is changed for it");
  }
  if (!IsJson(request.content_type)) return ErrorResponse(415, "this takes Content-Type: application/json");
  if (!request.has_body) return ErrorResponse(400, "there is no body");
  if (!request.content_length.has_value()) return ErrorResponse(411, "a body says its Content-Length here");
  if (*request.content_length > options_.max_body_bytes) {
    return ErrorResponse(413, absl::StrCat("a body has ", options_.max_body_bytes, " bytes at most"));
  }
  return std::nullopt;
}

PodApi::Asked PodApi::Read(const Request& request, bool is_last) const {
  Asked asked;
  asked.file = FindPageFile(request.path);
  asked.route = asked.file != nullptr ? &kPageRoute : FindRoute(request.path, &asked.question.words);
  const Route* const route = asked.route;
  // Before it is told what there is: who may not ask is told the same of every other path.
  if (route == nullptr || route->access == Access::kGuarded) {
    asked.refusal = FindWhoAsks(route, request, is_last, &asked.question.issuer);
    if (asked.refusal.has_value()) return asked;
  }
  if (route == nullptr) {
    asked.refusal = ErrorResponse(404, "there is no such path; /openapi.json lists them");
    return asked;
  }
  const bool is_get = route->method == "GET";
  if (request.method != route->method && !(is_get && request.method == "HEAD")) {
    const char* const allowed = is_get ? "GET, HEAD" : "POST";
    asked.refusal = ErrorResponse(405, absl::StrCat("this path is asked by ", allowed));
    asked.refusal->headers.emplace_back("Allow", allowed);
    return asked;
  }
  asked.refusal = CheckBody(request);
  if (!asked.refusal.has_value()) asked.refusal = ReadQuery(*route, request, &asked.question.query);
  return asked;
}

std::optional<Response> PodApi::Refuse(const Request& head) { return Read(head, /*is_last=*/false).refusal; }

std::optional<Response> PodApi::Answer(const Request& request, const Reply& later) {
  Asked asked = Read(request, /*is_last=*/true);
  if (asked.refusal.has_value()) return std::move(asked.refusal);
  if (asked.file != nullptr) return PageResponse(*asked.file, request);
  asked.question.path = asked.route->path;
  asked.question.body = std::string(request.body);
  if (asked.route->answer != nullptr) {
    Response own = asked.route->answer(status_->Look());
    if (asked.question.query.count("scope") == 0) return own;
    if (asked.question.query["scope"] != kWholeApplication) {
      return ErrorResponse(400, absl::StrCat("scope is ", ToAbsl(kWholeApplication), ", or not given"));
    }
    // What this pod has to say goes along.
    asked.question.body = std::move(own.body);
  }
  office_->Ask(std::move(asked.question), later);
  return std::nullopt;
}

}  // namespace once::http
