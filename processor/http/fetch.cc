// By libcurl.
#include "processor/http/fetch.h"

#include <curl/curl.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::http {

namespace {

constexpr size_t kMostBytes = size_t{64} << 20;

size_t Take(char* data, size_t size, size_t count, void* body) {
  auto* const text = static_cast<std::string*>(body);
  if (text->size() + size * count > kMostBytes) return 0;
  text->append(data, size * count);
  return size * count;
}

struct Headers {
  curl_slist* list = nullptr;
  ~Headers() { curl_slist_free_all(list); }
};

}  // namespace

std::string BearerOf(const std::string& token) { return token.empty() ? "" : absl::StrCat("Bearer ", token); }

absl::StatusOr<Fetched> Fetch(const std::string& url, const std::string& authorization, absl::Duration timeout) {
  // Once in the process; what it returns is told by the calls below.
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(kReady == CURLE_OK ? curl_easy_init() : nullptr,
                                                    &curl_easy_cleanup);
  if (curl == nullptr) return absl::UnavailableError("libcurl does not start");
  Fetched fetched;
  Headers headers;
  if (!authorization.empty()) {
    headers.list = curl_slist_append(nullptr, absl::StrCat("Authorization: ", authorization).c_str());
  }
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  // Pods are asked themselves: this is for no proxy that the environment names.
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(timeout)));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &fetched.body);
  const CURLcode done = curl_easy_perform(curl.get());
  if (done != CURLE_OK) return absl::UnavailableError(curl_easy_strerror(done));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  fetched.status = static_cast<int>(status);
  return fetched;
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
