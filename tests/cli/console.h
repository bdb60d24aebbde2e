// The process around a command, played by a test: what it prints is kept, and its answers are given beforehand.
#ifndef ONCE_TESTS_CLI_CONSOLE_H_
#define ONCE_TESTS_CLI_CONSOLE_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/cli/cli.h"
#include "processor/topology.h"
#include "tests/testkit/manual_clock.h"

namespace once::cli {

// An application that copies one topic to another, for tests of what every application can do.
inline absl::StatusOr<Topology> BuildCopy(const Config& config) {
  TopologyBuilder builder("copy-app");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<Bytes>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [out](const Bytes&, auto& event) {
    event.Forward(out);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

class Console {
 public:
  Console() {
    environment.program = "app";
    environment.write_out = [this](const std::string& text) {
      out += text;
      return is_read;
    };
    environment.write_error = [this](const std::string& text) { err += text; };
    environment.read_line = [this]() -> std::optional<std::string> {
      if (answers.empty()) return std::nullopt;
      std::string answer = answers.front();
      answers.pop_front();
      return answer;
    };
    environment.read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
      const auto file = files.find(path);
      if (file == files.end()) return absl::InvalidArgumentError(absl::StrCat("file ", path, " cannot be read"));
      return file->second;
    };
    environment.connect = [](const Options&, const Config&) -> absl::StatusOr<std::unique_ptr<kafka::Client>> {
      return absl::UnavailableError("there are no brokers");
    };
    environment.pause = [this](absl::Duration) { return --pictures > 0; };
    environment.draw_id = [this] { return absl::StrCat("id-", ++ids); };
    environment.user = "tester@here";
    environment.clock = &clock;
  }
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // The exit code; `out` and `err` begin anew.
  int Run(const std::vector<std::string>& words, const Registry& registry, const TopologyFactory& factory) {
    out.clear();
    err.clear();
    return RunCommand(CommandLine::Read(words, registry, environment.inputs.is_secret), registry, factory, environment);
  }

  Environment environment;
  std::string out;
  std::string err;
  std::deque<std::string> answers;           // Lines of the standard input.
  std::map<std::string, std::string> files;  // By path.
  int pictures = 1;                          // Of --watch.
  int ids = 0;
  bool is_read = true;
  testkit::ManualClock clock;
};

}  // namespace once::cli

#endif  // ONCE_TESTS_CLI_CONSOLE_H_
