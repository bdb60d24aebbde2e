// The bytes before a value that say its schema: a magic byte 0, the schema's ID (int32, big-endian) and, of protobuf,
// which message of the schema's file it is: a count and as many indexes from the outside in, zig-zag varints; the first
// message, [0], is the single byte 0. Format: Confluent's wire format,
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
#ifndef ONCE_PROCESSOR_SCHEMA_FRAMING_H_
#define ONCE_PROCESSOR_SCHEMA_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace once::internal {

inline constexpr size_t kFrameBytes = 5;

struct Frame {
  int32_t schema_id = 0;
  std::string_view rest;
};

// DataLoss for bytes without a frame.
absl::StatusOr<Frame> ReadFrame(std::string_view bytes);
void AppendFrame(int32_t schema_id, std::string* bytes);

// Takes message indexes off the front of `*bytes`. DataLoss, with `*bytes` as it was, if there are none: a varint that
// does not end or is too large, a negative index, more than 64 of them.
absl::StatusOr<std::vector<int>> ReadMessageIndexes(std::string_view* bytes);
// Not for an empty list.
void AppendMessageIndexes(const std::vector<int>& indexes, std::string* bytes);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_FRAMING_H_
