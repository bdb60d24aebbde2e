// What the idempotency window reads of a changelog or checkpoint: anything may stand there.
#include <algorithm>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/idempotency_window.h"

namespace once {

namespace {

using event_id_records::kIdBytes;
using event_id_records::kMaxNumber;

uint64_t ReadBigEndian(const char* bytes) {
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
}

EventIdHash ReadId(const char* bytes) { return {.high = ReadBigEndian(bytes), .low = ReadBigEndian(bytes + 8)}; }

// Why this can be no record of event IDs, or nothing.
std::string_view RecordMistake(const ChangelogKey& key, OptionalBytes value) {
  if (key.bucket > kMaxNumber || key.sequence > kMaxNumber) return "no clock and no count gets there";
  if (key.bucket == 0 && key.sequence != 0) return "there is no such bucket";
  if (!value.has_value()) return "";
  if (value->size() % kIdBytes != 0 || (key.bucket == 0 && value->size() != kIdBytes)) return "no whole number of IDs";
  if (key.bucket != 0) return "";
  const bool is_horizon = ReadBigEndian(value->data()) < kMaxNumber && ReadBigEndian(value->data() + 8) == 0;
  return is_horizon ? "" : "no bucket's number";
}

}  // namespace

absl::Status IdempotencyWindow::Load(const ChangelogKey& key, OptionalBytes value) {
  if (key.kind != ChangelogKind::kEventIds) return absl::InvalidArgumentError("not a record of event IDs");
  if (const std::string_view mistake = RecordMistake(key, value); !mistake.empty()) {
    return absl::DataLossError(absl::StrCat("event IDs of bucket ", key.bucket, ", sequence ", key.sequence, ", ",
                                            value.value_or("").size(), " bytes: ", ToAbsl(mistake),
                                            "; the changelog was written by another program, or is damaged"));
  }
  if (key.bucket == 0) {
    // What is forgotten stays so, whatever becomes of its record.
    if (!value.has_value()) return absl::OkStatus();
    written_horizon_ = std::max(written_horizon_, ReadBigEndian(value->data()));
    ForgetUpTo(written_horizon_);
    return absl::OkStatus();
  }
  if (value.has_value()) {
    const absl::Status loaded = LoadIds(key, *value);
    // X7: while it is read a window must fit its part of the memory, too.
    ForgetWhatIsTooMuch();
    return loaded;
  }
  // A tombstone takes no ID away: either its IDs were merged into another record, or their bucket is forgotten.
  doomed_.erase({key.bucket, key.sequence});
  if (const auto it = buckets_.find(key.bucket); it != buckets_.end()) RemoveChunk(&it->second, key.sequence);
  return absl::OkStatus();
}

absl::Status IdempotencyWindow::LoadIds(const ChangelogKey& key, std::string_view ids) {
  // Forgotten: the record is still there to be deleted, and nothing else.
  if (key.bucket <= horizon_) {
    doomed_.insert({key.bucket, key.sequence});
    return absl::OkStatus();
  }
  auto it = buckets_.find(key.bucket);
  if (it == buckets_.end()) {
    const EventIdTable::Tag tag = AllocateTag();
    if (tag == 0) return absl::ResourceExhaustedError("idempotency window: too many time buckets");
    it = buckets_.emplace(key.bucket, Bucket{.tag = tag}).first;
  }
  Bucket& bucket = it->second;
  AddChunk(&bucket, {.sequence = key.sequence, .ids = ids.size() / kIdBytes});
  for (; !ids.empty(); ids.remove_prefix(kIdBytes)) {
    const EventIdHash id = ReadId(ids.data());
    const EventIdTable::Tag found = table_.Insert(id, bucket.tag);
    if (found == 0 || found == bucket.tag) continue;
    // It came again after it was forgotten, and the record that says so is yet to come.
    if (BucketOf(found) < key.bucket) table_.Retag(id, bucket.tag);
  }
  return absl::OkStatus();
}

}  // namespace once
