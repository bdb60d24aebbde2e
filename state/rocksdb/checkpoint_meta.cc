// Where in the changelog a checkpoint stands, of which incarnation, and how old it is: 24 bytes beside a task's data.
#include "state/rocksdb/checkpoint_meta.h"

#include <cstdint>

namespace once {

namespace {
constexpr size_t kMetaBytes = 24;
}  // namespace

std::string EncodeMeta(const CheckpointMeta& meta) {
  std::string bytes;
  for (const uint64_t number : {static_cast<uint64_t>(meta.changelog_offset.value()), meta.incarnation,
                                static_cast<uint64_t>(meta.written_ms)}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>((number >> shift) & 0xff));
  }
  return bytes;
}

std::optional<CheckpointMeta> DecodeMeta(std::string_view bytes) {
  // Of another size it is damage; the reader says so (RocksDbStore::ReadMeta).
  if (bytes.size() != kMetaBytes) return std::nullopt;
  uint64_t numbers[3] = {};
  for (size_t i = 0; i < kMetaBytes; ++i) numbers[i / 8] = numbers[i / 8] << 8 | static_cast<uint8_t>(bytes[i]);
  // To a client a negative offset is a place by itself, -1 the end.
  if (static_cast<int64_t>(numbers[0]) < 0) return std::nullopt;
  return CheckpointMeta{.changelog_offset = Offset(static_cast<int64_t>(numbers[0])),
                        .incarnation = numbers[1],
                        .written_ms = static_cast<int64_t>(numbers[2])};
}

}  // namespace once
