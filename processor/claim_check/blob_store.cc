// Which store it is, out of options.
#include "processor/claim_check/blob_store.h"

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/claim_check/stores.h"

namespace once {

namespace {

bool IsMadeOf(const std::string& text, const char* more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [more](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view(more).find(c) != std::string_view::npos;
  });
}

// Parts that are "." or ".." mean another place to some clients of HTTP.
bool HasDotParts(const std::string& path) {
  const std::string whole = absl::StrCat("/", path, "/");
  return absl::StrContains(whole, "/./") || absl::StrContains(whole, "/../") || absl::StrContains(whole, "//");
}

absl::Status CheckS3(const S3Options& s3) {
  const size_t scheme = absl::StartsWith(s3.endpoint, "http://")    ? 7
                        : absl::StartsWith(s3.endpoint, "https://") ? 8
                                                                    : 0;
  // Which leaves out paths, queries and credentials.
  if (scheme == 0 || !IsMadeOf(s3.endpoint.substr(scheme), ".-_:[]")) {
    return absl::InvalidArgumentError("claim_store_s3_endpoint is http(s)://HOST[:PORT] and nothing more");
  }
  if (!IsMadeOf(s3.bucket, ".-_") || HasDotParts(s3.bucket)) {
    return absl::InvalidArgumentError("claim_store_s3_bucket is the name of a bucket, of letters, digits and -_.");
  }
  if (!IsMadeOf(s3.prefix, ".-_/") || HasDotParts(s3.prefix)) {
    return absl::InvalidArgumentError(
        "claim_store_s3_prefix is of letters, digits and -_./, and begins and ends with no /");
  }
  if (!IsMadeOf(s3.region, "-")) return absl::InvalidArgumentError("claim_store_s3_region is like eu-central-1");
  if (s3.timeout <= absl::ZeroDuration() || s3.timeout > absl::Minutes(5)) {
    return absl::InvalidArgumentError("claim_store_timeout is more than 0 and at most 5m");
  }
  return absl::OkStatus();
}

// Where nobody has said where blobs go.
class NoStore final : public BlobStore {
 public:
  absl::Status Put(const std::string&, std::string_view) override { return Missing(); }
  absl::StatusOr<std::string> Get(const std::string&, int64_t) override {
    return absl::UnavailableError(Missing().message());
  }
  absl::Status List(const std::function<void(const BlobInfo&)>&) override { return Missing(); }
  absl::Status Delete(const std::string&) override { return Missing(); }
  absl::Status Check() override { return Missing(); }

 private:
  static absl::Status Missing() {
    return absl::FailedPreconditionError(
        "there is no blob store; set claim_store_directory, or claim_store_s3_endpoint and claim_store_s3_bucket");
  }
};

}  // namespace

BlobStoreOptions BlobStoreOptionsFrom(const Config& config) {
  constexpr char kGroup[] = "Claim check";
  BlobStoreOptions options;
  const auto text = [&](const char* name, std::string* member, const char* help) {
    *member = config.Get(name, *member, {.help = help, .group = kGroup});
  };
  text("claim_store_directory", &options.directory,
       "The directory in which payloads lie that are too large for records; all instances see the same.");
  text("claim_store_s3_endpoint", &options.s3.endpoint, "Instead, http(s)://HOST[:PORT] of S3, or what speaks as it.");
  text("claim_store_s3_region", &options.s3.region, "That requests to S3 are signed for.");
  text("claim_store_s3_bucket", &options.s3.bucket, "The bucket, which must be there.");
  text("claim_store_s3_prefix", &options.s3.prefix, "What names of objects begin with, before a /.");
  text("claim_store_s3_credentials_file", &options.s3.credentials_file,
       "AWS's file of credentials; empty: those of the environment, AWS_ACCESS_KEY_ID and so on.");
  text("claim_store_s3_profile", &options.s3.profile, "Which of them.");
  text("claim_store_s3_ca_file", &options.s3.ca_file, "Authorities to trust, as PEM; the system's by default.");
  options.s3.timeout =
      config.Get("claim_store_timeout", options.s3.timeout,
                 {.help = "How long a call of S3 may take, while its handler waits. At most 5m.", .group = kGroup});
  return options;
}

absl::StatusOr<std::shared_ptr<BlobStore>> OpenBlobStore(const BlobStoreOptions& options) {
  if (!options.directory.empty() && !options.s3.endpoint.empty()) {
    return absl::InvalidArgumentError("claim_store_directory and claim_store_s3_endpoint are two stores; set one");
  }
  if (!options.directory.empty()) {
    if (options.directory[0] != '/') {
      return absl::InvalidArgumentError("claim_store_directory is no absolute path; begin it with /");
    }
    return internal::NewDirectoryStore(options.directory);
  }
  if (options.s3.endpoint.empty()) return std::shared_ptr<BlobStore>(std::make_shared<NoStore>());
  if (absl::Status checked = CheckS3(options.s3); !checked.ok()) return checked;
  return internal::NewS3Store(options.s3);
}

}  // namespace once
