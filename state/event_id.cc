// The 128 bits that stand for an event ID in the window (E3). Written to changelogs, so they must stay as they are.
#include "state/event_id.h"

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>

namespace once {

namespace {

char* WriteNumber(uint64_t number, char* out) {
  for (int shift = 0; shift < 64; shift += 8) *out++ = static_cast<char>((number >> shift) & 0xff);
  return out;
}

// With its length, so that no two pairs of parts are written alike.
char* WritePart(std::string_view part, char* out) {
  out = WriteNumber(part.size(), out);
  if (!part.empty()) std::memcpy(out, part.data(), part.size());
  return out + part.size();
}

}  // namespace

EventIdHash HashEventId(std::string_view topic, std::string_view source, std::string_view id, uint64_t generation,
                        uint32_t round) {
  // Round 0 adds nothing, so an event that comes for the first time is known by what it was always known by.
  const size_t round_bytes = round == 0 ? 0 : sizeof(uint64_t);
  const size_t size = 4 * sizeof(uint64_t) + topic.size() + source.size() + id.size() + round_bytes;
  // Once for each event: nearly always without the heap.
  std::array<char, 512> on_stack;
  std::unique_ptr<char[]> on_heap;
  char* input = on_stack.data();
  if (size > on_stack.size()) {
    on_heap = std::make_unique<char[]>(size);
    input = on_heap.get();
  }
  char* end = WriteNumber(generation, input);
  end = WritePart(topic, end);
  end = WritePart(source, end);
  end = WritePart(id, end);
  if (round != 0) WriteNumber(round, end);
  const XXH128_hash_t hash = XXH3_128bits(input, size);
  return {.high = hash.high64, .low = hash.low64};
}

}  // namespace once
