// The properties that each kind of handle is given, and why.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_

#include <string>

#include "absl/status/status.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {

Properties ProducerProperties(const RdKafkaConfig& config, const std::string& transactional_id);
// `member_name` empty: a dynamic member.
Properties GroupConsumerProperties(const RdKafkaConfig& config, const std::string& group,
                                   const std::string& member_name = "");
Properties LogReaderProperties();
// For administrative calls that concern no group.
Properties AdminProperties();
// For reading a group's committed offsets.
Properties GroupAdminProperties(const std::string& group);

// InvalidArgument if a field or an extra property cannot be used.
absl::Status CheckConfig(const RdKafkaConfig& config);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_
