// The identity of an event, as the idempotency window keeps it.
#ifndef ONCE_STATE_EVENT_ID_H_
#define ONCE_STATE_EVENT_ID_H_

#include <cstdint>
#include <string_view>

namespace once {

// 128-bit hash of (source topic, ce_source, ce_id, generation).
struct EventIdHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const EventIdHash&, const EventIdHash&) = default;
};

// Algorithm: XXH3, 128 bits. Parts are length-prefixed, so that no two different triples have equal input.
EventIdHash HashEventId(std::string_view topic, std::string_view source, std::string_view id, uint64_t generation);

}  // namespace once

#endif  // ONCE_STATE_EVENT_ID_H_
