// What is known of librdkafka's own properties, without its headers.
#ifndef ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_
#define ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace once {

// Whether the linked librdkafka has a property of this name.
bool IsKafkaProperty(const std::string& name);

// Whether a user may set it to this value. InvalidArgument, with what to do instead, for a property that librdkafka
// does not have (with the closest one), a value that it does not take, and what would break exactly-once.
absl::Status CheckKafkaProperty(const std::string& name, const std::string& value);

// Whether nobody may see its value; also for names that only look like a secret's.
bool IsSecretKafkaProperty(const std::string& name);

// Whether NAME.file may name a file that holds its value.
bool TakesKafkaPropertyFile(const std::string& name);

// The one of a property's names that stands for all of them, NAME.file included.
std::string CanonicalKafkaProperty(const std::string& name);

// What a property of a Java client is to librdkafka. InvalidArgument, with what to write instead, for those that only
// Java's clients have.
absl::StatusOr<std::string> KafkaPropertyFromJava(const std::string& name, const std::string& value);

// Adds `from` to `into`, where it replaces what says the same, by whichever name, as a value or as a file.
void MergeKafkaProperties(const std::map<std::string, std::string>& from, std::map<std::string, std::string>* into);

// Of the linked librdkafka, such as "2.0.2".
std::string KafkaLibraryVersion();
// What is known to be wrong with it, and which to take instead; nothing if nothing is.
std::optional<std::string> KafkaLibraryProblem();

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_KAFKA_PROPERTIES_H_
