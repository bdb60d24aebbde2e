// By libcurl's easy interface, one handle for each connection.
#include "processor/net/http_call.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace once::internal {

namespace {

struct Sink {
  HttpReply* reply;
  size_t limit;
};

size_t TakeBody(char* bytes, size_t size, size_t count, void* context) {
  auto* const sink = static_cast<Sink*>(context);
  if (sink->reply->body.size() + size * count > sink->limit) {
    sink->reply->is_too_long = true;
    return 0;  // Less than was offered ends the call.
  }
  sink->reply->body.append(bytes, size * count);
  return size * count;
}

// libcurl signs and sends what stands here.
class HeaderList {
 public:
  explicit HeaderList(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) list_ = curl_slist_append(list_, line.c_str());
  }
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// 0 is libcurl's own.
long Millis(absl::Duration duration) {
  return duration == absl::InfiniteDuration() ? 0 : static_cast<long>(absl::ToInt64Milliseconds(duration));
}

void SetRequest(CURL* curl, const HttpCall& call, const HeaderList& headers) {
  if (call.body.has_value()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body->size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body->empty() ? "" : call.body->data());
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (call.username.empty()) return;
  curl_easy_setopt(curl, CURLOPT_USERNAME, call.username.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, call.password.c_str());
  if (call.aws_scope.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  } else {
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, absl::StrCat("aws:amz:", call.aws_scope).c_str());
  }
}

void SetBounds(CURL* curl, const HttpCall& call) {
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, Millis(call.connect_timeout));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, Millis(call.timeout));
  if (!call.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, call.ca_file.c_str());
  if (!call.may_use_proxy) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

}  // namespace

struct HttpConnections::Handle {
  CURL* const curl = curl_easy_init();
  Handle() = default;
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

HttpConnections::HttpConnections() = default;
HttpConnections::~HttpConnections() = default;

std::unique_ptr<HttpConnections::Handle> HttpConnections::Take() {
  // Once in the process.
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kReady != CURLE_OK) return nullptr;
  const MutexLock lock(&mutex_);
  if (idle_.empty()) return std::make_unique<Handle>();
  std::unique_ptr<Handle> handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

absl::StatusOr<HttpReply> HttpConnections::Ask(const HttpCall& call) {
  std::unique_ptr<Handle> handle = Take();
  if (handle == nullptr || handle->curl == nullptr) return absl::UnavailableError("libcurl could not be set up");
  CURL* const curl = handle->curl;
  HttpReply reply;
  Sink sink{.reply = &reply, .limit = call.max_answer_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  const HeaderList headers(call.headers);
  curl_easy_reset(curl);  // The connection stays, the settings do not.
  SetRequest(curl, call, headers);
  SetBounds(curl, call);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  if (code == CURLE_OK) {
    const MutexLock lock(&mutex_);
    idle_.push_back(std::move(handle));
  } else if (!reply.is_too_long) {
    // A connection that failed is not kept.
    return absl::UnavailableError(reason[0] != 0 ? reason : curl_easy_strerror(code));
  }
  return reply;
}

std::string EscapeForUrl(const std::string& text) {
  char* const escaped = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  std::string copy = escaped == nullptr ? "" : escaped;
  curl_free(escaped);
  return copy;
}

}  // namespace once::internal
