// Aggregates that are not OPEN: which keys are blocked, by what, and what waits behind.
//
//   OPEN -> RETRYING (the head waits for its next attempt) -> DRAINING -> OPEN
//   OPEN or RETRYING -> PARKED (the head failed for good) -> DRAINING (release) -> OPEN
//
// An event without a key waits between its attempts in a queue of its own: OPEN -> RETRYING -> OPEN. Queues are named
// by the changelog key of their status, so that no key of a record collides with such a one.
//
// Everything is written to the task's state, so it is in the changelog of the same transaction; this class is the index
// over it. An epoch that drops calls Revert, which reads the changed keys afresh.
//
// A status says by the wall clock when its retry is due. Where it is read that becomes a time of the steady clock,
// bounded (X6): now at the earliest, and `longest_delay` from now at the latest, whatever the wall clock showed when it
// was written or shows now.
#ifndef ONCE_PROCESSOR_ENGINE_PARKING_H_
#define ONCE_PROCESSOR_ENGINE_PARKING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/arena.h"
#include "processor/base/clock.h"
#include "processor/base/record.h"
#include "processor/base/strings.h"
#include "state/changelog.h"
#include "state/task_state.h"

namespace once {

// Not thread-safe. `state` and `clock`, the present reading, must outlive this.
class Parking {
 public:
  Parking(TaskState* state, const ClockReading* clock, absl::Duration longest_delay)
      : state_(state), clock_(clock), longest_delay_(longest_delay) {}

  // Whether a new event of this key must wait.
  bool IsBlocked(std::string_view key) const { return !index_.empty() && Find(key) != nullptr; }
  // Null if the key is open. Valid until the next change of this key.
  const v1::AggregateStatus* Find(std::string_view key) const;

  // The queue that `record` of `topic` waits in.
  static std::string QueueOf(const RecordView& record, std::string_view topic);
  // As Find, by the queue's name.
  const v1::AggregateStatus* FindQueue(std::string_view queue) const;

  // The PARKED queue whose status has that head_origin; nothing if there is none.
  std::optional<std::string> QueueOfHead(std::string_view origin) const;

  // Writes the queue's status; OPEN removes it.
  absl::Status SetStatus(std::string_view queue, const v1::AggregateStatus& status);
  // Appends to the queue: writes `event` at status.next_sequence, and the status with that moved on.
  absl::Status Push(std::string_view queue, const v1::ParkedEvent& event, v1::AggregateStatus status);
  // Removes the head of the queue: the event at status.head_sequence, and writes the status with that moved on, OPEN if
  // nothing is left.
  absl::Status Pop(std::string_view queue, v1::AggregateStatus status);
  absl::StatusOr<v1::ParkedEvent> Read(std::string_view queue, uint64_t sequence);
  // Writes `event` in the place of the head, and the status, whose bytes follow.
  absl::Status ReplaceHead(std::string_view queue, const v1::ParkedEvent& event, v1::AggregateStatus* status);
  // All queues whose names come behind `name`, in the reverse order of their names.
  std::vector<std::string> QueuesBehind(std::string_view name) const;

  // Whether there is something to do at `now`, of the steady clock: a queue is DRAINING, or PARKED and followers lack
  // their notice, or RETRYING and due.
  bool IsRunnable(absl::Time now) const {
    return !runnable_.empty() || (!retries_.empty() && retries_.begin()->first <= now);
  }
  // The queue whose turn it is among those. In turn, so that no long queue holds up another (X1).
  std::optional<std::string> NextRunnable(absl::Time now) const;
  // That queue has its turn now.
  void NoteTurn(const std::string& queue);
  // How many there are.
  int64_t CountRunnable(absl::Time now) const;
  // For how long attempts at the head have failed; zero unless RETRYING.
  absl::Duration RetriedFor(std::string_view queue) const;
  // When the next retry is due, by the steady clock; InfiniteFuture if none waits.
  absl::Time NextRetry() const;

  const ClockReading& clock() const { return *clock_; }
  int64_t parked_events() const { return parked_events_; }
  // Bytes of those in the task's state.
  int64_t parked_bytes() const { return parked_bytes_; }
  // What this index takes of memory, approximately: grows with the queues, not with what waits in them.
  size_t memory_bytes() const { return memory_bytes_; }
  // The same by a pass over all queues. For checks.
  size_t CountMemoryBytes() const;
  // Queues, those of events without a key included.
  int64_t blocked_aggregates() const { return static_cast<int64_t>(index_.size()); }
  // Of these, those that wait for another attempt.
  int64_t retrying() const { return static_cast<int64_t>(retries_.size()); }
  // Those whose head has failed for good.
  struct Blocked {
    int64_t aggregates = 0;
    int64_t events = 0;  // Parked, the heads included.
    // Of the one that failed first.
    int64_t since_ms = 0;  // Unix milliseconds.
    std::string key = {};
    std::string event_id = {};
    std::string reason = {};  // Its name and message.
  };
  // A pass over all queues. `oldest`, unless null, gets the names of the `most` queues, those that wait for another
  // attempt or drain included, whose heads failed first: the first of them first. They hold until the next change.
  Blocked CountBlocked(size_t most = 0, std::vector<const std::string*>* oldest = nullptr) const;

  // The epoch's changes stay / are undone.
  void Commit() { changed_.clear(); }
  absl::Status Revert();
  // Reads everything from the state.
  absl::Status Load();

 private:
  struct Queue {
    v1::AggregateStatus status;
    absl::Time due = absl::InfiniteFuture();    // Of RETRYING: its place in `retries_`.
    absl::Time since = absl::InfiniteFuture();  // Likewise: when its last attempt failed, or was read.
  };

  absl::Status Adopt(std::string_view queue, const v1::AggregateStatus& status);
  Queue QueueFor(std::string_view queue, const v1::AggregateStatus& status) const;
  void Forget(std::string_view queue);

  // Finds the queue of a record key without making its name.
  struct OfKey {
    std::string_view key;
  };
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return StringHash()(name.substr(1)) + NumberOf(name.front()); }
    size_t operator()(const OfKey& of) const { return StringHash()(of.key) + NumberOf(kKeyed); }
    static size_t NumberOf(char kind) { return static_cast<unsigned char>(kind); }
  };
  struct NameEq {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
    bool operator()(std::string_view name, const OfKey& of) const {
      return name.front() == kKeyed && name.substr(1) == of.key;
    }
  };
  static constexpr char kKeyed = static_cast<char>(ChangelogKind::kAggregateStatus);

  TaskState* const state_;
  const ClockReading* const clock_;
  const absl::Duration longest_delay_;
  absl::flat_hash_map<std::string, Queue, NameHash, NameEq> index_;
  absl::flat_hash_map<std::string, std::string, StringHash, StringEq> by_head_origin_;  // To the queue.
  std::set<std::pair<absl::Time, std::string>> retries_;                                // (due, queue) of RETRYING
  std::set<std::string> runnable_;  // DRAINING, or PARKED with notices outstanding
  absl::flat_hash_set<std::string, StringHash, StringEq> changed_;
  int64_t parked_events_ = 0;
  int64_t parked_bytes_ = 0;
  size_t memory_bytes_ = 0;
  // Whose turn it was.
  std::string last_runnable_;
  bool was_retry_ = false;
};

// A consumed record as a parked event, and back. The view holds as long as `event` and `arena` do.
v1::ParkedEvent ToParkedEvent(const RecordView& record, const std::string& topic);
RecordView ToRecordView(const v1::ParkedEvent& event, uint32_t topic_index, Arena* arena);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_PARKING_H_
