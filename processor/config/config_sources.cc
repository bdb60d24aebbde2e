// Where settings come from: flags, environment, the file; each with the place that a message names.
#include "processor/config/config_sources.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"
#include "processor/config/properties_file.h"

namespace once::config_internal {
namespace {

constexpr std::string_view kPropertyFlag = "kafka.";
constexpr std::string_view kFilePrefix = "once.";
constexpr std::string_view kOptionVariable = "ONCE_";
constexpr std::string_view kPropertyVariable = "KAFKA_";

// "-5" is a value, "-h" and "--x" are not.
bool CanBeValue(std::string_view arg) {
  return !arg.starts_with('-') || (arg.size() > 1 && arg[1] >= '0' && arg[1] <= '9');
}

void LoadFlags(const std::vector<std::string>& args, Settings* properties, Sources* sources) {
  std::map<std::string, int> positions;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view arg = args[i];
    if (arg == "-h") arg = "--help";
    if (arg.size() < 3 || !arg.starts_with("--") || arg[2] == '=') {
      sources->errors.push_back(
          absl::StrCat("argument ", i + 1, ", \"", Printable(arg), "\": it is not a flag; write --name=value"));
      continue;
    }
    arg.remove_prefix(2);
    Setting setting;
    setting.position = static_cast<int>(i);
    const size_t equals = arg.find('=');
    std::string name(arg.substr(0, equals));
    if (equals != std::string_view::npos) {
      setting.text = std::string(arg.substr(equals + 1));
    } else if (i + 1 < args.size() && CanBeValue(args[i + 1])) {
      // "--name value" is written as well.
      setting.text = args[++i];
    } else {
      setting.has_text = false;
    }
    setting.written = absl::StrCat("--", name);
    setting.where = absl::StrCat("flag ", Printable(setting.written));
    if (const auto [first, is_new] = positions.emplace(name, setting.position); !is_new) {
      sources->errors.push_back(absl::StrCat(setting.where, ": it is given twice, as arguments ", first->second + 1,
                                             " and ", setting.position + 1, "; remove one of the two"));
      continue;
    }
    if (!name.starts_with(kPropertyFlag)) {
      sources->flags[name] = std::move(setting);
    } else if (setting.has_text) {
      (*properties)[name.substr(kPropertyFlag.size())] = std::move(setting);
    } else {
      sources->errors.push_back(absl::StrCat(setting.where, ": it has no value; write ", setting.written, "=VALUE"));
    }
  }
}

void LoadEnvironment(const ConfigInputs& inputs, Settings* properties, Sources* sources) {
  for (const auto& [variable, text] : inputs.environment) {
    // Deployments set a variable to nothing to unset it.
    if (text.empty()) continue;
    Setting setting{.text = text, .where = absl::StrCat("environment variable ", variable), .written = variable};
    if (variable.starts_with(kOptionVariable)) {
      const std::string name = absl::AsciiStrToLower(ToAbsl(std::string_view(variable).substr(kOptionVariable.size())));
      sources->environment[name] = std::move(setting);
    } else if (variable.starts_with(kPropertyVariable)) {
      const std::string property = PropertyOfVariable(std::string_view(variable).substr(kPropertyVariable.size()));
      // Kubernetes sets variables of its own for a service named kafka (KAFKA_PORT): a warning, not an error.
      if (inputs.known_property && inputs.known_property(property)) {
        (*properties)[property] = std::move(setting);
      } else {
        sources->warnings.push_back(absl::StrCat(setting.where, " is ignored: librdkafka has no property \"",
                                                 Printable(property), "\"; unset it if it was meant as one"));
      }
    }
  }
}

void LoadFile(const std::string& path, Settings* properties, Sources* sources) {
  PropertiesFile file = ReadPropertiesFile(path);
  std::move(file.errors.begin(), file.errors.end(), std::back_inserter(sources->errors));
  for (PropertiesFile::Entry& entry : file.entries) {
    Setting setting{.text = std::move(entry.value),
                    .where = absl::StrCat(path, ":", entry.line, ", ", Printable(entry.key)),
                    .written = entry.key};
    // Every other line is a property of librdkafka's, or will be told of as none.
    if (!entry.key.starts_with(kFilePrefix)) {
      (*properties)[entry.key] = std::move(setting);
      continue;
    }
    std::string name = entry.key.substr(kFilePrefix.size());
    // One spelling only: once.commit_interval stays unknown, and is told the right one.
    const bool misspelt = name.find('_') != std::string::npos;
    std::replace(name.begin(), name.end(), '.', '_');
    sources->file[misspelt ? entry.key : name] = std::move(setting);
  }
}

}  // namespace

Sources LoadSources(const ConfigInputs& inputs) {
  Sources sources;
  Settings of_flags, of_environment, of_file;
  LoadFlags(inputs.args, &of_flags, &sources);
  LoadEnvironment(inputs, &of_environment, &sources);
  // The file itself is named by flag or environment only.
  const auto flag = sources.flags.find("config");
  const auto variable = sources.environment.find("config");
  if (flag != sources.flags.end()) {
    // A flag without a value is told of when it is asked for.
    if (flag->second.has_text) LoadFile(flag->second.text, &of_file, &sources);
  } else if (variable != sources.environment.end()) {
    LoadFile(variable->second.text, &of_file, &sources);
  }
  // merge() keeps what is there already.
  sources.properties = std::move(of_flags);
  sources.properties.merge(of_environment);
  sources.properties.merge(of_file);
  if (!inputs.check_property) return sources;
  for (const auto& [name, setting] : sources.properties) {
    const absl::Status status = inputs.check_property(name, setting.text);
    if (!status.ok()) sources.errors.push_back(absl::StrCat(setting.where, ": ", status.message()));
  }
  return sources;
}

std::string EnvironmentName(std::string_view option) {
  return absl::StrCat(ToAbsl(kOptionVariable), absl::AsciiStrToUpper(ToAbsl(option)));
}

std::string FileKey(std::string_view option) {
  return absl::StrCat(ToAbsl(kFilePrefix), absl::StrReplaceAll(ToAbsl(option), {{"_", "."}}));
}

std::string PropertyOfVariable(std::string_view variable) {
  // The longest match counts first.
  return absl::StrReplaceAll(absl::AsciiStrToLower(ToAbsl(variable)), {{"___", "_"}, {"__", "-"}, {"_", "."}});
}

}  // namespace once::config_internal
