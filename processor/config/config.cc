// Options are known by being asked for: what nobody has asked for when all is loaded does not exist.
#include "processor/config/config.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"
#include "processor/config/config_sources.h"
#include "processor/config/units.h"

namespace once {

using config_internal::EnvironmentName;
using config_internal::FileKey;
using config_internal::Setting;
using config_internal::Settings;
using config_internal::Sources;

struct Config::State {
  struct Found {
    ConfigSource source = ConfigSource::kDefault;
    const Setting* setting = nullptr;
  };

  // With `is_switch` --noNAME counts too; of both, which is a mistake, the later one.
  Found Lookup(std::string_view name, bool is_switch) const {
    const auto flag = sources.flags.find(name);
    const Setting* found = flag == sources.flags.end() ? nullptr : &flag->second;
    // A flag and its negation are one option; who wrote it last means it.
    if (is_switch) {
      const auto negated = sources.flags.find(absl::StrCat("no", ToAbsl(name)));
      if (negated != sources.flags.end() && (found == nullptr || negated->second.position > found->position)) {
        found = &negated->second;
      }
    }
    // Then environment, then file: the first that says anything counts.
    if (found != nullptr) return {ConfigSource::kFlag, found};
    const auto variable = sources.environment.find(name);
    if (variable != sources.environment.end()) return {ConfigSource::kEnvironment, &variable->second};
    const auto line = sources.file.find(name);
    if (line != sources.file.end()) return {ConfigSource::kFile, &line->second};
    return {};
  }

  const ConfigOption* Asked(std::string_view name) const {
    const auto index = index_of.find(name);
    return index == index_of.end() ? nullptr : &asked[index->second];
  }

  bool IsSwitch(std::string_view name) const {
    const ConfigOption* option = Asked(name);
    return option != nullptr && option->type == "switch";
  }

  bool IsKnownFlag(std::string_view name) const {
    // --noNAME is something only where NAME is a switch.
    return Asked(name) != nullptr || (name.starts_with("no") && IsSwitch(name.substr(2)));
  }

  // Takes the mutex.
  void AddError(std::string_view name, std::string message) {
    MutexLock lock(&mutex);
    // With its number, since they are told in the order in which they came.
    errors.emplace(std::pair(std::string(name), std::move(message)), errors.size());
  }

  Sources sources;  // Does not change once loaded.
  Mutex mutex;
  std::vector<ConfigOption> asked;
  std::map<std::string, size_t, std::less<>> index_of;
  std::map<std::pair<std::string, std::string>, size_t> errors;  // By option and message, so that each counts once.
};

namespace {

absl::Status StatusOf(const std::vector<std::string>& errors) {
  return errors.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
}

std::string DidYouMean(const std::string& closest, std::string_view otherwise) {
  return closest.empty() ? std::string(otherwise) : absl::StrCat("did you mean ", closest, "?");
}

// X10: an option of the topology's may well be one.
bool LooksSecret(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(name));
  for (const char* word :
       {"password", "passwd", "passphrase", "secret", "token", "credential", "private", "api_key", "access_key"}) {
    if (absl::StrContains(lower, word)) return true;
  }
  return false;
}

// Values of flags and variables may be long or binary: shown in part.
std::string Shown(std::string_view name, const Setting& setting) {
  return LooksSecret(name) ? ": " : absl::StrCat(" = \"", Printable(setting.text), "\": ");
}

}  // namespace

// --config is an option like any other, though the file has been read by the time that anybody asks.
Config::Config() : state_(std::make_shared<State>()) {
  Get("config", "",
      {.help = "A file of settings: lines of once.NAME=VALUE and of librdkafka's properties.", .group = "General"});
  Get("kafka_properties", "",
      {.help = "The client.properties of a Java program, for how to reach and convince the brokers, bootstrap.servers "
               "included; all else that is set counts before it. What only Java knows is refused.",
       .group = "General"});
}

Config Config::Load(const ConfigInputs& inputs) {
  Config config;
  config.state_->sources = config_internal::LoadSources(inputs);
  // Anew, now that there are sources that may have it wrong.
  config.Get("config", "");
  config.Get("kafka_properties", "");
  return config;
}

Config Config::FromValues(const std::map<std::string, std::string>& values) {
  ConfigInputs inputs;
  // As flags, so that such values meet the checks that others meet.
  for (const auto& [name, value] : values) inputs.args.push_back(absl::StrCat("--", name, "=", value));
  return Load(inputs);
}

const std::string* Config::Find(std::string_view name, std::string_view type, std::string default_text,
                                const OptionHelp& about) const {
  const bool is_switch = type == "switch";
  {
    MutexLock lock(&state_->mutex);
    const auto [index, is_new] = state_->index_of.emplace(std::string(name), state_->asked.size());
    // The first that asks describes it: --help shows options in the order of asking.
    if (is_new) {
      state_->asked.push_back({std::string(name), std::string(type), std::move(default_text), std::string(about.help),
                               std::string(about.group)});
    }
  }
  // Without the lock: what was loaded changes no more.
  const State::Found found = state_->Lookup(name, is_switch);
  if (found.setting == nullptr) return nullptr;
  const std::string negation = absl::StrCat("no", ToAbsl(name));
  if (is_switch && state_->sources.flags.contains(name) && state_->sources.flags.contains(negation)) {
    state_->AddError(name, absl::StrCat("flags --", ToAbsl(name), " and --", negation,
                                        ": they say the opposite of each other; remove one of the two"));
  }
  // Never destroyed, since what is returned points to them.
  static const std::string* const kTrue = new std::string("true");
  static const std::string* const kFalse = new std::string("false");
  // It was found under another name than its own: --noNAME.
  const bool negated =
      found.source == ConfigSource::kFlag && found.setting->written != absl::StrCat("--", ToAbsl(name));
  if (negated && found.setting->has_text) {
    state_->AddError(name, absl::StrCat(found.setting->where, ": it takes no value; write --", ToAbsl(name), "=",
                                        LooksSecret(name) ? "VALUE" : Printable(found.setting->text), " or --no",
                                        ToAbsl(name), " alone"));
    return nullptr;
  }
  if (found.setting->has_text) return &found.setting->text;
  // A flag alone.
  if (is_switch) return negated ? kFalse : kTrue;
  state_->AddError(name, absl::StrCat(found.setting->where, ": it has no value; write --", ToAbsl(name), "=VALUE"));
  return nullptr;
}

std::string Config::Get(std::string_view name, std::string_view default_value, const OptionHelp& about) const {
  const std::string* text = Find(name, "text", std::string(default_value), about);
  return text == nullptr ? std::string(default_value) : *text;
}

std::string Config::Get(std::string_view name, const char* default_value, const OptionHelp& about) const {
  return Get(name, std::string_view(default_value), about);
}

std::string Config::Get(std::string_view name, const std::string& default_value, const OptionHelp& about) const {
  return Get(name, std::string_view(default_value), about);
}

absl::Duration Config::Get(std::string_view name, absl::Duration default_value, const OptionHelp& about) const {
  const std::string* text = Find(name, "duration", absl::FormatDuration(default_value), about);
  if (text == nullptr) return default_value;
  const absl::StatusOr<absl::Duration> value = ParseDuration(*text);
  // X4: the default goes on, so that all that is wrong is told at once.
  if (!value.ok()) AddError(name, ToStd(value.status().message()));
  return value.value_or(default_value);
}

double Config::Get(std::string_view name, double default_value, const OptionHelp& about) const {
  const std::string* text = Find(name, "number", absl::StrCat(default_value), about);
  if (text == nullptr) return default_value;
  const absl::StatusOr<double> value = ParseDouble(*text);
  if (!value.ok()) AddError(name, ToStd(value.status().message()));
  return value.value_or(default_value);
}

bool Config::GetBool(std::string_view name, bool default_value, const OptionHelp& about) const {
  const std::string* text = Find(name, "switch", default_value ? "true" : "false", about);
  if (text == nullptr) return default_value;
  const absl::StatusOr<bool> value = ParseBool(*text);
  if (!value.ok()) AddError(name, ToStd(value.status().message()));
  return value.value_or(default_value);
}

int64_t Config::GetInteger(std::string_view name, int64_t default_value, int64_t min, int64_t max,
                           const OptionHelp& about) const {
  const std::string* text = Find(name, "number", absl::StrCat(default_value), about);
  if (text == nullptr) return default_value;
  const absl::StatusOr<int64_t> value = ParseInteger(*text, min, max);
  if (!value.ok()) AddError(name, ToStd(value.status().message()));
  return value.value_or(default_value);
}

int64_t Config::GetBytes(std::string_view name, int64_t default_bytes, const OptionHelp& about) const {
  const std::string* text = Find(name, "size", FormatBytes(default_bytes), about);
  if (text == nullptr) return default_bytes;
  const absl::StatusOr<int64_t> value = ParseBytes(*text);
  if (!value.ok()) AddError(name, ToStd(value.status().message()));
  return value.value_or(default_bytes);
}

std::map<std::string, std::string> Config::kafka_properties() const {
  std::map<std::string, std::string> properties;
  for (const auto& [name, setting] : state_->sources.properties) properties[name] = setting.text;
  return properties;
}

std::string Config::WhereProperty(const std::string& name) const {
  const auto setting = state_->sources.properties.find(name);
  return setting == state_->sources.properties.end() ? "" : setting->second.where;
}

// An option that nobody has set gives way to librdkafka's property of the same meaning (ApplyProperties).
ConfigSource Config::SourceOf(std::string_view name) const {
  MutexLock lock(&state_->mutex);
  return state_->Lookup(name, state_->IsSwitch(name)).source;
}

std::string Config::ValueText(std::string_view name) const {
  MutexLock lock(&state_->mutex);
  const ConfigOption* const option = state_->Asked(name);
  const State::Found found = state_->Lookup(name, state_->IsSwitch(name));
  if (found.setting == nullptr) return option == nullptr ? "" : option->default_text;
  if (found.setting->has_text) return found.setting->text;
  // A flag alone: --NAME, or --noNAME.
  if (!state_->IsSwitch(name)) return "";
  return found.setting->written == absl::StrCat("--", ToAbsl(name)) ? "true" : "false";
}

std::string Config::Where(std::string_view name) const {
  MutexLock lock(&state_->mutex);
  const State::Found found = state_->Lookup(name, state_->IsSwitch(name));
  return found.setting == nullptr ? absl::StrCat("option ", ToAbsl(name), " (the default)") : found.setting->where;
}

void Config::AddError(std::string_view name, std::string_view why_and_fix) const {
  std::string message;
  {
    MutexLock lock(&state_->mutex);
    const State::Found found = state_->Lookup(name, state_->IsSwitch(name));
    // With where the value came from, which is where it has to be mended.
    message = found.setting == nullptr ? absl::StrCat("option ", ToAbsl(name), " (the default): ")
                                       : absl::StrCat(found.setting->where, Shown(name, *found.setting));
  }
  state_->AddError(name, absl::StrCat(message, ToAbsl(why_and_fix)));
}

absl::Status Config::CheckValues() const {
  MutexLock lock(&state_->mutex);
  // What loading has met comes first: values may be missing because of that.
  const size_t loading = state_->sources.errors.size();
  std::vector<std::string> errors = state_->sources.errors;
  errors.resize(loading + state_->errors.size());
  // In the order in which they were met.
  for (const auto& [error, index] : state_->errors) errors[loading + index] = error.second;
  return StatusOf(errors);
}

absl::Status Config::CheckUnknown() const {
  MutexLock lock(&state_->mutex);
  std::vector<std::string> errors, flags, keys;
  for (const ConfigOption& option : state_->asked) {
    flags.push_back(absl::StrCat("--", option.name));
    if (option.type == "switch") flags.push_back(absl::StrCat("--no", option.name));
    keys.push_back(FileKey(option.name));
  }
  for (const auto& [name, setting] : state_->sources.flags) {
    // Asked for by now, or nobody will: the factory has run.
    if (state_->IsKnownFlag(name)) continue;
    errors.push_back(absl::StrCat(setting.where, ": there is no such flag; ",
                                  DidYouMean(ClosestMatch(setting.written, flags), "--help lists all of them")));
  }
  // A key of the file is written by whoever runs this program, so one that is not known is a mistake.
  for (const auto& [name, setting] : state_->sources.file) {
    if (state_->Asked(name) != nullptr) continue;
    errors.push_back(absl::StrCat(setting.where, ": there is no such setting; ",
                                  DidYouMean(ClosestMatch(setting.written, keys), "--help lists all of them")));
  }
  return StatusOf(errors);
}

absl::Status Config::Check() const {
  std::vector<std::string> errors;
  for (const absl::Status& status : {CheckValues(), CheckUnknown()}) {
    if (!status.ok()) errors.emplace_back(status.message());
  }
  return StatusOf(errors);
}

std::vector<std::string> Config::Warnings() const {
  MutexLock lock(&state_->mutex);
  std::vector<std::string> warnings = state_->sources.warnings;
  std::vector<std::string> variables;
  for (const ConfigOption& option : state_->asked) variables.push_back(EnvironmentName(option.name));
  // Warned of only, since an environment is shared with programs that have variables of their own.
  for (const auto& [name, setting] : state_->sources.environment) {
    if (state_->Asked(name) != nullptr) continue;
    warnings.push_back(absl::StrCat(setting.where, " is ignored: there is no such option; ",
                                    DidYouMean(ClosestMatch(setting.written, variables), "--help lists all of them")));
  }
  return warnings;
}

std::vector<ConfigOption> Config::options() const {
  MutexLock lock(&state_->mutex);
  return state_->asked;
}

}  // namespace once
