// Millions of IDs in a few bytes each: open addressing in shards that grow one by one, so that growing stops nobody for
// long.
#include "state/event_id_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace once {

namespace {

constexpr double kMaxLoad = 0.8;
// A sweep that leaves more than this is followed by growth, so that sweeps stay rare.
constexpr double kMaxLoadAfterSweep = 0.7;
constexpr size_t kMinSlots = 16;
// Small shards double; larger ones grow by a third, which keeps the average load near 0.7.
constexpr size_t kDoublingBelowSlots = 2048;

bool IsFree(const EventIdHash& slot) { return slot.high == 0 && slot.low == 0; }

// Zeroes mark a free slot, so the one ID of all zeroes shares its place with another.
EventIdHash Stored(const EventIdHash& id) { return IsFree(id) ? EventIdHash{0, 1} : id; }

}  // namespace

EventIdTable::EventIdTable() : tags_(1) {}

EventIdTable::Place EventIdTable::PlaceOf(const EventIdHash& id) {
  // IDs are hashes already; mixing keeps poor ones, such as counters, from crowding in one place.
  uint64_t mixed = (id.high ^ (id.low << 32 | id.low >> 32)) * 0x9e3779b97f4a7c15;
  mixed ^= mixed >> 32;
  mixed *= 0xd6e8feb86659fd93;
  return {.shard = static_cast<size_t>(mixed >> (64 - kShardBits)), .position = mixed << kShardBits};
}

// Monotone in `position`, so that a shard is rebuilt from front to back in order of memory.
size_t EventIdTable::Home(const Shard& shard, uint64_t position) {
  return static_cast<size_t>((static_cast<unsigned __int128>(position) * shard.capacity) >> 64);
}

size_t EventIdTable::FindSlot(const Shard& shard, uint64_t position, const EventIdHash& id) {
  size_t slot = Home(shard, position);
  while (!IsFree(shard.ids[slot]) && !(shard.ids[slot] == id)) {
    if (++slot == shard.capacity) slot = 0;
  }
  return slot;
}

EventIdTable::Tag EventIdTable::NewTag() {
  // The caller renumbers before it comes to that.
  if (tags_.size() > kMaxTag) return 0;
  tags_.push_back({.count = 0, .live = true});
  return static_cast<Tag>(tags_.size() - 1);
}

EventIdTable::Tag EventIdTable::Insert(const EventIdHash& raw_id, Tag tag) {
  const EventIdHash id = Stored(raw_id);
  const Place place = PlaceOf(id);
  Shard& shard = shards_[place.shard];
  // X7: a shard has no memory before its first ID, since there may be a thousand tables.
  if (shard.capacity == 0) MakeRoom(&shard);
  size_t slot = FindSlot(shard, place.position, id);
  if (IsFree(shard.ids[slot])) {
    if (shard.used >= shard.max_used) {
      MakeRoom(&shard);
      // Sweeping and growing move IDs, so the free slot is another one now.
      slot = FindSlot(shard, place.position, id);
    }
    shard.ids[slot] = id;
    ++shard.used;
    // One whose bucket was forgotten may stay in its slot until the next sweep; it counts for nothing.
  } else if (const Tag found = shard.tags[slot]; tags_[found].live) {
    return found;
  }
  shard.tags[slot] = tag;
  ++tags_[tag].count;
  ++size_;
  return 0;
}

EventIdTable::Tag EventIdTable::Find(const EventIdHash& raw_id) const {
  const EventIdHash id = Stored(raw_id);
  const Place place = PlaceOf(id);
  const Shard& shard = shards_[place.shard];
  if (shard.capacity == 0) return 0;
  const size_t slot = FindSlot(shard, place.position, id);
  if (IsFree(shard.ids[slot])) return 0;
  const Tag tag = shard.tags[slot];
  // Of a forgotten bucket: as if it were not there.
  return tags_[tag].live ? tag : Tag{0};
}

void EventIdTable::Retag(const EventIdHash& raw_id, Tag tag) {
  const EventIdHash id = Stored(raw_id);
  const Place place = PlaceOf(id);
  Shard& shard = shards_[place.shard];
  const size_t slot = FindSlot(shard, place.position, id);
  assert(!IsFree(shard.ids[slot]));
  --tags_[shard.tags[slot]].count;
  ++tags_[tag].count;
  shard.tags[slot] = tag;
}

void EventIdTable::Erase(const EventIdHash& raw_id) {
  const EventIdHash id = Stored(raw_id);
  const Place place = PlaceOf(id);
  Shard& shard = shards_[place.shard];
  if (shard.capacity == 0) return;
  const size_t slot = FindSlot(shard, place.position, id);
  if (IsFree(shard.ids[slot])) return;
  TagState& tag = tags_[shard.tags[slot]];
  // With its bucket forgotten it was counted off already.
  if (tag.live) {
    --tag.count;
    --size_;
  }
  EraseSlot(&shard, slot);
}

// Closes the gap: each ID that follows without a break moves into it unless the gap lies before the ID's home.
void EventIdTable::EraseSlot(Shard* shard, size_t slot) {
  const size_t capacity = shard->capacity;
  size_t gap = slot;
  size_t next = slot;
  while (true) {
    if (++next == capacity) next = 0;
    if (IsFree(shard->ids[next])) break;
    const size_t home = Home(*shard, PlaceOf(shard->ids[next]).position);
    const size_t from_home = next >= home ? next - home : next + capacity - home;
    const size_t from_gap = next >= gap ? next - gap : next + capacity - gap;
    if (from_home < from_gap) continue;
    shard->ids[gap] = shard->ids[next];
    shard->tags[gap] = shard->tags[next];
    gap = next;
  }
  shard->ids[gap] = EventIdHash();
  --shard->used;
}

void EventIdTable::Forget(Tag tag) {
  assert(tags_[tag].live);
  size_ -= tags_[tag].count;
  // A whole bucket is forgotten at once; its slots are swept when room is needed.
  tags_[tag] = TagState();
  ++forgotten_;
}

void EventIdTable::Clear() {
  for (Shard& shard : shards_) shard = Shard();
  tags_.assign(1, TagState());
  renumber_at_ = kMinTagsToRenumber;
  forgotten_ = 0;
  size_ = 0;
}

// Different from the start, sizes stay different for good.
size_t EventIdTable::FirstCapacity(const Shard* shard) const {
  return kMinSlots + static_cast<size_t>(shard - shards_.data()) * kMinSlots / kShards;
}

size_t EventIdTable::NextCapacity(size_t capacity) {
  return capacity < kDoublingBelowSlots ? capacity * 2 : capacity / 3 * 4;
}

void EventIdTable::SweepForgotten(Shard* shard) {
  // Nothing was forgotten since then, so there is nothing to find.
  if (shard->swept_at == forgotten_) return;
  shard->swept_at = forgotten_;
  Sweep(shard, [&](Tag tag) { return tags_[tag].live ? tag : Tag{0}; });
}

void EventIdTable::MakeRoom(Shard* shard) {
  if (shard->capacity == 0) return Resize(shard, FirstCapacity(shard));
  const bool may_have_room = shard->swept_at != forgotten_;
  SweepForgotten(shard);
  if (may_have_room && static_cast<double>(shard->used) <= kMaxLoadAfterSweep * static_cast<double>(shard->capacity)) {
    return;
  }
  Resize(shard, NextCapacity(shard->capacity));
}

void EventIdTable::Shrink() {
  for (Shard& shard : shards_) {
    if (shard.capacity == 0) continue;
    SweepForgotten(&shard);
    if (shard.used == 0) {
      shard = Shard();
      shard.swept_at = forgotten_;
      continue;
    }
    // More than half full: what a smaller one saves is not worth the copy.
    if (shard.used * 2 > shard.max_used) continue;
    size_t capacity = FirstCapacity(&shard);
    while (kMaxLoadAfterSweep * static_cast<double>(capacity) < static_cast<double>(shard.used)) {
      capacity = NextCapacity(capacity);
    }
    if (capacity < shard.capacity) Resize(&shard, capacity);
  }
}

void EventIdTable::Resize(Shard* shard, size_t capacity) {
  Shard old = std::move(*shard);
  // For a moment both are there, but of one shard in 64: the table never needs twice its memory (X7).
  shard->ids = std::make_unique<EventIdHash[]>(capacity);
  shard->tags = std::make_unique<Tag[]>(capacity);
  shard->capacity = capacity;
  shard->max_used = static_cast<size_t>(static_cast<double>(capacity) * kMaxLoad);
  shard->used = old.used;
  shard->swept_at = old.swept_at;
  // From front to back, and Home grows with the position: so both are walked in the order of memory.
  for (size_t i = 0; i < old.capacity; ++i) {
    const EventIdHash& id = old.ids[i];
    if (IsFree(id)) continue;
    const size_t slot = FindSlot(*shard, PlaceOf(id).position, id);
    shard->ids[slot] = id;
    shard->tags[slot] = old.tags[i];
  }
}

template <typename Keep>
void EventIdTable::Sweep(Shard* shard, const Keep& keep) {
  if (shard->capacity == 0) return;
  // Begin behind a free slot: no run of IDs spans it, so taking each ID out and putting it back, in order, finds a
  // place between its home and where it was.
  size_t start = 0;
  while (!IsFree(shard->ids[start])) ++start;
  bool gap = false;  // In the run that is being swept; without one all stay where they are.
  for (size_t i = 1; i < shard->capacity; ++i) {
    size_t slot = start + i;
    if (slot >= shard->capacity) slot -= shard->capacity;
    const EventIdHash id = shard->ids[slot];
    if (IsFree(id)) {
      gap = false;
      continue;
    }
    const Tag tag = keep(shard->tags[slot]);
    if (tag == 0) {
      shard->ids[slot] = EventIdHash();
      --shard->used;
      gap = true;
      continue;
    }
    size_t place = slot;
    if (gap) {
      shard->ids[slot] = EventIdHash();
      place = FindSlot(*shard, PlaceOf(id).position, id);
      shard->ids[place] = id;
    }
    shard->tags[place] = tag;
  }
}

std::vector<EventIdTable::Tag> EventIdTable::Renumber() {
  std::vector<Tag> new_tags(tags_.size(), 0);
  std::vector<TagState> states(1);
  for (size_t tag = 1; tag < tags_.size(); ++tag) {
    if (!tags_[tag].live) continue;
    new_tags[tag] = static_cast<Tag>(states.size());
    states.push_back(tags_[tag]);
  }
  for (Shard& shard : shards_) {
    Sweep(&shard, [&](Tag tag) { return new_tags[tag]; });
    shard.swept_at = forgotten_;
  }
  tags_ = std::move(states);
  // Later with more live tags, or a table that has many would be renumbered all the time.
  renumber_at_ = std::min(kMaxTag, kMinTagsToRenumber + 2 * tags_.size());
  return new_tags;
}

void EventIdTable::Prefetch(const EventIdHash& raw_id) const {
  const Place place = PlaceOf(Stored(raw_id));
  const Shard& shard = shards_[place.shard];
  if (shard.capacity == 0) return;
  const size_t slot = Home(shard, place.position);
  __builtin_prefetch(&shard.ids[slot]);
  __builtin_prefetch(&shard.tags[slot], 1);
}

size_t EventIdTable::memory_bytes() const {
  size_t slots = 0;
  for (const Shard& shard : shards_) slots += shard.capacity;
  return slots * (sizeof(EventIdHash) + sizeof(Tag)) + tags_.capacity() * sizeof(TagState) + sizeof(*this);
}

}  // namespace once
