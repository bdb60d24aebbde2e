// X10: secrets are in nobody's log, and are changed without a restart where librdkafka can.
#include "processor/kafka/librdkafka/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/handles.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once::kafka {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
// A chain of certificates with its key fits; more is a file that was named by mistake.
constexpr size_t kMaxBytes = 64 << 10;
// Shorter ones are part of ordinary words: to blot them out would show them.
constexpr size_t kLeastRedacted = 4;
constexpr size_t kMostTokens = 64;

// Where librdkafka's errors about sasl.oauthbearer.config begin to quote it, which they may cut short.
constexpr std::string_view kQuotes[] = {
    "Unrecognized sasl.oauthbearer.config beginning at: ", "non-integral 'lifeSeconds=': ",
    "value out of range of positive int 'lifeSeconds=': "};

using Values = std::map<std::string, std::string>;

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& name, const std::string& path) {
  const auto failed = [&](absl::string_view why, absl::string_view fix) {
    return absl::InvalidArgumentError(
        absl::StrCat("Kafka property ", name, ToAbsl(kFileSuffix), "=", Printable(path, 4096), ": ", why, "; ", fix));
  };
  FILE* stream = fopen(path.c_str(), "re");
  if (stream == nullptr) return failed(strerror(errno), "give it the path of a file that this process may read");
  std::string text(kMaxBytes + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), stream));
  const int read_error = ferror(stream) != 0 ? errno : 0;
  fclose(stream);
  if (read_error != 0) return failed(strerror(read_error), "give it the path of a file that this process may read");
  if (text.size() > kMaxBytes)
    return failed("it is larger than 64 KiB", "give it the path of a file with the secret only");
  // Editors and `echo` end files with one.
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return failed("the file is empty", absl::StrCat("write the value of ", name, " into it"));
  if (text.find('\0') != std::string::npos) {
    return failed("the file holds a zero byte", "give it the path of a text file");
  }
  return text;
}

struct Secrets::State {
  // Reads all files, without the mutex: a disk may stand still.
  void Look() {
    Values fresh;
    std::string failure;
    for (const auto& [name, path] : files) {
      absl::StatusOr<std::string> value = ReadSecretFile(name, path);
      if (value.ok()) {
        fresh[name] = *std::move(value);
      } else {
        absl::StrAppend(&failure, failure.empty() ? "" : "; ", ToAbsl(std::string(value.status().message())));
      }
    }
    // X2: no lock that a log line needs is held while librdkafka is called, which may log.
    MutexLock lock(&applying);
    if (!ended) Apply(Take(std::move(fresh)), failure);
  }

  // The names of what is new.
  std::vector<std::string> Take(Values fresh) {
    std::vector<std::string> changed;
    MutexLock lock(&mutex);
    for (auto& [name, value] : fresh) {
      if (values[name] == value) continue;
      RememberValue(name, value);
      values[name] = std::move(value);
      changed.push_back(name);
    }
    return changed;
  }

  void Apply(const std::vector<std::string>& changed, const std::string& failure)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(applying) {
    // Once, until it is something else.
    if (!failure.empty() && failure != told_failure) {
      log->Log(LogLevel::kWarning, OneLine(absl::StrCat(failure, " (the value that it had stays in use)")));
    }
    told_failure = failure;
    const auto is_credential = [](const std::string& name) {
      return name == "sasl.username" || name == "sasl.password";
    };
    if (std::any_of(changed.begin(), changed.end(), is_credential)) {
      for (rd_kafka_t* rk : handles) SetCredentials(rk);
      log->Log(LogLevel::kInfo, "new Kafka credentials from files: connections that are made from now on use them");
    }
    if (!std::all_of(changed.begin(), changed.end(), is_credential)) {
      log->Log(LogLevel::kWarning,
               absl::StrCat("files of Kafka properties have changed (", absl::StrJoin(changed, ", "),
                            "), which clients that run take over only in part; restart the process"));
    }
  }

  void SetCredentials(rd_kafka_t* rk) {
    const std::string user = Find("sasl.username");
    const std::string password = Find("sasl.password");
    if (user.empty() || password.empty()) return;
    const ErrorPtr error(rd_kafka_sasl_set_credentials(rk, user.c_str(), password.c_str()));
  }

  std::string Find(const std::string& name) {
    MutexLock lock(&mutex);
    const auto from_file = values.find(name);
    if (from_file != values.end()) return from_file->second;
    const auto given_here = given.find(name);
    return given_here == given.end() ? "" : given_here->second;
  }

  // Of what was configured nothing is forgotten.
  void RememberValue(const std::string& name, const std::string& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (!IsSecret(name)) return;
    if (value.size() >= kLeastRedacted) configured.insert(value);
  }

  void RememberToken(const std::string& token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (token.size() < kLeastRedacted || std::find(tokens.begin(), tokens.end(), token) != tokens.end()) return;
    tokens.push_back(token);
    // They come by the hour.
    if (tokens.size() > kMostTokens) tokens.pop_front();
  }

  Values files;  // Path by property; both do not change.
  Values given;  // What a user has set itself.
  LogSink* log = nullptr;
  Mutex applying;  // Taken before `mutex`.
  bool ended ABSL_GUARDED_BY(applying) = false;
  std::set<rd_kafka_t*> handles ABSL_GUARDED_BY(applying);
  std::string told_failure ABSL_GUARDED_BY(applying);
  Mutex mutex;
  CondVar end;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
  Values values ABSL_GUARDED_BY(mutex);
  std::set<std::string> configured ABSL_GUARDED_BY(mutex);  // Values that are or were in force.
  std::deque<std::string> tokens ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<std::shared_ptr<Secrets>> Secrets::Load(const Values& properties, LogSink* log) {
  auto state = std::make_shared<State>();
  state->log = log;
  {
    MutexLock lock(&state->mutex);
    for (const auto& [name, value] : properties) {
      if (const std::string base = PropertyOfFile(name); !base.empty()) {
        absl::StatusOr<std::string> text = ReadSecretFile(base, value);
        if (!text.ok()) return text.status();
        state->files[base] = value;
        state->RememberValue(base, *text);
        state->values[base] = *std::move(text);
      } else {
        state->RememberValue(name, value);
        state->given[name] = value;
      }
    }
  }
  std::shared_ptr<Secrets> secrets(new Secrets(state));
  if (state->files.empty()) return secrets;
  // Nobody waits for it: it ends within a moment of being told to, or of its disk's answer.
  std::thread([state] {
    MutexLock lock(&state->mutex);
    while (!state->stopped) {
      state->end.WaitFor(&state->mutex, kInterval);
      if (state->stopped) return;
      state->mutex.Unlock();
      state->Look();
      state->mutex.Lock();
    }
  }).detach();
  return secrets;
}

Secrets::Secrets(std::shared_ptr<State> state) : state_(std::move(state)) {}

Secrets::~Secrets() {
  MutexLock applying(&state_->applying);
  state_->ended = true;
  MutexLock lock(&state_->mutex);
  state_->stopped = true;
  state_->end.NotifyAll();
}

Values Secrets::values() const {
  MutexLock lock(&state_->mutex);
  return state_->values;
}

void Secrets::Keep(const std::string& secret) {
  MutexLock lock(&state_->mutex);
  state_->RememberToken(secret);
}

std::string Secrets::Redact(std::string text) const {
  MutexLock lock(&state_->mutex);
  // The longest first: one may be part of another.
  std::vector<absl::string_view> secrets(state_->configured.begin(), state_->configured.end());
  secrets.insert(secrets.end(), state_->tokens.begin(), state_->tokens.end());
  std::sort(secrets.begin(), secrets.end(), [](auto a, auto b) { return a.size() > b.size(); });
  for (absl::string_view secret : secrets) absl::StrReplaceAll({{secret, "(secret)"}}, &text);
  for (std::string_view quote : kQuotes) {
    if (const size_t at = text.find(quote); at != std::string::npos)
      text.replace(at + quote.size(), text.npos, "(secret)");
  }
  return text;
}

void Secrets::Add(rd_kafka_t* rk) {
  MutexLock lock(&state_->applying);
  state_->handles.insert(rk);
  // They may have changed since the handle was configured.
  if (!state_->files.empty()) state_->SetCredentials(rk);
}

void Secrets::Remove(rd_kafka_t* rk) {
  MutexLock lock(&state_->applying);
  state_->handles.erase(rk);
}

void Secrets::Look() { state_->Look(); }

}  // namespace once::kafka
