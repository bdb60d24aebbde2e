// AWS credentials of S3 stores; whatever is wrong with them, nothing of them is told.
#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/claim_check/stores.h"

namespace once::internal {

namespace {

// They become a part of headers.
bool IsPlain(const std::string& text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

bool AreWhole(const AwsCredentials& credentials) {
  return !credentials.access_key_id.empty() && !credentials.secret_access_key.empty() &&
         IsPlain(credentials.access_key_id) && IsPlain(credentials.secret_access_key) &&
         IsPlain(credentials.session_token);
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<AwsCredentials> CredentialsOfEnvironment() {
  AwsCredentials credentials{.access_key_id = Variable("AWS_ACCESS_KEY_ID"),
                             .secret_access_key = Variable("AWS_SECRET_ACCESS_KEY"),
                             .session_token = Variable("AWS_SESSION_TOKEN")};
  if (AreWhole(credentials)) return credentials;
  return absl::InvalidArgumentError(
      "the blob store has no credentials; set claim_store_s3_credentials_file, or AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY in the environment");
}

absl::StatusOr<AwsCredentials> ReadCredentialsFile(const std::string& path, const std::string& profile) {
  std::ifstream file(path);
  AwsCredentials credentials;
  bool is_ours = false;
  for (std::string line; std::getline(file, line);) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (!text.empty() && text[0] == '[') is_ours = text == absl::StrCat("[", profile, "]");
    const size_t equals = text.find('=');
    if (!is_ours || equals == absl::string_view::npos || text[0] == '#' || text[0] == ';') continue;
    const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(0, equals)));
    const std::string value(absl::StripAsciiWhitespace(text.substr(equals + 1)));
    if (name == "aws_access_key_id") credentials.access_key_id = value;
    if (name == "aws_secret_access_key") credentials.secret_access_key = value;
    if (name == "aws_session_token") credentials.session_token = value;
  }
  if (AreWhole(credentials)) return credentials;
  return absl::UnavailableError(absl::StrCat("the blob store's credentials cannot be read from ", path,
                                             ": let it have aws_access_key_id and aws_secret_access_key under [",
                                             profile, "]"));
}

}  // namespace once::internal
