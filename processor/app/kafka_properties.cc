// What settings may say of librdkafka, asked of the adapter: main.cc itself knows no client library.
#include "processor/app/kafka_properties.h"

#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once {

bool IsKafkaProperty(const std::string& name) { return kafka::KnownProperties().count(name) > 0; }

absl::Status CheckKafkaProperty(const std::string& name, const std::string& value) {
  return kafka::CheckUserProperty(name, value);
}

std::string KafkaLibraryVersion() { return kafka::LibrdkafkaVersion(); }

std::optional<std::string> KafkaLibraryProblem() { return kafka::KnownBadVersion(); }

}  // namespace once
