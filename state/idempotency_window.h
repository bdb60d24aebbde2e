// Remembers the IDs of a task's events for a stated time and count, so that a second copy of an event is recognised.
//
// IDs are kept in time buckets of at most 1/16 of the count; the oldest bucket is forgotten as a whole when every ID
// in it is older than the retention, or when the count is exceeded. In memory an ID costs about 25 bytes; in the
// changelog 16: the IDs of an epoch are packed into one record, and small records are merged, so that each ID is
// rewritten only a few times.
//
//   IdempotencyWindow window(options);
//   if (!window.Reserve(id)) ...                // a duplicate
//   window.Seal(clock_ms, &task_state);         // writes the epoch's IDs; before the changelog is sent
//   window.CommitEpoch();                       // or DropEpoch(): its IDs were never seen
//
// Not thread-safe: owned by one worker. Never reads a clock; the caller's clock must not go back.
#ifndef ONCE_STATE_IDEMPOTENCY_WINDOW_H_
#define ONCE_STATE_IDEMPOTENCY_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/record.h"
#include "state/changelog.h"
#include "state/task_state.h"

namespace once {

// 128-bit hash of (source topic, ce_source, ce_id, generation).
struct EventIdHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const EventIdHash&, const EventIdHash&) = default;
};

// Algorithm: XXH3, 128 bits. Parts are length-prefixed, so that no two different triples have equal input.
EventIdHash HashEventId(std::string_view topic, std::string_view source, std::string_view id, uint64_t generation);

class IdempotencyWindow {
 public:
  struct Options {
    absl::Duration retention = absl::Hours(24);
    int64_t max_ids = 10'000'000;
  };

  explicit IdempotencyWindow(const Options& options);

  // False if the ID is in the window; else it is in it from now on, unless DropEpoch follows.
  bool Reserve(const EventIdHash& id);
  // Undoes one Reserve of the open epoch.
  void Release(const EventIdHash& id);

  // Closes and expires buckets by `clock_ms`, then writes the epoch's IDs, merges and tombstones (a bounded number)
  // into the open epoch of `state`. Call once per epoch with writes, at its seal.
  absl::Status Seal(int64_t clock_ms, TaskState* state);
  void CommitEpoch();
  void DropEpoch();

  // Takes in a record of kind kEventIds from the checkpoint or the changelog; a null value is a tombstone. Records may
  // come more than once. DataLoss if the value is no whole number of IDs.
  absl::Status Load(const ChangelogKey& key, OptionalBytes value);
  // Forgets everything; as new.
  void Clear();

  // IDs in the window, reserved ones included.
  int64_t size() const { return live_ids_; }
  size_t memory_bytes() const;
  // How often a bucket was forgotten by count before its time had come.
  int64_t forgotten_by_count() const { return forgotten_by_count_; }
  // Records of the changelog that hold the window now.
  size_t record_count() const;

 private:
  // Implemented in idempotency_window.cc; see there.
};

}  // namespace once

#endif  // ONCE_STATE_IDEMPOTENCY_WINDOW_H_
