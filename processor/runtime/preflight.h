// What is checked, and made, before the first record is read: topics, partition counts, size limits.
#ifndef ONCE_PROCESSOR_RUNTIME_PREFLIGHT_H_
#define ONCE_PROCESSOR_RUNTIME_PREFLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

struct PreflightOptions {
  std::string bootstrap_servers;  // For messages.
  // Makes sources, sinks and the dead-letter topic that are missing, with `create_partitions` partitions. Internal
  // topics are always made.
  bool create_topics = false;
  int32_t create_partitions = 4;
  absl::Duration timeout = absl::Seconds(10);  // Of each call.
  // How long a topic that somebody has just made may take to turn up, by the wall's clock; for all of them together.
  absl::Duration patience = absl::Seconds(1);
  // What the producer sends at most in one record, whatever the topics take: the client's message.max.bytes.
  size_t max_record_bytes = SIZE_MAX;
  // The application takes commands, see PrepareCommands.
  bool takes_commands = false;
  // Runs the graph's start checks, which may register schemas; only a start does that.
  bool checks_beside_kafka = true;
  // A changelog that keeps deletions for less is refused: nobody could read it in time.
  absl::Duration least_delete_retention = absl::Minutes(1);
  // What readers take at most in one response, if the user has set it: the client's receive.message.max.bytes.
  int64_t max_response_bytes = std::numeric_limits<int64_t>::max();
};

// Checks all it can and reports every mistake in one FailedPrecondition; Unavailable or DeadlineExceeded if the broker
// cannot be reached, Unauthenticated if it refuses the credentials. Fills in `plan`'s limits from the topics' settings
// and the producer's. Where the right to read these is missing, it warns of the checks that are lost, and Kafka's
// defaults are assumed. Blocks.
absl::Status Preflight(const PreflightOptions& options, kafka::Admin* admin, LogSink* log, Plan* plan);

// What such a check finds.
struct TopicReport {
  std::vector<std::string> problems = {};                      // Each would refuse a start.
  std::map<std::string, kafka::TopicDescription> topics = {};  // Those that are there, but for those of commands.
};

// The same checks, of which nothing is made; a changelog that is missing is no problem, since a start makes it. The
// plan is filled in as far as topics are there. Errors are those of the broker that cannot be reached. `options` must
// not ask for topics to be created. Blocks.
absl::StatusOr<TopicReport> InspectTopics(const PreflightOptions& options, kafka::Admin* admin, LogSink* log,
                                          Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_PREFLIGHT_H_
