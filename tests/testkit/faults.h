// Faults that a test orders from the cluster in memory.
#ifndef ONCE_TESTS_TESTKIT_FAULTS_H_
#define ONCE_TESTS_TESTKIT_FAULTS_H_

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "processor/kafka/kafka.h"

namespace once::testkit {

enum class Call {
  kInit,
  kBegin,
  kSend,
  kFlush,
  kSendOffsets,
  kCommit,
  kAbort,
  kPoll,                    // Of a group consumer; its id is the group.
  kSeek,                    // Likewise.
  kReaderPoll,              // Of a log reader; its id is empty.
  kStableCommittedOffsets,  // Its id is the group.
  kBeginningOffset,         // Its id is the topic, as of the calls below.
  kHighWatermark,
  kDescribeTopic,
  kCreateTopic,
};

// One call that goes wrong. Used up by the first call that it fits.
struct Fault {
  Call call = Call::kCommit;
  std::string id_prefix = {};  // Of the transactional id, group or topic; empty fits all.
  int skip = 0;                // How many fitting calls pass before.
  // What the caller is told; kNone leaves the true answer. Calls that answer with a status give Unavailable for
  // kRetriable, else Internal. A fatal result ends the producer.
  kafka::Result result = {};
  bool landed = false;          // Of a producer: the call took effect, only its answer was lost.
  bool is_suspicious = true;    // Raises the producer's suspicion.
  bool late_duplicate = false;  // Of SendOffsets, Commit and Abort: a second copy waits for DeliverLate.
};

class Faults {
 public:
  void Add(Fault fault) { faults_.push_back(std::move(fault)); }
  void Clear() { faults_.clear(); }
  size_t pending() const { return faults_.size(); }

  // The fault that hits this call, if any.
  std::optional<Fault> Take(Call call, const std::string& id) {
    for (auto it = faults_.begin(); it != faults_.end(); ++it) {
      if (it->call != call || !id.starts_with(it->id_prefix)) continue;
      if (it->skip-- > 0) continue;
      Fault fault = std::move(*it);
      faults_.erase(it);
      return fault;
    }
    return std::nullopt;
  }

 private:
  std::list<Fault> faults_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_FAULTS_H_
