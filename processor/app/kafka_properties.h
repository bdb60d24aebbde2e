// What is known of librdkafka's own properties, without its headers.
#ifndef ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_
#define ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace once {

// Whether the linked librdkafka has a property of this name.
bool IsKafkaProperty(const std::string& name);

// Whether a user may set it to this value. InvalidArgument, with what to do instead, for a property that librdkafka
// does not have (with the closest one), a value that it does not take, and what would break exactly-once.
absl::Status CheckKafkaProperty(const std::string& name, const std::string& value);

// Of the linked librdkafka, such as "2.0.2".
std::string KafkaLibraryVersion();
// What is known to be wrong with it, and which to take instead; nothing if nothing is.
std::optional<std::string> KafkaLibraryProblem();

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_
