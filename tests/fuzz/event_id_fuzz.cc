// The hash of an event's ID against its definition, and moved boundaries between its parts.
#include <xxhash.h>

#include <string>

#include "state/event_id.h"
#include "tests/fuzz/input.h"

namespace {

void Append(uint64_t number, std::string* out) {
  for (int i = 0; i < 8; ++i, number >>= 8) out->push_back(static_cast<char>(number & 0xff));
}

once::EventIdHash Reference(std::string_view topic, std::string_view source, std::string_view id, uint64_t generation) {
  std::string bytes;
  Append(generation, &bytes);
  for (const std::string_view part : {topic, source, id}) {
    Append(part.size(), &bytes);
    bytes.append(part);
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {.high = hash.high64, .low = hash.low64};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const uint64_t generation = input.Number();
  const std::string_view topic = input.Bytes();
  const std::string_view source = input.Bytes();
  const std::string_view id = input.Rest();
  const once::EventIdHash hash = once::HashEventId(topic, source, id, generation);
  ONCE_CHECK(hash == Reference(topic, source, id, generation));
  ONCE_CHECK(!(hash == once::HashEventId(topic, source, id, generation + 1)));
  if (!source.empty()) {
    // The same bytes, cut elsewhere, are another event.
    const std::string longer_topic = std::string(topic) + source.front();
    ONCE_CHECK(!(hash == once::HashEventId(longer_topic, source.substr(1), id, generation)));
    const std::string longer_id = source.back() + std::string(id);
    ONCE_CHECK(!(hash == once::HashEventId(topic, source.substr(0, source.size() - 1), longer_id, generation)));
  }
  return 0;
}
