// What waits in an application: its queues that are not open, read from the changelogs of its task groups.
#ifndef ONCE_PROCESSOR_CLI_WAITING_H_
#define ONCE_PROCESSOR_CLI_WAITING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/types.h"
#include "processor/cli/context.h"

namespace once::cli {

// The queue of a record key, or of one event without a key.
struct Waiting {
  uint16_t group = 0;
  Partition partition = {};
  // The record's key; nothing: an event without one.
  std::optional<std::string> key = {};
  // Of an event without a key: where it was consumed.
  std::string topic = {};
  int64_t offset = 0;
  v1::AggregateStatus status = {};
  // Of the head; empty or -1 where it is not known.
  std::string head_type = {};
  std::string head_topic = {};
  int64_t head_offset = -1;

  int64_t events() const { return static_cast<int64_t>(status.next_sequence() - status.head_sequence()); }
  // "TOPIC-PARTITION-OFFSET" of the head; empty if it is not known.
  std::string HeadOrigin() const;
  // By what pages go: queues with a key first, by their keys' bytes.
  friend bool operator<(const Waiting& a, const Waiting& b);
};

struct WaitingQuery {
  uint16_t group = 0;
  std::optional<Partition> partition = {};
  // One queue alone: of this key, or of the event without a key at this place.
  std::optional<std::string> key = {};
  std::optional<TopicPartitionOffset> place = {};
};

// In order. One pass over the changelog, in which little more than what is returned is kept. FailedPrecondition if the
// changelog is another application's.
absl::StatusOr<std::vector<Waiting>> ReadWaiting(Context* context, const WaitingQuery& query);

// Calls `take` for events of the queue with their sequences, from `first` on, at most `limit`, in order.
absl::Status ReadQueue(Context* context, const Waiting& queue, uint64_t first, uint64_t limit,
                       const std::function<void(uint64_t sequence, const v1::ParkedEvent& event)>& take);

// Of the head, since it failed first; not negative.
absl::Duration AgeOf(const Waiting& queue, absl::Time now);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_WAITING_H_
