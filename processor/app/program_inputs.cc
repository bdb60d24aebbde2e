// Where any program's settings come from, but for its flags.
#include "processor/app/program_inputs.h"

#include <unistd.h>

#include <string>

#include "processor/app/kafka_properties.h"

extern char** environ;

namespace once {

ConfigInputs ProgramInputs() {
  ConfigInputs inputs;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const size_t equals = variable.find('=');
    if (equals != std::string::npos) inputs.environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  inputs.known_property = IsKafkaProperty;
  inputs.check_property = CheckKafkaProperty;
  inputs.is_secret = IsSecretKafkaProperty;
  inputs.takes_file = TakesKafkaPropertyFile;
  inputs.canonical = CanonicalKafkaProperty;
  inputs.from_java = KafkaPropertyFromJava;
  return inputs;
}

}  // namespace once
