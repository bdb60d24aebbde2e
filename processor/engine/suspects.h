// Whom a refused batch is the fault of (R3b, X3).
//
// A broker refuses a batch and does not say which of its records it means, so all of their events are suspects. They
// are run again apart: in groups that are halved with each refusal, each group in an epoch with nothing else, until one
// event is refused alone. That one is to blame, and fails; the others go on. The event that the client takes for the
// likeliest is run alone at once.
//
//   refused: a record of ...         means
//   an output                        its event is a suspect; alone, it fails when it is run again
//   a dead letter                    likewise a suspect; alone, the smallest form of its dead letter is sent next time;
//                                    that one refused as well, the task cannot go on
//   the engine (state, frontier)     the task's events of the epoch are suspects; one that was alone fails; if it has
//                                    failed already it is parked without its value; if that was done as well, or there
//                                    was no event, the task cannot go on
//   none, but the epoch timed out    the event that made more than an epoch should have is run alone; if that does not
//                                    fit a transaction either, three times, it fails
//
// One object for each task. In memory only: a restart, or another pod, finds out anew.
#ifndef ONCE_PROCESSOR_ENGINE_SUSPECTS_H_
#define ONCE_PROCESSOR_ENGINE_SUSPECTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"

namespace once {

// Where an event was consumed.
using Place = TopicPartitionOffset;

// Not thread-safe.
class Suspects {
 public:
  // A record of an epoch that was refused.
  struct Refused {
    enum class What { kOutput, kDeadLetter, kOwn };
    What what = What::kOutput;
    Place cause = {};  // Unless kOwn.
    kafka::Refusal refusal = kafka::Refusal::kSuspect;
    bool likeliest = false;
    std::string topic = {};
    std::string code = {};
    std::string error = {};
  };
  // The task's part of that epoch.
  struct Ran {
    int64_t events = 0;
    std::optional<Place> only = {};                 // If that was the epoch's only one.
    bool is_unrun = false;                          // None of the user's code has run for one of them.
    std::vector<Place> ended = {};                  // By commands, without being run.
    std::map<TopicPartition, Offset> read_to = {};  // The task's inputs: the next offset.
  };

  // What was found out before the task was opened (X3): the event is run alone, or with `blame` it fails without being
  // run.
  void Warn(const Place& place, const std::string& blame) {
    Known& known = known_[place];
    known.blamed_for = blame;
    known.code = absl::StatusCode::kInternal;
    known.was_told = true;
    known.is_deadly = !blame.empty();
  }

  // Its value is another one now.
  void Forget(const Place& place) { known_.erase(place); }

  // Blame has had its effect, which ended the task. What the broker refused is run when the task is tried again, since
  // the topic may be mended; what ends the process, and is returned, when another process runs it.
  std::vector<Place> OnStopped();

  // How an event must be run.
  enum class Treatment {
    kFree,     // Like any.
    kGrouped,  // In an epoch with no more than `group()` events, all of them grouped ones of this task.
    kAlone,    // In an epoch of its own.
  };

  // Nothing is suspected.
  bool empty() const { return known_.empty() && careful_to_.empty(); }
  Treatment TreatmentOf(const Place& place) const;
  int64_t group() const { return group_; }

  // Why the event is to fail without being run; null if it is not to blame.
  const std::string* BlamedFor(const Place& place) const;
  // Whether the user's code ends the process when it sees any of the event, so that none must.
  bool IsDeadly(const Place& place) const;
  // What it then fails with: OUT_OF_RANGE for a refusal, INTERNAL for what was known before.
  absl::StatusCode BlameCode(const Place& place) const;
  // Whether it must be parked without its value, because the changelog refused it: when it was parked with it, as the
  // head of a queue that it became by another refusal of the changelog, or as a follower.
  bool NeedsOmission(const Place& place, bool follows) const;
  // Whether its dead letter was refused in a larger form.
  bool NeedsMinimalLetter(const Place& place) const;

  // The epoch was aborted, and these of its records had been refused. FailedPrecondition if the task cannot go on.
  absl::Status OnRefused(const Ran& ran, std::span<const Refused> refused);
  // The epoch outlasted its transaction's timeout, and this event made more than a whole epoch should have. It is run
  // alone, and when that has come to the same several times it is to blame, for `why`.
  void OnOutgrown(const Place& place, bool was_alone, const std::string& why);
  // The task is opened, and stands at `read_to`. What `is_over`, whoever has committed it, is suspected no more.
  void OnOpened(const std::map<TopicPartition, Offset>& read_to, const std::function<bool(const Place&)>& is_over);
  // The epoch took effect. Returns the events that Warn had told of and that are none any more.
  std::vector<Place> OnCommitted(const Ran& ran);

 private:
  struct Known {
    std::string blamed_for = {};  // Empty: it is only to be run alone.
    absl::StatusCode code = absl::StatusCode::kOutOfRange;
    int own_refusals = 0;  // Of engine records about it.
    int outgrown = 0;      // How often it did not fit a transaction of its own.
    bool minimal_letter = false;
    bool was_told = false;  // By Warn.
    bool is_deadly = false;
  };

  absl::Status Blame(const Refused& refused, const Place& place);
  void Clear(const Place& place, std::vector<Place>* settled);
  void Suspect(const Ran& ran);
  void EndCare(const std::map<TopicPartition, Offset>& read_to);

  std::map<Place, Known> known_;
  std::map<TopicPartition, Offset> careful_to_;  // Events below are run in groups.
  int64_t group_ = 1;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_SUSPECTS_H_
