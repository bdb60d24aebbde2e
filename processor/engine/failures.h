// What becomes of events that failed: tried again later, parked, told to the dead-letter topic, skipped, or the end of
// the application.
//
// Beside EventPipeline, which runs events and asks here what follows. Works on the open epoch: parked events and
// statuses go into the task's state, dead letters to the epoch's outputs. The policy of the node that failed decides.
#ifndef ONCE_PROCESSOR_ENGINE_FAILURES_H_
#define ONCE_PROCESSOR_ENGINE_FAILURES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/engine/dead_letter.h"
#include "processor/engine/epoch.h"
#include "processor/engine/handler_observer.h"
#include "processor/engine/kept_values.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/redrive.h"
#include "processor/engine/tally.h"
#include "processor/engine/task.h"
#include "processor/engine/window_key.h"

namespace once {

// What a call asks of the engine. Of kDone alone the event was taken into the epoch.
struct Outcome {
  enum class Kind {
    kDone,
    kPauseTask,    // A limit of the task is reached: seal, then pause it. The event stays unprocessed.
    kHalt,         // The policy says stop. The event stays unprocessed.
    kStoreFailed,  // The checkpoint store failed: drop the epoch.
  };
  Kind kind = Kind::kDone;
  absl::Status status;
  // The event's value could not be fetched: none of the user's code has run, so that nothing is known of what it does.
  bool is_unrun = false;
};

// kDone, or kStoreFailed if `status` is an error of the checkpoint store.
Outcome FromStore(absl::Status status);

// One attempt at an event, with all that its failure needs to know.
struct Attempt {
  Task* task = nullptr;
  SourceIndex source = 0;
  const RecordView* record = nullptr;
  const std::string* topic = nullptr;
  const WindowKey* key = nullptr;  // What is known of the record if it was consumed just now.
  int number = 1;
  int64_t first_failure_ms = 0;        // 0: none yet.
  absl::Duration retried = {};         // For how long attempts at it have failed.
  const std::string* queue = nullptr;  // Of a parked event: the queue whose head it is.
  bool omitted = false;                // It was parked without value and headers, so it cannot be run.
};

Place PlaceOf(const Attempt& attempt);
// Why an event that matches it was not processed.
std::string WordsOf(const v1::NeverRuleAdded& rule);
// The key as anybody can read it: without the user's code, and of a bounded length.
std::string PrintableKey(const RecordView& record);

// How it ended.
struct Verdict {
  absl::Status status = {};
  NodeIndex node = 0;     // Whose policy counts.
  bool rejected = false;  // No handler can take it, whatever is done about it: it blocks nothing.
  bool ignored = false;   // Nobody wants it.
  bool is_unrun = false;  // See Outcome.
};

// Not thread-safe; arguments must outlive this.
class Failures {
 public:
  // `observer` may be null.
  Failures(const Plan* plan, const EngineOptions* options, Epoch* epoch, LogSink* log, HandlerObserver* observer);

  // Whether the failed attempt is followed by another one.
  bool WillRetry(const Attempt& attempt, const Verdict& verdict) const;

  // An event of a key that is open, or of none, has failed. Without a key it is tried again with the same backoff; it
  // waits in a queue of its own, in no order.
  Outcome Fail(const Attempt& attempt, const Verdict& verdict);
  // A new event of a key with `status` waits behind those that are parked.
  Outcome ParkBehind(const Attempt& attempt, const v1::AggregateStatus& status);

  // A notice of an event that the engine holds was copied back to its source (R6). That of a failed event that still
  // heads its queue releases it; `released` says so. Any other is a duplicate.
  Outcome NoticeCameBack(const Attempt& attempt, const Redrive& redrive, bool* released);

  // A queue that is PARKED or RETRYING is run from now on, its head first (R3a); what its status says to be discarded
  // is.
  Outcome Release(Task* task, const std::string& queue, v1::AggregateStatus status);
  // The head is over, unprocessed: its dead letter says so, with `why`, and the rest follows.
  Outcome EndHead(Task* task, const std::string& queue, v1::AggregateStatus status, Disposition disposition,
                  const std::string& why);
  // Instead of running the head of a queue: ends it if it is to be discarded, or matches a rule. False: it is to be
  // run.
  bool EndUnrun(const Attempt& head, const v1::AggregateStatus& status, Outcome* outcome);
  // Whether the head matches one of the task's never-process rules. Errors are the store's.
  absl::StatusOr<bool> MatchesRule(Task* task, const std::string& queue, const v1::AggregateStatus& status);
  // A new event that matches one is over.
  void NeverProcess(const Attempt& attempt, const v1::NeverRuleAdded& rule);

  // Whether a record of that size fits into the task's changelog.
  bool FitsChangelog(const Task& task, size_t key_bytes, size_t value_bytes) const;

  // The next attempt at the head of a queue. What it points to lives until ReleaseStep. Errors are the store's.
  absl::StatusOr<Attempt> Head(Task* task, const std::string& queue, const v1::AggregateStatus& status);
  // How that attempt ended.
  Outcome HeadProcessed(const Attempt& attempt, v1::AggregateStatus status);
  Outcome HeadFailed(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus status);
  // Writes one outstanding notice, of a follower of a head that failed for good.
  Outcome Notice(Task* task, const std::string& queue, v1::AggregateStatus status);

  // Of events that no record could hold.
  KeptValues& kept_values() { return kept_values_; }

  // The epoch's outputs so far were taken: what they pointed to may go.
  void ReleaseStep();

 private:
  // A parked event as a record again.
  struct Revived {
    std::string queue;
    v1::ParkedEvent event;
    RecordView record;
  };

  Outcome Stop(const Attempt& attempt, const Verdict& verdict) const;
  Outcome Block(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus::State state);
  Outcome CheckParkingLimits(const Task& task, const v1::AggregateStatus* status) const;
  // The event as its queue keeps it; whether the changelog takes that, with its status.
  v1::ParkedEvent Pack(const Attempt& attempt, const std::string& queue);
  Outcome Park(const Attempt& attempt, const std::string& queue, v1::AggregateStatus status);
  bool CanPark(const Attempt& attempt, const std::string& queue) const;
  absl::StatusOr<Attempt> Revive(Task* task, const std::string& queue, uint64_t sequence);
  void FillFailure(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status) const;
  void SetRetry(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status);
  // Dead letters of events that have ended for good, and of those that wait.
  void Reject(const Attempt& attempt, const Verdict& verdict);
  void EndForGood(const Attempt& attempt, const Verdict& verdict);
  // As EmitDeadLetter.
  bool SendDeadLetter(const Attempt& attempt, Disposition disposition, const Verdict& verdict, uint32_t round,
                      const std::string& aggregate);
  // The dead letter of the head of a queue that is PARKED from now on; what its followers' letters, and its own when it
  // comes back, need to know is in `status` then.
  void SendHeadNotice(const Attempt& attempt, const Verdict& why, v1::AggregateStatus* status);
  uint32_t NextRound(const Attempt& attempt) const;
  // The dead letter of an event that a command has ended. `aggregate`: the key as text, if known without the user's
  // code.
  void SendEndNotice(const Attempt& attempt, Disposition disposition, const std::string& why,
                     const std::string& aggregate);
  void SendBlockedNotice(const Attempt& attempt, const v1::AggregateStatus& status);
  // Whether the letter has the event's key.
  bool EmitDeadLetter(const Attempt& attempt, const DeadLetter& letter);
  void CountFailure(Task* task);
  SourceIndex SourceOf(const Task& task, std::string_view topic) const;
  // The key as its codec has it, or, for an event that must not meet the user's code, its bytes; empty if it has none.
  std::string KeyText(const Attempt& attempt) const;
  int64_t NowMs() const { return absl::ToUnixMillis(epoch_->opened_wall); }

  const Plan* const plan_;
  const EngineOptions* const options_;
  Epoch* const epoch_;
  LogSink* const log_;
  HandlerObserver* const observer_;
  std::vector<std::unique_ptr<Revived>> revived_;  // What this step's outputs may point into.
  KeptValues kept_values_;
  Tally unwritten_;
  Tally failed_;
  Tally rejected_;
  Tally retried_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_FAILURES_H_
