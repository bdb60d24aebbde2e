// What settings may say of librdkafka, asked of the adapter: main.cc itself knows no client library.
#include "processor/app/kafka_properties.h"

#include "absl/strings/str_cat.h"
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

absl::StatusOr<std::string> KafkaPropertyFromJava(const std::string& name, const std::string& value) {
  return kafka::FromJava(name, value);
}

void MergeKafkaProperties(const std::map<std::string, std::string>& from, std::map<std::string, std::string>* into) {
  for (const auto& [name, value] : from) {
    // Whichever way the program had given it.
    into->erase(absl::StrCat(name, kafka::kFileSuffix.data()));
    into->erase(kafka::PropertyOfFile(name));
    (*into)[name] = value;
  }
}

std::string KafkaLibraryVersion() { return kafka::LibrdkafkaVersion(); }

std::optional<std::string> KafkaLibraryProblem() { return kafka::KnownBadVersion(); }

}  // namespace once
