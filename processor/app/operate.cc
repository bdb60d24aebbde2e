#include "processor/app/operate.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/app/kafka_properties.h"
#include "processor/app/terminal.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/cli/cli.h"
#include "processor/cli/unique_id.h"
#include "processor/http/fetch.h"
#include "processor/stderr_log.h"

namespace once {

namespace {

constexpr size_t kMaxFileBytes = 64 << 20;

bool Write(FILE* stream, const std::string& text) {
  return fwrite(text.data(), 1, text.size(), stream) == text.size() && fflush(stream) == 0;
}

std::optional<std::string> ReadLine() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

// Not by streams of C++: of what is no file of bytes, such as a directory, they throw, or have no end.
absl::StatusOr<std::string> ReadStream(FILE* stream, const std::string& name) {
  std::string content;
  std::string part(1 << 16, '\0');
  while (const size_t count = fread(part.data(), 1, part.size(), stream)) {
    content.append(part, 0, count);
    if (content.size() <= kMaxFileBytes) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has more than ", kMaxFileBytes >> 20, " MiB; no record of Kafka's is that large"));
  }
  if (ferror(stream) == 0) return content;
  return absl::InvalidArgumentError(absl::StrCat(name, " cannot be read: ", strerror(errno)));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (path == "-") return ReadStream(stdin, "the standard input");
  const std::string name = absl::StrCat("file ", Printable(path, 256));
  FILE* const stream = fopen(path.c_str(), "re");
  if (stream == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " cannot be read: ", strerror(errno)));
  }
  absl::StatusOr<std::string> content = ReadStream(stream, name);
  fclose(stream);
  return content;
}

std::string UserAtHost() {
  const passwd* const user = getpwuid(geteuid());
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(user != nullptr ? user->pw_name : absl::StrCat(geteuid()), "@", host);
}

// What clients report is worth a line only if it goes wrong, unless more is asked for.
LogLevel LevelFor(const Config& config, const Options& options) {
  return config.SourceOf("log_level") == ConfigSource::kDefault ? LogLevel::kError : options.log_level;
}

}  // namespace

int Operate(const std::string& program, const cli::CommandLine& line, const cli::Registry& registry,
            const ConfigInputs& inputs, const TopologyFactory& factory, const ApplicationDeps& deps) {
  // Whoever reads no more (`... | head`) ends the command, not the process in the middle of something.
  signal(SIGPIPE, SIG_IGN);
  SystemClock clock;
  // Outlives all clients.
  std::unique_ptr<LogSink> own_log;
  cli::Environment environment;
  environment.program = program;
  environment.write_out = [](const std::string& text) { return Write(stdout, text); };
  environment.write_error = [](const std::string& text) { Write(stderr, text); };
  environment.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  environment.can_ask = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  environment.read_line = ReadLine;
  environment.read_file = ReadFile;
  environment.connect = [&](const Options& options,
                            const Config& settings) -> absl::StatusOr<std::unique_ptr<kafka::Client>> {
    LogSink* log = deps.log;
    if (log == nullptr) {
      own_log = std::make_unique<StderrLog>(LevelFor(settings, options));
      log = own_log.get();
    }
    std::map<std::string, std::string> properties = deps.kafka_properties;
    // Settings win over what the program brings.
    MergeKafkaProperties(settings.kafka_properties(), &properties);
    auto client = ConnectOperator(options, properties, deps, log);
    if (!client.ok() || !deps.wrap_client) return client;
    return deps.wrap_client(*std::move(client));
  };
  environment.pause = [](absl::Duration duration) {
    absl::SleepFor(duration);
    return true;
  };
  environment.terminal = ProcessTerminal();
  environment.http_get = [](const std::string& url, const std::string& token, absl::Duration timeout) {
    return http::FetchBody(url, http::BearerOf(token), timeout);
  };
  environment.draw_id = cli::DrawUniqueId;
  environment.user = UserAtHost();
  environment.client_version = KafkaLibraryVersion();
  environment.client_problem = KafkaLibraryProblem();
  environment.clock = &clock;
  environment.inputs = inputs;
  return cli::RunCommand(line, registry, factory, environment);
}

}  // namespace once
