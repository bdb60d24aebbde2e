// What topics' settings say, as the engine goes by it.
#ifndef ONCE_PROCESSOR_RUNTIME_TOPIC_LIMITS_H_
#define ONCE_PROCESSOR_RUNTIME_TOPIC_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

// A topic's setting; `fallback` if it is not told or no number.
int64_t NumberSetting(const kafka::TopicDescription& topic, const std::string& name, int64_t fallback);

// Fills in the plan's sizes (E7), bounds of timestamps (X3), retention and identities (X5c) from what the brokers have
// told of topics. Those that are not among `topics` keep what the plan has. `max_record_bytes` is the producer's own
// limit.
void FillLimits(const std::map<std::string, kafka::TopicDescription>& topics, size_t max_record_bytes, Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_TOPIC_LIMITS_H_
