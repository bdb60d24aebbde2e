// What settings may say of librdkafka, asked of the adapter: main.cc itself knows no client library.
#include "processor/app/kafka_properties.h"

#include <set>

#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/java_keys.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once {

bool IsKafkaProperty(const std::string& name) { return kafka::KnownProperties().count(name) > 0; }

absl::Status CheckKafkaProperty(const std::string& name, const std::string& value) {
  return kafka::CheckUserProperty(name, value);
}

bool IsSecretKafkaProperty(const std::string& name) { return kafka::IsSecret(name); }

bool TakesKafkaPropertyFile(const std::string& name) { return kafka::TakesFile(name); }

std::string CanonicalKafkaProperty(const std::string& name) { return kafka::CanonicalName(name); }

absl::StatusOr<std::string> KafkaPropertyFromJava(const std::string& name, const std::string& value) {
  return kafka::FromJava(name, value);
}

void MergeKafkaProperties(const std::map<std::string, std::string>& from, std::map<std::string, std::string>* into) {
  std::set<std::string> replaced;
  for (const auto& [name, value] : from) replaced.insert(CanonicalKafkaProperty(name));
  // Whichever way the program had given it.
  std::erase_if(*into, [&](const auto& entry) { return replaced.contains(CanonicalKafkaProperty(entry.first)); });
  into->insert(from.begin(), from.end());
}

std::string KafkaLibraryVersion() { return kafka::LibrdkafkaVersion(); }

std::optional<std::string> KafkaLibraryProblem() { return kafka::KnownBadVersion(); }

}  // namespace once
