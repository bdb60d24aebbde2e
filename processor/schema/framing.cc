// Small and strict: what is read here comes from whoever can write to the topic.
#include "processor/schema/framing.h"

#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

constexpr size_t kMaxIndexes = 64;

// Of at most 5 bytes.
std::optional<int32_t> ReadZigZag(std::string_view* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 5 && i < bytes->size(); ++i) {
    const auto byte = static_cast<uint8_t>((*bytes)[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (value > std::numeric_limits<uint32_t>::max()) return std::nullopt;
    bytes->remove_prefix(i + 1);
    const auto bits = static_cast<uint32_t>(value);
    return static_cast<int32_t>((bits >> 1) ^ (~(bits & 1) + 1));
  }
  return std::nullopt;
}

void AppendZigZag(int32_t number, std::string* bytes) {
  uint32_t bits = (static_cast<uint32_t>(number) << 1) ^ static_cast<uint32_t>(number >> 31);
  for (; bits >= 0x80; bits >>= 7) bytes->push_back(static_cast<char>(bits | 0x80));
  bytes->push_back(static_cast<char>(bits));
}

}  // namespace

absl::StatusOr<Frame> ReadFrame(std::string_view bytes) {
  if (bytes.size() < kFrameBytes || bytes[0] != 0) {
    return absl::DataLossError(
        absl::StrCat("the value names no schema: it does not begin with a byte 0 and four of an ID, but with \"",
                     Printable(bytes.substr(0, kFrameBytes)), "\"; was it written without a schema registry?"));
  }
  uint32_t id = 0;
  for (size_t i = 1; i < kFrameBytes; ++i) id = (id << 8) | static_cast<uint8_t>(bytes[i]);
  if (id > static_cast<uint32_t>(std::numeric_limits<int32_t>::max())) {
    return absl::DataLossError(absl::StrCat("the value names schema ", id, ", which no registry gives out"));
  }
  return Frame{.schema_id = static_cast<int32_t>(id), .rest = bytes.substr(kFrameBytes)};
}

void AppendFrame(int32_t schema_id, std::string* bytes) {
  bytes->push_back(0);
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes->push_back(static_cast<char>(static_cast<uint32_t>(schema_id) >> shift));
  }
}

absl::StatusOr<std::vector<int>> ReadMessageIndexes(std::string_view* bytes) {
  std::string_view rest = *bytes;
  const std::optional<int32_t> count = ReadZigZag(&rest);
  if (!count.has_value() || *count < 0 || *count > static_cast<int32_t>(kMaxIndexes)) {
    return absl::DataLossError("the value does not say which message of its schema it is");
  }
  std::vector<int> indexes;
  for (int32_t i = 0; i < *count; ++i) {
    const std::optional<int32_t> index = ReadZigZag(&rest);
    if (!index.has_value() || *index < 0) {
      return absl::DataLossError("the value does not say which message of its schema it is");
    }
    indexes.push_back(*index);
  }
  if (indexes.empty()) indexes.push_back(0);
  *bytes = rest;
  return indexes;
}

void AppendMessageIndexes(const std::vector<int>& indexes, std::string* bytes) {
  if (indexes.size() == 1 && indexes[0] == 0) {
    bytes->push_back(0);
    return;
  }
  AppendZigZag(static_cast<int32_t>(indexes.size()), bytes);
  for (const int index : indexes) AppendZigZag(index, bytes);
}

}  // namespace once::internal
