// AWS's Signature Version 4, in the query of a URL that nobody fetches: it is the token.
#include "processor/msk_iam.h"

#include <stdlib.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "processor/base/sha256.h"
#include "processor/base/strings.h"

namespace once {
namespace {

constexpr absl::Duration kValidity = absl::Minutes(15);
constexpr std::string_view kService = "kafka-cluster";
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<AwsCredentials> CredentialsOfEnvironment() {
  AwsCredentials credentials;
  credentials.access_key_id = Variable("AWS_ACCESS_KEY_ID");
  credentials.secret_access_key = Variable("AWS_SECRET_ACCESS_KEY");
  credentials.session_token = Variable("AWS_SESSION_TOKEN");
  return credentials;
}

// Everything but what RFC 3986 leaves as it is.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      absl::StrAppend(&out, "%", absl::AsciiStrToUpper(absl::BytesToHexString(absl::string_view(&c, 1))));
    }
  }
  return out;
}

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

// The URL that lets who shows it connect to the clusters of a region.
std::string SignedUrl(const std::string& region, const AwsCredentials& credentials, absl::Time now,
                      absl::Duration validity) {
  const std::string host = absl::StrCat("kafka.", region, ".amazonaws.com");
  const std::string time = absl::FormatTime("%Y%m%dT%H%M%SZ", now, absl::UTCTimeZone());
  const std::string day = time.substr(0, 8);
  const std::string scope = absl::StrCat(day, "/", region, "/", ToAbsl(kService), "/aws4_request");
  // Sorted by name, as they are signed.
  std::map<std::string, std::string> parameters = {
      {"Action", "kafka-cluster:Connect"},
      {"X-Amz-Algorithm", std::string(kAlgorithm)},
      {"X-Amz-Credential", absl::StrCat(credentials.access_key_id, "/", scope)},
      {"X-Amz-Date", time},
      {"X-Amz-Expires", absl::StrCat(absl::ToInt64Seconds(validity))},
      {"X-Amz-SignedHeaders", "host"}};
  if (!credentials.session_token.empty()) parameters["X-Amz-Security-Token"] = credentials.session_token;
  std::string query;
  for (const auto& [name, value] : parameters) {
    absl::StrAppend(&query, query.empty() ? "" : "&", Escaped(name), "=", Escaped(value));
  }
  const std::string request = absl::StrCat("GET\n/\n", query, "\nhost:", host, "\n\nhost\n", Hex(Sha256("")));
  const std::string to_sign = absl::StrCat(ToAbsl(kAlgorithm), "\n", time, "\n", scope, "\n", Hex(Sha256(request)));
  std::string key = HmacSha256("AWS4" + credentials.secret_access_key, day);
  for (std::string_view part : {std::string_view(region), kService, std::string_view("aws4_request")}) {
    key = HmacSha256(key, part);
  }
  return absl::StrCat("https://", host, "/?", query, "&X-Amz-Signature=", Hex(HmacSha256(key, to_sign)),
                      "&User-Agent=once");
}

absl::StatusOr<kafka::OauthToken> Token(const MskIamOptions& options) {
  std::string region = options.region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) region = region.empty() ? Variable(name) : region;
  if (region.empty()) {
    return absl::InvalidArgumentError("no AWS region for MSK's tokens; set AWS_REGION, or MskIamOptions::region");
  }
  const absl::StatusOr<AwsCredentials> credentials =
      options.credentials ? options.credentials() : CredentialsOfEnvironment();
  if (!credentials.ok()) return credentials.status();
  if (credentials->access_key_id.empty() || credentials->secret_access_key.empty()) {
    return absl::InvalidArgumentError(
        "no AWS credentials for MSK's tokens; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give "
        "MskIamOptions::credentials");
  }
  const absl::Time now = options.now();
  const absl::Duration validity = std::min(kValidity, credentials->expires_at - now);
  if (validity < absl::Seconds(1)) {
    return absl::UnavailableError("the AWS credentials for MSK's tokens have expired; bring new ones");
  }
  const std::string url = SignedUrl(region, *credentials, now, validity);
  kafka::OauthToken token;
  // As AWS's signers do, without padding.
  token.value = std::string(absl::StripSuffix(absl::StripSuffix(absl::WebSafeBase64Escape(url), "="), "="));
  token.principal = credentials->access_key_id;
  token.expires_at = now + validity;
  return token;
}

}  // namespace

kafka::OauthTokenFunction MskIamTokens(MskIamOptions options) {
  return [options = std::move(options)] { return Token(options); };
}

}  // namespace once
