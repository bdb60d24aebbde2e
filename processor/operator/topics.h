// The topics that an application has to do with, and making those that are missing.
#ifndef ONCE_PROCESSOR_OPERATOR_TOPICS_H_
#define ONCE_PROCESSOR_OPERATOR_TOPICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/preflight.h"

namespace once {

struct TopicState {
  std::string topic = {};
  std::string role = {};     // "source", "sink", "dead letters", "changelog", "commands", "audit".
  bool is_internal = false;  // Made by a start if it is missing.
  bool exists = false;
  bool was_made = false;
  int32_t partitions = 0;  // 0: not there.
  int32_t replicas = 0;    // 0: not known.
};

// Each topic once, by its first role; in the order of the topology, internal ones last. Blocks. Errors: those of
// kafka::Admin, but for topics that are not there.
absl::StatusOr<std::vector<TopicState>> ListTopics(const PreflightOptions& options, kafka::Admin* admin,
                                                   const Plan& plan);

// Makes all that are missing, as a start with --create_topics does, and checks them likewise: errors are those of
// Preflight. What is there is not changed. Blocks.
absl::StatusOr<std::vector<TopicState>> CreateTopics(const PreflightOptions& options, kafka::Admin* admin, LogSink* log,
                                                     Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_TOPICS_H_
