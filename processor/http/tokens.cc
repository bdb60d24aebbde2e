#include "processor/http/tokens.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"

namespace once::http {

namespace {

constexpr size_t kMostFileBytes = 64 << 10;
constexpr size_t kMostTokenBytes = 4096;
constexpr size_t kMostNameBytes = 64;
constexpr absl::Duration kLookEvery = absl::Seconds(1);

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || std::string_view("._@-").find(c) != std::string::npos;
  });
}

bool IsSame(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char differs = 0;
  for (size_t i = 0; i < a.size(); ++i) differs = static_cast<unsigned char>(differs | (a[i] ^ b[i]));
  return differs == 0;
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream file(path);
  std::string text(kMostFileBytes + 1, '\0');
  // No more than this is read, whatever it is.
  if (!file || !file.read(text.data(), static_cast<std::streamsize>(text.size())).eof()) {
    const bool is_long = file.is_open() && file.gcount() > 0;
    return absl::InvalidArgumentError(is_long ? "it is too long" : strerror(errno));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat("http_token_file ", Printable(path, 256), ": ", std::string(status.message())));
}

class TokenFile final : public Guard {
 public:
  TokenFile(std::string path, Clock* clock, LogSink* log)
      : path_(std::move(path)), clock_(clock), log_(log), proofs_(clock->Wall()) {}

  absl::Status Open() {
    MutexLock lock(&mutex_);
    return Read();
  }

  Caller Check(std::string_view authorization) override {
    MutexLock lock(&mutex_);
    Look();
    return tokens_->Check(authorization, clock_->Wall());
  }

  std::string Prove(const ProofSubject& subject) override {
    MutexLock lock(&mutex_);
    Look();
    const absl::Time now = clock_->Wall();
    return MakeProof(tokens_->KeysAt(now), subject, now, DrawNonce());
  }

  Caller CheckProof(std::string_view authorization, const ProofSubject& subject, bool is_shown) override {
    MutexLock lock(&mutex_);
    Look();
    const absl::Time now = clock_->Wall();
    absl::StatusOr<std::string> name = proofs_.Check(authorization, tokens_->KeysAt(now), subject, now, is_shown);
    if (name.ok()) return {.may_ask = true, .name = *std::move(name)};
    return {.refusal = std::string(name.status().message())};
  }

 private:
  // What says that a file is another one, or was written.
  using Mark = std::tuple<dev_t, ino_t, off_t, time_t, int64_t>;

  Mark MarkOf() const {
    struct stat is = {};
    if (stat(path_.c_str(), &is) != 0) return {};
    return {is.st_dev, is.st_ino, is.st_size, is.st_mtim.tv_sec, is.st_mtim.tv_nsec};
  }

  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Before it is read: what is written meanwhile is seen the next time.
    mark_ = MarkOf();
    looked_ = clock_->Steady();
    const absl::StatusOr<std::string> text = ReadSmallFile(path_);
    if (!text.ok()) return Named(path_, text.status());
    absl::StatusOr<Tokens> tokens = Tokens::Parse(*text);
    if (!tokens.ok()) return Named(path_, tokens.status());
    tokens_ = *std::move(tokens);
    return absl::OkStatus();
  }

  void Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = clock_->Steady();
    if (now - looked_ < kLookEvery) return;
    looked_ = now;
    if (MarkOf() == mark_) return;
    const absl::Status read = Read();
    if (read.ok()) {
      log_->Log(LogLevel::kInfo, absl::StrCat("http_token_file ", Printable(path_, 256), " has changed and is taken"));
    } else {
      log_->Log(LogLevel::kWarning,
                absl::StrCat(std::string(read.message()), "; the tokens that were there before are still taken"));
    }
  }

  const std::string path_;
  Clock* const clock_;
  LogSink* const log_;
  Mutex mutex_;
  std::optional<Tokens> tokens_ ABSL_GUARDED_BY(mutex_);
  Mark mark_ ABSL_GUARDED_BY(mutex_);
  absl::Time looked_ ABSL_GUARDED_BY(mutex_);
  Proofs proofs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<Tokens::Token> Tokens::ParseLine(std::string_view line) {
  Token token;
  for (const absl::string_view word : absl::StrSplit(ToAbsl(line), absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    const std::string_view part = ToStd(word);
    if (token.text.empty()) {
      const bool is_visible = std::all_of(part.begin(), part.end(), [](char c) { return c > ' ' && c <= '~'; });
      if (part.size() < kLeastTokenBytes || part.size() > kMostTokenBytes || !is_visible) {
        return absl::InvalidArgumentError(
            absl::StrCat("has no token of at least ", kLeastTokenBytes,
                         " visible ASCII characters, as `head -c 24 /dev/urandom | base64` makes them"));
      }
      token.text = std::string(part);
    } else if (part.starts_with("name=") && IsName(part.substr(5))) {
      token.name = std::string(part.substr(5));
    } else if (std::string error;
               !part.starts_with("expires=") ||
               !absl::ParseTime(absl::RFC3339_full, std::string(part.substr(8)), &token.expires, &error)) {
      return absl::InvalidArgumentError(
          "may have nothing behind its token but name=NAME and expires=2027-01-31T00:00:00Z");
    }
  }
  return token;
}

absl::StatusOr<Tokens> Tokens::Parse(std::string_view text) {
  Tokens tokens;
  int number = 0;
  for (const absl::string_view each : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(each);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Token> token = ParseLine(ToStd(line));
    if (!token.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, " ", std::string(token.status().message())));
    }
    tokens.tokens_.push_back(*std::move(token));
  }
  if (!tokens.tokens_.empty()) return tokens;
  return absl::InvalidArgumentError(
      absl::StrCat("there is no token in it: a line of at least ", kLeastTokenBytes, " visible ASCII characters"));
}

Caller Tokens::Check(std::string_view authorization, absl::Time now) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.empty()) {
    return {.refusal = "this wants the header \"Authorization: Bearer TOKEN\", with a token of --http_token_file"};
  }
  const bool is_bearer = absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kScheme));
  const std::string_view sent = is_bearer ? authorization.substr(kScheme.size()) : std::string_view();
  const Token* found = nullptr;
  for (const Token& token : tokens_) {
    // All of them are compared. Of two lines with one token the one that holds longer counts.
    const bool is_same = IsSame(sent, token.text);
    if (is_same && (found == nullptr || found->expires < token.expires)) found = &token;
  }
  if (found == nullptr) {
    return {.refusal = is_bearer ? "this token is none of --http_token_file"
                                 : "the header Authorization is not \"Bearer TOKEN\""};
  }
  if (found->expires > now) return {.may_ask = true, .name = found->name};
  return {.refusal = absl::StrCat("this token has expired, at ",
                                  absl::FormatTime(absl::RFC3339_sec, found->expires, absl::UTCTimeZone()),
                                  "; ask with a newer one of --http_token_file")};
}

std::vector<ProofKey> Tokens::KeysAt(absl::Time now) const {
  std::vector<ProofKey> keys;
  for (const Token& token : tokens_) {
    if (token.expires > now) keys.push_back({.token = token.text, .name = token.name});
  }
  return keys;
}

absl::StatusOr<std::unique_ptr<Guard>> OpenTokenFile(const std::string& path, Clock* clock, LogSink* log) {
  auto file = std::make_unique<TokenFile>(path, clock, log);
  if (absl::Status opened = file->Open(); !opened.ok()) return opened;
  return std::unique_ptr<Guard>(std::move(file));
}

}  // namespace once::http
