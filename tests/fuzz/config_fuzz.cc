// Settings by flag and environment: any arguments are taken or refused with a message, flags go before variables, and
// what is not refused has the value that stands there.
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "processor/base/strings.h"
#include "processor/config/config.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

constexpr int kMaxArguments = 6;

// Short: the search for the name that was meant is quadratic.
std::string_view Word(fuzz::Input* input) { return input->Bytes().substr(0, 24); }

std::string Argument(fuzz::Input* input) {
  static constexpr std::string_view kStarts[] = {"--text=",    "--text",  "--size=",  "--number=", "--switch",
                                                 "--noswitch", "--wait=", "--kafka.", "--",        ""};
  std::string argument(kStarts[input->Choice(std::size(kStarts))]);
  argument.append(Word(input));
  // Not the files of the machine it runs on.
  return argument.starts_with("--config") ? "--c" : argument;
}

ConfigInputs Inputs(fuzz::Input* input) {
  ConfigInputs inputs;
  inputs.known_property = [](const std::string& name) { return name.size() % 2 == 0; };
  for (int i = 0; i < kMaxArguments && !input->empty(); ++i) {
    if (input->Flag()) {
      inputs.args.push_back(Argument(input));
      continue;
    }
    static constexpr std::string_view kStarts[] = {"ONCE_TEXT", "ONCE_SIZE", "ONCE_", "KAFKA_"};
    const size_t start = input->Choice(std::size(kStarts));
    std::string name(kStarts[start]);
    // Upper case, as they are documented: those of other case mean the same options.
    if (start >= 2) name.append(absl::AsciiStrToUpper(ToAbsl(Word(input))));
    if (name == "ONCE_CONFIG") continue;
    inputs.environment[name] = std::string(input->Bytes());
  }
  return inputs;
}

void Check(const ConfigInputs& inputs) {
  const Config config = Config::Load(inputs);
  const std::string text = config.Get("text", "none");
  const int64_t bytes = config.GetBytes("size", 17);
  const int64_t number = config.GetInteger("number", 5, -10, 1000);
  (void)config.GetBool("switch", false);
  (void)config.GetDuration("wait", absl::Seconds(1));
  const bool valid = config.CheckValues().ok();
  if (config.Check().ok()) ONCE_CHECK(valid);
  ONCE_CHECK(number >= -10 && number <= 1000 && bytes >= 0);
  for (const std::string& warning : config.Warnings()) ONCE_CHECK(!warning.empty());
  for (const auto& [name, value] : config.kafka_properties()) ONCE_CHECK(!config.WhereProperty(name).empty());
  const auto variable = inputs.environment.find("ONCE_TEXT");
  if (config.SourceOf("text") == ConfigSource::kEnvironment) {
    ONCE_CHECK(variable != inputs.environment.end() && text == variable->second);
  } else if (config.SourceOf("text") == ConfigSource::kDefault) {
    ONCE_CHECK(text == "none" && (variable == inputs.environment.end() || variable->second.empty()));
  }
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  once::Check(once::Inputs(&input));
  return 0;
}
