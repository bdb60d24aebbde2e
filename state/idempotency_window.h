// Remembers the IDs of a task's events for a stated time and count, so that a second copy of an event is recognised.
//
// IDs are kept in time buckets of 1/16 of the time and the count, rounded up to whole epochs; the oldest bucket is
// forgotten as a whole when every ID in it is older than the retention, or when the count is exceeded. In memory an ID
// costs about 25 bytes; in the changelog 16: the IDs of an epoch are packed into one record, or into several if the
// changelog takes no larger ones, and small records are merged, so that each ID is rewritten only a few times.
//
// The count may be changed at any time (SetMaxIds), when memory has to be shared with others; what is loaded beyond it
// is forgotten at once, oldest first.
//
// A bucket's number is the clock at its opening. The number up to which buckets are forgotten is a record too, so the
// records alone, in whatever order, say which IDs are in the window; tombstones only tidy up.
//
//   IdempotencyWindow window(options);
//   if (!window.Reserve(id)) ...                // a duplicate
//   window.Seal(clock_ms, &task_state);         // writes the epoch's IDs; before the changelog is sent
//   window.CommitEpoch();                       // or DropEpoch(): its IDs were never seen
//
// Not thread-safe: owned by one worker. Never reads a clock; the caller's clock must not go back. Between Seal and the
// end of its epoch nothing may be reserved or released.
#ifndef ONCE_STATE_IDEMPOTENCY_WINDOW_H_
#define ONCE_STATE_IDEMPOTENCY_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/record.h"
#include "state/changelog.h"
#include "state/event_id.h"
#include "state/event_id_table.h"
#include "state/task_state.h"

namespace once {

// Of the records of event IDs.
namespace event_id_records {
inline constexpr size_t kIdBytes = 16;
// Buckets are numbered by a clock of 63 bits, sequences are counted. What lies far beyond is damage. A window that took
// in the last numbers there are goes on without a number after them.
inline constexpr uint64_t kMaxNumber = UINT64_MAX / 4 * 3;
}  // namespace event_id_records

class IdempotencyWindow {
 public:
  struct Options {
    absl::Duration retention = absl::Hours(24);
    int64_t max_ids = 10'000'000;
    size_t max_record_bytes = SIZE_MAX;  // What the changelog takes in one record.
  };

  explicit IdempotencyWindow(const Options& options);

  // At least 1. Takes effect with the next Seal or Load; of IDs loaded in no order the oldest are forgotten first.
  void SetMaxIds(int64_t max_ids) { max_ids_ = std::max<int64_t>(max_ids, 1); }
  // Between epochs: forgets at once what is beyond that, and gives the memory back. A window that no event comes to
  // has no Seal either.
  void Trim();
  // What an ID takes of memory_bytes(), about.
  static constexpr size_t kBytesPerId = 25;

  // Brings the ID's place into the processor's cache: a Reserve some hundred nanoseconds later does not wait for
  // memory.
  void Prefetch(const EventIdHash& id) const { table_.Prefetch(id); }
  // False if the ID is in the window; else it is in it from now on, unless DropEpoch follows.
  bool Reserve(const EventIdHash& id);
  // Undoes one Reserve of the open epoch.
  void Release(const EventIdHash& id);

  // Closes and expires buckets by `clock_ms`, then writes the epoch's IDs, merges and tombstones (a bounded number)
  // into the open epoch of `state`. Call once per epoch with writes, at its seal. Writes nothing if there is nothing to
  // do. Errors, from reading records to merge: those of CheckpointStore; drop the epoch then.
  absl::Status Seal(int64_t clock_ms, TaskState* state);
  void CommitEpoch();
  void DropEpoch();

  // Takes in a record of kind kEventIds from the checkpoint or the changelog; a null value is a tombstone. Records may
  // come in any order and more than once; not while an epoch is open. `state` must get the same records. DataLoss if
  // it is no record that a window writes.
  absl::Status Load(const ChangelogKey& key, OptionalBytes value);
  // Forgets everything; as new.
  void Clear();

  // IDs in the window, reserved ones included.
  int64_t size() const { return table_.size(); }
  size_t memory_bytes() const;
  // How often a bucket was forgotten by count before its time had come.
  int64_t forgotten_by_count() const { return forgotten_by_count_; }
  // Records of the changelog that hold the window now.
  size_t record_count() const;

 private:
  // One record of the changelog.
  struct Chunk {
    uint64_t sequence = 0;
    size_t ids = 0;
  };
  struct Bucket {
    EventIdTable::Tag tag = 0;
    uint64_t next_sequence = 0;
    size_t partial_chunks = 0;    // Of `chunks`, those worth merging.
    std::vector<Chunk> chunks{};  // By sequence.
  };
  using RecordId = std::pair<uint64_t, uint64_t>;  // Bucket, sequence.

  // What Seal decided, to be taken over by CommitEpoch.
  struct Staged {
    uint64_t bucket = 0;  // That the epoch's IDs are in; 0: there are none.
    uint64_t horizon = 0;
    int64_t forgotten_by_count = 0;
    std::vector<std::pair<uint64_t, Chunk>> added;
    std::vector<RecordId> removed;
    std::vector<RecordId> tombstoned;
  };
  struct Merge {
    uint64_t bucket = 0;
    std::vector<Chunk> inputs;
  };

  EventIdTable::Tag AllocateTag();
  bool IsNewestFull() const;
  EventIdTable::Tag ChooseTag();
  absl::Status ChooseBucket(int64_t clock_ms);
  void ChooseForgotten(int64_t clock_ms);
  void WriteEpochIds(TaskState* state);
  void WriteHorizon(TaskState* state);
  void WriteTombstones(TaskState* state);
  absl::Status WriteMerge(TaskState* state);
  std::optional<Merge> FindMerge() const;
  std::vector<Chunk> ChunksToMerge(const Bucket& bucket, bool is_open) const;
  void EndEpoch();

  uint64_t NextSequence(uint64_t bucket);
  uint64_t LowestFreeSequence(uint64_t bucket) const;
  // Smaller chunks are merged once their bucket is closed. Two of them always fit into one.
  size_t partial_ids() const { return max_chunk_ids_ / 2; }
  void AddChunk(Bucket* bucket, const Chunk& chunk) const;
  void RemoveChunk(Bucket* bucket, uint64_t sequence) const;
  absl::Status LoadIds(const ChangelogKey& key, std::string_view ids);
  void ForgetUpTo(uint64_t horizon);
  void ForgetWhatIsTooMuch();
  uint64_t BucketOf(EventIdTable::Tag tag) const;

  const int64_t retention_ms_;
  const size_t max_chunk_ids_;
  int64_t max_ids_;
  EventIdTable table_;
  std::map<uint64_t, Bucket> buckets_;  // By number, those in the window; the last is open.
  std::set<RecordId> doomed_;           // Records of forgotten buckets that are not tombstoned yet.
  uint64_t horizon_ = 0;                // Buckets up to this number are forgotten.
  uint64_t written_horizon_ = 0;        // What the records say of it: it may lag behind after Load.
  std::vector<EventIdHash> epoch_ids_;
  EventIdTable::Tag epoch_tag_ = 0;  // Of epoch_ids_; 0 before the first.
  Staged staged_;
  int64_t forgotten_by_count_ = 0;
};

}  // namespace once

#endif  // ONCE_STATE_IDEMPOTENCY_WINDOW_H_
