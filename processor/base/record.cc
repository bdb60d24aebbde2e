// Records as views, and what one takes in a log.
#include "processor/base/record.h"

namespace once {

namespace {
// Record batch header (61 bytes) plus the record's own lengths, attributes and deltas at their largest.
constexpr size_t kRecordOverheadBytes = 61 + 36;
constexpr size_t kHeaderOverheadBytes = 10;  // two varint lengths
}  // namespace

size_t EstimatedSize(const OutputRecord& record) {
  size_t size = kRecordOverheadBytes;
  if (record.key.has_value()) size += record.key->size();
  if (record.value.has_value()) size += record.value->size();
  for (const HeaderView& header : record.headers) {
    size += kHeaderOverheadBytes + header.name.size();
    if (header.value.has_value()) size += header.value->size();
  }
  return size;
}

}  // namespace once
