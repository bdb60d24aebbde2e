// Dead-letter records: the event as it came, plus headers that say what happened to it.
//
// Headers of Once: once.disposition (FAILED, BLOCKED or REJECTED), once.reason (a status code's name), once.message,
// once.blocked_by (an event ID; on BLOCKED), once.attempts, once.first_failure_time (RFC 3339, UTC), once.origin
// (topic-partition-offset), once.application, once.aggregate. Beside them Kafka Streams' family,
// __streams.errors.{exception,message,stacktrace,topic,partition,offset}, all as text.
#ifndef ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_
#define ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/record.h"

namespace once {

enum class Disposition { kFailed, kBlocked, kRejected };

struct DeadLetter {
  Disposition disposition = Disposition::kFailed;
  std::string_view reason;  // Status code's name.
  std::string_view message;
  std::string_view blocked_by;  // Of kBlocked: the event ID of the failure it waits behind.
  uint32_t attempts = 0;
  int64_t first_failure_ms = 0;
  std::string_view application;
  std::string_view aggregate;  // The key as text; empty if there is none.
};

// The record for `record` of `topic`, its bytes in `arena` or those of `record`. At most `max_bytes` by EstimatedSize:
// to get there the message is cut, then the Streams family left out, then the value, which "once.omitted: value" tells
// (it is still at once.origin).
OutputRecord MakeDeadLetter(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                            size_t max_bytes, Arena* arena);

// "INVALID_ARGUMENT" and the like.
std::string StatusCodeName(absl::StatusCode code);

// "topic-partition-offset" of a record; its event ID when it has no ce_id.
std::string OriginOf(const RecordView& record, const std::string& topic);
// The ce_id header, or the origin.
std::string EventIdOf(const RecordView& record, const std::string& topic);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_DEAD_LETTER_H_
