// Keys of the changelog, which are the checkpoint's keys as well. Changing one changes the format of data that is there
// (docs/formats.md).
#include "state/changelog.h"

#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr size_t kBigEndianBytes = 8;

void AppendKind(ChangelogKind kind, std::string* out) { out->push_back(static_cast<char>(kind)); }

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// So that sequences come in their order when keys do.
void AppendBigEndian(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>((value >> shift) & 0xff));
}

// The bytes that follow a varint length; takes them and the length off `rest`. Only the shortest form of a length is
// accepted, since equal keys must have equal bytes.
std::optional<std::string_view> TakePrefixed(std::string_view* rest) {
  uint64_t length = 0;
  size_t read = 0;
  while (true) {
    // Nine bytes are 63 bits: no length has more, and no shift goes out of range.
    if (read == rest->size() || read == 9) return std::nullopt;
    const auto byte = static_cast<uint8_t>((*rest)[read]);
    length |= static_cast<uint64_t>(byte & 0x7f) << (7 * read);
    ++read;
    if ((byte & 0x80) == 0) {
      if (byte == 0 && read > 1) return std::nullopt;
      break;
    }
  }
  rest->remove_prefix(read);
  if (length > rest->size()) return std::nullopt;
  const std::string_view taken = rest->substr(0, length);
  rest->remove_prefix(length);
  return taken;
}

std::optional<uint64_t> TakeBigEndian(std::string_view* rest) {
  if (rest->size() < kBigEndianBytes) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < kBigEndianBytes; ++i) value = value << 8 | static_cast<uint8_t>((*rest)[i]);
  rest->remove_prefix(kBigEndianBytes);
  return value;
}

std::optional<ChangelogKey> ParseControl(std::string_view rest) {
  if (rest.empty()) return std::nullopt;
  ChangelogKey key;
  key.kind = ChangelogKind::kControl;
  key.control = static_cast<ControlKind>(rest.front());
  rest.remove_prefix(1);
  key.record_key = rest;
  switch (key.control) {
    case ControlKind::kDone:
    case ControlKind::kUnderWay: {
      const std::optional<uint64_t> sequence = TakeBigEndian(&rest);
      if (!sequence.has_value() || !rest.empty()) return std::nullopt;
      key.sequence = *sequence;
      return key;
    }
    case ControlKind::kNever:
      return rest.empty() ? std::nullopt : std::make_optional(key);
    case ControlKind::kPaused:
      return rest.empty() ? std::make_optional(key) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<ChangelogKey> Parse(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  ChangelogKey key;
  key.kind = static_cast<ChangelogKind>(bytes[0]);
  std::string_view rest = bytes.substr(1);
  switch (key.kind) {
    // The record's key comes last and as it is, so that all keys of a store lie together, in order.
    case ChangelogKind::kState: {
      const std::optional<std::string_view> store = TakePrefixed(&rest);
      if (!store.has_value()) return std::nullopt;
      key.store = *store;
      key.record_key = rest;
      return key;
    }
    case ChangelogKind::kAggregateStatus:
    case ChangelogKind::kKeylessStatus:
      // Any bytes are some record's key.
      key.record_key = rest;
      return key;
    case ChangelogKind::kParkedEvent:
    case ChangelogKind::kKeylessEvent: {
      const std::optional<std::string_view> record_key = TakePrefixed(&rest);
      const std::optional<uint64_t> sequence = TakeBigEndian(&rest);
      // With a length before it, since a number follows.
      if (!record_key.has_value() || !sequence.has_value() || !rest.empty()) return std::nullopt;
      key.record_key = *record_key;
      key.sequence = *sequence;
      return key;
    }
    case ChangelogKind::kEventIds: {
      const std::optional<uint64_t> bucket = TakeBigEndian(&rest);
      const std::optional<uint64_t> sequence = TakeBigEndian(&rest);
      if (!bucket.has_value() || !sequence.has_value() || !rest.empty()) return std::nullopt;
      key.bucket = *bucket;
      key.sequence = *sequence;
      return key;
    }
    case ChangelogKind::kFrontier:
      if (!rest.empty()) return std::nullopt;
      return key;
    case ChangelogKind::kControl:
      return ParseControl(rest);
  }
  return std::nullopt;
}

}  // namespace

std::string StateKeyPrefix(std::string_view store) {
  std::string key = KindPrefix(ChangelogKind::kState);
  // Else store "a" with key "bc" would be store "ab" with key "c".
  AppendVarint(store.size(), &key);
  key.append(store);
  return key;
}

std::string AggregateStatusKey(std::string_view record_key) {
  std::string key = KindPrefix(ChangelogKind::kAggregateStatus);
  // As it is: the parking index finds a queue by its key without making this name.
  key.append(record_key);
  return key;
}

std::string ParkedEventKeyPrefix(std::string_view record_key) {
  std::string key = KindPrefix(ChangelogKind::kParkedEvent);
  AppendVarint(record_key.size(), &key);
  key.append(record_key);
  return key;
}

std::string ParkedEventKey(std::string_view record_key, uint64_t sequence) {
  std::string key = ParkedEventKeyPrefix(record_key);
  // Big-endian, so that the events of a queue lie together in their order.
  AppendBigEndian(sequence, &key);
  return key;
}

std::string KeylessStatusKey(std::string_view topic, int64_t offset) {
  std::string key = KindPrefix(ChangelogKind::kKeylessStatus);
  key.append(topic);
  // Of a fixed length at the end, so the topic needs none before it.
  AppendBigEndian(static_cast<uint64_t>(offset), &key);
  return key;
}

std::string QueuedEventKey(std::string_view status_key, uint64_t sequence) {
  // A queue has the name of its status, so its events are found without a look at the event.
  const bool keyless = status_key.front() == static_cast<char>(ChangelogKind::kKeylessStatus);
  std::string key = KindPrefix(keyless ? ChangelogKind::kKeylessEvent : ChangelogKind::kParkedEvent);
  status_key.remove_prefix(1);
  AppendVarint(status_key.size(), &key);
  key.append(status_key);
  AppendBigEndian(sequence, &key);
  return key;
}

std::string EventIdsKey(uint64_t bucket, uint64_t sequence) {
  std::string key = KindPrefix(ChangelogKind::kEventIds);
  AppendBigEndian(bucket, &key);
  AppendBigEndian(sequence, &key);
  return key;
}

std::string FrontierKey() { return KindPrefix(ChangelogKind::kFrontier); }

std::string ControlKey(ControlKind kind, std::string_view name) {
  std::string key = KindPrefix(ChangelogKind::kControl);
  key.push_back(static_cast<char>(kind));
  key.append(name);
  return key;
}

std::string SequenceName(uint64_t sequence) {
  std::string name;
  AppendBigEndian(sequence, &name);
  return name;
}

std::string KindPrefix(ChangelogKind kind) {
  std::string key;
  AppendKind(kind, &key);
  return key;
}

absl::StatusOr<ChangelogKey> ParseChangelogKey(std::string_view bytes) {
  const std::optional<ChangelogKey> key = Parse(bytes);
  if (!key.has_value()) {
    return absl::DataLossError(absl::StrCat("changelog key \"", Printable(bytes),
                                            "\" is none that this version writes; was the topic written by another "
                                            "application, or by a newer version of this one?"));
  }
  return *key;
}

}  // namespace once
