#include "processor/http/bearer_token.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::http {

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  constexpr size_t kMostBytes = 4096;
  std::ifstream file(path);
  std::string line(kMostBytes + 1, '\0');
  // No more than this is read, whatever it is.
  if (!file || !file.read(line.data(), static_cast<std::streamsize>(line.size())).eof()) {
    const bool is_long = file.is_open() && file.gcount() > 0;
    return absl::FailedPreconditionError(absl::StrCat(
        "http_token_file ", Printable(path, 256),
        is_long ? " is no file with one token: it is too long" : " cannot be read: ", is_long ? "" : strerror(errno)));
  }
  line.resize(static_cast<size_t>(file.gcount()));
  line = line.substr(0, line.find('\n'));
  const std::string token(absl::StripAsciiWhitespace(line));
  const bool is_visible = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (token.size() >= kLeastTokenBytes && is_visible) return token;
  return absl::FailedPreconditionError(
      absl::StrCat("http_token_file ", Printable(path, 256), " has no token on its first line: at least ",
                   kLeastTokenBytes, " visible ASCII characters, as `head -c 24 /dev/urandom | base64` makes them"));
}

bool IsAuthorized(std::string_view authorization, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (token.empty() || authorization.size() != kScheme.size() + token.size()) return false;
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kScheme))) return false;
  unsigned char differs = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    differs = static_cast<unsigned char>(differs | (authorization[kScheme.size() + i] ^ token[i]));
  }
  return differs == 0;
}

}  // namespace once::http
