// How typed keys, values and states become bytes, and text where people meet them (logs, headers, URLs, command lines).
//
// Ready: protobuf messages, std::string (UTF-8), once::Bytes, and int32_t, int64_t and double as Java's serializers
// write them (big-endian). A type of your own: specialise once::Codec with these five members.
//
//   template <>
//   struct once::Codec<Isin> {
//     static std::string TypeName() { return "acme.Isin"; }
//     static absl::Status Decode(std::string_view bytes, Isin* value);
//     static std::string_view Encode(const Isin& value, once::Arena* arena);   // bytes that live as long as the arena
//     static std::string ToText(const Isin& value);
//     static absl::StatusOr<Isin> FromText(const std::string& text);
//   };
//
// `value` is a default value (`Isin{}`) whenever Decode is called, so it may set what the bytes have and leave the
// rest, or append; what it leaves behind when it fails is thrown away. A type is default-constructible and
// move-assignable.
//
// If it can write what it could not read again it needs a sixth, `static absl::Status Check(const Isin& value)`: a
// handler that stores or emits a value that is refused there fails its event, as INVALID_ARGUMENT.
//
// What a codec throws fails the event that it was called for: as DATA_LOSS when decoding, else as INTERNAL. A key that
// has no text is shown as its bytes.
#ifndef ONCE_PROCESSOR_CODEC_H_
#define ONCE_PROCESSOR_CODEC_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "processor/base/arena.h"
#include "processor/base/strings.h"
#include "processor/typed/codec_calls.h"
#include "processor/typed/codec_text.h"
#include "processor/typed/text_fields.h"

namespace once {

// Uninterpreted bytes.
struct Bytes {
  std::string data;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

template <typename T>
requires std::derived_from<T, google::protobuf::Message>
struct Codec<T> {
  using DecodeReplaces = T;
  static std::string TypeName() { return T::descriptor()->full_name(); }
  static absl::Status Decode(std::string_view bytes, T* value) {
    if (bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()) &&
        value->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat(bytes.size(), " bytes are no ", TypeName()));
  }
  // Refuses text that is not UTF-8.
  static absl::Status Check(const T& value) {
    static const auto& fields = *new internal::TextFields(T::default_instance());
    return fields.Check(value);
  }
  static std::string_view Encode(const T& value, Arena* arena) {
    const size_t size = value.ByteSizeLong();
    char* bytes = arena->Allocate(size);
    value.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes));
    return std::string_view(bytes, size);
  }
  static std::string ToText(const T& value) { return value.ShortDebugString(); }
  static absl::StatusOr<T> FromText(const std::string& text) {
    // Text format lets strings be what the wire format does not.
    T value, decoded;
    if (google::protobuf::TextFormat::ParseFromString(text, &value) &&
        decoded.ParseFromString(value.SerializeAsString())) {
      return value;
    }
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no ", TypeName(), " in text format"));
  }
};

template <>
struct Codec<std::string> {
  using DecodeReplaces = std::string;
  static std::string TypeName() { return "string"; }
  static absl::Status Check(std::string_view bytes) {
    if (IsValidUtf8(bytes)) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("\"", Printable(bytes), "\" is not UTF-8"));
  }
  static absl::Status Decode(std::string_view bytes, std::string* value) {
    value->assign(bytes);
    return Check(bytes);
  }
  static std::string_view Encode(const std::string& value, Arena* arena) { return arena->Copy(value); }
  static std::string ToText(const std::string& value) { return value; }
  static absl::StatusOr<std::string> FromText(const std::string& text) {
    if (IsValidUtf8(text)) return text;
    return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text), "\" is not UTF-8"));
  }
};

template <>
struct Codec<Bytes> {
  using DecodeReplaces = Bytes;
  static std::string TypeName() { return "bytes"; }
  static absl::Status Decode(std::string_view bytes, Bytes* value) {
    value->data.assign(bytes);
    return absl::OkStatus();
  }
  static std::string_view Encode(const Bytes& value, Arena* arena) { return arena->Copy(value.data); }
  static std::string ToText(const Bytes& value) { return internal::BytesToHex(value.data); }
  static absl::StatusOr<Bytes> FromText(const std::string& text) {
    absl::StatusOr<std::string> bytes = internal::HexToBytes(text);
    if (!bytes.ok()) return bytes.status();
    return Bytes{*std::move(bytes)};
  }
};

namespace internal {

// `Unsigned` holds the number's bits; written most significant byte first.
template <typename Number, typename Unsigned>
struct BigEndianCodec {
  using DecodeReplaces = Number;
  static absl::Status Decode(std::string_view bytes, Number* value) {
    if (bytes.size() != sizeof(Unsigned)) {
      return absl::DataLossError(absl::StrCat(bytes.size(), " bytes where ", sizeof(Unsigned), " are expected"));
    }
    Unsigned bits = 0;
    for (const char c : bytes) bits = static_cast<Unsigned>((bits << 8) | static_cast<uint8_t>(c));
    *value = std::bit_cast<Number>(bits);
    return absl::OkStatus();
  }
  static std::string_view Encode(const Number& value, Arena* arena) {
    const auto bits = std::bit_cast<Unsigned>(value);
    char* bytes = arena->Allocate(sizeof(Unsigned));
    for (size_t i = 0; i < sizeof(Unsigned); ++i) {
      bytes[i] = static_cast<char>(bits >> (8 * (sizeof(Unsigned) - 1 - i)));
    }
    return std::string_view(bytes, sizeof(Unsigned));
  }
  static std::string ToText(const Number& value) { return absl::StrCat(value); }
};

}  // namespace internal

template <>
struct Codec<int32_t> : internal::BigEndianCodec<int32_t, uint32_t> {
  static std::string TypeName() { return "int32"; }
  static absl::StatusOr<int32_t> FromText(const std::string& text) { return internal::TextToInt32(text); }
};

template <>
struct Codec<int64_t> : internal::BigEndianCodec<int64_t, uint64_t> {
  static std::string TypeName() { return "int64"; }
  static absl::StatusOr<int64_t> FromText(const std::string& text) { return internal::TextToInt64(text); }
};

template <>
struct Codec<double> : internal::BigEndianCodec<double, uint64_t> {
  static std::string TypeName() { return "double"; }
  static std::string ToText(const double& value) { return internal::DoubleToText(value); }
  static absl::StatusOr<double> FromText(const std::string& text) { return internal::TextToDouble(text); }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_CODEC_H_
