// An event as a client gives it, checked.
#ifndef ONCE_TOOLS_GATEWAY_EVENT_H_
#define ONCE_TOOLS_GATEWAY_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/types.h"
#include "tools/gateway/json.h"
#include "tools/gateway/types.h"

namespace once::gateway {

struct Event {
  std::string topic = {};
  Partition partition = kAnyPartition;
  int64_t timestamp_ms = -1;  // -1: the time of sending.
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::string event_id = {};
  // ce_id and, of one with a type, ce_type are the first of them.
  std::vector<std::pair<std::string, std::string>> headers = {};

  size_t bytes() const;
};

struct EventLimits {
  size_t max_events = 1000;         // Of one request.
  size_t max_headers = 64;          // Of one event.
  size_t max_header_bytes = 16384;  // Of all names and values of one event's.
  size_t max_key_bytes = 16384;
  bool allow_raw = true;  // Values without a type.
};

// What a client may write in "events": InvalidArgument, with the event's index and the field's path, for what is none.
//
//   {"topic": "orders", "key": "alice", "type": "orders.v1.OrderPlaced", "value": {"order_id": "1", "cents": 100}}
//
// "value" is JSON of the type; without a type it is null, or "value_text" or "value_base64" stands for it. "key" is a
// string or a number, which becomes eight bytes, big-endian, as Java's and Once's own serializers write int64 and
// double; "key_type" (string, bytes in base64, int32, int64, double) says otherwise. "headers" are strings. "event_id"
// is made where it is missing; "source" becomes ce_source. Beside them "partition" and "timestamp_ms".
absl::StatusOr<std::vector<Event>> DecodeEvents(const Json& body, const Types& types, const EventLimits& limits);

// 128 random bits in hexadecimal.
std::string RandomId();

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_EVENT_H_
