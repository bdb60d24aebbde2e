// What the settings of a Java client are to librdkafka.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_JAVA_KEYS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_JAVA_KEYS_H_

#include <string>

#include "absl/status/statusor.h"

namespace once::kafka {

// The value that the property `name` of a Java client has for librdkafka. InvalidArgument, with what says the same
// here, for settings that only Java's clients have, and for values that mean something only to them. No message has
// the value of a secret in it. What librdkafka makes of the value is for CheckUserProperty.
absl::StatusOr<std::string> FromJava(const std::string& name, const std::string& value);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_JAVA_KEYS_H_
