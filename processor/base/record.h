// Records as the engine sees them: views into memory that the consumer, or an arena, owns.
#ifndef ONCE_PROCESSOR_BASE_RECORD_H_
#define ONCE_PROCESSOR_BASE_RECORD_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "processor/base/types.h"

namespace once {

using OptionalBytes = std::optional<std::string_view>;  // Kafka tells null from empty

struct HeaderView {
  std::string_view name;
  OptionalBytes value;
};

// One consumed record. Valid until the batch that holds it is polled anew.
struct RecordView {
  uint32_t topic_index = 0;  // Index in the list of topics that the reader was created with.
  Partition partition = {};
  Offset offset = {};
  int64_t timestamp_ms = -1;  // Unix milliseconds; -1 if the record has none.
  OptionalBytes key = {};
  OptionalBytes value = {};
  std::span<const HeaderView> headers = {};  // In the record's order; names may repeat.
};

// One record to produce. The producer copies all bytes before Send returns.
struct OutputRecord {
  uint32_t topic_index = 0;             // Index in the list of topics that the producer was created with.
  Partition partition = kAnyPartition;  // kAnyPartition: by murmur2 of the key, as Java's clients do.
  int64_t timestamp_ms = -1;            // -1: the time of sending.
  OptionalBytes key = {};
  OptionalBytes value = {};
  std::span<const HeaderView> headers = {};
  uint64_t token = 0;        // Names the cause of the record in its delivery report.
  bool want_offset = false;  // Whether success is reported too; failures always are.
};

// The last value of header `name`, or nothing if it is absent or null.
inline OptionalBytes FindHeader(std::span<const HeaderView> headers, std::string_view name) {
  for (size_t i = headers.size(); i > 0; --i) {
    if (headers[i - 1].name == name) return headers[i - 1].value;
  }
  return std::nullopt;
}

// Bytes that the record takes in a batch, a little overestimated; what topic limits are compared with.
size_t EstimatedSize(const OutputRecord& record);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_RECORD_H_
