// What is known of topics, so that a request that names a wrong one is refused before a transaction fails by it.
#ifndef ONCE_TOOLS_GATEWAY_TOPIC_FACTS_H_
#define ONCE_TOOLS_GATEWAY_TOPIC_FACTS_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/event.h"

namespace once::gateway {

// Thread-safe; asks the brokers for what it does not know, or has known for long, so it blocks.
class TopicFacts {
 public:
  // `allowed`: names, or beginnings of names that end in '*', of the topics that clients may use; empty: all but
  // internal ones. `own` is never one of them.
  TopicFacts(kafka::Admin* admin, std::vector<std::string> allowed, std::string own);

  // NotFound, PermissionDenied, or Unavailable if the brokers do not tell.
  absl::StatusOr<kafka::TopicDescription> Look(const std::string& topic, absl::Time deadline);
  // The same of all events' topics; and InvalidArgument for a partition that there is not, OutOfRange for an event that
  // is larger than its topic takes.
  absl::Status Check(std::span<const Event> events, absl::Time deadline);

  bool IsAllowed(const std::string& topic) const;

 private:
  struct Known {
    kafka::TopicDescription topic;
    absl::Time asked;
  };

  kafka::Admin* const admin_;
  const std::vector<std::string> allowed_;
  const std::string own_;
  Mutex mutex_;
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_TOPIC_FACTS_H_
