// Which event IDs were processed: found by hash in memory (EventIdTable), kept in the changelog as packed records (E5,
// E6).
#include "state/idempotency_window.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace once {

namespace {

using event_id_records::kIdBytes;
using event_id_records::kMaxNumber;
constexpr size_t kMaxChunkIds = 256 * 1024 / kIdBytes;
// While a bucket is open, chunks of one size class are merged when there are many: each merge lifts its IDs a class,
// so none is rewritten more often than there are classes.
constexpr std::array<size_t, 3> kSizeClassIds = {32, 512, kMaxChunkIds / 2};
constexpr size_t kChunksToMerge = 64;
constexpr size_t kMaxMergeInputs = 128;
constexpr size_t kMaxTombstonesPerSeal = 64;
constexpr int64_t kBuckets = 16;
// Room that is kept for the next epoch's IDs. There may be a thousand windows.
constexpr size_t kSpareIds = 256;
char* WriteBigEndian(uint64_t number, char* out) {
  for (int shift = 56; shift >= 0; shift -= 8) *out++ = static_cast<char>((number >> shift) & 0xff);
  return out;
}

// The clock, read as a bucket's number.
// 0 is no bucket, but the horizon's record.
uint64_t Number(int64_t clock_ms) { return static_cast<uint64_t>(std::max<int64_t>(clock_ms, 1)); }

// False if the clock stands before `since`.
bool HasPassed(uint64_t since, int64_t span_ms, int64_t clock_ms) {
  return Number(clock_ms) >= since && Number(clock_ms) - since >= static_cast<uint64_t>(span_ms);
}

size_t MaxChunkIds(size_t max_record_bytes) {
  const std::string key = EventIdsKey(0, 0);
  // E7: a record of IDs fits its changelog, however little that takes.
  const size_t around = EstimatedSize({.key = key});
  if (max_record_bytes <= around) return 1;
  return std::clamp<size_t>((max_record_bytes - around) / kIdBytes, 1, kMaxChunkIds);
}

}  // namespace

IdempotencyWindow::IdempotencyWindow(const Options& options)
    : retention_ms_(std::max<int64_t>(absl::ToInt64Milliseconds(options.retention), 0)),
      max_chunk_ids_(MaxChunkIds(options.max_record_bytes)),
      max_ids_(std::max<int64_t>(options.max_ids, 1)) {}

EventIdTable::Tag IdempotencyWindow::AllocateTag() {
  // Tags have 16 bits, so those of forgotten buckets must be used again.
  if (table_.ShouldRenumber()) {
    const std::vector<EventIdTable::Tag> renumbered = table_.Renumber();
    for (auto& [number, bucket] : buckets_) bucket.tag = renumbered[bucket.tag];
    epoch_tag_ = renumbered[epoch_tag_];
  }
  return table_.NewTag();
}

bool IdempotencyWindow::IsNewestFull() const {
  const auto& [number, bucket] = *buckets_.rbegin();
  // Without those of this epoch: a bucket takes whole epochs.
  const auto ids = table_.count(bucket.tag) - (bucket.tag == epoch_tag_ ? static_cast<int64_t>(epoch_ids_.size()) : 0);
  // Behind the last number there is none: that bucket stays open.
  return ids >= std::max<int64_t>(max_ids_ / kBuckets, 1) && number != kMaxNumber;
}

// For the IDs of an epoch that begins: that of the newest bucket, or of another if it is known already that Seal will
// begin one.
EventIdTable::Tag IdempotencyWindow::ChooseTag() {
  if (buckets_.empty() || IsNewestFull()) {
    if (const EventIdTable::Tag tag = AllocateTag(); tag != 0 || buckets_.empty()) return tag;
  }
  return buckets_.rbegin()->second.tag;
}

bool IdempotencyWindow::Reserve(const EventIdHash& id) {
  if (epoch_tag_ == 0) epoch_tag_ = ChooseTag();
  // E1: reserved and remembered are one to whoever asks.
  if (table_.Insert(id, epoch_tag_) != 0) return false;
  epoch_ids_.push_back(id);
  return true;
}

void IdempotencyWindow::Release(const EventIdHash& id) {
  // From the back: what is released was mostly reserved just now.
  const auto it = std::find(epoch_ids_.rbegin(), epoch_ids_.rend(), id);
  if (it == epoch_ids_.rend()) return;
  epoch_ids_.erase(std::next(it).base());
  table_.Erase(id);
}

absl::Status IdempotencyWindow::Seal(int64_t clock_ms, TaskState* state) {
  staged_ = Staged();
  staged_.horizon = horizon_;
  if (absl::Status status = ChooseBucket(clock_ms); !status.ok()) return status;
  ChooseForgotten(clock_ms);
  WriteEpochIds(state);
  WriteHorizon(state);
  WriteTombstones(state);
  return WriteMerge(state);
}

// The epoch's IDs go to the newest bucket, or to a new one if that has had its share of time or count.
absl::Status IdempotencyWindow::ChooseBucket(int64_t clock_ms) {
  if (epoch_ids_.empty()) return absl::OkStatus();
  const EventIdTable::Tag newest_tag = buckets_.empty() ? EventIdTable::Tag{0} : buckets_.rbegin()->second.tag;
  uint64_t newest = horizon_;
  if (newest_tag != 0) {
    newest = buckets_.rbegin()->first;
    const bool passed = HasPassed(newest, std::max<int64_t>(retention_ms_ / kBuckets, 1), clock_ms);
    if (epoch_tag_ == newest_tag) {
      if (!IsNewestFull() && (!passed || newest == kMaxNumber)) {
        staged_.bucket = newest;
        return absl::OkStatus();
      }
      const EventIdTable::Tag tag = AllocateTag();
      if (tag == 0) return absl::ResourceExhaustedError("idempotency window: too many time buckets");
      for (const EventIdHash& id : epoch_ids_) table_.Retag(id, tag);
      epoch_tag_ = tag;
    }
  }
  // Numbers grow, also where the clock has not.
  staged_.bucket = std::max(Number(clock_ms), newest + 1);
  return absl::OkStatus();
}

// Oldest first: by time, as long as the opening of the next bucket lies further back than the retention; then by count.
void IdempotencyWindow::ChooseForgotten(int64_t clock_ms) {
  int64_t ids = table_.size();
  bool by_time = true;
  for (auto it = buckets_.begin(); it != buckets_.end(); ++it) {
    const auto next = std::next(it);
    const uint64_t next_number = next != buckets_.end() ? next->first : staged_.bucket;
    if (next_number <= it->first) break;  // The bucket that IDs are added to.
    by_time = by_time && HasPassed(next_number, retention_ms_, clock_ms);
    if (!by_time) {
      if (ids <= max_ids_) break;
      ++staged_.forgotten_by_count;
    }
    ids -= table_.count(it->second.tag);
    staged_.horizon = it->first;
  }
}

void IdempotencyWindow::WriteEpochIds(TaskState* state) {
  std::string packed;
  for (size_t begin = 0; begin < epoch_ids_.size(); begin += max_chunk_ids_) {
    const size_t end = std::min(begin + max_chunk_ids_, epoch_ids_.size());
    packed.resize((end - begin) * kIdBytes);
    char* out = packed.data();
    for (size_t i = begin; i < end; ++i) {
      out = WriteBigEndian(epoch_ids_[i].high, out);
      out = WriteBigEndian(epoch_ids_[i].low, out);
    }
    const Chunk chunk{.sequence = NextSequence(staged_.bucket), .ids = end - begin};
    state->Write(EventIdsKey(staged_.bucket, chunk.sequence), std::string_view(packed));
    staged_.added.emplace_back(staged_.bucket, chunk);
  }
}

uint64_t IdempotencyWindow::NextSequence(uint64_t bucket) {
  uint64_t next = 0;
  if (const auto it = buckets_.find(bucket); it != buckets_.end()) next = it->second.next_sequence;
  // What this Seal has added already has a number, too.
  for (const auto& [number, chunk] : staged_.added) {
    if (number == bucket) next = std::max(next, chunk.sequence + 1);
  }
  // Behind the last number that a record may have, gaps are used.
  return next <= kMaxNumber ? next : LowestFreeSequence(bucket);
}

uint64_t IdempotencyWindow::LowestFreeSequence(uint64_t bucket) const {
  std::set<uint64_t> taken;
  for (const Chunk& chunk : buckets_.at(bucket).chunks) taken.insert(chunk.sequence);
  for (const auto& [number, chunk] : staged_.added) {
    if (number == bucket) taken.insert(chunk.sequence);
  }
  uint64_t free = 0;
  while (taken.contains(free)) ++free;
  return free;
}

void IdempotencyWindow::WriteHorizon(TaskState* state) {
  // Records may be read in any order and tombstones come late: this alone says what is forgotten.
  if (staged_.horizon == written_horizon_) return;
  char number[kIdBytes] = {};
  WriteBigEndian(staged_.horizon, number);
  state->Write(EventIdsKey(0, 0), std::string_view(number, kIdBytes));
}

void IdempotencyWindow::WriteTombstones(TaskState* state) {
  for (const RecordId& record : doomed_) {
    // E6: a bounded number, or one epoch would pay for a whole bucket.
    if (staged_.tombstoned.size() == kMaxTombstonesPerSeal) break;
    state->Write(EventIdsKey(record.first, record.second), std::nullopt);
    staged_.tombstoned.push_back(record);
  }
}

// At most one merge for each seal keeps up, since a seal leaves at most one partial chunk.
absl::Status IdempotencyWindow::WriteMerge(TaskState* state) {
  const std::optional<Merge> merge = FindMerge();
  if (!merge.has_value()) return absl::OkStatus();
  std::string ids_of_all;
  std::vector<TaskState::Entry*> inputs;
  for (const Chunk& chunk : merge->inputs) {
    absl::StatusOr<TaskState::Entry*> entry = state->Open(EventIdsKey(merge->bucket, chunk.sequence));
    if (!entry.ok()) return entry.status();
    const OptionalBytes ids = (*entry)->value();
    if (!ids.has_value() || ids->size() != chunk.ids * kIdBytes) {
      return absl::DataLossError(
          absl::StrCat("event IDs of bucket ", merge->bucket, ", sequence ", chunk.sequence,
                       ": the checkpoint lacks what the changelog has; rebuild the task's state"));
    }
    ids_of_all.append(*ids);
    inputs.push_back(*entry);
  }
  const Chunk merged{.sequence = NextSequence(merge->bucket), .ids = ids_of_all.size() / kIdBytes};
  state->Write(EventIdsKey(merge->bucket, merged.sequence), std::string_view(ids_of_all));
  staged_.added.emplace_back(merge->bucket, merged);
  // In the same epoch, so that each ID is in a record at every moment.
  for (size_t i = 0; i < inputs.size(); ++i) {
    state->Delete(inputs[i]);
    staged_.removed.emplace_back(merge->bucket, merge->inputs[i].sequence);
  }
  return absl::OkStatus();
}

std::optional<IdempotencyWindow::Merge> IdempotencyWindow::FindMerge() const {
  // Newest first, where each epoch adds a record.
  for (auto it = buckets_.rbegin(); it != buckets_.rend() && it->first > staged_.horizon; ++it) {
    if (it->second.partial_chunks < 2) continue;
    std::vector<Chunk> chunks = ChunksToMerge(it->second, it == buckets_.rbegin());
    if (chunks.size() >= 2) return Merge{.bucket = it->first, .inputs = std::move(chunks)};
  }
  return std::nullopt;
}

std::vector<IdempotencyWindow::Chunk> IdempotencyWindow::ChunksToMerge(const Bucket& bucket, bool is_open) const {
  size_t at_least = 0;
  for (const size_t class_ids_below : kSizeClassIds) {
    const size_t below = std::min(class_ids_below, partial_ids());
    std::vector<Chunk> chunks;
    size_t picked_ids = 0;
    size_t class_chunks = 0;
    size_t class_ids = 0;
    for (const Chunk& chunk : bucket.chunks) {
      // A closed bucket changes no more, so all its small records are merged, whatever their class.
      if (chunk.ids < (is_open ? at_least : 0) || chunk.ids >= (is_open ? below : partial_ids())) continue;
      ++class_chunks;
      class_ids += chunk.ids;
      if (picked_ids + chunk.ids > max_chunk_ids_ || chunks.size() == kMaxMergeInputs) continue;
      chunks.push_back(chunk);
      picked_ids += chunk.ids;
    }
    if (!is_open || class_chunks >= kChunksToMerge || class_ids >= max_chunk_ids_) return chunks;
    at_least = below;
  }
  return {};
}

void IdempotencyWindow::CommitEpoch() {
  assert(epoch_ids_.empty() || staged_.bucket != 0);
  if (staged_.bucket != 0) buckets_[staged_.bucket].tag = epoch_tag_;
  for (const auto& [number, chunk] : staged_.added) AddChunk(&buckets_[number], chunk);
  for (const auto& [number, sequence] : staged_.removed) RemoveChunk(&buckets_[number], sequence);
  for (const RecordId& record : staged_.tombstoned) doomed_.erase(record);
  // Not before: an epoch that drops has forgotten nothing.
  ForgetUpTo(staged_.horizon);
  written_horizon_ = staged_.horizon;
  forgotten_by_count_ += staged_.forgotten_by_count;
  EndEpoch();
}

void IdempotencyWindow::DropEpoch() {
  // E1: they were never seen.
  for (const EventIdHash& id : epoch_ids_) table_.Erase(id);
  EndEpoch();
}

void IdempotencyWindow::EndEpoch() {
  const bool tag_is_a_buckets = !buckets_.empty() && buckets_.rbegin()->second.tag == epoch_tag_;
  // It was for a bucket that has not come to be.
  if (epoch_tag_ != 0 && !tag_is_a_buckets) table_.Forget(epoch_tag_);
  epoch_tag_ = 0;
  if (epoch_ids_.capacity() > kSpareIds) {
    std::vector<EventIdHash>().swap(epoch_ids_);
  } else {
    epoch_ids_.clear();
  }
  staged_ = Staged();
}

void IdempotencyWindow::AddChunk(Bucket* bucket, const Chunk& chunk) const {
  // One that is read a second time.
  RemoveChunk(bucket, chunk.sequence);
  const auto after = std::upper_bound(bucket->chunks.begin(), bucket->chunks.end(), chunk.sequence,
                                      [](uint64_t sequence, const Chunk& other) { return sequence < other.sequence; });
  bucket->chunks.insert(after, chunk);
  if (chunk.ids < partial_ids()) ++bucket->partial_chunks;
  bucket->next_sequence = std::max(bucket->next_sequence, chunk.sequence + 1);
}

void IdempotencyWindow::RemoveChunk(Bucket* bucket, uint64_t sequence) const {
  const auto it = std::lower_bound(bucket->chunks.begin(), bucket->chunks.end(), sequence,
                                   [](const Chunk& chunk, uint64_t wanted) { return chunk.sequence < wanted; });
  if (it == bucket->chunks.end() || it->sequence != sequence) return;
  if (it->ids < partial_ids()) --bucket->partial_chunks;
  bucket->chunks.erase(it);
}

void IdempotencyWindow::ForgetUpTo(uint64_t horizon) {
  horizon_ = std::max(horizon_, horizon);
  while (!buckets_.empty() && buckets_.begin()->first <= horizon_) {
    const auto& [number, bucket] = *buckets_.begin();
    // E6: their records are deleted little by little (WriteTombstones).
    for (const Chunk& chunk : bucket.chunks) doomed_.insert({number, chunk.sequence});
    table_.Forget(bucket.tag);
    buckets_.erase(buckets_.begin());
  }
}

// While records are loaded nothing can be written, so this is a horizon that the next Seal writes.
void IdempotencyWindow::ForgetWhatIsTooMuch() {
  // Not the newest, which IDs are added to.
  while (table_.size() > max_ids_ && buckets_.size() > 1) {
    ForgetUpTo(buckets_.begin()->first);
    ++forgotten_by_count_;
  }
}

void IdempotencyWindow::Trim() {
  assert(epoch_ids_.empty());
  ForgetWhatIsTooMuch();
  table_.Shrink();
}

uint64_t IdempotencyWindow::BucketOf(EventIdTable::Tag tag) const {
  const auto it =
      std::find_if(buckets_.begin(), buckets_.end(), [&](const auto& bucket) { return bucket.second.tag == tag; });
  return it == buckets_.end() ? 0 : it->first;
}

void IdempotencyWindow::Clear() {
  table_.Clear();
  buckets_.clear();
  doomed_.clear();
  horizon_ = 0;
  written_horizon_ = 0;
  epoch_ids_.clear();
  epoch_tag_ = 0;
  staged_ = Staged();
}

size_t IdempotencyWindow::memory_bytes() const {
  constexpr size_t kNodeBytes = 48;  // Of a set or map, beyond its element.
  size_t bytes = table_.memory_bytes() + epoch_ids_.capacity() * sizeof(EventIdHash) +
                 doomed_.size() * (kNodeBytes + sizeof(RecordId));
  for (const auto& [number, bucket] : buckets_) {
    bytes += kNodeBytes + sizeof(bucket) + bucket.chunks.capacity() * sizeof(Chunk);
  }
  return bytes;
}

size_t IdempotencyWindow::record_count() const {
  size_t records = doomed_.size() + (horizon_ > 0 ? 1 : 0);
  for (const auto& [number, bucket] : buckets_) records += bucket.chunks.size();
  return records;
}

}  // namespace once
