// The state of one task: uncommitted writes over committed values over the checkpoint.
//
// A value is read from the newest of: the open epoch's writes, the committed values in memory, the checkpoint on disk.
// One table holds the first two, so an event costs one look-up whatever the layers are. Committed values that the
// checkpoint lacks (dirty) stay in memory; clean ones are dropped, least recently used first, when memory is short.
// Keys are changelog keys (state/changelog.h).
//
//   TaskState state(&store, TaskPrefix("orders", Partition(3)));
//   absl::StatusOr<TaskState::Entry*> entry = state.Open(key);   // finds or loads it
//   if ((*entry)->value().has_value()) ...
//   state.Put(*entry, "new bytes");                              // joins the open epoch
//   for (const TaskState::Entry* e : state.epoch_writes()) ...   // what the changelog must get
//   state.CommitEpoch();                                         // or DropEpoch()
//
// Not thread-safe: owned by one worker. Only a FrozenBatch leaves for another thread.
#ifndef ONCE_STATE_TASK_STATE_H_
#define ONCE_STATE_TASK_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/record.h"
#include "processor/base/strings.h"
#include "state/checkpoint_store.h"

namespace once {

class TaskState {
 public:
  class Entry {
   public:
    const std::string& key() const { return key_; }
    // The newest value, uncommitted included. Valid until the entry is written, its epoch ends, or it is evicted.
    OptionalBytes value() const;

   private:
    friend class TaskState;
    enum class Pending : uint8_t { kNone, kPut, kDelete };

    std::string key_;
    std::string committed_;
    std::string* pending_value_ = nullptr;  // In `pending_values_`, if there is a pending write.
    uint64_t dirty_generation_ = 0;  // The checkpoint generation that must hold `committed_`; 0: the disk has it.
    Pending pending_ = Pending::kNone;
    bool committed_present_ = false;
    bool recently_used_ = false;
    bool queued_ = false;  // In `eviction_`.
    bool known_ = true;    // False: the disk may hold a value that `committed_` lacks; only while a write is pending.
  };

  // A committed cut of the dirty values, to be written to the checkpoint by another thread.
  struct FrozenBatch {
    std::string task_prefix;
    uint64_t generation = 0;
    std::vector<CheckpointEntry> entries;  // Each key once, in no order: sorting is left to the writing thread.
    CheckpointMeta meta;
    size_t bytes = 0;
  };

  // `store` must outlive this.
  TaskState(CheckpointStore* store, std::string task_prefix);
  ~TaskState();
  TaskState(const TaskState&) = delete;
  TaskState& operator=(const TaskState&) = delete;

  // Finds the key's entry, reading the disk if need be; an absent key gets an entry without a value. The pointer holds
  // until the epoch ends (CommitEpoch, DropEpoch) or memory is trimmed.
  absl::StatusOr<Entry*> Open(std::string_view key) { return Open(key, HashOf(key)); }
  // The same if HashOf(key) is known already.
  absl::StatusOr<Entry*> Open(std::string_view key, size_t hash);

  // For a key that Open will be asked for soon: bring what it will touch into the processor's cache, one after the
  // other with other work between, since each needs what the one before fetched. All do nothing for a key that is not
  // in memory.
  static size_t HashOf(std::string_view key) { return StringHash()(key); }
  void PrefetchSlot(size_t hash) const;
  void PrefetchEntry(size_t hash) const;
  void PrefetchBytes(size_t hash) const;

  // Writes into the open epoch.
  void Put(Entry* entry, std::string_view value);
  void Delete(Entry* entry);
  // As Open and then Put, or Delete if there is no value, but does not read the disk: for keys whose old value does not
  // matter.
  void Write(std::string_view key, OptionalBytes value);

  // Entries written since the epoch began, each once, in the order of their first write.
  const std::vector<Entry*>& epoch_writes() const { return epoch_writes_; }
  // The epoch's writes become the committed values / are forgotten.
  void CommitEpoch();
  void DropEpoch();

  // Applies one restored changelog record as committed. Not while an epoch is open.
  void ApplyCommitted(std::string_view key, OptionalBytes value);

  // Calls `visit` with each present entry whose key begins with `prefix`, uncommitted writes included, in the order of
  // keys, until it returns false. `visit` must not touch this object. Merges all layers; costs a pass over the table,
  // so not for each event.
  absl::Status Scan(std::string_view prefix,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit);

  // Copies what is dirty. Call between epochs (nothing uncommitted) and not while a batch is under way. May be empty:
  // its meta is still worth writing.
  FrozenBatch Freeze(const CheckpointMeta& meta);
  // The batch of this generation is in the checkpoint: its values are clean unless written since.
  void OnCheckpointed(uint64_t generation);
  // It is not: its values are dirty again.
  void OnCheckpointFailed(uint64_t generation);
  bool checkpoint_under_way() const { return frozen_generation_ != 0; }

  // Forgets all in memory, uncommitted included; the disk is read afresh. A batch under way must have ended on its
  // thread, or the disk would change behind what is read; it need not be reported any more.
  void Clear();

  // Drops clean values, least recently used first, until at most `bytes` are in memory or none is clean. Values that
  // the open epoch has written stay.
  void TrimTo(size_t bytes);

  // Bytes of memory, bookkeeping and uncommitted writes included, approximately.
  size_t memory_bytes() const { return memory_bytes_; }
  // Of these, bytes of values that the checkpoint lacks.
  size_t dirty_bytes() const { return dirty_bytes_; }
  // Beside these: bytes of the batch that is under way to the checkpoint.
  size_t frozen_bytes() const { return frozen_bytes_; }
  size_t entry_count() const { return table_.size(); }
  // Internal, in words, if memory_bytes() or dirty_bytes() is not what a pass over all entries finds. For checks.
  absl::Status CheckCounts() const;

 private:
  // The hash lies beside the pointer: a look-up touches no other entry, and growing the table touches none.
  struct Slot {
    size_t hash = 0;
    std::unique_ptr<Entry> entry;
  };
  struct Sought {
    size_t hash = 0;
    std::string_view key;
  };
  // Any entry with that hash, for Prefetch.
  struct HashAlone {
    size_t hash = 0;
  };
  struct KeyHash {
    using is_transparent = void;
    template <typename T>
    size_t operator()(const T& hashed) const {
      return hashed.hash;
    }
  };
  struct KeyEq {
    using is_transparent = void;
    bool operator()(const Slot& a, const Sought& b) const { return a.hash == b.hash && a.entry->key() == b.key; }
    bool operator()(const Slot& a, const HashAlone& b) const { return a.hash == b.hash; }
    bool operator()(const Slot& a, const Slot& b) const { return a.hash == b.hash && a.entry->key() == b.entry->key(); }
  };

  Entry* Find(const Sought& sought) const;
  // An entry without a value, in no queue.
  Entry* Insert(const Sought& sought);
  static Sought Seek(std::string_view key) { return {HashOf(key), key}; }
  void SetPending(Entry* entry, Entry::Pending pending, std::string_view value);
  void EndEpoch();
  void DropSpares(size_t kept);
  static void Prefetch(const Entry* entry);
  // What follows a change of `committed_`; `old_dirty_bytes` is DirtyBytes from before it.
  void MarkDirty(Entry* entry, size_t old_dirty_bytes);
  void MarkClean(Entry* entry);
  void Enqueue(Entry* entry);
  void Evict(Entry* entry);
  // What an entry takes of memory_bytes_ and dirty_bytes_.
  static size_t MemoryBytes(const Entry& entry);
  static size_t DirtyBytes(const Entry& entry);

  CheckpointStore* const store_;
  const std::string task_prefix_;
  absl::flat_hash_set<Slot, KeyHash, KeyEq> table_;
  // One for each of epoch_writes_, and beyond them spare ones whose buffers the next epoch uses. They lie side by side
  // in the order of writing, unlike the entries, and none moves.
  std::deque<std::string> pending_values_;
  std::vector<Entry*> epoch_writes_;
  std::vector<Entry*> dirty_;    // Entries with a dirty generation, each once.
  std::deque<Entry*> eviction_;  // Second-chance queue over all clean entries, and dirty ones that it has not met yet.
  uint64_t generation_ = 1;      // That the next Freeze will carry.
  uint64_t frozen_generation_ = 0;
  size_t memory_bytes_ = 0;
  size_t dirty_bytes_ = 0;
  size_t frozen_bytes_ = 0;
};

}  // namespace once

#endif  // ONCE_STATE_TASK_STATE_H_
