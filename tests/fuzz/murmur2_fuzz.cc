// Murmur2 against Java's arithmetic, written out: signed bytes, wrapping 32-bit products, the tail as a fall-through.
#include "processor/base/murmur2.h"
#include "tests/fuzz/input.h"

namespace {

uint32_t Reference(std::string_view bytes) {
  constexpr uint32_t kM = 0x5bd1e995;
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<int8_t>(bytes[i])) & 0xff; };
  uint32_t h = 0x9747b28c ^ static_cast<uint32_t>(bytes.size());
  const size_t words = bytes.size() / 4;
  for (size_t i = 0; i < words; ++i) {
    uint32_t k = 0;
    for (size_t j = 4; j > 0; --j) k = k << 8 | at(4 * i + j - 1);
    k *= kM;
    k ^= k >> 24;
    k *= kM;
    h = (h * kM) ^ k;
  }
  switch (bytes.size() % 4) {
    case 3:
      h ^= at((bytes.size() & ~size_t{3}) + 2) << 16;
      [[fallthrough]];
    case 2:
      h ^= at((bytes.size() & ~size_t{3}) + 1) << 8;
      [[fallthrough]];
    case 1:
      h ^= at(bytes.size() & ~size_t{3});
      h *= kM;
  }
  h ^= h >> 13;
  h *= kM;
  return h ^ (h >> 15);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const auto count = static_cast<int32_t>(input.Number() % INT32_MAX) + 1;
  const std::string_view key = input.Rest();
  ONCE_CHECK(once::Murmur2(key) == Reference(key));
  const once::Partition partition = once::PartitionForKey(key, count);
  ONCE_CHECK(partition.value() >= 0 && partition.value() < count);
  return 0;
}
