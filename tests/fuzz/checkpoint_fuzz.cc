// A task's checkpoint record: what is written is read back, and what is read has offsets that a changelog can have.
#include "state/rocksdb/checkpoint_meta.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  if (input.Flag()) {
    const std::string_view bytes = input.Rest();
    const std::optional<once::CheckpointMeta> meta = once::DecodeMeta(bytes);
    if (!meta.has_value()) return 0;
    ONCE_CHECK(once::EncodeMeta(*meta) == bytes);
    // To the client negative ones mean places: -1 is the end, from where nothing would be restored.
    ONCE_CHECK(meta->changelog_offset.value() >= 0);
    return 0;
  }
  const once::CheckpointMeta meta{.changelog_offset = once::Offset(input.Signed() & INT64_MAX),
                                  .incarnation = input.Number(),
                                  .written_ms = input.Signed()};
  const std::optional<once::CheckpointMeta> read = once::DecodeMeta(once::EncodeMeta(meta));
  ONCE_CHECK(read.has_value() && read->changelog_offset == meta.changelog_offset &&
             read->incarnation == meta.incarnation && read->written_ms == meta.written_ms);
  return 0;
}
