// Each call has a connection of its own: pods come and go.
#include "processor/http/fetch.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/net/http_call.h"

namespace once::http {

namespace {

constexpr size_t kMostBytes = size_t{64} << 20;

}  // namespace

std::string BearerOf(const std::string& token) { return token.empty() ? "" : absl::StrCat("Bearer ", token); }

absl::StatusOr<Fetched> Fetch(const std::string& url, const std::string& authorization, absl::Duration timeout) {
  // Pods are asked themselves: this is for no proxy that the environment names.
  internal::HttpCall call{.url = url, .max_answer_bytes = kMostBytes, .timeout = timeout, .may_use_proxy = false};
  if (!authorization.empty()) call.headers.push_back(absl::StrCat("Authorization: ", authorization));
  absl::StatusOr<internal::HttpReply> reply = internal::HttpConnections().Ask(call);
  if (!reply.ok()) return reply.status();
  if (reply->is_too_long) return absl::UnavailableError(absl::StrCat("its answer exceeds ", kMostBytes, " bytes"));
  return Fetched{.status = static_cast<int>(reply->status), .body = std::move(reply->body)};
}

absl::StatusOr<std::string> FetchBody(const std::string& url, const std::string& authorization,
                                      absl::Duration timeout) {
  absl::StatusOr<Fetched> fetched = Fetch(url, authorization, timeout);
  if (!fetched.ok()) return fetched.status();
  if (fetched->status == 200) return std::move(fetched->body);
  const auto json = nlohmann::json::parse(fetched->body, nullptr, /*allow_exceptions=*/false);
  const bool has_error = json.is_object() && json.contains("error") && json["error"].is_string();
  const std::string message = absl::StrCat("it answers ", fetched->status, has_error ? ": " : "",
                                           has_error ? PlainText(json["error"].get_ref<const std::string&>()) : "");
  if (fetched->status == 401 || fetched->status == 403) return absl::UnauthenticatedError(message);
  return fetched->status == 404 ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

}  // namespace once::http
