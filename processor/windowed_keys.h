// Keys of Kafka Streams' windowed results, as its TimeWindowedSerializer and SessionWindowedSerializer write them: the
// key's bytes, then times in milliseconds since 1970, each an int64 most significant byte first. Of a time window that
// is its start, of a session its end and then its start. The window's length is in neither.
//
//   auto counts = builder.AddSource<once::TimeWindowed<std::string>>(
//       "counts", {.topic = "counts-per-minute", .partitioner = once::Partitioner::kAny});
//
// Streams chooses the partition by the key without its times, so such a source's partitioner is kAny. As text:
// "alice@1700000000000", "alice@1700000000000..1700000005000" (start, end).
#ifndef ONCE_PROCESSOR_WINDOWED_KEYS_H_
#define ONCE_PROCESSOR_WINDOWED_KEYS_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "processor/base/arena.h"
#include "processor/codec.h"

namespace once {

template <typename Key>
struct TimeWindowed {
  Key key{};
  int64_t start_ms = 0;
  friend bool operator==(const TimeWindowed&, const TimeWindowed&) = default;
};

template <typename Key>
struct SessionWindowed {
  Key key{};
  int64_t start_ms = 0;
  int64_t end_ms = 0;  // Of the session's last event: it may be its start.
  friend bool operator==(const SessionWindowed&, const SessionWindowed&) = default;
};

namespace internal {

inline constexpr size_t kWindowTimeBytes = sizeof(int64_t);

// Decodes the key, and the times behind it.
template <typename Key, size_t times>
absl::Status DecodeWindowed(std::string_view bytes, Key* key, int64_t (&found)[times]) {
  constexpr size_t kTail = times * kWindowTimeBytes;
  if (bytes.size() < kTail) {
    return absl::DataLossError(absl::StrCat(bytes.size(), " bytes where a window takes ", kTail, " after its key"));
  }
  std::string_view rest = bytes.substr(bytes.size() - kTail);
  for (int64_t& time : found) {
    if (absl::Status decoded = Codec<int64_t>::Decode(rest.substr(0, kWindowTimeBytes), &time); !decoded.ok()) {
      return decoded;
    }
    rest.remove_prefix(kWindowTimeBytes);
  }
  return Codec<Key>::Decode(bytes.substr(0, bytes.size() - kTail), key);
}

template <typename Key, size_t times>
std::string_view EncodeWindowed(const Key& key, const int64_t (&written)[times], Arena* arena) {
  const std::string_view inner = Codec<Key>::Encode(key, arena);
  char* const bytes = arena->Allocate(inner.size() + times * kWindowTimeBytes);
  char* end = bytes;
  if (!inner.empty()) std::memcpy(end, inner.data(), inner.size());
  end += inner.size();
  for (const int64_t time : written) {
    std::memcpy(end, Codec<int64_t>::Encode(time, arena).data(), kWindowTimeBytes);
    end += kWindowTimeBytes;
  }
  return std::string_view(bytes, static_cast<size_t>(end - bytes));
}

template <typename Key>
absl::Status CheckWindowedKey(const Key& key) {
  if constexpr (requires { Codec<Key>::Check(key); }) return Codec<Key>::Check(key);
  return absl::OkStatus();
}

// Splits at the last `separator`; false if there is none. Keys may have it in them.
inline bool SplitWindowText(const std::string& text, const std::string& separator, std::string* before,
                            std::string* after) {
  const size_t at = text.rfind(separator);
  if (at == std::string::npos) return false;
  *before = text.substr(0, at);
  *after = text.substr(at + separator.size());
  return true;
}

}  // namespace internal

template <typename Key>
struct Codec<TimeWindowed<Key>> {
  using Windowed = TimeWindowed<Key>;
  static std::string TypeName() { return absl::StrCat("time_windowed<", Codec<Key>::TypeName(), ">"); }
  static absl::Status Check(const Windowed& value) { return internal::CheckWindowedKey(value.key); }
  static absl::Status Decode(std::string_view bytes, Windowed* value) {
    int64_t times[1] = {};
    absl::Status decoded = internal::DecodeWindowed(bytes, &value->key, times);
    value->start_ms = times[0];
    return decoded;
  }
  static std::string_view Encode(const Windowed& value, Arena* arena) {
    const int64_t times[1] = {value.start_ms};
    return internal::EncodeWindowed(value.key, times, arena);
  }
  static std::string ToText(const Windowed& value) {
    return absl::StrCat(Codec<Key>::ToText(value.key), "@", value.start_ms);
  }
  static absl::StatusOr<Windowed> FromText(const std::string& text) {
    std::string key_text, start_text;
    if (!internal::SplitWindowText(text, "@", &key_text, &start_text)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no KEY@START_MS"));
    }
    absl::StatusOr<Key> key = Codec<Key>::FromText(key_text);
    if (!key.ok()) return key.status();
    const absl::StatusOr<int64_t> start = Codec<int64_t>::FromText(start_text);
    if (!start.ok()) return start.status();
    return Windowed{*std::move(key), *start};
  }
};

template <typename Key>
struct Codec<SessionWindowed<Key>> {
  using Windowed = SessionWindowed<Key>;
  static std::string TypeName() { return absl::StrCat("session_windowed<", Codec<Key>::TypeName(), ">"); }
  static absl::Status Check(const Windowed& value) { return internal::CheckWindowedKey(value.key); }
  static absl::Status Decode(std::string_view bytes, Windowed* value) {
    int64_t times[2] = {};
    absl::Status decoded = internal::DecodeWindowed(bytes, &value->key, times);
    value->end_ms = times[0];
    value->start_ms = times[1];
    return decoded;
  }
  static std::string_view Encode(const Windowed& value, Arena* arena) {
    const int64_t times[2] = {value.end_ms, value.start_ms};
    return internal::EncodeWindowed(value.key, times, arena);
  }
  static std::string ToText(const Windowed& value) {
    return absl::StrCat(Codec<Key>::ToText(value.key), "@", value.start_ms, "..", value.end_ms);
  }
  static absl::StatusOr<Windowed> FromText(const std::string& text) {
    std::string key_text, times_text, start_text, end_text;
    if (!internal::SplitWindowText(text, "@", &key_text, &times_text) ||
        !internal::SplitWindowText(times_text, "..", &start_text, &end_text)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no KEY@START_MS..END_MS"));
    }
    absl::StatusOr<Key> key = Codec<Key>::FromText(key_text);
    if (!key.ok()) return key.status();
    const absl::StatusOr<int64_t> start = Codec<int64_t>::FromText(start_text);
    if (!start.ok()) return start.status();
    const absl::StatusOr<int64_t> end = Codec<int64_t>::FromText(end_text);
    if (!end.ok()) return end.status();
    return Windowed{*std::move(key), *start, *end};
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_WINDOWED_KEYS_H_
