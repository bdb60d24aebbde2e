// What a schema registry needs of each call: its type of content, who asks, and which of its servers answers.
#include "processor/schema/http_client.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace once::internal {

namespace {

constexpr char kContentType[] = "application/vnd.schemaregistry.v1+json";

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

absl::Status HttpClient::Authenticate(HttpCall* call) const {
  if (!options_.token_file.empty()) {
    const absl::StatusOr<std::string> token = ReadSecret(options_.token_file, "token");
    if (!token.ok()) return token.status();
    call->headers.push_back(absl::StrCat("Authorization: Bearer ", *token));
  } else if (!options_.username.empty()) {
    absl::StatusOr<std::string> password = ReadSecret(options_.password_file, "password");
    if (!password.ok()) return password.status();
    call->username = options_.username;
    call->password = *std::move(password);
  }
  return absl::OkStatus();
}

absl::StatusOr<HttpAnswer> HttpClient::AskOne(const std::string& url, const std::string& body) {
  HttpCall call{.url = url,
                .headers = {absl::StrCat("Accept: ", kContentType, ", application/json"),
                            absl::StrCat("Content-Type: ", kContentType)},
                .max_answer_bytes = options_.max_response_bytes,
                .connect_timeout = options_.connect_timeout,
                .timeout = options_.timeout,
                .ca_file = options_.ca_file};
  if (!body.empty()) {
    call.method = "POST";
    call.body = body;
  }
  if (absl::Status known = Authenticate(&call); !known.ok()) return known;
  absl::StatusOr<HttpReply> reply = connections_.Ask(call);
  if (!reply.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the schema registry does not answer at ", url, ": ", reply.status().message()));
  }
  if (reply->is_too_long) {
    return absl::UnavailableError(
        absl::StrCat("the schema registry's answer to ", url, " exceeds ", options_.max_response_bytes, " bytes"));
  }
  return HttpAnswer{.status = reply->status, .body = std::move(reply->body), .url = url};
}

}  // namespace once::internal
