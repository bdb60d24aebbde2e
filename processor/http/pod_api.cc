#include "processor/http/pod_api.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "processor/base/listen_address.h"
#include "processor/http/bearer_token.h"
#include "processor/http/health.h"
#include "processor/http/metrics.h"
#include "processor/http/openapi.h"
#include "processor/http/page/page.h"
#include "processor/http/status_json.h"

namespace once::http {

namespace {

constexpr char kJson[] = "application/json";

Response HealthResponse(const Health& health) {
  return {.status = health.ok ? 200 : 503, .body = absl::StrCat(health.text, "\n")};
}
Response JsonResponse(int status, std::string json) {
  return {.status = status, .content_type = kJson, .body = std::move(json)};
}

Response AnswerLivez(const PodStatus& pod) { return HealthResponse(Livez(pod)); }
Response AnswerReadyz(const PodStatus& pod) { return HealthResponse(Readyz(pod)); }
Response AnswerStartupz(const PodStatus& pod) { return HealthResponse(Startupz(pod)); }
Response AnswerMetrics(const PodStatus& pod) {
  return {.status = 200, .content_type = kMetricsContentType, .body = MetricsText(pod)};
}
Response AnswerOpenApi(const PodStatus& pod) { return JsonResponse(200, OpenApiJson(pod.version)); }
Response AnswerStatus(const PodStatus& pod) { return JsonResponse(200, StatusJson(pod)); }
Response AnswerTopology(const PodStatus& pod) { return JsonResponse(200, TopologyJson(pod)); }
Response AnswerParked(const PodStatus& pod) { return JsonResponse(200, ParkedJson(pod)); }
Response AnswerTasks(const PodStatus& pod) { return JsonResponse(200, TasksJson(pod)); }

constexpr std::array<PodApi::Route, 9> kRoutes = {{
    {"/livez", PodApi::Access::kOpen, &AnswerLivez},
    {"/readyz", PodApi::Access::kOpen, &AnswerReadyz},
    {"/startupz", PodApi::Access::kOpen, &AnswerStartupz},
    {"/metrics", PodApi::Access::kOpen, &AnswerMetrics},
    {"/openapi.json", PodApi::Access::kOpen, &AnswerOpenApi},
    {"/v1/status", PodApi::Access::kGuarded, &AnswerStatus},
    {"/v1/topology", PodApi::Access::kGuarded, &AnswerTopology},
    {"/v1/tasks", PodApi::Access::kGuarded, &AnswerTasks},
    {"/v1/parked", PodApi::Access::kGuarded, &AnswerParked},
}};

// Whether a Host header names this machine by an address, or as "localhost", and not by a name that others may give it.
bool IsAddress(std::string_view host) {
  const bool has_port = !host.empty() && host.back() != ']' && host.find(':') != std::string_view::npos;
  return ParseListenAddress(has_port ? std::string(host) : absl::StrCat(std::string(host), ":0")).ok();
}

}  // namespace

std::span<const PodApi::Route> PodApi::routes() { return kRoutes; }

const PodApi::Route* PodApi::Find(std::string_view path) const {
  const auto* found =
      std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& route) { return route.path == path; });
  return found == kRoutes.end() ? nullptr : found;
}

bool PodApi::MayAsk(const Request& request, Response* refusal) const {
  if (!options_.token.empty()) {
    if (IsAuthorized(request.authorization, options_.token)) return true;
    *refusal = JsonResponse(401, ErrorJson("this wants the header \"Authorization: Bearer TOKEN\", with the token of "
                                           "--http_token_file"));
    refusal->headers.emplace_back("WWW-Authenticate", "Bearer realm=\"once\"");
    return false;
  }
  if (!options_.is_loopback) {
    *refusal =
        JsonResponse(403, ErrorJson("without --http_token_file, only probes and metrics are served on an address "
                                    "that others reach; set it, or listen on 127.0.0.1"));
    return false;
  }
  if (IsAddress(request.host)) return true;
  *refusal = JsonResponse(403, ErrorJson("the Host of the request is a name; ask by the address, or as localhost"));
  return false;
}

Response PodApi::Answer(const Request& request) const {
  const Route* route = Find(request.path);
  const PageFile* const file = FindPageFile(request.path);
  // Before it is told what there is: who may not ask is told the same of every other path.
  Response refusal;
  const bool is_open = file != nullptr || (route != nullptr && route->access == Access::kOpen);
  if (!is_open && !MayAsk(request, &refusal)) return refusal;
  if (route == nullptr && file == nullptr) return JsonResponse(404, ErrorJson("there is no such path; /openapi.json lists them"));
  if (request.method != "GET" && request.method != "HEAD") {
    Response response = JsonResponse(405, ErrorJson("only GET and HEAD are answered here"));
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  if (request.has_body) return JsonResponse(413, ErrorJson("a request has no body here"));
  if (file != nullptr) return PageResponse(*file, request);
  return route->answer(status_->Look());
}

}  // namespace once::http
