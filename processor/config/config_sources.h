// Takes the three sources of settings apart. Internal to Config.
#ifndef ONCE_PROCESSOR_CONFIG_CONFIG_SOURCES_H_
#define ONCE_PROCESSOR_CONFIG_CONFIG_SOURCES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "processor/config/config.h"

namespace once::config_internal {

struct Setting {
  std::string text;
  std::string where;     // For messages.
  bool has_text = true;  // False for a flag --name, which only a switch may be.
  int position = 0;      // Among the flags.
  std::string written;   // The name as it stands there.
};

using Settings = std::map<std::string, Setting, std::less<>>;

struct Sources {
  Settings flags;  // By the option's name, as in the other two.
  Settings environment;
  Settings file;
  Settings properties;  // librdkafka's, of all three, precedence applied.
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

Sources LoadSources(const ConfigInputs& inputs);

// commit_interval <-> ONCE_COMMIT_INTERVAL <-> once.commit.interval.
std::string EnvironmentName(std::string_view option);
std::string FileKey(std::string_view option);

// SESSION_TIMEOUT_MS (what follows KAFKA_) -> session.timeout.ms.
std::string PropertyOfVariable(std::string_view variable);
// session.timeout.ms -> KAFKA_SESSION_TIMEOUT_MS.
std::string VariableOfProperty(std::string_view property);

}  // namespace once::config_internal

#endif  // ONCE_PROCESSOR_CONFIG_CONFIG_SOURCES_H_
