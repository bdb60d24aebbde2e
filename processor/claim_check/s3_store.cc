// S3's REST interface, signed by Signature Version 4.
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/stores.h"
#include "processor/net/http_call.h"

namespace once::internal {

namespace {

constexpr int64_t kMaxListingBytes = int64_t{4} << 20;
constexpr size_t kMaxErrorBytes = size_t{64} << 10;

class S3Store final : public BlobStore {
 public:
  explicit S3Store(const S3Options& options)
      : options_(options), base_(absl::StrCat(options.endpoint, "/", options.bucket)) {}

  absl::Status Put(const std::string& name, std::string_view bytes) override {
    if (!IsBlobName(name)) return NoName();
    const std::string url = UrlOf(name);
    const absl::StatusOr<HttpReply> answer = Ask("PUT", url, bytes, kMaxErrorBytes);
    if (!answer.ok()) return answer.status();
    return answer->status == 200 ? absl::OkStatus() : Refused("PUT", url, *answer);
  }

  absl::StatusOr<std::string> Get(const std::string& name, int64_t max_bytes) override {
    if (!IsBlobName(name)) return NoName();
    const std::string url = UrlOf(name);
    absl::StatusOr<HttpReply> answer = Ask("GET", url, {}, std::max(static_cast<size_t>(max_bytes), kMaxErrorBytes));
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
    const absl::StatusOr<HttpReply> answer = Ask("DELETE", url, {}, kMaxErrorBytes);
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
    std::string url =
        absl::StrCat(base_, "?list-type=2&max-keys=", count, "&prefix=", EscapeForUrl(options_.prefix), "%2F");
    if (!after.empty()) absl::StrAppend(&url, "&start-after=", EscapeForUrl(after));
    const absl::StatusOr<HttpReply> answer = Ask("GET", url, {}, kMaxListingBytes);
    if (!answer.ok()) return answer.status();
    if (answer->status == 404) return absl::NotFoundError(absl::StrCat("there is no bucket ", base_, "; make it"));
    if (answer->status != 200 || answer->is_too_long) return Refused("GET", base_, *answer);
    return ParseListing(answer->body, options_.prefix);
  }

  // The code of S3's error is all that is told of an answer: its text may repeat the request.
  static absl::Status Refused(const char* method, const std::string& url, const HttpReply& answer) {
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

  absl::StatusOr<AwsCredentials> Credentials() const {
    if (options_.credentials != nullptr) return options_.credentials();
    if (options_.credentials_file.empty()) return CredentialsOfEnvironment();
    return ReadCredentialsFile(options_.credentials_file, options_.profile);
  }

  absl::StatusOr<HttpReply> Ask(const char* method, const std::string& url, std::string_view body, size_t limit) {
    const absl::StatusOr<AwsCredentials> credentials = Credentials();
    if (!credentials.ok()) return credentials.status();
    HttpCall call{.url = url,
                  .method = method,
                  .headers = {absl::StrCat("x-amz-content-sha256: ", Sha256Hex(body))},
                  .max_answer_bytes = limit,
                  .connect_timeout = options_.connect_timeout,
                  .timeout = options_.timeout,
                  .ca_file = options_.ca_file,
                  .username = credentials->access_key_id,
                  .password = credentials->secret_access_key,
                  .aws_scope = absl::StrCat(options_.region, ":s3")};
    if (!credentials->session_token.empty()) {
      call.headers.push_back(absl::StrCat("x-amz-security-token: ", credentials->session_token));
    }
    if (!body.empty() || call.method == "PUT") {
      // Signed as it stands here, so nothing may that is not sent, as "Expect:" is not.
      call.headers.push_back("Content-Type: application/octet-stream");
      call.body = body;
    }
    absl::StatusOr<HttpReply> reply = connections_.Ask(call);
    if (reply.ok()) return reply;
    return absl::UnavailableError(
        absl::StrCat("the blob store does not answer at ", url, ": ", reply.status().message()));
  }

  const S3Options options_;
  const std::string base_;
  HttpConnections connections_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<BlobStore>> NewS3Store(const S3Options& options) {
  return std::shared_ptr<BlobStore>(std::make_shared<S3Store>(options));
}

}  // namespace once::internal
