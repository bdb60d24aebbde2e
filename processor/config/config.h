// The settings of an application: flags, environment variables and a file under one name each.
//
//   const std::string topic = config.Get("input_topic", "orders");
//   const int64_t limit = config.Get("max_cents", int64_t{100'000}, {.help = "Larger orders are refused."});
//   const absl::Duration wait = config.Get("grace", absl::Minutes(5));
//
// The option `input_topic` is, in falling precedence, the flag --input_topic=..., the environment variable
// ONCE_INPUT_TOPIC and the line once.input.topic=... of the file that --config (or ONCE_CONFIG) names; else the
// default. Flags may be written --name=value or --name value, switches also --name and --noname; one that is given
// twice is a mistake, like a line of the file. An empty environment variable counts as not set.
//
// Properties of librdkafka itself are --kafka.session.timeout.ms=..., KAFKA_SESSION_TIMEOUT_MS (a '.' is written '_',
// a '-' "__" and a '_' "___"), and lines of the file whose key does not start with "once.", verbatim.
//
// Get never fails: what cannot be parsed is remembered, the default is returned, and Check() reports all mistakes at
// once, each with its place and a fix. Names that nobody asked for are mistakes too, so ask before Check().
#ifndef ONCE_PROCESSOR_CONFIG_CONFIG_H_
#define ONCE_PROCESSOR_CONFIG_CONFIG_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once {

namespace internal {

template <typename T>
concept WholeNumber = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8;

}  // namespace internal

struct ConfigInputs {
  std::vector<std::string> args = {};  // Without the program's name.
  std::map<std::string, std::string> environment = {};
  // Whether librdkafka has such a property. KAFKA_* variables that are none (Kubernetes injects KAFKA_PORT) are only
  // warned of; without this function all are.
  std::function<bool(const std::string& name)> known_property = {};
  // Refuses properties that must not be set so; the message needs no place. Without it all are taken.
  std::function<absl::Status(const std::string& name, const std::string& value)> check_property = {};
  // Whether a property's value may be shown to nobody. Without it no property is such.
  std::function<bool(const std::string& name)> is_secret = {};
  // Whether there is NAME.file for a property of that name. Without it there is none.
  std::function<bool(const std::string& name)> takes_file = {};
  // The name that stands for all names of a property: sasl.mechanism and sasl.mechanisms are one. Without it each name
  // is a property of its own.
  std::function<std::string(const std::string& name)> canonical = {};
  // What a property of --kafka_properties is to librdkafka, or why it is nothing to it; the message needs no place.
  // Without it values are taken as they are.
  std::function<absl::StatusOr<std::string>(const std::string& name, const std::string& value)> from_java = {};
};

struct OptionHelp {
  std::string_view help = "";   // For --help: one or more sentences.
  std::string_view group = "";  // Heading; empty: the application's own.
};

// What was asked for, for --help.
struct ConfigOption {
  std::string name;
  std::string type;  // "text", "number", "switch", "duration", "size".
  std::string default_text;
  std::string help;
  std::string group;
};

// Where a value came from.
enum class ConfigSource { kDefault, kFile, kEnvironment, kFlag };

// A cheap handle: copies share what they hold. Thread-safe.
class Config {
 public:
  // Nothing is set: all defaults.
  Config();
  // Takes everything in, reads the file. Mistakes come out of Check().
  static Config Load(const ConfigInputs& inputs);
  // As if given by flags, for tests: Config::FromValues({{"input_topic", "in"}}).
  static Config FromValues(const std::map<std::string, std::string>& values);

  std::string Get(std::string_view name, const char* default_value, const OptionHelp& about = {}) const;
  std::string Get(std::string_view name, std::string_view default_value, const OptionHelp& about = {}) const;
  std::string Get(std::string_view name, const std::string& default_value, const OptionHelp& about = {}) const;
  // Finite, with a unit: 100ms, 2s, 24h.
  absl::Duration Get(std::string_view name, absl::Duration default_value, const OptionHelp& about = {}) const;
  double Get(std::string_view name, double default_value, const OptionHelp& about = {}) const;
  template <std::same_as<bool> Bool>
  bool Get(std::string_view name, Bool default_value, const OptionHelp& about = {}) const {
    return GetBool(name, default_value, about);
  }
  // Numbers that do not fit the type of the default are mistakes.
  template <internal::WholeNumber Int>
  Int Get(std::string_view name, Int default_value, const OptionHelp& about = {}) const {
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
    constexpr bool kWide = sizeof(Int) == 8;
    return static_cast<Int>(GetInteger(name, static_cast<int64_t>(default_value),
                                       static_cast<int64_t>(std::numeric_limits<Int>::min()),
                                       kWide ? kMax : static_cast<int64_t>(std::numeric_limits<Int>::max()), about));
  }
  // A size with an optional unit, such as 64KiB or 256MiB, as a count of bytes.
  int64_t GetBytes(std::string_view name, int64_t default_bytes, const OptionHelp& about = {}) const;

  bool GetBool(std::string_view name, bool default_value, const OptionHelp& about = {}) const;
  int64_t GetInteger(std::string_view name, int64_t default_value, int64_t min, int64_t max,
                     const OptionHelp& about = {}) const;
  absl::Duration GetDuration(std::string_view name, absl::Duration default_value, const OptionHelp& about = {}) const {
    return Get(name, default_value, about);
  }

  // librdkafka's own properties.
  std::map<std::string, std::string> kafka_properties() const;
  // Where one of them stands, for messages; empty if it is not set.
  std::string WhereProperty(const std::string& name) const;

  ConfigSource SourceOf(std::string_view name) const;
  // The option's value as it was written, right or wrong, or its default; empty of one that nobody has asked for.
  std::string ValueText(std::string_view name) const;
  // For messages: "flag --x", "environment variable ONCE_X", "FILE:3, once.x", or "option x (the default)".
  std::string Where(std::string_view name) const;
  // Adds a mistake that the caller found in a value: "<where>: <why>; <fix>".
  void AddError(std::string_view name, std::string_view why_and_fix) const;

  // InvalidArgument with every mistake in the values asked for so far, one a line; unknown names do not count.
  absl::Status CheckValues() const;
  // Unknown flags and once.* keys of the file, each with the name that was probably meant.
  absl::Status CheckUnknown() const;
  // Both. Call it when everything has been asked for.
  absl::Status Check() const;

  // What does not stop the application: KAFKA_* and ONCE_* variables that mean nothing to it.
  std::vector<std::string> Warnings() const;
  // In the order of asking.
  std::vector<ConfigOption> options() const;

 private:
  struct State;
  // The text of `name`, or null if it has its default; records that it was asked for.
  const std::string* Find(std::string_view name, std::string_view type, std::string default_text,
                          const OptionHelp& about) const;

  std::shared_ptr<State> state_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_CONFIG_H_
