// Holds what the start has checked of the topics against what they are while the application runs: partition counts,
// identities, and that changelogs are compacted; of sources, changelogs, and the topics of commands and their results.
// Someone may add partitions (keys would go to other tasks than their state), or delete a topic and make it anew
// (offsets and state would stand for records that are gone).
//
//   TopicWatch watch(&plan, admin);
//   watch.Run(wait_some_seconds, tell_workers);           // on a thread of its own, until it is told to end
//   std::vector<TopicProblem> problems = watch.Check();   // one look: what has changed, and what to do
#ifndef ONCE_PROCESSOR_RUNTIME_TOPIC_WATCH_H_
#define ONCE_PROCESSOR_RUNTIME_TOPIC_WATCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/engine/messages.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class TopicWatch {
 public:
  TopicWatch(const Plan* plan, kafka::Admin* admin);

  // Asks the brokers about each topic; blocks for at most some seconds for each. A FailedPrecondition for each fact
  // that is not what it was at the first look, or at the start where the plan knows it; Unavailable for a control topic
  // that has only to be assigned anew (R7). What cannot be found out now (no broker, no right) is no change.
  std::vector<TopicProblem> Check();

  // Looks each time after `wait` has returned true, until it returns false, and hands what has changed to `tell`.
  void Run(const std::function<bool()>& wait, const std::function<void(const std::vector<TopicProblem>&)>& tell) {
    while (wait()) tell(Check());
  }

 private:
  enum class Role { kInput, kChangelog, kControl, kAudit };
  struct Topic {
    std::string name;
    Role role = Role::kInput;
    std::string id;                  // Empty: not known.
    int32_t partition_count = 0;     // 0: not seen yet.
    int missing = 0;                 // Looks in a row that did not find it.
    absl::Status problem;            // Of all its partitions, as of the last look that told anything.
    std::map<int32_t, Offset> ends;  // Of topics whose id nobody tells: how far each partition was seen to go.
    std::map<int32_t, absl::Status> shortened;  // Of these: partitions that went back, which cannot be mended.
  };

  void CheckOne(Topic* topic, std::vector<TopicProblem>* problems);
  static absl::Status Deleted(const Topic& topic);
  static absl::Status Remade(const Topic& topic, const std::string& id);
  static absl::Status Shortened(const Topic& topic, const TopicPartition& where, Offset seen, Offset end);
  absl::Status CheckFacts(Topic* topic, const kafka::TopicDescription& found) const;
  void CheckEnds(Topic* topic);

  kafka::Admin* const admin_;
  std::vector<Topic> topics_;
  int32_t next_end_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_TOPIC_WATCH_H_
