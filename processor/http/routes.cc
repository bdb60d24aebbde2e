#include "processor/http/routes.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/http/health.h"
#include "processor/http/metrics.h"
#include "processor/http/openapi.h"
#include "processor/http/status_json.h"

namespace once::http {

namespace {

Response HealthResponse(const Health& health) {
  return {.status = health.ok ? 200 : 503, .body = absl::StrCat(health.text, "\n")};
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

constexpr Parameter kLetterParameters[] = {
    {"count", "integer", "So many at most, 1 to 100. Default: 20."},
    {"partition", "integer", "Of the dead-letter topic: those of this one alone."},
    {"before", "integer", "With partition: those before this offset, for the next page."},
    {"disposition", "string", "failed, blocked, rejected, skipped, discarded or never_processed."},
    {"reason", "string", "A status code, such as INVALID_ARGUMENT."},
    {"source", "string", "Those of events of this source alone."},
    {"key", "string", "Those of this key alone."},
    {"since", "string", "Those of the last so long alone, such as 1h."}};
constexpr Parameter kAuditParameters[] = {{"count", "integer", "So many at most, 1 to 1000. Default: 50."},
                                          {"command", "string", "The results of the command with this ID."},
                                          {"outcome", "string", "applied, refused or duplicate."},
                                          {"since", "string", "Those of the last so long alone, such as 24h."}};

constexpr Parameter kScopeParameters[] = {
    {"scope", "string", "application: of each pod of the application; {\"pods\": [...]}, see ApplicationAnswer."}};
constexpr Parameter kAggregateParameters[] = {
    {"count", "integer", "So many of the events that wait, 1 to 100. Default: 20."}};

constexpr std::array<Route, 14> kRoutes = {{
    {"GET", "/livez", Access::kOpen, &AnswerLivez},
    {"GET", "/readyz", Access::kOpen, &AnswerReadyz},
    {"GET", "/startupz", Access::kOpen, &AnswerStartupz},
    {"GET", "/metrics", Access::kOpen, &AnswerMetrics},
    {"GET", "/openapi.json", Access::kOpen, &AnswerOpenApi},
    {"GET", "/v1/status", Access::kGuarded, &AnswerStatus, kScopeParameters},
    {"GET", "/v1/topology", Access::kGuarded, &AnswerTopology},
    {"GET", "/v1/tasks", Access::kGuarded, &AnswerTasks, kScopeParameters},
    {"GET", "/v1/parked", Access::kGuarded, &AnswerParked, kScopeParameters},
    {"GET", "/v1/dead-letters", Access::kGuarded, nullptr, kLetterParameters},
    {"GET", "/v1/audit", Access::kGuarded, nullptr, kAuditParameters},
    {"GET", "/v1/aggregates/{aggregate}/{key}", Access::kGuarded, nullptr, kAggregateParameters},
    {"POST", "/v1/commands", Access::kGuarded, nullptr},
    {"GET", "/v1/jobs/{id}", Access::kGuarded, nullptr},
}};

// Up to the next '/', which is taken off as well.
std::string_view TakeSegment(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view segment = path->substr(0, slash);
  path->remove_prefix(slash == std::string_view::npos ? path->size() : slash + 1);
  return segment;
}

bool Matches(std::string_view pattern, std::string_view path, std::vector<std::string>* words) {
  if (pattern.find('{') == std::string_view::npos) return pattern == path;
  words->clear();
  while (!pattern.empty() && !path.empty()) {
    const bool is_last = pattern.find('/') == std::string_view::npos;
    if (is_last != (path.find('/') == std::string_view::npos)) return false;
    const std::string_view wanted = TakeSegment(&pattern);
    const std::string_view given = TakeSegment(&path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return false;
      continue;
    }
    std::string word;
    if (!DecodePercent(given, &word) || word.empty()) return false;
    words->push_back(std::move(word));
  }
  return pattern.empty() && path.empty();
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

const Route* FindRoute(std::string_view path, std::vector<std::string>* words) {
  for (const Route& route : kRoutes) {
    if (Matches(route.path, path, words)) return &route;
  }
  return nullptr;
}

bool DecodePercent(std::string_view text, std::string* decoded) {
  decoded->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded->push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low < 0) return false;
    decoded->push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return true;
}

Response JsonResponse(int status, std::string json) {
  return {.status = status, .content_type = "application/json", .body = std::move(json)};
}

Response ErrorResponse(int status, const std::string& what) { return JsonResponse(status, ErrorJson(what)); }

}  // namespace once::http
