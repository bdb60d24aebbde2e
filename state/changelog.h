// The format of the changelog's keys, which are also the keys of the checkpoint behind a task's prefix.
//
//   0x01 state             varint length of the store's name, store's name, record key   value: the state's bytes
//   0x02 aggregate status  record key                                                    value: once.v1.AggregateStatus
//   0x03 parked event      varint length of the record key, record key, BE64 sequence    value: once.v1.ParkedEvent
//   0x04 event IDs         BE64 bucket, BE64 sequence                                    value: 16-byte IDs
//   0x05 frontier          nothing                                                       value: once.v1.Frontier
//   0x06 keyless status    place                                                         value: once.v1.AggregateStatus
//   0x07 keyless event     varint length of the place, place, BE64 sequence              value: once.v1.ParkedEvent
//   0x08 control           one byte of what, name                                        value: see ControlKind
//
// The place of an event without a key, which waits in a queue of its own: its topic, BE64 offset.
//
// The event IDs of bucket 0 are none: its one record, sequence 0, holds BE64 the number up to which buckets are
// forgotten, and eight zero bytes.
//
// A null value deletes. Big-endian numbers make a scan by prefix come in the order of sequences.
#ifndef ONCE_STATE_CHANGELOG_H_
#define ONCE_STATE_CHANGELOG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once {

enum class ChangelogKind : uint8_t {
  kState = 1,
  kAggregateStatus = 2,
  kParkedEvent = 3,
  kEventIds = 4,
  kFrontier = 5,
  kKeylessStatus = 6,
  kKeylessEvent = 7,
  kControl = 8,
};

// What commands leave behind, of once/v1/control.proto.
enum class ControlKind : char {
  kDone = 'd',      // Named by BE64 sequence: CommandDone.
  kNever = 'n',     // By a byte for what is matched, and that: NeverRuleAdded.
  kPaused = 'p',    // No name: InputsPaused.
  kUnderWay = 'w',  // By BE64 sequence: CommandUnderWay.
};

// A key, taken apart. Views point into the parsed bytes.
struct ChangelogKey {
  ChangelogKind kind = ChangelogKind::kFrontier;
  std::string_view store = {};  // kState
  std::string_view record_key =
      {};  // kState, kAggregateStatus, kParkedEvent; the place of keyless ones; kControl's name
  ControlKind control = ControlKind::kDone;
  uint64_t bucket = 0;    // kEventIds
  uint64_t sequence = 0;  // kEventIds, kParkedEvent, kKeylessEvent
};

// What every state key of `store` begins with; append the record key to it.
std::string StateKeyPrefix(std::string_view store);
std::string AggregateStatusKey(std::string_view record_key);
std::string ParkedEventKeyPrefix(std::string_view record_key);
std::string ParkedEventKey(std::string_view record_key, uint64_t sequence);
std::string KeylessStatusKey(std::string_view topic, int64_t offset);
// The event at `sequence` of the queue whose status is at `status_key`: of a key, or of an event without one.
std::string QueuedEventKey(std::string_view status_key, uint64_t sequence);
std::string EventIdsKey(uint64_t bucket, uint64_t sequence);
std::string FrontierKey();
std::string ControlKey(ControlKind kind, std::string_view name);
// The name that is a sequence.
std::string SequenceName(uint64_t sequence);

// Prefix of all keys of one kind.
std::string KindPrefix(ChangelogKind kind);

// DataLoss if `bytes` is no key of this format.
absl::StatusOr<ChangelogKey> ParseChangelogKey(std::string_view bytes);

}  // namespace once

#endif  // ONCE_STATE_CHANGELOG_H_
