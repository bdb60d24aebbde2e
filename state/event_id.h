// The identity of an event, as the idempotency window keeps it.
#ifndef ONCE_STATE_EVENT_ID_H_
#define ONCE_STATE_EVENT_ID_H_

#include <cstdint>
#include <string_view>

namespace once {

// 128-bit hash of (source topic, ce_source, ce_id, generation), and the round of an event that comes back from a
// dead-letter topic.
struct EventIdHash {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const EventIdHash&, const EventIdHash&) = default;
};

// Algorithm: XXH3, 128 bits. Parts are length-prefixed, so that no two different triples have equal input.
// `round` 0: the event comes for the first time.
EventIdHash HashEventId(std::string_view topic, std::string_view source, std::string_view id, uint64_t generation,
                        uint32_t round = 0);

}  // namespace once

#endif  // ONCE_STATE_EVENT_ID_H_
