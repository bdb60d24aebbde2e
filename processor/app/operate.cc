#include "processor/app/operate.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "processor/app/kafka_properties.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/cli/cli.h"
#include "processor/stderr_log.h"

namespace once {

namespace {

bool Write(FILE* stream, const std::string& text) {
  return fwrite(text.data(), 1, text.size(), stream) == text.size() && fflush(stream) == 0;
}

std::optional<std::string> ReadLine() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  std::string content;
  if (file) content.assign(std::istreambuf_iterator<char>(file), {});
  if (!file || file.bad()) {
    return absl::InvalidArgumentError(
        absl::StrCat("file ", Printable(path, 256), " cannot be read: ", strerror(errno != 0 ? errno : EIO)));
  }
  return content;
}

std::string UserAtHost() {
  const passwd* const user = getpwuid(geteuid());
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(user != nullptr ? user->pw_name : absl::StrCat(geteuid()), "@", host);
}

// 128 bits as in a UUID: nobody else draws the same.
std::string DrawId() {
  std::random_device device;
  const auto draw = [&] { return static_cast<unsigned>(device()); };
  return absl::StrFormat("%08x-%04x-%04x-%04x-%04x%08x", draw(), draw() & 0xffff, (draw() & 0x0fff) | 0x4000,
                         (draw() & 0x3fff) | 0x8000, draw() & 0xffff, draw());
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
  environment.draw_id = DrawId;
  environment.user = UserAtHost();
  environment.client_version = KafkaLibraryVersion();
  environment.client_problem = KafkaLibraryProblem();
  environment.clock = &clock;
  environment.inputs = inputs;
  return cli::RunCommand(line, registry, factory, environment);
}

}  // namespace once
