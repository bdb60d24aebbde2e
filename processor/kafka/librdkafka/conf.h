// The properties that each kind of handle is given, and why.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/handle.h"

namespace once::kafka {

// How often a handle tells of itself. One whose kind does not ask for it is not polled for it either, and it would pile
// up.
inline constexpr char kStatisticsInterval[] = "statistics.interval.ms";

// What a handle is called by the brokers, in their logs, metrics and quotas: the client's name and what the handle is,
// unless the user has named all of them.
std::string ClientId(const RdKafkaConfig& config, std::string_view what);

Properties ProducerProperties(const RdKafkaConfig& config, const std::string& transactional_id);
// `member_name` empty: a dynamic member.
Properties GroupConsumerProperties(const RdKafkaConfig& config, const std::string& group,
                                   const std::string& member_name = "");
Properties LogReaderProperties(const RdKafkaConfig& config);
// For administrative calls that concern no group.
Properties AdminProperties(const RdKafkaConfig& config);
// For reading a group's committed offsets.
Properties GroupAdminProperties(const RdKafkaConfig& config, const std::string& group);

// InvalidArgument if a field or an extra property cannot be used.
absl::Status CheckConfig(const RdKafkaConfig& config);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CONF_H_
