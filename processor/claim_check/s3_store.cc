// S3's REST interface by libcurl, which signs (Signature Version 4). No redirects, answers of bounded length, secrets
// in no message. Connections are kept, one for each call that is under way.
#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/mutex.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/stores.h"

namespace once::internal {

namespace {

constexpr int64_t kMaxListingBytes = int64_t{4} << 20;
constexpr size_t kMaxErrorBytes = size_t{64} << 10;

struct HandleDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleDeleter>;

struct Answer {
  long status = 0;
  std::string body = {};
  bool is_too_long = false;
};

struct Sink {
  Answer* answer;
  size_t limit;
};

size_t Take(char* bytes, size_t size, size_t count, void* context) {
  auto* const sink = static_cast<Sink*>(context);
  if (sink->answer->body.size() + size * count > sink->limit) {
    sink->answer->is_too_long = true;
    return 0;  // Less than was offered ends the call.
  }
  sink->answer->body.append(bytes, size * count);
  return size * count;
}

// Headers of a request.
class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  void Add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

class S3Store final : public BlobStore {
 public:
  explicit S3Store(const S3Options& options)
      : options_(options), base_(absl::StrCat(options.endpoint, "/", options.bucket)) {}

  absl::Status Put(const std::string& name, std::string_view bytes) override {
    if (!IsBlobName(name)) return NoName();
    const std::string url = UrlOf(name);
    const absl::StatusOr<Answer> answer = Ask("PUT", url, bytes, kMaxErrorBytes);
    if (!answer.ok()) return answer.status();
    return answer->status == 200 ? absl::OkStatus() : Refused("PUT", url, *answer);
  }

  absl::StatusOr<std::string> Get(const std::string& name, int64_t max_bytes) override {
    if (!IsBlobName(name)) return NoName();
    const std::string url = UrlOf(name);
    absl::StatusOr<Answer> answer = Ask("GET", url, {}, std::max(static_cast<size_t>(max_bytes), kMaxErrorBytes));
    if (!answer.ok()) return answer.status();
    if (answer->status == 404 && absl::StrContains(answer->body, "<Code>NoSuchKey</Code>")) {
      return absl::NotFoundError(absl::StrCat("there is no blob ", url));
    }
    if (answer->status != 200) return Refused("GET", url, *answer);
    if (answer->is_too_long || static_cast<int64_t>(answer->body.size()) > max_bytes) {
      return absl::OutOfRangeError(absl::StrCat("the blob ", url, " has more bytes than were put there"));
    }
    return std::move(answer->body);
  }

  absl::Status List(const std::function<void(const BlobInfo&)>& take) override {
    std::string after;
    while (true) {
      const absl::StatusOr<S3Listing> listing = ListAfter(after, 1000);
      if (!listing.ok()) return listing.status();
      for (const BlobInfo& blob : listing->blobs) take(blob);
      if (!listing->is_truncated) return absl::OkStatus();
      // It would be asked for the same again.
      if (listing->last_key <= after) return absl::UnavailableError(absl::StrCat(base_, " lists without an end"));
      after = listing->last_key;
    }
  }

  absl::Status Delete(const std::string& name) override {
    if (!IsBlobName(name)) return NoName();
    const std::string url = UrlOf(name);
    const absl::StatusOr<Answer> answer = Ask("DELETE", url, {}, kMaxErrorBytes);
    if (!answer.ok()) return answer.status();
    if (answer->status == 204 || answer->status == 200) return absl::OkStatus();
    if (answer->status == 404 && absl::StrContains(answer->body, "<Code>NoSuchKey</Code>")) return absl::OkStatus();
    return Refused("DELETE", url, *answer);
  }

  absl::Status Check() override {
    const absl::StatusOr<S3Listing> listing = ListAfter("", 1);
    if (listing.ok() || !absl::IsNotFound(listing.status())) return listing.status();
    return absl::FailedPreconditionError(listing.status().message());
  }

 private:
  static absl::Status NoName() {
    return absl::InvalidArgumentError("a blob's name is 80 hexadecimal digits, and this one is not");
  }
  std::string UrlOf(const std::string& name) const { return absl::StrCat(base_, "/", options_.prefix, "/", name); }

  // What a signed request says of its query is in the order of names, and escaped.
  absl::StatusOr<S3Listing> ListAfter(const std::string& after, int count) {
    std::string url = absl::StrCat(base_, "?list-type=2&max-keys=", count, "&prefix=", Escape(options_.prefix), "%2F");
    if (!after.empty()) absl::StrAppend(&url, "&start-after=", Escape(after));
    const absl::StatusOr<Answer> answer = Ask("GET", url, {}, kMaxListingBytes);
    if (!answer.ok()) return answer.status();
    if (answer->status == 404) return absl::NotFoundError(absl::StrCat("there is no bucket ", base_, "; make it"));
    if (answer->status != 200 || answer->is_too_long) return Refused("GET", base_, *answer);
    return ParseListing(answer->body, options_.prefix);
  }

  static std::string Escape(const std::string& text) {
    char* const escaped = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
    std::string copy = escaped == nullptr ? "" : escaped;
    curl_free(escaped);
    return copy;
  }

  // The code of S3's error is all that is told of an answer: its text may repeat the request.
  static absl::Status Refused(const char* method, const std::string& url, const Answer& answer) {
    std::string code;
    const size_t begin = answer.body.find("<Code>"), end = answer.body.find("</Code>");
    if (begin != std::string::npos && end != std::string::npos && end > begin && end - begin < 64) {
      code = answer.body.substr(begin + 6, end - begin - 6);
      for (const char c : code) {
        if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) return Refused(method, url, {.status = answer.status});
      }
    }
    const std::string text =
        absl::StrCat("the blob store answers ", answer.status, code.empty() ? "" : " ", code, " to ", method, " ", url);
    if (answer.status == 401 || answer.status == 403) return absl::PermissionDeniedError(text);
    return absl::UnavailableError(text);
  }

  Handle TakeHandle() {
    const MutexLock lock(&mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }
  void GiveBack(Handle handle) {
    const MutexLock lock(&mutex_);
    idle_.push_back(std::move(handle));
  }

  absl::StatusOr<AwsCredentials> Credentials() const {
    if (options_.credentials != nullptr) return options_.credentials();
    if (options_.credentials_file.empty()) return CredentialsOfEnvironment();
    return ReadCredentialsFile(options_.credentials_file, options_.profile);
  }

  absl::StatusOr<Answer> Ask(const char* method, const std::string& url, std::string_view body, size_t limit) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    Handle handle = kReady == CURLE_OK ? TakeHandle() : nullptr;
    if (handle == nullptr) return absl::UnavailableError("libcurl could not be set up");
    const absl::StatusOr<AwsCredentials> credentials = Credentials();
    if (!credentials.ok()) return credentials.status();
    CURL* const curl = handle.get();
    Answer answer;
    Sink sink{.answer = &answer, .limit = limit};
    char reason[CURL_ERROR_SIZE] = "";
    // libcurl signs what stands here, so nothing may that is not sent, as "Expect:" is not.
    HeaderList headers;
    headers.Add(absl::StrCat("x-amz-content-sha256: ", Sha256Hex(body)));
    if (!credentials->session_token.empty()) {
      headers.Add(absl::StrCat("x-amz-security-token: ", credentials->session_token));
    }
    curl_easy_reset(curl);  // The connection stays, the settings do not.
    if (!body.empty() || method == std::string_view("PUT")) {
      headers.Add("Content-Type: application/octet-stream");
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, absl::StrCat("aws:amz:", options_.region, ":s3").c_str());
    curl_easy_setopt(curl, CURLOPT_USERNAME, credentials->access_key_id.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, credentials->secret_access_key.c_str());
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(options_.connect_timeout)));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(options_.timeout)));
    if (!options_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    if (code != CURLE_OK && !answer.is_too_long) {
      // A connection that failed is not kept.
      return absl::UnavailableError(absl::StrCat("the blob store does not answer at ", url, ": ",
                                                 reason[0] != 0 ? reason : curl_easy_strerror(code)));
    }
    if (code == CURLE_OK) GiveBack(std::move(handle));
    return answer;
  }

  const S3Options options_;
  const std::string base_;
  Mutex mutex_;
  std::vector<Handle> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::shared_ptr<BlobStore>> NewS3Store(const S3Options& options) {
  return std::shared_ptr<BlobStore>(std::make_shared<S3Store>(options));
}

}  // namespace once::internal
