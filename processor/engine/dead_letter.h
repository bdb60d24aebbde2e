// Dead-letter records: the event as it came, plus headers that say what happened to it.
//
// Headers of Once: once.disposition (see Disposition), once.reason (a status code's name), once.message,
// once.blocked_by (an event ID; on BLOCKED), once.node (on FAILED: the node of the topology whose handler failed, or,
// where none was run, whose policy counts), once.attempts, once.first_failure_time (RFC 3339, UTC), once.origin
// (topic-partition-offset), once.application, once.aggregate; once.timestamp (the event's, Unix milliseconds: the
// record itself carries the present, or the topic might refuse or delete it); once.round (1 or more, on letters of
// events that have ended for good: sent back with it, the event is one of its own). Beside them those of other
// frameworks that are asked for (foreign_headers.h). Those that the event brings along from an earlier round are
// replaced; of once.timestamp the oldest stays.
#ifndef ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_
#define ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/counters.h"
#include "processor/base/letter_families.h"
#include "processor/base/record.h"

namespace once {

struct DeadLetter {
  Disposition disposition = Disposition::kFailed;
  std::string_view reason;           // Status code's name.
  std::string_view message;          // Any bytes; in the headers it is text.
  std::string_view blocked_by = {};  // Of kBlocked: the event ID of the failure it waits behind.
  std::string_view node = {};        // Of kFailed; the plan's own, which outlives every record.
  uint32_t attempts = 0;
  int64_t first_failure_ms = 0;
  std::string_view application;
  std::string_view aggregate;  // The key as text, or any bytes; empty if there is none.
  uint32_t round = 0;          // Of the event's next life; 0: it has not ended for good.
  bool value_is_lost = false;  // The value and the headers are not at hand.
};

// What the dead-letter topic, and those who read it, ask of a record.
struct DeadLetterLimits {
  size_t max_bytes = 0;
  int64_t stamp_ms = -1;      // The present, as the topic takes it.
  bool needs_key = false;     // It is compacted: an event without a key gets its origin as one.
  bool only_minimal = false;  // It refused a larger form.
  LetterFamilies families = {};
};

// The longest that texts of handlers and events are where they are stored: in dead letters and in statuses.
inline constexpr size_t kMaxStoredMessageBytes = 4096;
inline constexpr size_t kMaxStoredTextBytes = 1024;  // Of keys and IDs, which records carry in full.

// The record for `record` of `topic`, its bytes in `arena` or those of `record`. At most `limits.max_bytes` by
// EstimatedSize: to get there the message is cut and other frameworks' headers are left out; then the value and the
// event's headers, which "once.omitted: value" tells (they are still at once.origin); then the key as well,
// "once.omitted: key,value"; then all that explains, and what it takes to tell it from an event when it is sent back is
// left: once.disposition, once.origin, once.application, once.round, once.omitted; then all but the first two. That
// last form comes whatever the limit.
OutputRecord MakeDeadLetter(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                            const DeadLetterLimits& limits, Arena* arena);

// Whether a header of that name is one of those that dead letters say what happened with.
bool IsLetterHeader(std::string_view name);

// "INVALID_ARGUMENT" and the like.
std::string StatusCodeName(absl::StatusCode code);
// The code of such a name; UNKNOWN for any other text.
absl::StatusCode StatusCodeOf(std::string_view name);

// "topic-partition-offset" of a record; its event ID when it has no ce_id.
std::string OriginOf(const RecordView& record, const std::string& topic);
// The ce_id header, or the origin.
std::string EventIdOf(const RecordView& record, const std::string& topic);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_
