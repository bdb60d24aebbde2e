// An exact set of 128-bit event IDs, each with a tag that names a group of them; groups are forgotten as a whole.
//
// Open addressing with linear probing, 18 bytes a slot, at most 80 % full. The table is cut into shards whose sizes are
// staggered, so that they grow one after another: no growth ever stops the caller for long, nor needs twice the memory.
// IDs of forgotten groups stay where they are until their shard is full; then it is swept, and grows only if that freed
// too little.
//
// Not thread-safe.
#ifndef ONCE_STATE_EVENT_ID_TABLE_H_
#define ONCE_STATE_EVENT_ID_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "state/event_id.h"

namespace once {

class EventIdTable {
 public:
  using Tag = uint16_t;

  EventIdTable();
  EventIdTable(const EventIdTable&) = delete;
  EventIdTable& operator=(const EventIdTable&) = delete;

  // A tag that no ID has; 0 if all 65,535 are taken.
  Tag NewTag();
  // Whether it is time for Renumber, so that tags never run out while few are live.
  bool ShouldRenumber() const { return tags_.size() >= renumber_at_; }
  // Gives the live tags new numbers, the lowest, and sweeps the table. Answers with the new tag of each old one, 0 for
  // forgotten ones.
  std::vector<Tag> Renumber();

  // Adds the ID under `tag` unless it is there; returns the live tag it was found with, or 0 if it was added.
  Tag Insert(const EventIdHash& id, Tag tag);
  // The live tag of the ID, or 0.
  Tag Find(const EventIdHash& id) const;
  // Moves an ID, which must be present under a live tag, to another live tag.
  void Retag(const EventIdHash& id, Tag tag);
  // Removes an ID; nothing happens if it is absent.
  void Erase(const EventIdHash& id);
  // Forgets the group. Its tag is not used again before the next Renumber.
  void Forget(Tag tag);
  void Clear();
  // Gives back the memory of shards that are less than half as full as they may be. A pass over those that have
  // forgotten IDs.
  void Shrink();

  // Brings the ID's place into the processor's cache.
  void Prefetch(const EventIdHash& id) const;

  // IDs of live tags: of one, and of all.
  int64_t count(Tag tag) const { return tags_[tag].count; }
  int64_t size() const { return size_; }
  size_t memory_bytes() const;

 private:
  static constexpr size_t kMaxTag = UINT16_MAX;
  static constexpr size_t kMinTagsToRenumber = 1024;
  static constexpr int kShardBits = 6;
  static constexpr size_t kShards = size_t{1} << kShardBits;

  struct TagState {
    int64_t count = 0;
    bool live = false;
  };
  // Slots without an ID hold zeroes, so a search reads only `ids`.
  struct Shard {
    std::unique_ptr<EventIdHash[]> ids;
    std::unique_ptr<Tag[]> tags;
    size_t capacity = 0;
    size_t used = 0;  // Slots with an ID, forgotten ones included.
    size_t max_used = 0;
    uint64_t swept_at = 0;  // forgotten_ at the last sweep.
  };
  struct Place {
    size_t shard = 0;
    uint64_t position = 0;  // Fraction of the shard, in 2^-64.
  };

  static Place PlaceOf(const EventIdHash& id);
  static size_t Home(const Shard& shard, uint64_t position);
  // The slot of the ID, or the free one that ends its search.
  static size_t FindSlot(const Shard& shard, uint64_t position, const EventIdHash& id);
  static void Resize(Shard* shard, size_t capacity);
  size_t FirstCapacity(const Shard* shard) const;
  static size_t NextCapacity(size_t capacity);
  void SweepForgotten(Shard* shard);
  void MakeRoom(Shard* shard);
  // Drops IDs whose tag `keep` maps to 0 and gives the others the tag it names.
  template <typename Keep>
  static void Sweep(Shard* shard, const Keep& keep);
  static void EraseSlot(Shard* shard, size_t slot);

  std::array<Shard, kShards> shards_;
  std::vector<TagState> tags_;  // By tag; tag 0 is none.
  size_t renumber_at_ = kMinTagsToRenumber;
  uint64_t forgotten_ = 0;  // Groups, ever.
  int64_t size_ = 0;
};

}  // namespace once

#endif  // ONCE_STATE_EVENT_ID_TABLE_H_
