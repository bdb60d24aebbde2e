// libcurl, kept on a short lead: two protocols, no redirects, answers of bounded length, secrets in no message.
#include "processor/schema/http_client.h"

#include <curl/curl.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace once::internal {

namespace {

constexpr char kContentType[] = "application/vnd.schemaregistry.v1+json";

struct Sink {
  std::string* body;
  size_t limit;
};

size_t Take(char* bytes, size_t size, size_t count, void* context) {
  auto* const sink = static_cast<Sink*>(context);
  // Less than was offered ends the call.
  if (sink->body->size() + size * count > sink->limit) return 0;
  sink->body->append(bytes, size * count);
  return size * count;
}

// A secret on one line.
absl::StatusOr<std::string> ReadSecret(const std::string& path, const char* what) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  text = std::string(absl::StripAsciiWhitespace(text));
  if (!file || text.empty() || text.find_first_of("\r\n") != std::string::npos) {
    return absl::UnavailableError(absl::StrCat("the schema registry's ", what, " cannot be read from ", path,
                                               ": let that be a file with one line"));
  }
  return text;
}

}  // namespace

struct HttpClient::Handle {
  CURL* curl = nullptr;
};

HttpClient::HttpClient(const SchemaRegistryOptions& options, std::vector<std::string> urls)
    : options_(options), urls_(std::move(urls)), handle_(std::make_unique<Handle>()) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  handle_->curl = kReady == CURLE_OK ? curl_easy_init() : nullptr;
}

HttpClient::~HttpClient() { curl_easy_cleanup(handle_->curl); }

std::string HttpClient::Escape(const std::string& text) {
  char* const escaped = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  std::string copy = escaped == nullptr ? "" : escaped;
  curl_free(escaped);
  return copy;
}

absl::StatusOr<HttpAnswer> HttpClient::Ask(const std::string& path, const std::string& body) {
  const MutexLock lock(&mutex_);
  absl::StatusOr<HttpAnswer> answer = absl::UnavailableError("no schema registry is named");
  for (size_t tried = 0; tried < urls_.size(); ++tried) {
    answer = AskOne(urls_[next_] + path, body);
    // What another one would say as well is an answer.
    if (answer.ok() && answer->status < 500 && answer->status != 429) return answer;
    next_ = (next_ + 1) % urls_.size();
  }
  return answer;
}

absl::Status HttpClient::Authenticate(curl_slist** headers) {
  CURL* const curl = handle_->curl;
  if (!options_.token_file.empty()) {
    const absl::StatusOr<std::string> token = ReadSecret(options_.token_file, "token");
    if (!token.ok()) return token.status();
    *headers = curl_slist_append(*headers, absl::StrCat("Authorization: Bearer ", *token).c_str());
  } else if (!options_.username.empty()) {
    const absl::StatusOr<std::string> password = ReadSecret(options_.password_file, "password");
    if (!password.ok()) return password.status();
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, options_.username.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, password->c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<HttpAnswer> HttpClient::AskOne(const std::string& url, const std::string& body) {
  CURL* const curl = handle_->curl;
  if (curl == nullptr) return absl::UnavailableError("libcurl could not be set up");
  HttpAnswer answer{.url = url};
  Sink sink{.body = &answer.body, .limit = options_.max_response_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  curl_slist* headers =
      curl_slist_append(nullptr, absl::StrCat("Accept: ", kContentType, ", application/json").c_str());
  headers = curl_slist_append(headers, absl::StrCat("Content-Type: ", kContentType).c_str());
  // The connection stays, the settings do not.
  curl_easy_reset(curl);
  absl::Status ready = Authenticate(&headers);
  if (ready.ok()) {
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(options_.timeout)));
    if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!body.empty()) {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    }
    const CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    } else if (code == CURLE_WRITE_ERROR) {
      ready = absl::UnavailableError(
          absl::StrCat("the schema registry's answer to ", url, " exceeds ", options_.max_response_bytes, " bytes"));
    } else {
      ready = absl::UnavailableError(absl::StrCat("the schema registry does not answer at ", url, ": ",
                                                  reason[0] != 0 ? reason : curl_easy_strerror(code)));
    }
  }
  curl_slist_free_all(headers);
  if (!ready.ok()) return ready;
  return answer;
}

}  // namespace once::internal
