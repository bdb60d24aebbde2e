// Where settings come from: flags, environment, the file; each with the place that a message names.
#include "processor/config/config_sources.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"
#include "processor/config/java_properties.h"
#include "processor/config/properties_file.h"

namespace once::config_internal {
namespace {

constexpr std::string_view kPropertyFlag = "kafka.";
constexpr std::string_view kFilePrefix = "once.";
constexpr char kBootstrapProperty[] = "bootstrap.servers";
constexpr char kBootstrapOption[] = "bootstrap_servers";
constexpr std::string_view kFileSuffix = ".file";
constexpr std::string_view kOptionVariable = "ONCE_";
constexpr std::string_view kPropertyVariable = "KAFKA_";

// "-5" is a value, "-h" and "--x" are not.
bool CanBeValue(std::string_view arg) {
  return !arg.starts_with('-') || (arg.size() > 1 && arg[1] >= '0' && arg[1] <= '9');
}

bool IsSecretFlag(const ConfigInputs& inputs, std::string_view name) {
  return inputs.is_secret && name.starts_with(kPropertyFlag) &&
         inputs.is_secret(std::string(name.substr(kPropertyFlag.size())));
}

// "sasl.password" <-> "sasl.password.file": two ways to give the same; empty if there is only one.
std::string OtherForm(const ConfigInputs& inputs, const std::string& name) {
  if (!inputs.takes_file) return "";
  if (inputs.takes_file(name)) return absl::StrCat(name, ToAbsl(kFileSuffix));
  if (!name.ends_with(kFileSuffix)) return "";
  std::string base = name.substr(0, name.size() - kFileSuffix.size());
  return inputs.takes_file(base) ? base : "";
}

// What a name says, whichever of its names it is: an alias, or the name of its file.
std::string MeaningOf(const ConfigInputs& inputs, const std::string& name) {
  const std::string other = OtherForm(inputs, name);
  const std::string& base = !other.empty() && other.size() < name.size() ? other : name;
  return inputs.canonical ? inputs.canonical(base) : base;
}

bool IsProperty(const ConfigInputs& inputs, const std::string& name) {
  return (inputs.known_property && inputs.known_property(name)) || !OtherForm(inputs, name).empty();
}

std::string WhyNoFlag(const std::string& property) {
  return absl::StrCat(
      "a secret is not taken from a flag, since everybody on the machine can read those; set the environment variable ",
      VariableOfProperty(property), ", or put it into a file and give --kafka.", property, ToAbsl(kFileSuffix),
      "=FILE");
}

void LoadFlags(const ConfigInputs& inputs, Settings* properties, Sources* sources) {
  const std::vector<std::string>& args = inputs.args;
  std::map<std::string, int> positions;
  // X10: what comes behind may be the rest of a secret: words are not shown then, and no flag either behind one that is
  // refused for it.
  bool after_secret = false, after_refused = false;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view arg = args[i];
    if (arg == "-h") arg = "--help";
    if (arg.size() < 3 || !arg.starts_with("--") || arg[2] == '=') {
      const std::string shown = after_secret ? "" : absl::StrCat(", \"", Printable(arg), "\"");
      sources->errors.push_back(absl::StrCat("argument ", i + 1, shown, ": it is not a flag; write --name=value"));
      continue;
    }
    arg.remove_prefix(2);
    Setting setting;
    setting.position = static_cast<int>(i);
    const size_t equals = arg.find('=');
    std::string name(arg.substr(0, equals));
    const bool is_secret = IsSecretFlag(inputs, name);
    // Without its prefix as well: the line is a mistake either way. An option of the topology's own is none.
    const bool looks_secret = is_secret || (inputs.is_secret && inputs.is_secret(name));
    after_refused = after_refused || is_secret || (looks_secret && IsProperty(inputs, name));
    after_secret = after_secret || looks_secret;
    const bool is_hidden = after_refused && !looks_secret;
    if (equals != std::string_view::npos) {
      setting.text = std::string(arg.substr(equals + 1));
    } else if (i + 1 < args.size() && (is_secret || CanBeValue(args[i + 1]))) {
      // "--name value" is written as well.
      setting.text = args[++i];
    } else {
      setting.has_text = false;
    }
    setting.written = absl::StrCat("--", name);
    setting.where = is_hidden ? absl::StrCat("flag (argument ", setting.position + 1, ")")
                              : absl::StrCat("flag ", Printable(setting.written));
    if (const auto [first, is_new] = positions.emplace(name, setting.position); !is_new) {
      sources->errors.push_back(absl::StrCat(setting.where, ": it is given twice, as arguments ", first->second + 1,
                                             " and ", setting.position + 1, "; remove one of the two"));
      continue;
    }
    if (!name.starts_with(kPropertyFlag)) {
      sources->flags[name] = std::move(setting);
    } else if (is_secret && IsProperty(inputs, name.substr(kPropertyFlag.size()))) {
      sources->errors.push_back(absl::StrCat(setting.where, ": ", WhyNoFlag(name.substr(kPropertyFlag.size()))));
    } else if (setting.has_text) {
      (*properties)[name.substr(kPropertyFlag.size())] = std::move(setting);
    } else {
      sources->errors.push_back(
          absl::StrCat(setting.where, ": it has no value; write ", is_hidden ? "--NAME" : setting.written, "=VALUE"));
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
      if (IsProperty(inputs, property)) {
        (*properties)[property] = std::move(setting);
      } else {
        sources->warnings.push_back(absl::StrCat(setting.where, " is ignored: librdkafka has no property \"",
                                                 Printable(property), "\"; unset it if it was meant as one"));
      }
    }
  }
}

void LoadFile(const ConfigInputs& inputs, const std::string& path, Settings* properties, Sources* sources) {
  PropertiesFile file = ReadPropertiesFile(path);
  std::move(file.errors.begin(), file.errors.end(), std::back_inserter(sources->errors));
  for (PropertiesFile::Entry& entry : file.entries) {
    Setting setting{.text = std::move(entry.value),
                    .where = absl::StrCat(path, ":", entry.line, ", ", Printable(entry.key)),
                    .written = entry.key};
    // X10: it may be the second half of a secret.
    if (entry.after_backslash && !entry.key.starts_with(kFilePrefix) && !IsProperty(inputs, entry.key)) {
      sources->errors.push_back(absl::StrCat(path, ":", entry.line, ": the line is not a setting; no value goes on ",
                                             "after a backslash here, so write it in one line"));
      continue;
    }
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

// X10: the second line of a secret is a key as well, to Java.
bool MayBePartOfSecret(const ConfigInputs& inputs, const PropertiesFile::Entry& entry) {
  if (!inputs.known_property || IsProperty(inputs, entry.key)) return false;
  return entry.is_bare || entry.key.find('.') == std::string::npos;
}

// As a Java program has it, which knows nothing of our options.
void LoadJavaFile(const ConfigInputs& inputs, const std::string& path, Settings* properties, Sources* sources) {
  const absl::StatusOr<std::string> text = ReadSettingsFile(path);
  if (!text.ok()) {
    sources->errors.push_back(absl::StrCat("properties file ", Printable(path, 4096), ": ", text.status().message(),
                                           "; give --kafka_properties=FILE the path of a Java client's properties"));
    return;
  }
  PropertiesFile file = ParseJavaProperties(path, *text);
  std::move(file.errors.begin(), file.errors.end(), std::back_inserter(sources->errors));
  for (PropertiesFile::Entry& entry : file.entries) {
    if (MayBePartOfSecret(inputs, entry)) {
      sources->errors.push_back(absl::StrCat(path, ":", entry.line, ": the line is not a setting; write name=value, ",
                                             "and end a line that goes on with a backslash"));
      continue;
    }
    Setting setting{.text = std::move(entry.value),
                    .where = absl::StrCat(path, ":", entry.line, ", ", Printable(entry.key)),
                    .written = entry.key};
    if (entry.key == kBootstrapProperty) {
      // emplace keeps what --config's file says.
      sources->file.emplace(kBootstrapOption, std::move(setting));
      continue;
    }
    if (inputs.from_java) {
      absl::StatusOr<std::string> value = inputs.from_java(entry.key, setting.text);
      if (!value.ok()) {
        sources->errors.push_back(absl::StrCat(setting.where, ": ", value.status().message()));
        continue;
      }
      setting.text = *std::move(value);
    }
    (*properties)[entry.key] = std::move(setting);
  }
}

// Where an option that names a file has it from, or null.
const Setting* FileOption(const Sources& sources, std::string_view name) {
  const auto flag = sources.flags.find(name);
  // A flag without a value is told of when it is asked for.
  if (flag != sources.flags.end()) return flag->second.has_text ? &flag->second : nullptr;
  const auto variable = sources.environment.find(name);
  if (variable != sources.environment.end()) return &variable->second;
  const auto line = sources.file.find(name);
  return line == sources.file.end() ? nullptr : &line->second;
}

// Takes over what is not there yet, by whichever name.
void Merge(const ConfigInputs& inputs, Settings* settings, Sources* sources) {
  std::set<std::string> set_before;
  for (const auto& [name, setting] : sources->properties) set_before.insert(MeaningOf(inputs, name));
  std::map<std::string, const Setting*> firsts;
  for (const auto& [name, setting] : *settings) {
    const auto [first, is_new] = firsts.emplace(MeaningOf(inputs, name), &setting);
    if (is_new) continue;
    sources->errors.push_back(
        absl::StrCat(setting.where, ": ", first->second->where, " says the same; remove one of the two"));
  }
  std::erase_if(*settings, [&](const auto& entry) { return set_before.contains(MeaningOf(inputs, entry.first)); });
  sources->properties.merge(*settings);
}

}  // namespace

Sources LoadSources(const ConfigInputs& inputs) {
  Sources sources;
  Settings of_flags, of_environment, of_file, of_java;
  LoadFlags(inputs, &of_flags, &sources);
  LoadEnvironment(inputs, &of_environment, &sources);
  // The file itself is named by flag or environment only: there is no line of it yet.
  if (const Setting* file = FileOption(sources, "config"); file != nullptr)
    LoadFile(inputs, file->text, &of_file, &sources);
  if (const Setting* file = FileOption(sources, "kafka_properties"); file != nullptr) {
    LoadJavaFile(inputs, file->text, &of_java, &sources);
  }
  for (Settings* settings : {&of_flags, &of_environment, &of_file, &of_java}) Merge(inputs, settings, &sources);
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

std::string VariableOfProperty(std::string_view property) {
  return absl::StrCat(ToAbsl(kPropertyVariable), absl::AsciiStrToUpper(absl::StrReplaceAll(
                                                     ToAbsl(property), {{"_", "___"}, {"-", "__"}, {".", "_"}})));
}

std::string PropertyOfVariable(std::string_view variable) {
  // The longest match counts first.
  return absl::StrReplaceAll(absl::AsciiStrToLower(ToAbsl(variable)), {{"___", "_"}, {"__", "-"}, {"_", "."}});
}

}  // namespace once::config_internal
